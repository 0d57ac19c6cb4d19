"""How much memory a model takes to train or to serve, from its configuration alone: no weights are loaded and none are made."""
