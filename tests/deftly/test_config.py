"""Options: command line over environment over file over default, and no key that nobody reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from deftly.config import Option, one_of, path, resolve, seconds, text, whole_number, yes_or_no
from deftly.errors import UsageError

OPTIONS = (
    Option(name="max-steps", read=whole_number(1), help="", default=30),
    Option(name="mode", read=one_of("auto", "confirm"), help="", default="auto"),
    Option(name="episodes", read=path, help="", default=Path("episodes")),
)


def read(tmp_path: Path, file: str = "", given: dict[str, object] | None = None, **environment: str) -> dict[str, object]:
    written = tmp_path / "deftly.toml"
    written.write_text(file)
    return resolve(OPTIONS, command="run", given=given or {}, environment=environment, file=written)


def test_defaults_stand_where_nothing_is_said(tmp_path: Path) -> None:
    assert read(tmp_path) == {"max_steps": 30, "mode": "auto", "episodes": Path("episodes")}


def test_command_line_beats_environment_beats_file(tmp_path: Path) -> None:
    file = '[run]\nmax-steps = 1\nmode = "confirm"\nepisodes = "there"\n'
    got = read(tmp_path, file, {"max_steps": "3"}, DEFTLY_MAX_STEPS="2", DEFTLY_MODE="auto")
    assert got == {"max_steps": 3, "mode": "auto", "episodes": Path("there")}


def test_a_file_may_write_underscores(tmp_path: Path) -> None:
    assert read(tmp_path, "[run]\nmax_steps = 4")["max_steps"] == 4


def test_other_commands_sections_are_left_alone(tmp_path: Path) -> None:
    assert read(tmp_path, "[serve]\nport = 1")["max_steps"] == 30


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("[run]\nmax-step = 1", "run.max-step is not an option: did you mean max-steps?"),
        ("[run]\nmax-steps = true", "run.max-steps is True: it must be a whole number, 1 or more"),
        ("[run]\nmax-steps = 1.5", "run.max-steps is 1.5: it must be a whole number, 1 or more"),
        ("max-steps = 1", "'max-steps' must be a key in a section: write [run] above it"),
        ("run = 1", "'run' must be a key in a section"),
        ("[run\n", "is not TOML"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, file: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, file)
    assert message in str(caught.value)
    assert "deftly.toml" in str(caught.value)


def test_an_unknown_variable_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\$DEFTLY_MAXSTEPS is not an option: did you mean DEFTLY_MAX_STEPS\?"):
        read(tmp_path, DEFTLY_MAXSTEPS="1")


def test_an_empty_variable_counts_as_unset(tmp_path: Path) -> None:
    assert read(tmp_path, DEFTLY_MODE="")["mode"] == "auto"


def test_a_wrong_value_names_where_it_was_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--mode is 'yolo': it must be one of auto, confirm"):
        read(tmp_path, given={"mode": "yolo"})
    with pytest.raises(UsageError, match=r"\$DEFTLY_MAX_STEPS is '0': it must be a whole number, 1 or more"):
        read(tmp_path, DEFTLY_MAX_STEPS="0")


def test_a_missing_file_that_was_asked_for_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        resolve(OPTIONS, command="run", given={}, environment={}, file=tmp_path / "none.toml")


@pytest.mark.parametrize("value", ["nan", "inf", "0", "-1", "soon", True, None])
def test_seconds_are_a_positive_number(value: object) -> None:
    with pytest.raises(ValueError, match="a number of seconds above 0"):
        seconds(value)


def test_readers_read() -> None:
    assert seconds("2.5") == 2.5
    assert yes_or_no("Yes") is True
    assert yes_or_no(False) is False
    assert text("a") == "a"
    with pytest.raises(ValueError, match="yes or no"):
        yes_or_no("perhaps")
    with pytest.raises(ValueError, match="text"):
        text("")
