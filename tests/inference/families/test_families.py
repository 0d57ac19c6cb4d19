"""Families: the files that come with Deftly, and what strict reading refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from actions.dialects import get_dialect
from inference.families import FamilyError, family_names, load_family

GOOD = """
name: mine
dialect: uitars-1.5
image: {factor: 28, min_pixels: 3136, max_pixels: 1000000}
coordinates: resized
prompt: {user: "Do {task}"}
history: {images: 2, text: responses}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", family_names())
def test_every_family_that_comes_with_deftly_loads_and_names_a_dialect_that_exists(name: str) -> None:
    family = load_family(name)
    assert family.name == name
    assert get_dialect(family.dialect)


@pytest.mark.parametrize("name", ["uitars-1.0", "uitars-1.5"])
def test_the_prompt_of_uitars_shows_every_action_and_fills_in_the_task(name: str) -> None:
    prompt = load_family(name).prompt.user.format(task="Buy milk", history="")
    assert prompt.endswith("## User Instruction\nBuy milk")
    for action in ["click", "left_double", "right_single", "drag", "hotkey", "type", "scroll", "wait", "finished", "call_user"]:
        assert f"\n{action}(" in prompt


def test_a_family_is_read_from_a_file_anywhere(tmp_path: Path) -> None:
    family = load_family(write(tmp_path, GOOD))
    assert (family.name, family.prompt.system, family.sampling.temperature) == ("mine", None, 0.0)
    assert load_family(str(tmp_path / "mine.yaml")) == family


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("name: mine", "name: mine\nspeed: 3", "speed is unknown"),
        ("factor: 28", "facter: 28", r"image.facter is unknown \(did you mean factor\?\)"),
        ("min_pixels: 3136, ", "", "image.min_pixels is missing"),
        ("factor: 28", "factor: true", "image.factor is True: it must be a whole number"),
        ("factor: 28", "factor: 2.5", "image.factor is 2.5: it must be a whole number"),
        ("factor: 28", "factor: 0", "image.factor is 0"),
        ("max_pixels: 1000000", "max_pixels: 10", "image.max_pixels is 10"),
        ("coordinates: resized", "coordinates: inches", "coordinates is 'inches': it must be one of resized, "),
        ('"Do {task}"', '"Do it"', "prompt.user lacks {task}"),
        ('"Do {task}"', '"Do {task} on {screen}"', "prompt.user has {screen}"),
        ('"Do {task}"', '"Do {task} {"', "prompt.user has a stray brace"),
        ('"Do {task}"', '"Do {task:>9}"', "prompt.user has a field with a format"),
        ('"Do {task}"', '"Do {task} {0}"', "prompt.user has {0}"),
        ("prompt: {", "prompt: {system: 'A {tool}', ", "prompt.system has {tool}"),
        ("prompt: {", "prompt: {screen: 'no picture', ", "prompt.screen is 'no picture': it must hold {image} once"),
        ("images: 2", "images: 0", "history.images is 0"),
        ("text: responses", "text: songs", "history.text is 'songs'"),
        ("history: {", "sampling: {top_p: 0}\nhistory: {", "sampling.top_p is 0.0"),
        ("history: {", "sampling: {temperature: .nan}\nhistory: {", "sampling.temperature is nan"),
        ("history: {", "sampling: {stop: x}\nhistory: {", "sampling.stop is 'x': it must be a list"),
        ("history: {", "sampling: {stop: [x, 1]}\nhistory: {", r"sampling.stop\[1\] is 1: it must be text"),
        ("image: {factor: 28, min_pixels: 3136, max_pixels: 1000000}", "image: 3", "image is 3: it must be a mapping"),
        ("name: mine", "name: mine\nname: yours", "'name' stands twice"),
        ("name: mine", "name: !!python/object/apply:os.system [true]", "could not determine a constructor"),
        ("name: mine", "name: [", "cannot be read"),
    ],
)
def test_whatever_does_not_fit_is_an_error_that_names_the_file_and_the_dotted_path(
    tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(FamilyError, match=complaint) as caught:
        load_family(path)
    assert str(path) in str(caught.value)


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FamilyError, match="the file is None: it must be a mapping"):
        load_family(write(tmp_path, ""))


def test_an_unknown_name_is_an_error_that_lists_the_known_ones() -> None:
    told = r"no family is called 'uitar-1\.5': did you mean uitars-1\.5\? Known are chameleon, deftly-tiny, "
    with pytest.raises(FamilyError, match=told):
        load_family("uitar-1.5")


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(FamilyError, match=r"nowhere\.yaml"):
        load_family(tmp_path / "nowhere.yaml")
