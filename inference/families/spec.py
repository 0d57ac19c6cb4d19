"""What a family says: the dataclasses that its YAML file is read into, each of which checks itself."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import lru_cache
from string import Formatter
from typing import Literal

# The words of `actions.coordinates`, which this package must not import; a test keeps them equal.
Coordinates = Literal["resized", "square", "relative-1000", "relative-999", "thousandths", "fraction", "fraction-padded", "sent"]

TASK, HISTORY = "task", "history"
SIZE = ("width", "height")
TOOLS = "tools"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSpec:
    """The image as the model sees it: both sides multiples of `factor`, and between `min_pixels` and `max_pixels` in all.

    `fit` is how its processor gets there: `resize` stretches a little (the smart resize of Qwen-VL), `pad` shrinks what is too large and
    fills up at the right and the bottom (MoonViT), `square` fills up to a square and gives that the one size that `max_pixels` says
    (Chameleon). One token of the model's context holds `factor` x `factor` pixels.
    """

    factor: int
    min_pixels: int
    max_pixels: int
    fit: Literal["resize", "pad", "square"] = "resize"

    def __post_init__(self) -> None:
        if self.factor < 1:
            raise ValueError(f"image.factor is {self.factor}: it must be 1 or more")
        if self.min_pixels < 1:
            raise ValueError(f"image.min_pixels is {self.min_pixels}: it must be 1 or more")
        if self.max_pixels < max(self.min_pixels, self.factor**2):
            raise ValueError(f"image.max_pixels is {self.max_pixels}: it must be at least min_pixels and factor squared")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What is said to the model. `system` and `user` are templates.

    They may hold `{task}`, `{width}` and `{height}` (of the image as the model sees it), and `user` also `{history}`: the steps that are
    not messages of their own. Braces that are meant are doubled: `{{`. `tools`, a JSON array of what the model may call, is what `{tools}`
    stands for: one tool a line; `{width}` and `{height}` in it are filled in, and no other brace means anything.

    `place` is where `user` stands in a conversation (`history.text: responses`): `alone`, in a message that opens it; `first`, with the
    first screenshot that is shown; `last`, with the current one. Unset, it is `alone` for text-first and `last` for image-first.
    `order` says whether the screenshot or the text of `user` is read first where both are in one message.
    `screen` is how every other screenshot is shown, and `earlier` how those before the current one are, where that differs.
    """

    user: str | None = None
    system: str | None = None
    tools: str | None = None
    order: Literal["image-first", "text-first"] = "text-first"
    place: Literal["alone", "first", "last"] | None = None
    screen: str = "{image}"
    earlier: str | None = None

    def __post_init__(self) -> None:
        in_system = _fields("prompt.system", self.system, (TASK, *SIZE, TOOLS))
        in_user = _fields("prompt.user", self.user, (TASK, HISTORY, *SIZE, TOOLS))
        if self.user is None and TASK not in in_system:
            raise ValueError("prompt.user is missing, and prompt.system lacks {task}: the model would not be told what to do")
        if self.user is not None and TASK not in in_user | in_system:
            raise ValueError("prompt.user lacks {task}: the model would not be told what to do")
        if (TOOLS in in_system | in_user) != (self.tools is not None):
            raise ValueError("prompt.tools and {tools} belong together: give both or neither")
        if self.tools is not None:
            tool_lines(self.tools)
        for name, template in (("prompt.screen", self.screen), ("prompt.earlier", self.earlier)):
            if template is not None and template.count("{image}") != 1:
                raise ValueError(f"{name} is {template!r}: it must hold {{image}} once, where the screenshot stands")

    @property
    def where(self) -> Literal["alone", "first", "last"]:
        """`place`, or what it is when it is not set."""
        return self.place or ("last" if self.order == "image-first" else "alone")

    @property
    def tells_history(self) -> bool:
        """Whether `user` has a place for steps that no message tells."""
        return self.user is not None and "{history}" in self.user


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """How earlier steps are shown.

    `text: thoughts` tells them by their thoughts in the prompt's `{history}`; `text: responses` replays the model's own words as
    assistant messages. `max_steps` steps at most are told so, `None` for all.

    `rule` is which screenshots are shown. `window`: the last `images`, the current one included; `None` for all. Each step of a full
    window drops one at its front, and with it all that a server had cached behind. `blocks`: the context only grows, up to `images`
    screenshots and about `budget_tokens` of images and text; then it is trimmed once, to the last `keep_images` and at most half of the
    budget, and grows again. Between two trims each context begins with all of the one before.

    `told` is how one step reads in `{history}`, `join` stands between two, `none` where there are none, and `dropped` in the place of a
    screenshot that is not shown any more (`None`: nothing does).
    """

    images: int | None
    text: Literal["thoughts", "responses"]
    max_steps: int | None = None
    rule: Literal["window", "blocks"] = "window"
    keep_images: int | None = None
    budget_tokens: int | None = None
    told: str = "{thought}"
    join: str = "; "
    none: str = "nothing"
    dropped: str | None = None

    def __post_init__(self) -> None:
        if self.images is not None and self.images < 1:
            raise ValueError(f"history.images is {self.images}: it must be 1 or more, the current screenshot is always shown")
        if self.max_steps is not None and self.max_steps < 0:
            raise ValueError(f"history.max_steps is {self.max_steps}: it must be 0 or more, or null for all steps")
        if "thought" not in _fields("history.told", self.told, ("number", "thought")):
            raise ValueError(f"history.told is {self.told!r}: it must hold {{thought}}")
        if self.rule == "window" and (self.keep_images, self.budget_tokens) != (None, None):
            raise ValueError("history.keep_images and history.budget_tokens belong to rule: blocks")
        if self.rule == "blocks":
            self._check_blocks()

    def _check_blocks(self) -> None:
        if self.text != "responses" or self.max_steps is not None:
            raise ValueError("history.rule is blocks: it needs text: responses and no max_steps, since the context must only grow")
        if self.images is None or self.keep_images is None or self.budget_tokens is None:
            raise ValueError("history.rule is blocks: give images, keep_images and budget_tokens")
        if not 1 <= self.keep_images < self.images:
            raise ValueError(f"history.keep_images is {self.keep_images}: it must be 1 or more, and below history.images, {self.images}")
        if self.budget_tokens < 1:
            raise ValueError(f"history.budget_tokens is {self.budget_tokens}: it must be 1 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the answer is drawn; the names are those of `ChatRequest`, and of vLLM."""

    max_tokens: int = 512
    temperature: float = 0.0
    top_p: float = 1.0
    frequency_penalty: float = 0.0
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ValueError(f"sampling.max_tokens is {self.max_tokens}: it must be 1 or more")
        if not math.isfinite(self.temperature) or self.temperature < 0:
            raise ValueError(f"sampling.temperature is {self.temperature}: it must be 0 (greedy) or more")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"sampling.top_p is {self.top_p}: it must be above 0 and at most 1")
        if not -2 <= self.frequency_penalty <= 2:
            raise ValueError(f"sampling.frequency_penalty is {self.frequency_penalty}: it must be from -2 to 2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What a server of this family's models is started with, besides what follows from the rest of the family.

    `arguments` are further options of `vllm serve`, word by word as on its command line.
    """

    max_model_len: int | None = None
    trust_remote_code: bool = False
    arguments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.max_model_len is not None and self.max_model_len < 1:
            raise ValueError(f"server.max_model_len is {self.max_model_len}: it must be 1 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What has been tried, and by what.

    `examples`: answers as the family's authors publish them are read rightly. `image_tokens`: the tokens that we count for a screenshot
    are those of the family's own processor. `transformers`: a small checkpoint of this architecture, with random weights or Deftly's
    own, answers in the in-process engine in this family's way of asking. `vllm`: one of this architecture answers on a real vLLM server
    as it does in process. `weights`: the family's real weights have been run.
    """

    examples: bool = False
    image_tokens: bool = False
    transformers: bool = False
    vllm: bool = False
    weights: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A model family: `dialect` names how it writes actions, `coordinates` the space in which it writes places.

    `models` are the Hugging Face ids that belong to it, `aliases` further names by which it is found, `sources` where its numbers and its
    action space come from.
    """

    name: str
    dialect: str
    image: ImageSpec
    coordinates: Coordinates
    prompt: Prompt
    history: History
    sampling: Sampling = Sampling()
    server: Server = Server()
    verified: Verified = Verified()
    about: str = ""
    architecture: str = ""
    models: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        prompt, history = self.prompt, self.history
        if history.text == "thoughts" and prompt.user is None:
            raise ValueError("prompt.user is missing: history.text is thoughts, which are told in it")
        if history.rule == "blocks" and (prompt.where == "last" or prompt.earlier is not None):
            raise ValueError(
                "history.rule is blocks, but the prompt moves: give place: alone or first, and no earlier, so that the context only grows"
            )


@lru_cache(maxsize=64)
def tool_lines(tools: str) -> str:
    """The JSON array `tools`, one tool a line, each as compact as chat templates write it.

    Raises:
        ValueError: it is no JSON array of objects.
    """
    try:
        parsed = json.loads(tools)
    except ValueError as error:
        raise ValueError(f"prompt.tools is not JSON: {error}") from error
    if not isinstance(parsed, list) or not parsed or not all(isinstance(tool, dict) for tool in parsed):
        raise ValueError("prompt.tools must be a JSON array of objects, one for each tool")
    return "\n".join(json.dumps(tool, ensure_ascii=False) for tool in parsed)


def _fields(name: str, template: str | None, known: tuple[str, ...]) -> set[str]:
    """The fields of `template`.

    Raises:
        ValueError: one is not `known`, or a brace is neither doubled nor part of a field.
    """
    try:
        parsed = list(Formatter().parse(template or ""))
    except ValueError as error:
        raise ValueError(f"{name} has a stray brace ({error}): write {{{{ and }}}} for braces that are meant") from error
    fields = {field for _, field, _, _ in parsed if field is not None}
    if fields - {*known}:
        names = " and ".join(f"{{{field}}}" for field in known)
        raise ValueError(
            f"{name} has {{{min(fields - {*known})}}}: only {names} are filled in; write {{{{ and }}}} for braces that are meant"
        )
    if any(spec or conversion for _, field, spec, conversion in parsed if field is not None):
        raise ValueError(f"{name} has a field with a format: only plain ones are filled in, such as {{task}}")
    return fields
