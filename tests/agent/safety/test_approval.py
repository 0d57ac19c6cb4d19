"""A policy in every mode of approval, and what the log says of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from actions.space import Action, TypeText
from agent.agent import Agent
from agent.approval import Answer, Approve, Ask, Modify, Reject, Stop
from agent.episode import Episode
from agent.safety.audit import AuditError, AuditLog, read_audit
from agent.safety.policy_file import read_policy
from agent.safety.safeguards import Safeguards, guard

TYPES = "Thought: t\nAction: type(content='{}')"
FINISHED = "Action: finished()"
POLICY = read_policy(
    {
        "version": 1,
        "rules": [
            {"name": "careful", "verdict": "confirm", "words": ["pay"], "in": ["typed"], "reason": "money"},
            {"name": "never", "verdict": "refuse", "words": ["wipe"], "in": ["typed"]},
        ],
    },
    "test",
)
MakeAgent = Callable[..., Agent]


class Asked:
    """A person with answers ready, who remembers why they were asked."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.whys: list[str] = []

    def because(self, why: str) -> Ask:
        def answer(action: Action, seen: object) -> Answer:
            self.whys.append(why)
            return self._answers.pop(0)

        return answer


def run(make_agent: MakeAgent, *texts: str, mode: str = "auto", asked: Asked | None = None) -> tuple[Episode, list[Action]]:
    agent = make_agent([*(TYPES.format(text) for text in texts), FINISHED])
    agent.safeguards = guard(agent.computer, POLICY, mode=mode, ask_because=asked.because if asked else None)
    agent.approval = agent.safeguards.approval
    return agent.run("x"), agent.computer.performed  # type: ignore[attr-defined]


def typed(*texts: str) -> list[Action]:
    return [TypeText(text=text) for text in texts]


def events(episode: Episode) -> list[tuple[str, str]]:
    return [
        (entry["event"], entry.get("verdict") or entry.get("answer") or entry.get("status") or "")
        for entry in read_audit(episode.path).entries
    ]


def test_what_is_allowed_happens_and_what_is_refused_does_not_and_the_model_hears_why(make_agent: MakeAgent) -> None:
    episode, performed = run(make_agent, "hello", "wipe it")
    assert performed == typed("hello")
    assert episode.steps[1].feedback == "type was refused by rule 'never': 'wipe' is in what is typed"
    assert events(episode) == [("start", ""), ("verdict", "allow"), ("verdict", "refuse"), ("end", "done")]


def test_auto_ends_with_the_user_needed_where_nobody_can_be_asked(make_agent: MakeAgent) -> None:
    episode, performed = run(make_agent, "pay")
    assert performed == []
    assert episode.ended is not None and episode.ended.exit_code == 5
    assert "rule 'careful': money" in episode.ended.message


def test_auto_asks_about_what_has_to_be_confirmed_and_nothing_else(make_agent: MakeAgent) -> None:
    asked = Asked(Approve(), Reject("no"))
    episode, performed = run(make_agent, "hello", "pay 1", "pay 2", asked=asked)
    assert performed == typed("hello", "pay 1")
    assert len(asked.whys) == 2 and "'careful'" in asked.whys[0]
    assert ("answer", "approve") in events(episode) and ("answer", "reject") in events(episode)


def test_confirm_asks_about_everything_once_but_not_about_what_is_refused(make_agent: MakeAgent) -> None:
    asked = Asked(Approve(), Approve())
    _, performed = run(make_agent, "hello", "pay", "wipe", mode="confirm", asked=asked)
    assert performed == typed("hello", "pay")
    assert [bool(why) for why in asked.whys] == [False, True]


def test_nobody_goes_past_a_refusal_by_changing_an_action(make_agent: MakeAgent) -> None:
    episode, performed = run(make_agent, "pay", asked=Asked(Modify(TypeText(text="wipe"))))
    assert performed == []
    assert "never" in episode.steps[0].feedback


def test_what_a_person_writes_is_not_asked_again(make_agent: MakeAgent) -> None:
    asked = Asked(Modify(TypeText(text="pay less")))
    _, performed = run(make_agent, "pay", mode="confirm", asked=asked)
    assert performed == typed("pay less") and len(asked.whys) == 1


def test_a_dry_run_says_what_the_policy_would_do(make_agent: MakeAgent) -> None:
    episode, performed = run(make_agent, "pay", mode="dry-run")
    assert performed == []
    assert any("the policy would ask before" in note and "careful" in note for note in episode.steps[0].notes)


def test_stopping_is_written_down(make_agent: MakeAgent) -> None:
    episode, _ = run(make_agent, "pay", asked=Asked(Stop("enough")))
    assert events(episode)[-2:] == [("answer", "stop"), ("end", "stopped")]


# --- the log


def entries(folder: Path) -> list[bytes]:
    log = AuditLog(folder)
    for number in range(4):
        log.write("verdict", verdict="allow", number=number)
    log.write("end", status="done")
    return (folder / "audit.jsonl").read_bytes().splitlines(keepends=True)


def test_an_untouched_log_is_complete(tmp_path: Path) -> None:
    entries(tmp_path)
    audited = read_audit(tmp_path)
    assert audited.complete and len(audited.entries) == 5 and audited.last_hash == audited.entries[-1]["hash"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda lines: [lines[0].replace(b"allow", b"refuse"), *lines[1:]], "line 1 does not have the hash"),
        (lambda lines: [lines[0], *lines[2:]], "line 2 does not follow"),
        (lambda lines: [lines[1], lines[0], *lines[2:]], "line 1 does not follow"),
        (lambda lines: [*lines[:2], lines[1], *lines[2:]], "line 3 does not follow"),
        (lambda lines: [*lines[:-1], lines[-1][:-9]], "line 5 is torn"),
        (lambda lines: [*lines[:2], b"{}\n", *lines[3:]], "line 3 is no entry"),
    ],
)
def test_every_change_shows(tmp_path: Path, change: Callable[[list[bytes]], list[bytes]], complaint: str) -> None:
    lines = change(entries(tmp_path))
    (tmp_path / "audit.jsonl").write_bytes(b"".join(lines))
    with pytest.raises(AuditError, match=complaint):
        read_audit(tmp_path)


def test_a_changed_entry_with_a_new_hash_of_its_own_breaks_the_chain(tmp_path: Path) -> None:
    from agent.safety.audit import hash_of

    lines = entries(tmp_path)
    entry = json.loads(lines[1]) | {"verdict": "refuse"}
    lines[1] = json.dumps(entry | {"hash": hash_of(entry)}).encode() + b"\n"
    (tmp_path / "audit.jsonl").write_bytes(b"".join(lines))
    with pytest.raises(AuditError, match="line 3 does not follow"):
        read_audit(tmp_path)


def test_lines_cut_off_at_the_end_leave_a_log_without_an_end(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").write_bytes(b"".join(entries(tmp_path)[:-1]))
    assert not read_audit(tmp_path).complete


def test_without_safeguards_there_is_no_log(make_agent: MakeAgent) -> None:
    episode = make_agent([FINISHED], safeguards=Safeguards()).run("x")
    with pytest.raises(AuditError, match="kept no audit log"):
        read_audit(episode.path)
