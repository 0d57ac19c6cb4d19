"""The models that come with Deftly: weights in Hugging Face folders beside this module, and architectures written here."""

from __future__ import annotations

from pathlib import Path

BUNDLED = "deftly_tiny"


def register_native_models() -> None:
    """Let transformers' Auto classes know the models that are written here, and write others as they were published."""
    from inference.models import kimi_vl, opencua, published_layouts

    kimi_vl.register()
    opencua.register()
    published_layouts.register()


class MissingModel(ValueError):
    """There is no model in that folder; the message names it and what to do."""


def bundled_model() -> Path:
    """The folder of the model that comes with Deftly, there or not."""
    return Path(__file__).parent / BUNDLED


def find_model(path: str | Path) -> Path:
    """The model folder at `path`.

    Raises:
        MissingModel: there is no folder, or no model in it.
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise MissingModel(f"there is no model folder {str(folder)!r}: give the path of a Hugging Face folder, with config.json in it")
    if not (folder / "config.json").is_file():
        raise MissingModel(f"{str(folder)!r} has no config.json, so it is no Hugging Face model folder")
    if not any(folder.glob("*.safetensors")):
        raise MissingModel(f"{str(folder)!r} has no *.safetensors file, so its weights are missing")
    return folder
