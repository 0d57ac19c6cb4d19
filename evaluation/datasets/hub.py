"""Data sets from the Hugging Face hub, through its own client and cache."""

from __future__ import annotations

import re
from pathlib import Path

from evaluation.errors import DatasetError

_NAME = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")


def is_hub_name(where: str) -> bool:
    """Whether `where` reads as a name on the hub rather than a path."""
    return _NAME.fullmatch(where) is not None and not where.startswith((".", "/"))


def fetch(where: str) -> Path:
    """The folder into which the data set was downloaded; what the cache holds is not asked for again.

    Raises:
        DatasetError: the hub cannot be reached, or has no such data set.
    """
    match = _NAME.fullmatch(where)
    if match is None:
        raise DatasetError(f"{where!r} is no name on the hub: it must be owner/name or owner/name@revision")
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError
    except ImportError as error:
        raise DatasetError("data sets from the hub need huggingface_hub: pip install 'deftly[eval]'") from error
    try:
        return Path(snapshot_download(match["repo"], repo_type="dataset", revision=match["revision"]))
    except RepositoryNotFoundError as error:
        raise DatasetError(f"there is no folder {where!r}, and the hub has no data set of that name either") from error
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DatasetError(
            f"there is no folder {where!r}, and the hub cannot be asked for it ({first}): download the data set where the hub can be "
            f"reached, `huggingface-cli download --repo-type dataset {match['repo']} --local-dir DIR`, and give DIR"
        ) from error
