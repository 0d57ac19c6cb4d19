"""Learning from one's own runs: episodes are played, judged and corrected, and become what is learnt next."""
