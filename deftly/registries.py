"""Every registry of public names, by kind: what `deftly plugins` lists, and what the tests freeze."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plugins.registry import Registry

REGISTRIES = {
    "dialects": "actions.dialects:DIALECTS",
    "families": "inference.families:FAMILIES",
    "engines": "inference.engines:ENGINES",
    "computers": "agent.computers.opening:COMPUTERS",
    "datasets": "evaluation.datasets:DATASETS",
    "metrics": "evaluation.metrics.registry:METRICS",
}


def open_registry(kind: str) -> Registry[Any]:
    """The registry of that `kind`, one of `REGISTRIES`."""
    module, _, attribute = REGISTRIES[kind].partition(":")
    registry: Registry[Any] = getattr(import_module(module), attribute)
    return registry
