"""From tokens to text as they come: whole characters only, and nothing that may still turn out to be a stop string."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

HALF_CHARACTER = "\ufffd"


class Wording:
    """Spells one answer token by token; what `add` and `finish` return makes up its text. `stopped` says that a stop string came."""

    def __init__(self, tokenizer: Any, stop: Sequence[str]) -> None:
        self.stopped = False
        self._tokenizer = tokenizer
        self._stop = tuple(word for word in stop if word)
        self._ids: list[int] = []
        self._context_from = 0  # a token may be spelled differently after another one, so a few before it are spelled along
        self._spelled_to = 0
        self._held = ""

    def add(self, token: int) -> str:
        """What can be said for sure once `token` is there."""
        self._ids.append(token)
        new = self._new_text()
        if not new or new.endswith(HALF_CHARACTER):
            return ""
        self._context_from, self._spelled_to = self._spelled_to, len(self._ids)
        return self._release(new)

    def finish(self) -> str:
        """What was held back, when no more tokens come. Half a character at the very end is left out, as vLLM leaves it out."""
        if self.stopped:
            return ""
        said = self._release(self._new_text().rstrip(HALF_CHARACTER))
        held, self._held = self._held, ""
        return said + ("" if self.stopped else held)

    def _new_text(self) -> str:
        before = self._decode(self._ids[self._context_from : self._spelled_to])
        return self._decode(self._ids[self._context_from :])[len(before) :]

    def _decode(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=True))

    def _release(self, new: str) -> str:
        """Of what is held and `new`: all that stands before a stop string, or before what may become one."""
        text = self._held + new
        ends = [at for at in (text.find(word) for word in self._stop) if at >= 0]
        if ends:
            self.stopped, self._held = True, ""
            return text[: min(ends)]
        hold = self._may_become_stop(text)
        self._held = text[len(text) - hold :]
        return text[: len(text) - hold]

    def _may_become_stop(self, text: str) -> int:
        """How many characters at the end of `text` are the beginning of a stop string."""
        longest = max((len(word) for word in self._stop), default=1) - 1
        for length in range(min(longest, len(text)), 0, -1):
            if any(word.startswith(text[-length:]) for word in self._stop):
                return length
        return 0
