"""The data sets, each read in the layout in which it is published and told from the others by its content."""

from __future__ import annotations

from pathlib import Path

from evaluation.datasets.base import Dataset, Loader, digest_of
from evaluation.datasets.hub import fetch, is_hub_name
from evaluation.errors import DatasetError
from plugins.entry import OURS
from plugins.errors import BrokenPlugin
from plugins.registry import Registry

__all__ = ["DATASETS", "Dataset", "load_dataset"]

# In the order in which they are asked whether a folder is theirs; those of the entry-point group `deftly.datasets` come after ours.
DATASETS: Registry[Loader] = Registry(
    "data set",
    group="deftly.datasets",
    ours={
        "episodes": "evaluation.datasets.episodes",
        "agentnetbench": "evaluation.datasets.agentnetbench",
        "agentnet": "evaluation.datasets.agentnet",
        "odyssey": "evaluation.datasets.odyssey",
        "androidcontrol": "evaluation.datasets.androidcontrol",
        "osworld-g": "evaluation.datasets.osworld_g",
        "screenspot-pro": "evaluation.datasets.screenspot_pro",
        "screenspot": "evaluation.datasets.screenspot",
        "mind2web": "evaluation.datasets.mind2web",
    },
)


def load_dataset(where: str | Path, variant: str | None = None) -> Dataset:
    """The data set at `where`: a folder or file, or its name on the Hugging Face hub (`owner/name`, `owner/name@revision`).

    `variant` chooses among what some data sets offer (`refined` instructions, a split); `None` is their default.

    Raises:
        DatasetError: there is none that can be told or read.
    """
    path = Path(where).expanduser()
    if not path.exists():
        if not is_hub_name(str(where)):
            raise DatasetError(f"there is no data set at {str(where)!r}: give a folder, a file, or a name on the hub such as owner/name")
        path = fetch(str(where))
    loader = find_loader(path)
    steps = loader.load(path, **_variant(loader, variant))
    if not steps:
        raise DatasetError(f"{path} has the layout of {loader.NAME}, but no step in it")
    _check_unique(path, loader, [(step.episode, step.step) for step in steps])
    return Dataset(
        name=loader.NAME,
        variant=variant or next(iter(getattr(loader, "VARIANTS", [""])), ""),
        path=path,
        steps=steps,
        metric=loader.METRIC,
        dialect=_dialect(loader, path),
        digest=digest_of(loader.files(path), path),
    )


def find_loader(path: Path) -> Loader:
    """Whose layout `path` has.

    Raises:
        DatasetError: nobody's.
    """
    for entry in DATASETS.entries():
        try:
            loader = entry.load()
        except BrokenPlugin:
            if entry.origin == OURS:
                raise
            continue  # `deftly plugins` says what is wrong with it; it must not hide the others
        if loader.recognises(path):
            return loader
    raise DatasetError(f"{path} has no layout that is known: those of {', '.join(DATASETS.names())} are (docs/evaluation.md shows each)")


def _variant(loader: Loader, variant: str | None) -> dict[str, str]:
    known = getattr(loader, "VARIANTS", {})
    if variant is None:
        return {}
    if variant not in known:
        offered = f"there are {', '.join(known)}" if known else "it has none"
        raise DatasetError(f"{loader.NAME} has no variant {variant!r}: {offered}")
    return {"variant": variant}


def _dialect(loader: Loader, path: Path) -> str:
    """Our own episodes say in which dialect their model answered; the other data sets have a format of their own."""
    own = getattr(loader, "dialect_of", None)
    return str(own(path)) if own else "native"


def _check_unique(path: Path, loader: Loader, keys: list[tuple[str, int]]) -> None:
    seen: set[tuple[str, int]] = set()
    for key in keys:
        if key in seen:
            raise DatasetError(f"{path} ({loader.NAME}) has step {key[1]} of episode {key[0]!r} twice: its answers could not be told apart")
        seen.add(key)
