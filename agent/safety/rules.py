"""A safety policy as data: rules with conditions and a verdict, what is hidden from recordings, who may get a secret, and the kill key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

Verdict = Literal["allow", "confirm", "refuse"]
Source = Literal["thought", "typed", "target"]
Unknown = Literal["match", "skip"]
Viewer = Literal["recording", "model"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)  # from the mildest to the strictest
SOURCES: tuple[Source, ...] = get_args(Source)
UNKNOWNS: tuple[Unknown, ...] = get_args(Unknown)
VIEWERS: tuple[Viewer, ...] = get_args(Viewer)


class Region(NamedTuple):
    """A part of the screen, as fractions of its width and height."""

    left: float
    top: float
    right: float
    bottom: float

    def has(self, x: float, y: float) -> bool:
        return self.left <= x <= self.right and self.top <= y <= self.bottom


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowPattern:
    """Windows by title and class, as case-insensitive shell patterns; both must fit where both are given."""

    title: str = "*"
    cls: str = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A verdict on every action for which all conditions hold. A condition that is `None` was not given, and holds.

    Args:
        actions: types of `actions.space`.
        windows, not_windows: what lies under the pointer, or has the focus for the keyboard.
        hosts, not_hosts: of the page, of a frame in it, and of the link; `*.example.org` stands for what lies below.
        regions, not_regions: where the pointer is used.
        keys, not_keys: together; `keys` holds also when more are pressed, `not_keys` unless exactly one of them is.
        words: in any of `sources`: what the model thought, what is typed, what the target says of itself.
        password_field: whether the target is a field for passwords.
        unknown: what a condition that the computer cannot tell means for the rule; `match` is the closed way.
    """

    name: str
    verdict: Verdict
    reason: str = ""
    actions: frozenset[str] | None = None
    windows: tuple[WindowPattern, ...] | None = None
    not_windows: tuple[WindowPattern, ...] | None = None
    hosts: tuple[str, ...] | None = None
    not_hosts: tuple[str, ...] | None = None
    regions: tuple[Region, ...] | None = None
    not_regions: tuple[Region, ...] | None = None
    keys: tuple[frozenset[str], ...] | None = None
    not_keys: tuple[frozenset[str], ...] | None = None
    words: tuple[str, ...] | None = None
    sources: tuple[Source, ...] = SOURCES
    password_field: bool | None = None
    unknown: Unknown = "match"


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """Parts of the screen that are black for each viewer in `hidden_from`: regions, windows, fields for passwords, typed secrets.

    Where windows cannot be told apart, `unknown` says whether the whole screen is hidden (`match`) or none of it (`skip`).
    """

    name: str
    hidden_from: tuple[Viewer, ...] = ("recording",)
    regions: tuple[Region, ...] = ()
    windows: tuple[WindowPattern, ...] = ()
    password_fields: bool = False
    secret_fields: bool = False
    unknown: Unknown = "match"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretScope:
    """Where a secret may be typed; `None` is anywhere."""

    windows: tuple[WindowPattern, ...] | None = None
    hosts: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KillKey:
    """The key that stops a run when it is held for `held_seconds`."""

    key: str = "escape"
    held_seconds: float = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyPolicy:
    """`default` is the verdict on an action that no rule matches; else the strictest of those that match."""

    name: str
    default: Verdict = "allow"
    rules: tuple[Rule, ...] = ()
    redactions: tuple[Redaction, ...] = ()
    secrets: tuple[tuple[str, SecretScope], ...] = ()
    kill_key: KillKey = KillKey()

    def scope_of(self, secret: str) -> SecretScope:
        return dict(self.secrets).get(secret, SecretScope())
