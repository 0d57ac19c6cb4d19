"""The words in which data sets write actions: how an answer in their own format is read, and what Deftly's actions are called there."""
