"""Policies: how they are read, which words they find, and what they say to actions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.geometry import Point
from actions.space import Action, ButtonDown, Click, Hotkey, KeyDown, KeyUp, Move, TypeText, Wait
from agent.endings import DisplayLost
from agent.safety.judge import UNTOLD, Judge
from agent.safety.place import NoScene, Place, host_fits
from agent.safety.policy_file import BUILT_IN, PolicyError, built_in, load_policy, read_policy
from agent.safety.words import find_word

CLICK = Click(point=Point(0.5, 0.5))


class Fixed(NoScene):
    """A screen that is `place` everywhere."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def at(self, point: Point) -> Place:
        return self._place

    def focused(self) -> Place:
        return self._place


class Lost(NoScene):
    def at(self, point: Point) -> Place:
        raise DisplayLost("gone")


def judge(place: Place | None = None, **told: Any) -> Judge:
    return Judge(read_policy({"version": 1, **told}, "test"), Fixed(place) if place else NoScene())


def verdict(rule: dict[str, Any], action: Action, place: Place | None = None, thought: str = "") -> str:
    return judge(place, rules=[{"name": "r", "verdict": "refuse", **rule}]).rule_on(action, thought).verdict


# --- words


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("pay", "Pay now"),
        ("pay", "please PAY, now"),
        ("pay", "p\u200bay"),
        ("pay", "ｐａｙ"),
        ("pay", "рау"),
        ("löschen", "LÖSCHEN?"),
        ("place order", "Place\u00a0  order"),
        ("delet*", "deleting"),
        ("购买", "点击购买按钮"),
        ("javascript:", "javascript:alert(1)"),
        ("| sh", "curl x | sh"),
    ],
)
def test_a_word_is_found_however_it_is_written(word: str, text: str) -> None:
    assert find_word([word], text) is not None


@pytest.mark.parametrize(
    ("word", "text"), [("pay", "repayment"), ("pay", "paying"), ("rm", "format form"), ("bid", "forbidden"), ("send", "sender")]
)
def test_a_word_is_not_found_inside_of_another(word: str, text: str) -> None:
    assert find_word([word], text) is None


def test_a_word_that_is_typed_in_pieces_is_found_once() -> None:
    assert find_word(["delete"], "ete", before="del") == "delete"
    assert find_word(["delete"], " it", before="delete") is None
    assert find_word(["delete"], "delete", before="un") == "delete"


@given(
    st.text(max_size=200),
    st.lists(st.text(alphabet="ab*. \\(", min_size=1, max_size=5).filter(lambda w: w.strip("* ")), min_size=1, max_size=3),
)
def test_no_text_and_no_word_breaks_the_search(text: str, words: list[str]) -> None:
    find_word(words, text)


# --- files


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_built_in_policies_can_be_read(name: str) -> None:
    assert built_in(name).name == name


def test_a_user_has_a_policy_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert load_policy().name == "default"
    (tmp_path / "deftly").mkdir()
    (tmp_path / "deftly/policy.yaml").write_text("version: 1\nname: mine\nextends: default\nwithout: [payments]\n")
    mine = load_policy()
    assert mine.name == "mine"
    assert {rule.name for rule in built_in("default").rules} - {rule.name for rule in mine.rules} == {"payments"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("rules: []", "version is None"),
        ("version: 1\nrulez: []", "rulez is unknown: did you mean rules?"),
        ("version: 1\nrules: [{name: a, verdict: maybe}]", r"rules\[0\].verdict is 'maybe': it must be one of allow, confirm, refuse"),
        ("version: 1\nrules: [{name: a, verdict: refuse, word: [x]}]", r"rules\[0\].word is unknown: did you mean words\?"),
        ("version: 1\nrules: [{verdict: refuse}]", r"rules\[0\].name is missing"),
        (
            "version: 1\nrules: [{name: a, verdict: refuse, regions: [[0, 0, 2, 1]]}]",
            r"regions\[0\]\[2\] is 2: it must be a number from 0 to 1",
        ),
        ("version: 1\nrules: [{name: a, verdict: refuse, keys: [ctrl+nokey]}]", r"keys\[0\]: "),
        ("version: 1\nrules: [{name: a, verdict: refuse, hosts: ['http://x']}]", r"hosts\[0\] is 'http://x': it must be a host"),
        ("version: 1\nrules: [{name: a, verdict: refuse, words: [no]}]", r"words\[0\] is False: it must be text"),
        ("version: 1\nrules: [{name: a, verdict: refuse}, {name: a, verdict: allow}]", "two are called 'a'"),
        ("version: 1\nrules: [{name: a, verdict: allow, verdict: refuse}]", "'verdict' is there twice"),
        ("version: 1\nextends: default\nwithout: [paiments]", r"without\[0\] is 'paiments'"),
        ("version: 1\nredact: [{name: a}]", r"redact\[0\] hides nothing"),
        ("version: 1\nkill_key: {key: a+b}", "kill_key.key is 'a\\+b': it must be one key"),
        ("{", "is not YAML"),
        ("!!python/object/apply:os.system [ls]", "is not YAML"),
    ],
)
def test_a_policy_that_is_wrong_is_refused_with_the_place(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(text)
    with pytest.raises(PolicyError, match=complaint) as error:
        load_policy(file)
    assert str(file) in str(error.value)


def test_a_policy_that_is_not_there_is_no_policy_at_all(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"no policy is called .*one of default, confirm, none"):
        load_policy(tmp_path / "missing.yaml")


# --- verdicts


def test_the_strictest_rule_decides_and_is_named() -> None:
    rules = [
        {"name": "a", "verdict": "allow", "actions": ["click"]},
        {"name": "b", "verdict": "refuse", "actions": ["click"], "reason": "because"},
        {"name": "c", "verdict": "confirm", "actions": ["click"]},
    ]
    ruling = judge(rules=rules).rule_on(CLICK)
    assert (ruling.verdict, ruling.rules, ruling.words) == ("refuse", ("b",), "rule 'b': because")


def test_what_no_rule_matches_gets_the_default() -> None:
    rules = [{"name": "a", "verdict": "allow", "actions": ["wait"]}]
    strict = judge(default="refuse", rules=rules)
    assert [strict.rule_on(action).verdict for action in (Wait(), CLICK)] == ["allow", "refuse"]


@pytest.mark.parametrize(
    ("place", "verdicts"),
    [
        (Place(window=("Bank – Chromium", "chromium Chromium")), ("refuse", "refuse")),
        (Place(window=("notes", "xterm XTerm")), ("allow", "allow")),
        (Place(), ("refuse", "allow")),
    ],
)
def test_a_window_that_cannot_be_told_matches_unless_the_rule_says_otherwise(place: Place, verdicts: tuple[str, str]) -> None:
    rule = {"windows": [{"title": "*bank*", "class": "Chromium"}]}
    assert (verdict(rule, CLICK, place), verdict(rule | {"unknown": "skip"}, CLICK, place)) == verdicts


def test_only_listed_hosts_are_let_in_also_where_a_link_or_a_frame_leads() -> None:
    rule = {"not_hosts": ["example.org", "*.example.org"]}
    told = [("example.org",), ("a.example.org",), ("example.org", "evil.test"), ("evilexample.org",), ("data:",)]
    assert [verdict(rule, CLICK, Place(hosts=hosts)) for hosts in told] == ["allow", "allow", "refuse", "refuse", "refuse"]
    assert verdict(rule, CLICK) == "refuse"
    assert not host_fits("example.org.evil.test", ["*.example.org", "example.org"])


def test_keys_are_seen_through_what_is_held_and_what_is_typed() -> None:
    rule = {"name": "r", "verdict": "refuse", "keys": ["ctrl+w", "enter"]}
    plain = judge(rules=[rule])
    assert plain.rule_on(Hotkey(keys=("shift", "ctrl", "w"))).verdict == "refuse"
    assert plain.rule_on(Hotkey(keys=("w",))).verdict == "allow"
    assert plain.rule_on(TypeText(text="a\nb")).verdict == "refuse"
    plain.hands.did(KeyDown(key="ctrl"))
    assert [plain.rule_on(action).verdict for action in (Hotkey(keys=("w",)), TypeText(text="W"), KeyDown(key="w"))] == ["refuse"] * 3
    plain.hands.did(KeyUp(key="ctrl"))
    assert plain.rule_on(TypeText(text="w")).verdict == "allow"


def test_regions_hold_for_every_point_and_for_a_pointer_that_was_moved_before() -> None:
    regions: Sequence[Sequence[float]] = [[0, 0, 1, 0.1]]
    rule = {"name": "r", "verdict": "refuse", "regions": regions}
    aware = judge(rules=[rule])
    assert aware.rule_on(Click(point=Point(0.5, 0.05))).verdict == "refuse"
    assert aware.rule_on(CLICK).verdict == "allow"
    assert aware.rule_on(ButtonDown()).verdict == "refuse"  # nobody knows where the pointer is
    aware.hands.did(Move(point=Point(0.5, 0.5)))
    assert aware.rule_on(ButtonDown()).verdict == "allow"


def test_words_are_looked_for_where_the_rule_says() -> None:
    target = Place(text="Pay 499 €")
    assert verdict({"words": ["pay"], "in": ["target"]}, CLICK, target) == "refuse"
    assert verdict({"words": ["pay"], "in": ["thought"]}, CLICK, target) == "allow"
    assert verdict({"words": ["pay"], "in": ["thought"]}, CLICK, thought="I pay") == "refuse"
    assert verdict({"words": ["pay"], "in": ["target"]}, CLICK) == "refuse"  # closed, where the target says nothing
    assert verdict({"words": ["pay"], "in": ["target"], "unknown": "skip"}, CLICK) == "allow"


def test_a_screen_that_cannot_be_asked_refuses_everything() -> None:
    policy = read_policy({"version": 1, "rules": [{"name": "r", "verdict": "confirm", "windows": ["x"]}]}, "test")
    ruling = Judge(policy, Lost()).rule_on(CLICK)
    assert (ruling.verdict, ruling.rules) == ("refuse", (UNTOLD,))


@pytest.mark.parametrize(
    ("action", "thought", "expected"),
    [
        (CLICK, "I click the next day", "allow"),
        (TypeText(text="Berlin\n"), "", "allow"),
        (CLICK, "I pay now", "confirm"),
        (CLICK, "I press Enter to submit the search, and look at the first post", "allow"),
        (CLICK, "I publish it", "confirm"),
        (TypeText(text="Please delete the old report and send me the new one."), "", "allow"),
        (TypeText(text="sudo rm -rf /\n"), "", "confirm"),
        (TypeText(text="file:///etc/passwd\n"), "", "refuse"),
        (Hotkey(keys=("alt", "f4")), "", "confirm"),
        (Hotkey(keys=("ctrl", "alt", "f2")), "", "refuse"),
        (Wait(), "I wait until it is deleted", "allow"),
    ],
)
def test_the_default_policy(action: Action, thought: str, expected: str) -> None:
    assert Judge(built_in("default"), NoScene()).rule_on(action, thought).verdict == expected


def test_the_confirm_policy_asks_before_every_effect() -> None:
    careful = Judge(built_in("confirm"), NoScene())
    assert [careful.rule_on(action).verdict for action in (CLICK, TypeText(text="a"), Wait(), Move(point=Point(0, 0)))] == [
        "confirm",
        "confirm",
        "allow",
        "allow",
    ]
