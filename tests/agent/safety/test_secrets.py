"""Secrets: typed for real on a display, and found nowhere afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.errors import CannotPerform
from agent.agent import Agent
from agent.computers.desktop import DesktopComputer
from agent.computers.virtual import VirtualDesktop
from agent.episode import Episode, list_episodes
from agent.policy import ModelPolicy
from agent.safety.audit import read_audit
from agent.safety.policy_file import read_policy
from agent.safety.safeguards import guard, told_of_secrets
from agent.safety.secrets import SecretError, Vault, read_secrets
from inference.engines.base import ChatRequest
from inference.engines.scripted import ScriptedEngine
from inference.families import load_family
from tests.agent.safety.conftest import wait_until

SECRET = 'tr0ub4dor "&3"\\é'
CLICK = "Thought: focus\nAction: click(point='<point>400 300</point>')"
TYPE = "Thought: type\nAction: type(content='{{secret:KEY}}\\n')"
# A model that read the secret off the screen, and says it in every way that it has.
ECHO = f"Thought: I see {SECRET}\nAction: finished(content='it is {SECRET}')"


def policy(**told: Any) -> Any:
    return read_policy({"version": 1, "redact": [{"name": "typed", "secret_fields": True}], **told}, "test")


def everything_under(folder: Path) -> bytes:
    return b"\n".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def forms_of(secret: str) -> list[bytes]:
    return [secret.encode(), json.dumps(secret)[1:-1].encode(), json.dumps(secret, ensure_ascii=False)[1:-1].encode(), secret[:8].encode()]


@pytest.mark.display
def test_a_secret_is_typed_and_stands_in_no_byte_of_a_real_run(desktop: VirtualDesktop, heard: Path, tmp_path: Path) -> None:
    """The whole command, in a process of its own: its episode, its page, its output and what it logs."""
    run = tmp_path / "run"
    run.mkdir()
    (run / "script.jsonl").write_text("".join(json.dumps(reply) + "\n" for reply in (CLICK, TYPE, "Action: finished(content='done')")))
    (run / "policy.yaml").write_text(
        "version: 1\nredact: [{name: typed, secret_fields: true}]\nsecrets: {KEY: {windows: [{class: xterm}]}}\n"
    )
    argv = [sys.executable, "-m", "deftly", "run", "log in", "--engine", "scripted", "--script", "script.jsonl", "--family", "uitars-1.5"]
    argv += ["--policy", "policy.yaml", "--secret", "KEY=env:OUR_KEY", "--page", "page.html"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DEFTLY_")} | {
        "DISPLAY": desktop.display,
        "OUR_KEY": SECRET,
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }
    done = subprocess.run(argv, cwd=run, env=environment, capture_output=True, timeout=240)
    assert done.returncode == 0, done.stderr
    wait_until(heard.exists)
    assert heard.read_text() == SECRET + "\n"
    (path,) = list_episodes(run / "episodes")
    written = everything_under(run) + done.stdout + done.stderr
    for form in forms_of(SECRET):
        assert form not in written
    assert b"{{secret:KEY}}" in written and (run / "page.html").stat().st_size > 1000
    told = [entry for entry in read_audit(path).entries if entry["event"] == "secret"]
    assert [entry["names"] for entry in told] == [["KEY"]]
    last = Episode.open(path).steps[-1].seen.rgb
    assert not last[100:400, 100:900].any()  # the terminal shows the secret: all of it is black


@pytest.mark.display
def test_a_model_that_echoes_a_secret_is_neither_recorded_nor_shown_it_again(desktop: VirtualDesktop, heard: Path, tmp_path: Path) -> None:
    shown: list[str] = []

    def think(request: ChatRequest) -> str:
        shown.append(" ".join(part for message in request.messages for part in message.content if isinstance(part, str)))
        return [CLICK, TYPE, ECHO.replace("finished", "wait").split("(content")[0] + "()", ECHO][len(shown) - 1]

    vault = Vault({"KEY": SECRET})
    with DesktopComputer(desktop.display) as computer:
        safeguards = guard(computer, policy(), vault=vault)
        model = told_of_secrets(ModelPolicy(ScriptedEngine(think), load_family("uitars-1.5")), vault)
        episode = Agent(computer, model, safeguards=safeguards, episodes_dir=tmp_path / "episodes").run(f"use {SECRET}")
    assert episode.ended is not None and episode.ended.exit_code == 0
    assert heard.read_text() == SECRET + "\n"
    assert "{{secret:KEY}}" in shown[0]
    for text in (
        *shown,
        repr(episode.steps),
        episode.task,
        episode.ended.message,
        everything_under(tmp_path / "episodes").decode("latin-1"),
    ):
        assert SECRET not in text and SECRET[:8] not in text


@pytest.mark.display
@pytest.mark.parametrize("scope", [{"windows": ["Another*"]}, {"hosts": ["example.org"]}])
def test_a_secret_is_not_typed_where_it_may_not_go(
    desktop: VirtualDesktop, heard: Path, tmp_path: Path, scope: dict[str, list[str]]
) -> None:
    with DesktopComputer(desktop.display) as computer:
        safeguards = guard(computer, policy(secrets={"KEY": scope}), vault=Vault({"KEY": SECRET}))
        model = ModelPolicy(ScriptedEngine([CLICK, TYPE, "Action: finished()"]), load_family("uitars-1.5"))
        episode = Agent(computer, model, safeguards=safeguards, episodes_dir=tmp_path / "episodes").run("x")
    assert "the secret KEY may not be typed" in episode.steps[1].feedback
    assert not heard.exists()


@pytest.mark.display
def test_the_model_may_see_what_the_recording_hides(desktop: VirtualDesktop, heard: Path, tmp_path: Path) -> None:
    pictures: list[Any] = []

    def look(request: ChatRequest) -> str:
        pictures.append([part.rgb for message in request.messages for part in message.content if not isinstance(part, str)][-1])
        return "Action: finished()"

    told = policy(
        redact=[{"name": "top", "regions": [[0, 0, 1, 0.5]]}, {"name": "right", "hidden_from": ["model"], "regions": [[0.5, 0, 1, 1]]}]
    )
    with DesktopComputer(desktop.display) as computer:
        model = ModelPolicy(ScriptedEngine(look), load_family("uitars-1.5"))
        episode = Agent(computer, model, safeguards=guard(computer, told), episodes_dir=tmp_path / "episodes").run("x")
    (seen,) = pictures
    kept = Episode.open(episode.path).steps[0].seen
    assert seen[:360, :640].any() and not seen[:, 640:].any()
    assert not kept.rgb[:360].any() and kept.rgb[360:, 640:].any()
    assert kept.sha256 == type(kept).from_rgb(np.array(kept.rgb)).sha256  # the digest says nothing of what was hidden


# --- reading them


def test_secrets_come_from_the_environment_a_file_or_a_prompt(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from a file\n")
    told = ["A=env:X", f"B=file:{tmp_path}/key", "C=prompt"]
    vault = read_secrets(told, {"X": "from outside"}, lambda question: f"to {question}")
    assert vault.resolve("{{secret:A}}|{{ secret:B }}|{{secret:C}}") == "from outside|from a file|to secret C: "
    assert "from" not in repr(vault)


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("hunter2hunter2", "must look like NAME=env:VARIABLE"),
        ("A=hunter2hunter2", "--secret A must come from"),
        ("A=env:MISSING", "the environment has no MISSING"),
        ("A=file:/nowhere/at/all", "cannot be read"),
        ("A=env:SHORT", "fewer than 4"),
    ],
)
def test_a_secret_that_cannot_be_read_is_never_shown(spec: str, complaint: str) -> None:
    with pytest.raises(SecretError, match=complaint) as error:
        read_secrets([spec], {"SHORT": "abc"})
    assert "hunter2" not in str(error.value)


def test_a_reference_to_nothing_is_an_error_that_lists_the_names() -> None:
    with pytest.raises(CannotPerform, match="no secret called 'B': known are A"):
        Vault({"A": SECRET}).resolve("{{secret:B}}")


@given(st.text(min_size=4, max_size=30).filter(lambda text: text.strip()), st.text(max_size=20), st.text(max_size=20))
def test_no_value_survives_cleaning_in_json_or_addresses(secret: str, before: str, after: str) -> None:
    from urllib.parse import quote

    vault = Vault({"A": secret})
    written = json.dumps({"text": before + secret + after})
    assert json.dumps(secret)[1:-1] not in vault.clean(written).replace("{{secret:A}}", "")
    for form in (secret, quote(secret, safe="")):
        assert vault.clean(form) in ("{{secret:A}}", form.replace(secret, "{{secret:A}}"))


MakeAgent = Callable[..., Agent]


def test_secrets_need_a_computer_whose_hands_can_be_wrapped(make_agent: MakeAgent) -> None:
    with pytest.raises(SecretError, match="cannot be typed on ReplayComputer"):
        guard(make_agent([]).computer, policy(), vault=Vault({"A": SECRET}))
