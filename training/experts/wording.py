"""How a task words its instructions: a template with `{}` for what differs, to be filled in and to be read back."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wording:
    """An instruction with gaps, such as `Click on the "{}" button.`"""

    template: str

    def fill(self, *names: str) -> str:
        return self.template.format(*names)

    def read(self, instruction: str) -> tuple[str, ...]:
        """What stands in the gaps of `instruction`.

        Raises:
            LookupError: it is not worded like this.
        """
        pattern = "(.*)".join(re.escape(part) for part in self.template.split("{}"))
        match = re.fullmatch(pattern, instruction.strip())
        if match is None:
            raise LookupError(f"the instruction {instruction!r} does not read {self.template!r}")
        return match.groups()
