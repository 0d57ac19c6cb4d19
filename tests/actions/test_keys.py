"""Key names: every name that models and people use leads to the one name, and that one leads to itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.keys import _ALIASES_OF, MODIFIER_KEYS, NAMED_KEYS, canonical_key


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("Control", "ctrl"),
        ("CTRL", "ctrl"),
        ("Control_L", "ctrl"),
        ("cmd", "meta"),
        ("Super_L", "meta"),
        ("win", "meta"),
        ("option", "alt"),
        ("shiftleft", "shift"),
        ("Return", "enter"),
        ("KP_Enter", "enter"),
        ("\n", "enter"),
        ("\t", "tab"),
        ("esc", "escape"),
        ("BackSpace", "backspace"),
        ("arrowleft", "left"),
        ("ArrowDown", "down"),
        ("space", "space"),
        (" ", "space"),
        ("pagedown", "page_down"),
        ("Page_Down", "page_down"),
        ("page down", "page_down"),
        ("pgup", "page_up"),
        ("Prior", "page_up"),
        ("capslock", "caps_lock"),
        ("F5", "f5"),
        ("f24", "f24"),
        ("A", "a"),
        ("/", "/"),
        ("plus", "+"),
        ("+", "+"),
        ("_", "_"),
        ("-", "-"),
        ("é", "é"),
        ("İ", "İ"),
    ],
)
def test_the_names_of_models_lead_to_one_name(written: str, wanted: str) -> None:
    assert canonical_key(written) == wanted


@pytest.mark.parametrize("name", ["", "f25", "hyperspace", "ctrl c", "\x00", "\x1b", "__import__('os')"])
def test_an_unknown_key_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match="no key is called"):
        canonical_key(name)


def test_a_huge_key_name_is_not_repeated_whole() -> None:
    with pytest.raises(ValueError, match="no key is called") as refused:
        canonical_key("x" * 1_000_000)
    assert len(str(refused.value)) < 300


def test_named_keys_and_modifiers_are_their_own_names() -> None:
    assert {canonical_key(name) for name in NAMED_KEYS} == NAMED_KEYS
    assert set(MODIFIER_KEYS) <= NAMED_KEYS


def test_no_alias_stands_for_two_keys() -> None:
    aliases = [alias for names in _ALIASES_OF.values() for alias in names.split()]
    assert len(aliases) == len(set(aliases))
    assert not NAMED_KEYS & set(aliases)


@given(st.text(max_size=12))
def test_the_name_that_comes_out_leads_to_itself(name: str) -> None:
    try:
        key = canonical_key(name)
    except ValueError:
        return
    assert canonical_key(key) == key
