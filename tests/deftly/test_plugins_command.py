"""`deftly plugins`: our public names, frozen; and what an installed package adds, breaks or claims."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deftly.registries import REGISTRIES, open_registry
from plugins.entry import OURS
from tests.deftly.wheels import install_wheel

GOLDEN = Path(__file__).parent / "golden" / "public-names.txt"

SHOUTING = """
from actions.space import Prediction, TypeText

class Shouting:
    name = "shouting"

    def __init__(self, image_rule=None, coordinates=None):
        pass

    def parse(self, text, frame):
        return Prediction(actions=(TypeText(text=text.strip().upper()),), text=text)

    def format(self, prediction, frame):
        return prediction.actions[0].text.lower()
"""
SHOUTER = """
name: shouter
base: uitars-1.5
dialect: shouting
history: {images: 1}
"""
ECHO = """
from inference.engines.base import Reply

class Echo:
    name = "echo"

    def chat(self, request):
        return Reply(text="hello")

    def stream(self, request):
        yield "hello"

    def close(self):
        pass
"""


def deftly(*argv: str, paths: tuple[Path, ...] = (), stdin: str = "") -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("DEFTLY_")}
    env["PYTHONPATH"] = os.pathsep.join([*map(str, paths), str(Path(__file__).parents[2])])
    return subprocess.run(
        [sys.executable, "-m", "deftly", *argv], capture_output=True, text=True, timeout=120, env=env, input=stdin, check=False
    )


def listed(*paths: Path) -> list[dict[str, Any]]:
    done = deftly("plugins", "--json", paths=paths)
    assert done.stderr == ""
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


@pytest.fixture(scope="module")
def shouting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A package with a dialect, a family and an engine."""
    files = {
        "shouting/__init__.py": "",
        "shouting/dialect.py": SHOUTING,
        "shouting/engine.py": ECHO,
        "shouting/shouter.yaml": SHOUTER,
    }
    entry_points = (
        "[deftly.dialects]\nshouting = shouting.dialect:Shouting\n"
        "[deftly.families]\nshouter = shouting\n"
        "[deftly.engines]\necho = shouting.engine:Echo\n"
    )
    yield install_wheel(tmp_path_factory.mktemp("wheels"), "shouting", files, entry_points)


def test_our_public_names_are_those_of_the_golden_file() -> None:
    names = [f"{kind} {entry.name}" for kind in REGISTRIES for entry in open_registry(kind).entries() if entry.origin == OURS]
    if os.environ.get("DEFTLY_WRITE_GOLDEN"):
        GOLDEN.write_text("\n".join(names) + "\n", encoding="utf-8")
    assert names == GOLDEN.read_text(encoding="utf-8").splitlines()


def test_everything_of_ours_is_there_under_its_name() -> None:
    for kind in REGISTRIES:
        registry = open_registry(kind)
        for entry in registry.entries():
            if entry.origin == OURS:
                registry.check(registry.find(entry.name))


def test_an_installed_package_is_listed_with_its_version(shouting: Path) -> None:
    theirs = [(row["kind"], row["name"], row["origin"], row["error"]) for row in listed(shouting) if row["origin"] != OURS]
    assert theirs == [
        ("dialects", "shouting", "shouting 1.0", None),
        ("families", "shouter", "shouting 1.0", None),
        ("engines", "echo", "shouting 1.0", None),
    ]


def test_the_dialect_of_an_installed_package_parses(shouting: Path) -> None:
    done = deftly("parse", "--dialect", "shouting", "--screen", "100x100", "--json", paths=(shouting,), stdin="hi\n")
    assert (done.returncode, json.loads(done.stdout)["actions"]) == (0, [{"type": "type", "text": "HI"}])


def test_the_family_of_an_installed_package_is_shown_and_takes_over_its_base(shouting: Path) -> None:
    done = deftly("families", "shouter", "--json", paths=(shouting,))
    family = json.loads(done.stdout)
    assert (family["dialect"], family["history"]["images"], family["image"]["factor"]) == ("shouting", 1, 28)


def test_the_engine_of_an_installed_package_opens(shouting: Path) -> None:
    code = "from inference.engines import open_engine; print(open_engine('echo').chat(None).text)"
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(shouting), str(Path(__file__).parents[2])])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=env, check=True)
    assert done.stdout == "hello\n"


def test_a_broken_package_is_named_and_breaks_nothing_else(tmp_path: Path, shouting: Path) -> None:
    files = {"mute.py": "raise RuntimeError('no voice')\n", "hoarse/__init__.py": ""}
    entry_points = "[deftly.dialects]\nmute = mute:Mute\n[deftly.families]\nhoarse = hoarse\n"
    broken = install_wheel(tmp_path, "mute", files, entry_points)
    done = deftly("plugins", paths=(broken, shouting))
    assert done.returncode == 1
    assert "broken: the dialect 'mute' of mute 1.0 (mute:Mute) cannot be loaded: RuntimeError: no voice" in done.stdout
    assert "broken: the family 'hoarse' of mute 1.0 (hoarse) cannot be loaded: " in done.stdout
    assert "shouting  " in done.stdout
    assert deftly("families", paths=(broken, shouting)).returncode == 1
    assert deftly("families", "shouter", paths=(broken, shouting)).returncode == 0
    assert deftly("families", "UI-TARS-1.5-7B", paths=(broken, shouting)).returncode == 0


def test_two_things_of_one_name_are_an_error_that_names_both(tmp_path: Path) -> None:
    thief = install_wheel(tmp_path, "thief", {"thief.py": "class Loot: pass\n"}, "[deftly.engines]\nOpenAI = thief:Loot\n")
    errors = [row["error"] for row in listed(thief) if row["error"]]
    assert len(errors) == 2  # each of the two says so
    assert "of deftly (inference.engines.openai:OpenAIEngine) and the engine 'OpenAI' of thief 1.0 (thief:Loot)" in errors[0]


def test_one_kind_can_be_listed_alone() -> None:
    rows = json.loads(deftly("plugins", "engines", "--json").stdout)
    assert {row["kind"] for row in rows} == {"engines"}
    assert deftly("plugins", "spoons").returncode == 2
