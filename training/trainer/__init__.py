"""The trainer: one process or many, full or LoRA, stopped at any moment and gone on with exactly."""
