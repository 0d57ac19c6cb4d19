"""Secrets by reference: the model writes `{{secret:NAME}}`, the hands type what stands behind it, and nobody else ever holds that.

    --secret NAME=env:VAR | file:PATH | prompt

`SecretHands` puts the value in at the last moment before the real hands, and takes it out of whatever comes back; `Vault.clean` takes it
out of every text on its way to an episode, a log or a model, in case the model read it off the screen.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from getpass import getpass
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote, quote_plus

from actions.errors import CannotPerform, HandError
from actions.executor import Performed
from actions.geometry import Geometry
from actions.space import Action, Prediction, TypeText
from agent.computers.screen import Hands
from agent.endings import DisplayLost
from agent.policy import Policy
from agent.safety.place import Scene, host_fits, window_fits
from agent.safety.rules import SafetyPolicy, SecretScope
from agent.screenshot import Screenshot
from agent.step import Step

REFERENCE = re.compile(r"\{\{\s*secret:([A-Za-z_][A-Za-z0-9_.-]*)\s*\}\}")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
PIECE = 16  # characters; hands paste what is longer
SHORTEST = 4  # characters: what is shorter would be taken out of everything that happens to hold it


class SecretError(ValueError):
    """A secret that cannot be read; the message names it and never shows it."""


class Vault:
    """Secrets by name. It shows its names only: its values are for `resolve` and `clean`."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self.__values = dict(values or {})
        self.__forms = {form: name for name, value in self.__values.items() for form in _forms(value)}
        longest_first = sorted(self.__forms, key=len, reverse=True)
        self.__anywhere = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.__values)

    def resolve(self, text: str) -> str:
        """`text` with its references replaced. Only what is about to be typed may be asked for.

        Raises:
            CannotPerform: it refers to a secret that there is not.
        """
        for name in references(text):
            if name not in self.__values:
                raise CannotPerform(f"there is no secret called {name!r}: known are {', '.join(self.names) or 'none'}")
        return REFERENCE.sub(lambda found: self.__values[found[1]], text)

    def clean(self, text: str) -> str:
        """`text` with the name of each secret in place of its value, also where that is quoted for JSON or an address."""
        if self.__anywhere is None:
            return text
        return self.__anywhere.sub(lambda found: f"{{{{secret:{self.__forms[found[0]]}}}}}", text)

    def __repr__(self) -> str:
        return f"Vault({', '.join(self.names)})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a vault is not to be stored")


def references(text: str) -> list[str]:
    """The names of the secrets that `text` refers to."""
    return REFERENCE.findall(text)


def _forms(value: str) -> list[str]:
    """`value` as it may stand in text, its lines one by one: as it is, in JSON, in a call as models write it, and in an address."""
    pieces = [value, *(line for line in value.splitlines() if len(line) >= SHORTEST)]
    forms = [form for piece in pieces for form in (piece, json.dumps(piece)[1:-1], json.dumps(piece, ensure_ascii=False)[1:-1])]
    forms += [form for piece in pieces for form in (quote(piece), quote(piece, safe=""), quote_plus(piece))]
    for quoted in ("", "'", '"'):
        forms += [piece.replace("\\", "\\\\").replace(quoted, "\\" + quoted) if quoted else piece.replace("\\", "\\\\") for piece in pieces]
    return [form for form in dict.fromkeys(forms) if form.strip()]


def read_secrets(specs: Iterable[str], environment: Mapping[str, str] | None = None, ask: Callable[[str], str] = getpass) -> Vault:
    """The secrets that `specs` name, as the command line has them.

    Raises:
        SecretError: one is wrongly named, or cannot be read.
    """
    values: dict[str, str] = {}
    for spec in specs:
        name, separator, source = spec.partition("=")
        if not separator or not NAME.fullmatch(name):
            # Not shown: somebody may have written the secret itself.
            raise SecretError("--secret must look like NAME=env:VARIABLE, NAME=file:PATH or NAME=prompt")
        if name in values:
            raise SecretError(f"--secret {name} is there twice")
        value = _read(name, source, os.environ if environment is None else environment, ask)
        if len(value) < SHORTEST:
            raise SecretError(
                f"--secret {name} has fewer than {SHORTEST} characters: it could not be told from other text and kept out of logs"
            )
        values[name] = value
    return Vault(values)


def _read(name: str, source: str, environment: Mapping[str, str], ask: Callable[[str], str]) -> str:
    kind, _, rest = source.partition(":")
    if kind == "env" and rest:
        if rest not in environment:
            raise SecretError(f"--secret {name}: the environment has no {rest}")
        return environment[rest]
    if kind == "file" and rest:
        return _read_file(name, Path(rest).expanduser())
    if source == "prompt":
        try:
            return ask(f"secret {name}: ")
        except EOFError:
            raise SecretError(f"--secret {name}: nobody is there to be asked for it") from None
    raise SecretError(f"--secret {name} must come from env:VARIABLE, file:PATH or prompt; never write the secret itself there")


def _read_file(name: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise SecretError(f"--secret {name}: {path} cannot be read ({getattr(error, 'strerror', None) or 'not text'})") from None


class SecretHands:
    """`hands` that can type secrets, each only where `policy` lets it go."""

    def __init__(self, hands: Hands, vault: Vault, policy: SafetyPolicy, scene: Scene, note: Callable[..., None]) -> None:
        self._hands = hands
        self._vault = vault
        self._policy = policy
        self._scene = scene
        self._note = note

    def perform(self, action: Action, geometry: Geometry) -> Performed:
        names = references(action.text) if isinstance(action, TypeText) else []
        if not names:
            return self._hands.perform(action, geometry)
        assert isinstance(action, TypeText)
        self._check_place(names)
        self._note("secret", names=names, typed=action.text)
        try:
            whole = self._type(self._vault.resolve(action.text), geometry)
        except HandError as error:
            raise type(error)(self._vault.clean(str(error))) from None
        except Exception as error:  # noqa: BLE001 - whatever went wrong may quote what was to be typed, so that it must not go on as it is
            raise CannotPerform(f"a secret could not be typed ({type(error).__name__})") from None
        note = f"typed the secret {' and '.join(dict.fromkeys(names))}" + ("" if whole else ", but not all of it")
        return Performed(action=action, note=note)

    def _type(self, text: str, geometry: Geometry) -> bool:
        """Whether all of `text` was typed: in short pieces, which hands type by keys, since any program may read a clipboard."""
        for start in range(0, len(text), PIECE):
            piece = text[start : start + PIECE]
            done = self._hands.perform(TypeText(text=piece), geometry).action
            if not isinstance(done, TypeText) or done.text != piece:
                return False
        return True

    def _check_place(self, names: list[str]) -> None:
        """The secret may go where the focus is now.

        Raises:
            CannotPerform: it may not, or that cannot be told.
        """
        try:
            for name in names:
                self._check_scope(name, self._policy.scope_of(name))
            self._scene.remember_focus()
        except DisplayLost as error:
            raise CannotPerform(f"it cannot be told where the secret would go: {error}") from None

    def _check_scope(self, name: str, scope: SecretScope) -> None:
        if scope == SecretScope():
            return
        place = self._scene.focused()
        if scope.windows is not None and (place.window is None or not window_fits(place.window, scope.windows)):
            raise CannotPerform(f"the secret {name} may not be typed into {_called(place.window)}")
        if scope.hosts is not None and (not place.hosts or not all(host_fits(host, scope.hosts) for host in place.hosts)):
            raise CannotPerform(f"the secret {name} may not be typed on {', '.join(place.hosts or ('a page that cannot be told',))}")

    def release_all(self) -> None:
        self._hands.release_all()

    def reopen(self) -> None:
        self._hands.reopen()

    def close(self) -> None:
        self._hands.close()


def _called(window: tuple[str, str] | None) -> str:
    return "a window that cannot be told" if window is None else f"the window {window[0] or window[1] or 'that is the desktop'!r}"


class ToldOfSecrets:
    """`policy`, told with each task which secrets there are to type, by their names."""

    def __init__(self, policy: Policy, vault: Vault) -> None:
        self._policy = policy
        self._words = secrets_in_words(vault)

    def decide(self, task: str, history: Sequence[Step], seen: Screenshot) -> Prediction:
        return self._policy.decide(task + self._words, history, seen)

    def interrupt(self) -> None:
        self._policy.interrupt()

    def about(self) -> Mapping[str, Any]:
        return self._policy.about()

    def trace(self) -> Mapping[str, Any]:
        return self._policy.trace()


def secrets_in_words(vault: Vault) -> str:
    """What a model is told of the secrets in `vault`; nothing when there are none."""
    if not vault.names:
        return ""
    listed = ", ".join(f"{{{{secret:{name}}}}}" for name in vault.names)
    return f"\nSecrets that you can type without knowing them, by writing exactly this as the text to type: {listed}."
