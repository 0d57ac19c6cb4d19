"""The metrics by name: ours, and those of the entry-point group `deftly.metrics`."""

from __future__ import annotations

from collections.abc import Callable

from evaluation.metrics.base import Metric
from plugins.errors import UnknownName
from plugins.registry import Registry


class UnknownMetric(UnknownName):
    """No metric has that name; the message tells the nearest, and all that there are."""


METRICS: Registry[Callable[[], Metric]] = Registry(
    "metric",
    group="deftly.metrics",
    ours={
        "agentnetbench": "evaluation.metrics.agentnetbench:AgentNetBench",
        "agentnetbench-revised": "evaluation.metrics.agentnetbench:revised",
        "screenspot": "evaluation.metrics.grounding:screenspot",
        "screenspot-pro": "evaluation.metrics.grounding:screenspot_pro",
        "osworld-g": "evaluation.metrics.grounding:osworld_g",
        "mind2web": "evaluation.metrics.mind2web:Mind2Web",
        "androidcontrol": "evaluation.metrics.androidcontrol:AndroidControl",
        "androidcontrol-osatlas": "evaluation.metrics.androidcontrol:osatlas",
        "odyssey": "evaluation.metrics.odyssey:Odyssey",
    },
    unknown=UnknownMetric,
)


def get_metric(name: str) -> Metric:
    """The metric called `name`.

    Raises:
        UnknownMetric: there is none.
        PluginError: an installed package's metric of that name is broken, or there are two.
    """
    return METRICS.get(name)()
