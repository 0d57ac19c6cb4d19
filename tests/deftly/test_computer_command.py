"""`deftly computer`: what it refuses, and who is let in."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from agent.computers.virtual import VirtualDesktop
from deftly.commands.computer import computer_command
from deftly.errors import UsageError
from tests.agent.computers.benches import TOKEN, Served


def test_a_computer_for_other_machines_needs_a_token() -> None:
    with pytest.raises(UsageError, match="--token-file"):
        computer_command(["serve", "--host", "0.0.0.0"])


def test_a_token_that_can_be_guessed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n")
    with pytest.raises(UsageError, match="could be guessed"):
        computer_command(["serve", "--token-file", str(tmp_path / "token")])


def test_two_computers_are_a_contradiction() -> None:
    with pytest.raises(UsageError, match="contradict"):
        computer_command(["serve", "--display", ":1", "--virtual", "640x480"])


@pytest.mark.display
def test_who_has_no_token_learns_nothing_and_too_large_a_body_is_not_read(desktop: VirtualDesktop, tmp_path: Path) -> None:
    served = Served(f"desktop:{desktop.display}", tmp_path)
    try:
        with httpx.Client(base_url=served.url, trust_env=False) as client:
            assert client.get("/health").json() == {"status": "ok", "in_use": False}
            for headers in (
                {},
                {"Authorization": "Bearer wrong"},
                {"Authorization": f"Basic {TOKEN}"},
                {"Authorization": f"Bearer {TOKEN}x"},
            ):
                assert client.post("/session", headers=headers).status_code == 401
            client.headers["Authorization"] = f"Bearer {TOKEN}"
            assert client.post("/session", content=b"x" * 5_000_000).status_code == 413
            session = client.post("/session").json()["session"]
            assert client.post("/session").status_code == 409
            wrong = client.post(f"/session/{session}/perform", json={"action": {"type": "click", "point": [2, 0]}})
            assert (wrong.status_code, wrong.json()["error"]["kind"]) == (422, "bad_request")
            assert "click.point[0]" in wrong.json()["error"]["message"]
            assert client.get("/session/other/screenshot").status_code == 410
            assert client.delete(f"/session/{session}").status_code == 200
            assert client.get(f"/session/{session}/screenshot").status_code == 410
    finally:
        served.close()
