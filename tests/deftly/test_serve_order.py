"""What `deftly serve` was told, from the command line, the environment and a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from deftly.commands.serve import serve_command
from deftly.errors import UsageError
from deftly.serve_order import read_serve_order


def test_without_options_the_bundled_model_is_served_to_this_machine() -> None:
    order = read_serve_order([], {})
    assert (order.model, order.engine, order.host, order.port, order.token_file, order.further) == (
        None,
        "embedded",
        "127.0.0.1",
        8000,
        None,
        (),
    )


def test_the_command_line_goes_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "deftly.toml").write_text("[serve]\nport = 1\nmax-images = 2\nname = 'file'\n")
    order = read_serve_order(["--config", str(tmp_path / "deftly.toml"), "--port", "3"], {"DEFTLY_PORT": "2", "DEFTLY_MAX_IMAGES": "5"})
    assert (order.port, order.max_images, order.name) == (3, 5, "file")


def test_what_stands_after_the_dashes_is_vllms() -> None:
    order = read_serve_order(
        ["m", "--engine", "vllm", "--allow-host", "a", "--allow-host", "b", "--", "--max-model-len", "5", "--", "x"], {}
    )
    assert order.further == ("--max-model-len", "5", "--", "x")
    assert order.allow_host == ("a", "b")


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (["--port", "70000"], "the largest is 65535"),
        (["--port", "x"], "a whole number"),
        (["--engine", "sglang"], "one of embedded, vllm"),
        (["--ray"], "--ray is for --engine vllm"),
        (["--", "--dtype", "float32"], "--dtype is for --engine vllm"),
        (["--data-parallel-size", "2"], "is for --engine vllm"),
        (["--allow-media-host", "x"], "embedded engine fetches nothing"),
    ],
)
def test_what_cannot_work_is_refused(argv: list[str], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        read_serve_order(argv, {})


def test_the_token_is_no_option() -> None:
    with pytest.raises(SystemExit):
        read_serve_order(["--token", "secret"], {})
    assert read_serve_order([], {"DEFTLY_TOKEN": "a token of some length"}).token_file is None


def test_programs_have_names_and_are_commands_of_the_owner() -> None:
    order = read_serve_order(["--allow-computer", "virtual", "--program", "a term=xterm -T 'two words'"], {})
    assert order.programs == {"a term": ("xterm", "-T", "two words")}
    assert order.allow_computer == {"virtual"} and order.page


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (["--allow-computer", "virtual", "--program", "xterm"], "NAME=COMMAND"),
        (["--allow-computer", "virtual", "--program", "a='x"], "cannot be read"),
        (["--program", "a=xterm"], "--allow-computer virtual"),
        (["--allow-computer", "miniwob", "--no-page"], "--no-page"),
    ],
)
def test_runs_that_cannot_be_are_refused_in_words(argv: list[str], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        read_serve_order(argv, {})


@pytest.mark.parametrize("kind", ["virtual", "desktop"])
def test_hands_on_a_desktop_need_a_token(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEFTLY_TOKEN", raising=False)
    with pytest.raises(UsageError, match="token"):
        serve_command(["--port", "0", "--allow-computer", kind])
