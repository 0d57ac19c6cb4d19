"""Moonshot's tokenizer without remote code: its tiktoken file as a Hugging Face fast tokenizer, and the chat template.

A tiktoken file has a line for each piece, base64 and rank; byte pairs are merged in the order of the rank of what they make. What splits
the text before that, and how special tokens are numbered, stands in the published `tokenization_moonshot.py` and `tokenizer_config.json`.
"""

from __future__ import annotations

import base64
import binascii
import json
from pathlib import Path
from typing import Any

VOCABULARY_FILE = "tiktoken.model"
NUM_SPECIAL = 256

# Words in Latin and other scripts without Han, Han by itself, three digits at most, punctuation, line ends, spaces.
_WORD = r"[^\r\n\p{L}\p{N}]?"
_UPPER, _LOWER = (rf"[{kind}\p{{Lm}}\p{{Lo}}\p{{M}}&&[^\p{{Han}}]]" for kind in (r"\p{Lu}\p{Lt}", r"\p{Ll}"))
_SHORT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
SPLIT = "|".join(
    [
        r"[\p{Han}]+",
        rf"{_WORD}{_UPPER}*{_LOWER}+{_SHORT}",
        rf"{_WORD}{_UPPER}+{_LOWER}*{_SHORT}",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)

# By their distance from the end of the ordinary pieces.
SPECIAL = {
    0: "[BOS]",
    1: "[EOS]",
    2: "<|im_end|>",
    3: "<|im_user|>",
    4: "<|im_assistant|>",
    10: "<|im_system|>",
    17: "<|im_middle|>",
    18: "<|media_start|>",
    19: "<|media_content|>",
    20: "<|media_end|>",
    21: "<|media_pad|>",
    254: "[UNK]",
    255: "[PAD]",
}

CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{%- if loop.first and messages[0]['role'] != 'system' -%}"
    "<|im_system|>system<|im_middle|>You are a helpful assistant<|im_end|>"
    "{%- endif -%}"
    "{%- if message['role'] == 'system' -%}<|im_system|>"
    "{%- elif message['role'] == 'user' -%}<|im_user|>"
    "{%- elif message['role'] == 'assistant' -%}<|im_assistant|>{%- endif -%}"
    "{{- message['role'] -}}<|im_middle|>"
    "{%- if message['content'] is string -%}{{- message['content'] -}}"
    "{%- else -%}{%- for part in message['content'] -%}"
    "{%- if part['type'] == 'image' or 'image' in part or 'image_url' in part -%}"
    "<|media_start|>image<|media_content|><|media_pad|><|media_end|>"
    "{%- else -%}{{- part['text'] -}}{%- endif -%}"
    "{%- endfor -%}{%- endif -%}"
    "<|im_end|>"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}<|im_assistant|>assistant<|im_middle|>{%- endif -%}"
)


class BadVocabulary(ValueError):
    """A tiktoken file cannot be read; the message names the file and the line."""


def read_tiktoken(file: Path) -> dict[bytes, int]:
    """Pieces and their ranks.

    Raises:
        BadVocabulary: a line is no piece with its rank, or ranks are missing.
    """
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(file.read_bytes().splitlines(), start=1):
        try:
            piece, rank = line.split()
            ranks[base64.b64decode(piece, validate=True)] = int(rank)
        except (ValueError, binascii.Error) as error:
            raise BadVocabulary(f"{file}, line {number}: not a piece in base64 and its rank: fetch the file again") from error
    if sorted(ranks.values()) != list(range(len(ranks))):
        raise BadVocabulary(f"{file}: the ranks do not run from 0 to {len(ranks) - 1}: fetch the file again")
    if missing := [byte for byte in range(256) if bytes([byte]) not in ranks]:
        raise BadVocabulary(f"{file}: the byte {missing[0]} is no piece, so that not every text could be written")
    return ranks


def special_tokens(num_pieces: int, folder: Path | None = None) -> dict[int, str]:
    """All special tokens by their id; names that `tokenizer_config.json` in `folder` gives go before those above."""
    names = {num_pieces + at: SPECIAL.get(at, f"<|reserved_token_{num_pieces + at}|>") for at in range(NUM_SPECIAL)}
    given = {} if folder is None else _settings(folder).get("added_tokens_decoder", {})
    return names | {int(number): token["content"] for number, token in given.items()}


def _settings(folder: Path) -> dict[str, Any]:
    file = folder / "tokenizer_config.json"
    return dict(json.loads(file.read_text())) if file.is_file() else {}


def build_tokenizer(ranks: dict[bytes, int], special: dict[int, str], chat_template: str | None = CHAT_TEMPLATE) -> Any:
    """A `PreTrainedTokenizerFast` that writes and reads as tiktoken does."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = _byte_letters()
    written = {piece: "".join(letters[byte] for byte in piece) for piece in ranks}
    merges = [(written[left], written[right]) for left, right in _merges(ranks)]
    tokenizer = Tokenizer(models.BPE({written[piece]: rank for piece, rank in ranks.items()}, merges, ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(special[number], normalized=False, special=True) for number in sorted(special)])
    names = set(special.values())
    roles = {"bos_token": "[BOS]", "eos_token": "<|im_end|>", "pad_token": "[PAD]", "unk_token": "[UNK]"}
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        clean_up_tokenization_spaces=False,
        **{role: name for role, name in roles.items() if name in names},
    )
    fast.chat_template = chat_template
    return fast


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer of a published folder, from its `tiktoken.model`; its own chat template goes before ours.

    Raises:
        BadVocabulary: the file cannot be read.
    """
    ranks = read_tiktoken(folder / VOCABULARY_FILE)
    template = folder / "chat_template.jinja"
    text = template.read_text() if template.is_file() else _settings(folder).get("chat_template", CHAT_TEMPLATE)
    return build_tokenizer(ranks, special_tokens(len(ranks), folder), text)


def _merges(ranks: dict[bytes, int]) -> list[tuple[bytes, bytes]]:
    """Which two pieces may become one, in the order in which that is done."""
    found = []
    for piece, rank in ranks.items():
        halves = ((piece[:at], piece[at:]) for at in range(1, len(piece)))
        known = [(left, right) for left, right in halves if left in ranks and right in ranks]
        found += [(rank, ranks[left], ranks[right], left, right) for left, right in known]
    return [(left, right) for *_, left, right in sorted(found, key=lambda merge: merge[:3])]


def _byte_letters() -> dict[int, str]:
    """The printable letter that stands for each byte in a Hugging Face byte-level vocabulary (GPT-2's `bytes_to_unicode`)."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = (byte for byte in range(256) if byte not in printable)
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + number) for number, byte in enumerate(others)}
