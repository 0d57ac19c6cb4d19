"""Makes the plugin visible to the vLLM of another environment, with nothing installed there.

A folder for its PYTHONPATH: a link to our `inference` package, and the few lines of package metadata in which vLLM looks for plugins.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import inference
from inference.vllm_plugin import SWITCH

NAME = "deftly-vllm-plugin"


def link_plugin(folder: Path) -> Path:
    """Fill `folder`, which is made; returns it."""
    metadata = folder / f"{NAME.replace('-', '_')}-0.dist-info"
    metadata.mkdir(parents=True)
    (folder / "inference").symlink_to(Path(inference.__file__).resolve().parent, target_is_directory=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 0\n")
    (metadata / "entry_points.txt").write_text("[vllm.general_plugins]\ndeftly = inference.vllm_plugin:register\n")
    return folder


def plugin_environment(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """`environment` in which vLLM finds the plugin in `folder`, and in which it is switched on."""
    path = [str(folder), *filter(None, [environment.get("PYTHONPATH", "")])]
    return {**environment, "PYTHONPATH": os.pathsep.join(path), SWITCH: "1"}
