"""A text in each of twelve scripts; it has to arrive intact wherever it is typed."""

from __future__ import annotations

import string

SCRIPTS = {
    "ascii": string.digits + string.ascii_letters + "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ <tag>",
    "accents": "Éàüñç ßøåæ Žluťoučký kůň ŁódŹ “quotes” – naïve café",
    "greek": "Ελληνικά: καλημέρα, κόσμε",
    "cyrillic": "Привет, мир! Їжак і ґава",
    "cjk": "日本語のテキスト 中文字符 繁體字",
    "hangul": "한국어 글자 안녕하세요",
    "arabic": "مرحبا بالعالم",
    "hebrew": "שלום עולם",
    "devanagari": "नमस्ते दुनिया",
    "thai": "สวัสดีชาวโลก",
    "emoji": "ok 😀 🎉 👍 done",
    "mixed": "a<b>日😀é&ж;`~|\\",
}
