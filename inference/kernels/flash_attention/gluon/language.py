"""What of Gluon is named differently in the versions of Triton that we support, and is imported from here by its newest name.

| since | what changed |
|---|---|
| 3.9 | `tma.async_copy_global_to_shared` is `tma.async_load`; a kernel's first intermediate form is called `glir`, and no longer `ttgir` |
"""

from __future__ import annotations

from triton.experimental.gluon.language.nvidia.hopper import tma

# The old name is still there in new versions, and raises when it is compiled: so the new one is looked for first.
async_load = tma.async_load if hasattr(tma, "async_load") else tma.async_copy_global_to_shared

__all__ = ["async_load"]
