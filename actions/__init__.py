"""What can be done on a screen, and how each model family writes it down."""
