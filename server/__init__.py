"""HTTP: the model, the runs, a computer, and the pages that people look at."""
