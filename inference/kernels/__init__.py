"""Kernels of our own: attention that never holds a `T × T` matrix, on CPUs and GPUs, for training and for serving."""
