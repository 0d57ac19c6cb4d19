"""Where a command's options come from: command line, then environment (`DEFTLY_…`), then `deftly.toml`, then the default.

deftly run --max-steps 5      DEFTLY_MAX_STEPS=5      deftly.toml:  [run]
                                                                    max-steps = 5
"""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deftly.errors import UsageError

CONFIG_FILE = Path("deftly.toml")
PREFIX = "DEFTLY_"
# Variables that are no options of a command, and are read where they are used.
NOT_OPTIONS = frozenset(
    {
        "DEFTLY_API_KEY",
        "DEFTLY_ATTENTION",
        "DEFTLY_ATTENTION_TUNE",
        "DEFTLY_CACHE",
        "DEFTLY_CPU_ISA",
        "DEFTLY_DEBUG",
        "DEFTLY_PYTHON",
        "DEFTLY_THREADS",
        "DEFTLY_TOKEN",
        "DEFTLY_VLLM_PYTHON",
    }
)

Reader = Callable[[object], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of a command. `read` turns what was written into a value, or raises `ValueError` with what it should have been."""

    name: str
    read: Reader
    help: str
    default: object = None
    metavar: str = ""

    @property
    def key(self) -> str:
        """Its name as an attribute and in JSON."""
        return self.name.replace("-", "_")

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return PREFIX + self.key.upper()


def resolve(
    options: Iterable[Option],
    *,
    command: str,
    given: Mapping[str, object],
    environment: Mapping[str, str],
    file: Path | None = None,
) -> dict[str, object]:
    """The value of every option by its key; `given` is what the command line said, `file` replaces `deftly.toml`.

    Raises:
        UsageError: a value cannot be read, or a key of the environment or the file is unknown.
    """
    table = {option.key: option for option in options}
    values = {key: option.default for key, option in table.items()}
    for origin, said in (
        (f"{file or CONFIG_FILE}: {command}.", _from_file(table, command, file)),
        ("$", _from_environment(table, environment)),
        ("--", given),
    ):
        for key, value in said.items():
            option = table[key]
            shown = option.variable if origin == "$" else option.name
            values[key] = _read(option, value, f"{origin}{shown}")
    return values


def _from_file(table: Mapping[str, Option], command: str, file: Path | None) -> dict[str, object]:
    path = file or CONFIG_FILE
    if file is None and not path.exists():
        return {}
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from error
    section = content.get(command, {})
    stray = [name for name, value in content.items() if not isinstance(value, dict)]
    if stray or not isinstance(section, dict):
        raise UsageError(f"{path}: {(stray or [command])[0]!r} must be a key in a section: write [{command}] above it")
    names = {option.name: key for key, option in table.items()}
    _refuse_unknown([str(name).replace("_", "-") for name in section], names, f"{path}: {command}.")
    return {names[str(name).replace("_", "-")]: value for name, value in section.items()}


def _from_environment(table: Mapping[str, Option], environment: Mapping[str, str]) -> dict[str, object]:
    names = {option.variable: key for key, option in table.items()}
    ours = {name: value for name, value in environment.items() if name.startswith(PREFIX) and name not in NOT_OPTIONS}
    _refuse_unknown(ours, names, "$")
    return {names[name]: value for name, value in ours.items() if value}


def _refuse_unknown(said: Iterable[str], known: Iterable[str], origin: str) -> None:
    for name in said:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            mend = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
            raise UsageError(f"{origin}{name} is not an option: {mend}")


def _read(option: Option, value: object, origin: str) -> object:
    try:
        return option.read(value)
    except ValueError as error:
        raise UsageError(f"{origin} is {value!r}: it must be {error}") from error


# --- readers: from what was written to the value


def text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("text")
    return value


def path(value: object) -> Path:
    return Path(text(value)).expanduser()


def one_of(*choices: str) -> Reader:
    def read(value: object) -> str:
        if value not in choices:
            raise ValueError(f"one of {', '.join(choices)}")
        return str(value)

    return read


def whole_number(least: int) -> Reader:
    def read(value: object) -> int:
        wanted = f"a whole number, {least} or more"
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError(wanted)
        try:
            number = int(value)
        except ValueError:
            raise ValueError(wanted) from None
        if number < least:
            raise ValueError(wanted)
        return number

    return read


def seconds(value: object) -> float:
    wanted = "a number of seconds above 0"
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(wanted)
    try:
        number = float(value)
    except ValueError:
        raise ValueError(wanted) from None
    if not math.isfinite(number) or number <= 0:
        raise ValueError(wanted)
    return number


def yes_or_no(value: object) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if isinstance(value, bool):
        return value
    if not isinstance(value, str) or value.lower() not in words:
        raise ValueError("yes or no")
    return words[value.lower()]
