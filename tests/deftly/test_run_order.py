"""What `deftly run` understands, and what it refuses before anything is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from deftly.errors import UsageError
from deftly.run_order import LocalDesktop, MiniWobTask, RunOrder, Virtual, read_order


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(*argv: str, **environment: str) -> RunOrder:
    return read_order(list(argv), environment)


def test_a_bare_task_runs_on_the_local_desktop_with_the_bundled_model() -> None:
    order = read("open the menu")
    assert (order.task, order.where, order.engine, order.model, order.mode) == (
        "open the menu",
        LocalDesktop(),
        "transformers",
        None,
        "auto",
    )


def test_virtual_without_a_size_does_not_swallow_the_task() -> None:
    assert read("--virtual", "open the menu") == read("open the menu", "--virtual", "1280x720")


def test_words_after_two_dashes_are_the_program() -> None:
    order = read("type ls", "--virtual", "800x600", "--", "xterm", "-e", "sh", "--json")
    assert order.where == Virtual(width=800, height=600, program=("xterm", "-e", "sh", "--json"))
    assert not order.as_json


def test_a_miniwob_task_words_itself() -> None:
    order = read("--miniwob", "click-test", "--seed", "7", "--json")
    assert (order.task, order.where, order.as_json) == (None, MiniWobTask(name="click-test", seed=7), True)


def test_options_come_from_the_environment_and_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "deftly.toml").write_text('[run]\nmax-steps = 3\nmode = "confirm"\n')
    order = read("x", DEFTLY_MODE="dry-run")
    assert (order.max_steps, order.mode) == (3, "dry-run")


def test_the_config_that_is_kept_is_json_with_every_option() -> None:
    config = read("x", "--virtual", "--episodes", "there").as_config()
    assert config["episodes"] == "there"
    assert config["where"] == {"kind": "Virtual", "width": 1280, "height": 720, "program": ()}
    assert {"engine", "model", "max_steps", "max_seconds", "mode", "task"} <= set(config)
    assert "as_json" not in config


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "what should be done? Give a TASK"),
        (["x", "--miniwob", "click-test"], "leave TASK out with --miniwob"),
        (["x", "--virtual", "3x"], "--virtual is '3x': it must be a size such as 1280x720"),
        (["x", "--virtual", "10x10"], "each side from 200 to 8192"),
        (["x", "--virtual", "--miniwob", "click-test"], "contradict each other"),
        (["x", "--", "xterm"], "'xterm' after -- needs a desktop to run on: add --virtual"),
        (["--miniwob", "click-test", "--seed", "one"], "--seed is 'one': it must be a whole number"),
        (["x", "--max-steps", "0"], "--max-steps is '0': it must be a whole number, 1 or more"),
        (["x", "--max-seconds", "soon"], "--max-seconds is 'soon': it must be a number of seconds above 0"),
        (["x", "--mode", "yolo"], "--mode is 'yolo': it must be one of auto, confirm, dry-run"),
        (["x", "--model", ""], "--model is '': it must be text"),
    ],
)
def test_a_wrong_order_is_refused_with_the_mend(argv: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(*argv)
    assert message in str(caught.value)


def test_an_unknown_option_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        read("x", "--modle", "y")
    assert caught.value.code == 2
    assert "--modle" in capsys.readouterr().err
