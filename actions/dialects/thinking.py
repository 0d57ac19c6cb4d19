"""What stands before an answer: thinking in tags, labels such as "Thought:", and the tokens that end a turn."""

from __future__ import annotations

import re

_OPENING = re.compile(r"\s*[<◁](think\w*|thought|seed:think)[>▷]", re.IGNORECASE)
_CLOSING = re.compile(r"(?:</|◁/)(?:think\w*|thought|seed:think)[>▷]", re.IGNORECASE)
# A text that begins with what it does has no thinking before it, whatever it types.
_CALLS = re.compile(r"\s*(?:<(?:seed:)?tool_call>|<function|<action>|[{\[]|```|[A-Za-z_][\w.]*\(\s*[A-Za-z_]\w*\s*=)", re.IGNORECASE)
_LABELLED = re.compile(r"\s*(?:#{1,3}[ \t]*|\**)(?:Observation|Thought|Action|Code)\**[ \t]*[:：]")
TURN_ENDS = ("<|im_end|>", "<|endoftext|>", "</s>", "<|end|>", "<seed:eos>", "<|user|>", "<|observation|>", "[EOS]")
NEVER_CLOSED = "the thinking at its start is never closed: end it before the action"


def split_thinking(text: str) -> tuple[str, str | None]:
    """The thinking that stands in tags before the rest; the rest is `None` when the tag is never closed."""
    opening = _OPENING.match(text)
    if not opening and (_LABELLED.match(text) or _CALLS.match(text)):
        return "", text
    start = opening.end() if opening else 0
    closing = _closing_of(opening[1], text, start) if opening else None
    closing = closing or _CLOSING.search(text, start)
    if closing:  # chat templates may have written the opening tag, so that the text holds only the closing one
        return text[start : closing.start()].strip(), text[closing.end() :]
    return (text[start:].strip(), None) if opening else ("", text)


def _closing_of(tag: str, text: str, at: int) -> re.Match[str] | None:
    """The closing tag of the same name: thinking may speak of other tags."""
    return re.compile(rf"(?:</|◁/){tag}[>▷]", re.IGNORECASE).search(text, at)


def without_tails(text: str, *tails: str) -> str:
    """`text` without the white space, turn ends and `tails` that models leave behind what they say."""
    text = text.rstrip()
    if not tails and not text.endswith(TURN_ENDS):
        return text
    tails = (*TURN_ENDS, *tails)
    end = len(text)
    while text.endswith(tails, 0, end):
        end -= next(len(tail) for tail in tails if text.endswith(tail, 0, end))
        while end and text[end - 1].isspace():
            end -= 1
    return text[:end]


def joined(*pieces: str) -> str:
    """The pieces that hold anything, a line each."""
    return "\n".join(piece for piece in (each.strip() for each in pieces) if piece)
