"""Public names: found, loaded when asked for, and every way in which a name can be wrong."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plugins.entry import Entry
from plugins.errors import BrokenPlugin, NameClash, UnknownName
from plugins.registry import Registry

AddPackage = Callable[..., None]
OURS = {"ordered-dict": "collections:OrderedDict", "counter": "collections:Counter"}


def registry(**options: Any) -> Registry[Any]:
    return Registry("shelf", group="deftly.test_shelves", ours=OURS, aliases={"tally": "counter"}, **options)


@pytest.fixture
def add_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AddPackage:
    """Puts an installed package with entry points on the path."""

    def add(name: str, code: str, **entries: str) -> None:
        folder = tmp_path / name
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (folder / f"{name}.py").write_text(code)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[deftly.test_shelves]\n" + "\n".join(f"{key} = {value}" for key, value in entries.items()))
        monkeypatch.syspath_prepend(str(folder))

    return add


@pytest.mark.parametrize("name", ["counter", "Counter", " COUNTER ", "tally", "Tally"])
def test_a_thing_is_found_by_its_name_and_its_aliases_whatever_the_case(name: str) -> None:
    from collections import Counter

    assert registry().get(name) is Counter


def test_underscores_are_hyphens() -> None:
    assert registry().find("ordered_dict").name == "ordered-dict"


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    code = (
        "import sys; from plugins.registry import Registry\n"
        "shelf = Registry('shelf', group='deftly.test_shelves', ours={'wave': 'wave:Wave_read'})\n"
        "shelf.find('wave'); shelf.names(); assert 'wave' not in sys.modules\n"
        "shelf.get('wave'); assert 'wave' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_an_unknown_name_gets_the_nearest_one_and_all_that_there_are() -> None:
    with pytest.raises(UnknownName, match=r"^no shelf is called 'countr': did you mean counter\? Known are ordered-dict, counter$"):
        registry().get("countr")
    with pytest.raises(UnknownName, match=r"did you mean counter\?"):
        registry().get("taly")  # near to an alias: the public name is told
    with pytest.raises(UnknownName, match=r"^no shelf is called 'zzz': known are ordered-dict, counter$"):
        registry().get("zzz")


def test_the_error_may_be_the_owner_s_own_kind() -> None:
    class UnknownShelf(UnknownName):
        pass

    with pytest.raises(UnknownShelf):
        registry(unknown=UnknownShelf).get("zzz")


def test_a_package_joins_by_its_entry_point(add_package: AddPackage) -> None:
    add_package("carpenter", "class Oak: pass", oak="carpenter:Oak")
    shelves = registry()
    assert shelves.get("oak").__name__ == "Oak"
    assert shelves.names() == ("ordered-dict", "counter", "oak")
    assert (shelves.find("oak").origin, shelves.find("oak").target) == ("carpenter 1.0", "carpenter:Oak")


def test_a_package_that_comes_later_is_seen(add_package: AddPackage) -> None:
    shelves = registry()
    assert "oak" not in shelves.names()
    add_package("carpenter", "class Oak: pass", oak="carpenter:Oak")
    assert "oak" in shelves.names()


@pytest.mark.parametrize(
    ("code", "value", "complaint"),
    [
        ("import nonesuch_at_all", "joiner:Ash", "ModuleNotFoundError: No module named 'nonesuch_at_all'"),
        ("1 / 0", "joiner:Ash", "ZeroDivisionError"),
        ("x = 1", "joiner:Ash", "has no attribute 'Ash'"),
        ("x = 1", "not a target", "AttributeError"),
    ],
)
def test_a_broken_plugin_is_named_and_does_not_break_the_rest(add_package: AddPackage, code: str, value: str, complaint: str) -> None:
    add_package("joiner", code, ash=value)
    sys.modules.pop("joiner", None)
    shelves = registry()
    with pytest.raises(BrokenPlugin, match=complaint) as caught:
        shelves.get("ash")
    assert "the shelf 'ash' of joiner 1.0" in str(caught.value)
    assert shelves.get("counter")
    assert "ash" in shelves.names()


def test_two_packages_with_one_name_are_an_error_that_names_both_and_spares_the_rest(add_package: AddPackage) -> None:
    add_package("carpenter", "class Oak: pass", oak="carpenter:Oak")
    add_package("turner", "class Oak: pass", oak="turner:Oak", elm="turner:Oak")
    shelves = registry()
    with pytest.raises(NameClash, match=r"'oak' of carpenter 1\.0 \(carpenter:Oak\) and .* of turner 1\.0 \(turner:Oak\)"):
        shelves.get("oak")
    assert shelves.get("elm")


@pytest.mark.parametrize("name", ["counter", "Counter", "tally"])
def test_a_package_cannot_take_a_name_of_ours(add_package: AddPackage, name: str) -> None:
    add_package("turner", "class Oak: pass", **{name: "turner:Oak"})
    with pytest.raises(NameClash, match=r"of deftly \(collections:Counter\) and .* of turner 1\.0"):
        registry().get(name)


def test_a_program_publishes_its_own() -> None:
    shelves = registry()

    @shelves.publish("pine")
    class Pine:
        pass

    assert shelves.get("pine") is Pine
    assert shelves.find("pine").origin == f"the running program ({__name__})"


def test_publishing_the_same_thing_again_replaces_it_and_another_is_refused() -> None:
    shelves = registry()
    for _ in range(2):  # as when a cell of a notebook runs twice

        @shelves.publish("pine")
        class Pine:
            pass

    assert shelves.get("pine") is Pine

    class Fir:
        pass

    for taken in ("pine", "counter", "tally"):
        with pytest.raises(NameClash, match="published under one name"):
            shelves.publish(taken)(Fir)


def test_entries_may_come_from_elsewhere() -> None:
    shelf: Entry[Any] = Entry(kind="shelf", name="birch", target="birch.yaml", origin="a folder", loader=lambda: "bark")
    shelves = registry(more=lambda: [shelf])
    assert shelves.get("birch") == "bark"
    assert shelves.names() == ("ordered-dict", "counter", "birch")
