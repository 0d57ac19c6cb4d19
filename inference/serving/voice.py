"""The voice of the serving engine: reads prompts in parts, and says the next token of every answer in one pass of the network."""

from __future__ import annotations

import time

import numpy as np

from inference.engines.base import EngineError
from inference.serving.contexts import ContextStore
from inference.serving.ticket import Ticket
from inference.vlm.cache_layers import layers_of
from inference.vlm.cache_rows import CacheRows
from inference.vlm.memory import Recalled
from inference.vlm.network import Network
from inference.vlm.prompt import Prompt

READ_AT_ONCE = 512  # tokens of a prompt between two tokens of those who are being answered; pictures are not cut
MAX_PAUSE = 0.1  # seconds that a token waits at most for others to be said with it


class Voice:
    """Answers up to `max_num_seqs` tickets side by side. Used by one thread; counters may be read by any."""

    def __init__(self, network: Network, contexts: ContextStore, max_num_seqs: int) -> None:
        self._network = network
        self._contexts = contexts
        self._max_num_seqs = max_num_seqs
        self._rows = CacheRows()
        self._speaking: list[Ticket] = []  # by row
        self._reading: Ticket | None = None
        self._spoke_at = 0.0
        self.num_ended = 0
        self.num_prompt_tokens = 0
        self.num_cached_tokens = 0
        self.num_completion_tokens = 0
        self.num_steps = 0

    @property
    def tickets(self) -> list[Ticket]:
        return [*self._speaking, *([self._reading] if self._reading else [])]

    @property
    def busy(self) -> bool:
        return bool(self._speaking) or self.is_reading

    @property
    def is_reading(self) -> bool:
        return self._reading is not None

    @property
    def has_room(self) -> bool:
        """Whether a ticket can be taken: prompts are read one after the other."""
        return self._reading is None and len(self._speaking) < self._max_num_seqs

    @property
    def num_running(self) -> int:
        return len(self._speaking) + (self._reading is not None)

    @property
    def num_bytes(self) -> int:
        return self._rows.num_bytes

    def take(self, ticket: Ticket) -> None:
        """Begin with a ticket that is ready; one that failed or was given up has ended already."""
        if ticket.cancelled or ticket.ended:
            ticket.give_up()
            self.num_ended += 1
            return
        known = self._contexts.recall(ticket.prompt.keys, self._network.new_cache)  # more may be known than when it was looked at
        if known.length > ticket.recalled.length:
            ticket.recalled = known
        ticket.num_read = ticket.num_cached = ticket.recalled.length
        self._reading = ticket
        self.num_prompt_tokens += len(ticket.prompt.ids)
        self.num_cached_tokens += ticket.num_cached

    def pause(self, num_coming: int, now: float) -> float:
        """Seconds for which the next token may wait, from the monotonic time `now` on, while `num_coming` other requests are looked at.

        A token for eight costs less than two tokens for one, and the processors that would say it are wanted by those who look: it waits
        until as many are answered as are coming.
        """
        num_speaking = len(self._speaking)
        if not num_speaking or num_speaking >= min(num_coming, self._max_num_seqs):
            return 0.0
        return max(0.0, self._spoke_at + MAX_PAUSE - now)

    def turn(self, num_coming: int = 0) -> None:
        """Read a part of a prompt, and say a token of every answer unless it pays to wait for who is coming."""
        try:
            self._leave_cancelled()
            if self._reading:
                self._read(self._reading)
            if self._speaking and not self.pause(num_coming, time.monotonic()):
                self._step()
        except Exception as error:  # noqa: BLE001 - the thread's boundary: memory may run out, and the next requests must still be answered
            self._fail(error)

    def _read(self, ticket: Ticket) -> None:
        end = end_of_part(ticket.prompt, ticket.num_read)
        logits = self._network.read(ticket.prompt, Recalled(ticket.recalled.cache, ticket.num_read), end)
        ticket.num_read = end
        if end < len(ticket.prompt.ids):
            return
        self._reading = None
        self._contexts.keep(ticket.prompt.keys, layers_of(ticket.recalled.cache))
        ticket.say(ticket.answer.take(logits))
        self.num_completion_tokens += 1
        if ticket.answer.ended:
            self._end(ticket)
        else:
            if not self._speaking:
                self._spoke_at = time.monotonic()
            self._rows.add(ticket.recalled.cache)
            self._speaking.append(ticket)
        del ticket.recalled  # its tensors live on in the rows and among the contexts

    def _step(self) -> None:
        tickets = self._speaking
        logits = self._network.step_together([t.answer.last for t in tickets], [t.position for t in tickets], self._rows)
        likeliest = logits.argmax(-1).tolist()
        for row, ticket in enumerate(tickets):
            answer = ticket.answer
            ticket.say(answer.accept(likeliest[row]) if answer.takes_the_likeliest else answer.take(logits[row]))
        self.num_steps += 1
        self._spoke_at = time.monotonic()
        self.num_completion_tokens += len(tickets)
        for row in reversed(range(len(tickets))):
            if tickets[row].answer.ended:
                self._leave(row)

    def _leave_cancelled(self) -> None:
        for row in reversed(range(len(self._speaking))):
            if self._speaking[row].cancelled:
                self._speaking[row].answer.end("interrupted")
                self._leave(row)
        if self._reading and self._reading.cancelled:
            ticket, self._reading = self._reading, None
            ticket.give_up()
            self.num_ended += 1

    def _leave(self, row: int) -> None:
        """The answer in `row` has ended: keep what was read of it, and give its row to the last one."""
        ticket = self._speaking[row]
        self._contexts.keep(np.concatenate([ticket.prompt.keys, ticket.answer.read_ids]), self._rows.copy_out(row))
        self._rows.remove(row)
        self._speaking[row] = self._speaking[-1]
        self._speaking.pop()
        self._end(ticket)

    def _end(self, ticket: Ticket) -> None:
        self.num_ended += 1
        ticket.finish()

    def _fail(self, error: Exception) -> None:
        """Tell everybody, and start afresh."""
        failed, self._speaking, self._reading, self._rows = self.tickets, [], None, CacheRows()
        self._contexts.forget()
        self.num_ended += len(failed)
        for ticket in failed:
            ticket.fail(EngineError(f"the model failed in the middle of the answer ({type(error).__name__}: {error}): ask again"))


def end_of_part(prompt: Prompt, start: int) -> int:
    """Where the next part of a prompt ends when it is read from `start` on; a picture is in one part."""
    end = min(start + READ_AT_ONCE, len(prompt.ids))
    for picture in prompt.pictures:
        picture_end = picture.start + picture.rows * picture.columns
        if picture.start < end < picture_end:
            return picture.start if picture.start > start else picture_end
    return end
