"""From episodes to a fine-tuned checkpoint."""
