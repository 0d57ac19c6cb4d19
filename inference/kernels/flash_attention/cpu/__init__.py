"""Attention on CPUs, in C++ with vector instructions."""

from __future__ import annotations

import torch


def unavailable(device: torch.device, dtype: torch.dtype) -> str | None:
    """Why this implementation cannot compute such a call."""
    return "it is not built"
