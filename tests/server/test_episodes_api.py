"""Episodes and reports over HTTP: found by what they say, opened by ids, whatever lies in the folders."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import numpy as np
import pytest

from actions.geometry import Point
from actions.space import Click, Finished, Prediction
from agent.episode import Episode
from agent.screenshot import Screenshot
from agent.step import Step
from server.episodes import Catalogue, Search, episode_id
from tests.server.page_serving import serving_page


def record(root: Path, task: str, model: str = "m", status: str = "done", num_steps: int = 2) -> Episode:
    """An episode with clicks, each on a screen of its own."""
    episode = Episode.create(root, task, {"model": model, "miniwob_task": "click-button"})
    for index in range(num_steps):
        seen = Screenshot.from_rgb(np.full((60, 80, 3), 40 * index, np.uint8))
        said = Prediction(thought=f"{task} {index}", actions=(Click(point=Point(0.1 * index, 0.5)), Finished()))
        episode.append(Step(index=index, seen=seen, prediction=said))
    episode.end(status, 0 if status == "done" else 1, "fine")
    return episode


def test_words_status_model_and_date_find_episodes(tmp_path: Path) -> None:
    record(tmp_path / "deep" / "er", "Open the <b>Menu</b>", model="a")
    record(tmp_path, "close the menu", model="b", status="stuck")
    catalogue = Catalogue(tmp_path)
    every = catalogue.all()
    assert [found.task for found in every] == ["close the menu", "Open the <b>Menu</b>"]

    def find(**wanted: object) -> list[str]:
        return [found.task for found in every if Search(**wanted).fits(found)]  # type: ignore[arg-type]

    assert find(words="menu OPEN") == ["Open the <b>Menu</b>"]
    assert find(status="stuck") == find(model="b") == find(words="stuck menu") == ["close the menu"]
    assert find(until=every[0].started, since=every[1].started) == ["Open the <b>Menu</b>"]


def test_a_list_follows_the_folder(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "not there yet")
    assert catalogue.all() == []
    episode = Episode.create(catalogue.root, "running")
    assert [(found.status, found.steps) for found in catalogue.all()] == [("unfinished", 0)]
    episode.end("done", 0, "fine")
    assert [found.status for found in catalogue.all()] == ["done"]
    (episode.path / "episode.json").write_text("{]")
    assert catalogue.all() == []
    assert catalogue.open(episode_id(catalogue.root, episode.path)) is None


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_episodes_and_pictures_over_http(tmp_path: Path) -> None:
    episode = record(tmp_path / "episodes", "over http")
    damaged = record(tmp_path / "episodes", "damaged")
    (damaged.path / "steps.jsonl").write_text("{}\n{}\n")
    gone = record(tmp_path / "episodes", "gone")
    gone.picture_of(gone.steps[0].seen).unlink()
    with serving_page(tmp_path) as server, server.client() as client:
        told = client.get("/episodes", params={"q": "over"}).json()
        assert (told["total"], told["statuses"], told["models"]) == (1, ["done"], ["m"])
        name = told["episodes"][0]["id"]
        whole = client.get(f"/episodes/{name}").json()
        assert [step["fates"][0]["words"] for step in whole["steps"]] == ["click at 0 %, 50 %", "click at 10 %, 50 %"]
        picture = client.get(f"/episodes/{name}/steps/1/screen").content
        assert (Screenshot.from_png(picture).rgb == episode.steps[1].seen.rgb).all()
        assert client.get(f"/episodes/{name}/steps/2/screen").status_code == 404
        _check_broken(client, tmp_path)


def _check_broken(client: httpx.Client, tmp_path: Path) -> None:
    """What is broken on disk is told without where it lies."""
    ids = {found["task"]: found["id"] for found in client.get("/episodes").json()["episodes"]}
    refused = client.get(f"/episodes/{ids['damaged']}")
    assert refused.status_code == 409 and str(tmp_path) not in refused.text
    assert client.get(f"/episodes/{ids['gone']}/steps/0/screen").json()["error"]["code"] == "picture_missing"


def test_reports_are_found_by_their_form_and_their_pages_are_sandboxed(tmp_path: Path) -> None:
    folder = tmp_path / "eval" / "run"
    folder.mkdir(parents=True)
    steps = [{"episode": "e", "step": n, "score": 1 - n / 10, "actions": {}, "option": 0} for n in range(5)]
    report = {"dataset": {"name": "set"}, "metric": {"name": "m"}, "summary": {"score": float("nan"), "num_steps": 5}, "steps": steps}
    (folder / "report.json").write_text(json.dumps(report))
    (folder / "report.html").write_text("<script>1</script>")
    (folder / "live.json").write_text(json.dumps({"suite": "miniwob", "mean_success": 0.5, "tasks": []}))
    (folder / "run.json").write_text('{"dataset": {}}')
    (folder / "broken.json").write_text("[[[")
    with serving_page(tmp_path) as server, server.client() as client:
        listed = {each["kind"]: each for each in client.get("/reports").json()["reports"]}
        assert {kind: (each["title"], each["score"], each["page"]) for kind, each in listed.items()} == {
            "recorded": ("set", None, True),
            "live": ("miniwob", 0.5, False),
        }
        name = listed["recorded"]["id"]
        told = client.get(f"/reports/{name}", params={"limit": 2}).json()["report"]
        assert ([step["step"] for step in told["steps"]], told["num_steps"]) == ([4, 3], 5)
        page = client.get(f"/reports/{name}/page")
        assert page.text == "<script>1</script>" and page.headers["content-security-policy"].startswith("sandbox allow-scripts;")
