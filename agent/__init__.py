"""The loop: look, decide, act, remember."""
