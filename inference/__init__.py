"""From messages to text: engines, model families, models."""
