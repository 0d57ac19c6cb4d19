"""Which weights a run was made with: a digest by which a model that was trained again in the same folder is told from the one before."""

from __future__ import annotations

import hashlib
from pathlib import Path

ENDS_BYTES = 1 << 20  # of each file's beginning and end: the names, shapes and last numbers; whole files would take minutes


def fingerprint(model: Path | str | None) -> str:
    """Of the weights and configuration in the folder `model`; empty where it is no folder here, such as a server's name for it."""
    folder = Path(model) if model else None
    if folder is None or not folder.is_dir():
        return ""
    digest = hashlib.sha256()
    for file in sorted([*folder.glob("*.safetensors"), folder / "config.json"]):
        if file.is_file():
            digest.update(f"{file.name}\0{file.stat().st_size}\0".encode())
            with file.open("rb") as data:
                digest.update(data.read(ENDS_BYTES))
                data.seek(max(0, file.stat().st_size - ENDS_BYTES))
                digest.update(data.read())
    return digest.hexdigest()
