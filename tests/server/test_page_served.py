"""`deftly serve` itself with its page: the bundled model solves a real task that was started there, and a stop ends what runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from agent.computers.chromium import find_chromium, sandbox_flags
from agent.episode import Episode, list_episodes
from tests.server.serving import Served, serving, stop

pytestmark = pytest.mark.display
PATIENCE_MS = 120_000


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path, "--allow-computer", "miniwob", "--episodes", str(tmp_path / "episodes"), "--reports", str(tmp_path)) as served:
        yield served


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(sandbox_flags()))
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        yield page
        browser.close()


def test_the_bundled_model_solves_a_task_that_was_started_on_the_page(served: Served, page: Page, tmp_path: Path) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(served.url)
    page.get_by_label("MiniWoB++ task", exact=True).last.fill("click-button")
    page.get_by_text("Go ahead").click()
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator(".badge.good").first).to_have_text("done", timeout=PATIENCE_MS)
    (path,) = list_episodes(tmp_path / "episodes")
    episode = Episode.open(path)
    assert (episode.reward, episode.meta["miniwob_task"]) == (1.0, "click-button")
    expect(page.locator("h1")).to_have_text(episode.task)

    page.goto(f"{served.url}/#/runs")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator(".ask-words")).to_contain_text("click", timeout=PATIENCE_MS)
    assert stop(served.process) == 0
    last = Episode.open(list_episodes(tmp_path / "episodes")[-1]).ended
    assert last is not None and (last.status, last.message) == ("stopped", "the server was stopped")
    assert [text for text in complaints if "ERR_" not in text] == []  # the browser says that the server is gone
