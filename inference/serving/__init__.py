"""Many requests at once through one model in this process: continuous batching."""
