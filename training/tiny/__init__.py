"""deftly-tiny: how the bundled model is made, from recorded demonstrations to a Hugging Face folder."""
