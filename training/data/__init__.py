"""From episodes to samples on disk: read, told as the agent tells them, tokenised and processed once."""
