"""Finding families: by name, alias, Hugging Face id or file; the user's own; what a base gives to its heirs; and as a file again."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from actions.coordinates import COORDINATES
from inference.families import Coordinates, FamilyError, family_names, family_of_model, load_family, vllm_arguments
from inference.families.catalogue import FAMILIES, further_names, load_entry
from inference.families.dump import to_yaml
from plugins.entry import OURS, key_of

OUR_FAMILIES = [entry.name for entry in FAMILIES.entries() if entry.origin == OURS]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a user's own families."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "deftly" / "families"
    folder.mkdir(parents=True)
    return folder


def test_coordinates_are_the_words_of_the_coordinate_rules() -> None:
    assert get_args(Coordinates) == COORDINATES


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("uitars-1.5", "uitars-1.5"),
        ("UI-TARS-1.5", "uitars-1.5"),
        ("UI-TARS-1.5-7B", "uitars-1.5"),
        ("ByteDance-Seed/UI-TARS-1.5-7B", "uitars-1.5"),
        ("bytedance-seed/ui-tars-72b-dpo", "uitars-1.0"),
        ("UI-TARS-2B-SFT", "uitars-1.0"),
        ("xlangai/OpenCUA-32B", "opencua"),
        ("OpenCUA-72B", "opencua-72b"),
        ("moonshotai/Kimi-VL-A3B-Thinking-2506", "kimi-vl-thinking"),
        ("Kimi-VL-A3B-Instruct", "kimi-vl"),
        ("Qwen/Qwen3-VL-8B-Instruct", "qwen3-vl"),
        ("Qwen3.5-9B", "qwen3.5"),
        ("EvoCUA-32B-20260105", "evocua"),
        ("mPLUG/GUI-Owl-1.5-8B-Instruct", "gui-owl-1.5"),
        ("inclusionAI/UI-Venus-2-9B", "ui-venus"),
    ],
)
def test_a_family_is_found_by_its_aliases_and_the_models_that_belong_to_it(name: str, family: str) -> None:
    assert load_family(name).name == family


def test_no_two_of_our_families_claim_a_name() -> None:
    claimed = [name for family in map(load_family, OUR_FAMILIES) for name in {key_of(family.name), *further_names(family)}]
    assert sorted(claimed) == sorted(set(claimed))


def test_the_family_of_a_model_is_told_by_its_id_or_by_the_name_of_its_folder() -> None:
    found = [family_of_model(model) for model in ("Qwen/Qwen2.5-VL-7B-Instruct", "/models/Holo/UI-TARS-1.5-7B", "me/my-own-thing")]
    assert [family.name if family else None for family in found] == ["qwen2.5-vl", "uitars-1.5", None]


def test_a_users_own_family_is_a_file_and_nothing_else(own: Path) -> None:
    (own / "mine.yaml").write_text("name: mine\nbase: qwen3-vl\nmodels: [me/Mine-8B]\nsampling: {temperature: 0.5}\n")
    assert "mine" in family_names()
    mine, base = load_family("Mine-8B"), load_family("qwen3-vl")
    assert (mine.name, mine.sampling.temperature, mine.sampling.max_tokens) == ("mine", 0.5, base.sampling.max_tokens)
    assert (mine.prompt, mine.image, mine.history) == (base.prompt, base.image, base.history)


def test_an_heir_is_somebody_else(own: Path) -> None:
    """What a base is called, which models are its own and what was verified for it are not taken over."""
    (own / "mine.yaml").write_text("name: mine\nbase: uitars-1.5\n")
    mine = load_family("mine")
    assert (mine.models, mine.aliases, mine.about) == ((), (), "")
    assert not any((mine.verified.examples, mine.verified.image_tokens, mine.verified.transformers, mine.verified.vllm))


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"mine": "name: mine\nbase: nope\n"}, r"mine\.yaml: base: no family is called 'nope'"),
        ({"mine": "name: mine\nbase: yours\n", "yours": "name: yours\nbase: mine\n"}, "is its own base: mine -> yours -> mine"),
        ({"mine": "name: mine\nbase: [uitars-1.5]\n"}, r"base is \['uitars-1\.5'\]: it must be the name of a family"),
        ({"mine": "name: other\nbase: uitars-1.5\n"}, "name is 'other': it must be 'mine'"),
        ({"mine": "name: mine\nbase: uitars-1.5\nimage: {facter: 3}\n"}, "image.facter is unknown"),
    ],
)
def test_what_is_wrong_with_a_base_is_said(own: Path, files: dict[str, str], complaint: str) -> None:
    for name, text in files.items():
        (own / f"{name}.yaml").write_text(text)
    with pytest.raises(FamilyError, match=complaint):
        load_family("mine")


def test_a_users_family_cannot_take_a_name_of_ours(own: Path) -> None:
    (own / "uitars-1.5.yaml").write_text("name: uitars-1.5\nbase: deftly-tiny\n")
    with pytest.raises(FamilyError, match=rf"of deftly \(uitars-1\.5\.yaml\) and .* of {own}"):
        load_family("uitars-1.5")


def test_a_broken_family_hides_no_other(own: Path) -> None:
    (own / "mine.yaml").write_text("name: [")
    assert load_family("UI-TARS-1.5-7B").name == "uitars-1.5"


def test_a_name_that_two_families_claim_is_an_error_that_names_both(own: Path) -> None:
    (own / "mine.yaml").write_text("name: mine\nbase: uitars-1.5\naliases: [ui-tars]\n")
    with pytest.raises(FamilyError, match=r"'UI-TARS' is claimed by the families mine and uitars-1\.5"):
        load_family("UI-TARS")


@pytest.mark.parametrize("name", OUR_FAMILIES)
def test_a_family_that_is_shown_reads_back_as_itself(name: str, tmp_path: Path) -> None:
    path = tmp_path / "shown.yaml"
    path.write_text(to_yaml(load_family(name)), encoding="utf-8")
    assert load_family(path) == load_family(name)


@pytest.mark.parametrize("name", OUR_FAMILIES)
def test_a_server_takes_as_many_pictures_as_the_context_shows(name: str) -> None:
    family = load_family(name)
    assert f'{{"image": {family.history.images}, "video": 0}}' in vllm_arguments(family)
    assert '{"image": 64, "video": 0}' in vllm_arguments(family, least_images=64)


def test_what_a_family_may_show_fits_the_length_that_its_server_is_started_with() -> None:
    for family in map(load_family, OUR_FAMILIES):
        if family.history.budget_tokens is not None:
            assert family.server.max_model_len is not None
            assert family.history.budget_tokens + family.sampling.max_tokens <= family.server.max_model_len


def test_what_a_server_must_be_told_is_among_its_options() -> None:
    opencua, kimi, qwen = (vllm_arguments(load_family(name)) for name in ("opencua", "kimi-vl", "qwen3.5"))
    assert "--trust-remote-code" in opencua
    assert "--mm-processor-kwargs" not in kimi  # its processor has a limit of another kind
    assert qwen[-2:] == ("--default-chat-template-kwargs", '{"enable_thinking": false}')
    assert opencua[opencua.index("--max-model-len") + 1] == "32768"


def test_every_family_says_where_it_comes_from() -> None:
    for entry in FAMILIES.entries():
        family = load_entry(entry)
        assert family.about, family.name
        assert family.sources or family.name == "deftly-tiny"


def test_the_docs_tell_every_family() -> None:
    table = (Path(__file__).parents[3] / "docs" / "families.md").read_text(encoding="utf-8")
    assert [name for name in OUR_FAMILIES if f"| `{name}` |" not in table] == []
