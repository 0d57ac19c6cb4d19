"""How each model family writes thoughts and actions, found by name: ours, and those of the entry-point group `deftly.dialects`."""

from __future__ import annotations

from collections.abc import Callable

from actions.coordinates import Coordinates
from actions.dialects.base import Dialect
from actions.resize import ImageRule
from plugins.errors import UnknownName
from plugins.registry import Registry

__all__ = ["DIALECTS", "Dialect", "UnknownDialect", "dialect_names", "get_dialect"]

_ALIASES = {
    "uitars-1.0": "ui-tars-1.0 uitars-1 uitars1.0 ui-tars-2b ui-tars-7b ui-tars-72b ui-tars-7b-dpo ui-tars-72b-dpo",
    "uitars-1.5": "ui-tars-1.5 ui-tars-1.5-7b uitars1.5 uitars ui-tars",
    "uitars-2": "ui-tars-2 uitars2 seed seed-1.8 seed-oss",
    "doubao": "doubao-1.5-ui-tars doubao-ui-tars seed-1.5-vl",
    "opencua": "opencua-7b opencua-32b opencua-72b opencua-a3b agentnet",
    "kimi-vl": "kimi-vl-a3b kimi-vl-a3b-instruct kimi-vl-a3b-thinking kimi-vl-a3b-thinking-2506 kimi-k2.5",
    "qwen2.5-vl": "qwen2.5vl qwen2-5-vl qwen25-vl",
    "qwen3-vl": "qwen3vl qwen3.5 qwen3.5-vl evocua",
    "anthropic": "claude anthropic-computer computer-20251124 computer-20250124",
    "openai": "computer-call openai-cua computer-use-preview",
    "glm-v": "glm-4.5v glm-4.1v glm-4.6v glm4.5v",
    "holo": "holo1 holo1.5",
    "gui-owl": "gui-owl-1.5 guiowl mobile-agent-v3.5",
    "ui-venus": "uivenus ui-venus-2 ui-venus-2.0",
}


class UnknownDialect(UnknownName):
    """No dialect has that name; the message tells the nearest, and all that there are."""


DIALECTS: Registry[Callable[..., Dialect]] = Registry(
    "dialect",
    group="deftly.dialects",
    ours={
        "uitars-1.0": "actions.dialects.uitars_1_0:UiTars10",
        "uitars-1.5": "actions.dialects.uitars_1_5:UiTars15",
        "uitars-2": "actions.dialects.uitars_2:UiTars2",
        "doubao": "actions.dialects.doubao:Doubao",
        "opencua": "actions.dialects.opencua:OpenCua",
        "kimi-vl": "actions.dialects.kimi_vl:KimiVl",
        "qwen2.5-vl": "actions.dialects.qwen:Qwen25Vl",
        "qwen3-vl": "actions.dialects.qwen:Qwen3Vl",
        "qwen2.5-vl-mobile": "actions.dialects.qwen:Qwen25VlMobile",
        "qwen3-vl-mobile": "actions.dialects.qwen:Qwen3VlMobile",
        "anthropic": "actions.dialects.anthropic:Anthropic",
        "openai": "actions.dialects.openai:OpenAI",
        "glm-v": "actions.dialects.glm_v:GlmV",
        "holo": "actions.dialects.holo:Holo",
        "holo2": "actions.dialects.holo:Holo2",
        "gui-owl": "actions.dialects.gui_owl:GuiOwl",
        "gui-owl-mobile": "actions.dialects.gui_owl:GuiOwlMobile",
        "ui-venus": "actions.dialects.ui_venus:UiVenus",
        "ui-venus-computer": "actions.dialects.ui_venus_computer:UiVenusComputer",
        "deftly-tiny": "actions.dialects.deftly_tiny:DeftlyTiny",
    },
    aliases={alias: name for name, aliases in _ALIASES.items() for alias in aliases.split()},
    unknown=UnknownDialect,
)


def get_dialect(name: str, image_rule: ImageRule | None = None, coordinates: Coordinates | None = None) -> Dialect:
    """The dialect called `name`; `image_rule` and `coordinates` are the model's own, where they differ from its family's.

    Raises:
        UnknownDialect: no dialect of ours, or of an installed package, has that name.
        PluginError: an installed package's dialect of that name is broken, or there are two.
    """
    make = DIALECTS.get(name)
    return make(image_rule) if coordinates is None else make(image_rule, coordinates)


def dialect_names() -> tuple[str, ...]:
    """The names of our own dialects and of those that installed packages add."""
    return DIALECTS.names()
