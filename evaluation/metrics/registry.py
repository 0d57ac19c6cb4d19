"""The metrics by name."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from evaluation.metrics.base import Metric

METRICS = {
    "agentnetbench": "agentnetbench:AgentNetBench",
    "agentnetbench-revised": "agentnetbench:revised",
    "screenspot": "grounding:screenspot",
    "screenspot-pro": "grounding:screenspot_pro",
    "osworld-g": "grounding:osworld_g",
    "mind2web": "mind2web:Mind2Web",
    "androidcontrol": "androidcontrol:AndroidControl",
    "androidcontrol-osatlas": "androidcontrol:osatlas",
    "odyssey": "odyssey:Odyssey",
}


class UnknownMetric(ValueError):
    """No metric has that name."""


def get_metric(name: str) -> Metric:
    """The metric called `name`.

    Raises:
        UnknownMetric: there is none.
    """
    if name not in METRICS:
        raise UnknownMetric(f"no metric is called {name!r}: there are {', '.join(METRICS)}")
    module, _, attribute = METRICS[name].partition(":")
    return cast(Metric, getattr(import_module(f"evaluation.metrics.{module}"), attribute)())
