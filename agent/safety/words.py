"""Words of a rule, found in text whole: in any language, whatever the case, and past the tricks by which a page hides a word."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

# Letters of other alphabets that look like Latin ones (Unicode TR 39, those that fonts draw alike), after case folding.
_ALIKE = str.maketrans("аеорсухіјѕһԁԛԝ" + "αορνι", "aeopcyxijshdqw" + "aopvi")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")  # scripts without spaces


def folded(text: str) -> str:
    """`text` without case, accents, look-alikes, invisible characters and odd spaces, so that what reads alike is alike."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    kept = (char for char in unicodedata.normalize("NFKD", plain) if unicodedata.category(char) not in ("Mn", "Cf"))
    return "".join(kept).translate(_ALIKE)


@lru_cache(maxsize=256)
def pattern_of(words: tuple[str, ...]) -> re.Pattern[str]:
    """What finds any of `words` in a folded text: whole, but `delet*` stands for everything that begins so."""
    return re.compile("|".join(f"(?:{_one(word)})" for word in words))


def find_word(words: Iterable[str], text: str, before: str = "") -> str | None:
    """The first of `words` in `text`, as it stands there; `before` is what led up to it, such as what was typed just now."""
    pattern, lead, plain = pattern_of(tuple(words)), folded(before), folded(text)
    alone = pattern.search(plain)
    if alone or not lead:
        return alone.group() if alone else None
    return next((found.group() for found in pattern.finditer(lead + plain) if found.end() > len(lead)), None)


def _one(word: str) -> str:
    starts = word.endswith("*")
    text = r"\s+".join(re.escape(part) for part in folded(word.removesuffix("*")).split())
    if _UNSPACED.search(word):
        return text
    # A word ends where letters end; a sign such as the colon of `javascript:` ends by itself.
    before = r"(?<!\w)" if re.match(r"\w", text) else ""
    after = r"\w*" if starts else r"(?!\w)" if re.search(r"\w$", text) else ""
    return before + text + after
