"""deftly-tiny's tokenizer: one token per number, per frequent word and per fixed phrase of the dialect; everything else letter by letter.

Pieces are found greedily, longest first, so a text has one spelling in tokens wherever it stands, and copying what the task says
into what is typed is copying tokens.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>", "<|unk|>")
PHRASES = (
    "Thought: ",
    "\nAction: ",
    "click(point='<point>",
    "left_double(point='<point>",
    "right_single(point='<point>",
    "drag(start_point='<point>",
    "</point>', end_point='<point>",
    "</point>')",
    "type(content='",
    "hotkey(key='",
    "scroll(point='<point>",
    "</point>', direction='down')",
    "</point>', direction='up')",
    "wait()",
    "finished()",
    "')",
    "Task: ",
    "\nDone: ",
    "\nNext:",
)
NUM_NUMBERS = 1000
# A piece is a run of letters or up to three digits, with the space before it, or one other character.
PIECE = r" ?[A-Za-z]+| ?[0-9]{1,3}|\n|[^A-Za-z0-9]"
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'text' %}{{ part['text'] }}{% else %}<|vision_start|><|image_pad|><|vision_end|>{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def frequent_words(texts: Iterable[str], *, min_count: int) -> list[str]:
    """Words (with their leading space, where they have one) that occur in at least `min_count` of `texts`, most frequent first."""
    phrases = re.compile("|".join(map(re.escape, sorted(PHRASES, key=len, reverse=True))))
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(set(re.findall(r" ?[A-Za-z]{2,}", phrases.sub("\x00", text))))
    return [word for word, count in counts.most_common() if count >= min_count]


def build_tokenizer(words: Iterable[str]) -> PreTrainedTokenizerFast:
    """A tokenizer whose vocabulary is the special tokens, the phrases, 0-999, the printable ASCII letters and `words`."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    pieces = [*SPECIAL, "\n", *(chr(c) for c in range(32, 127)), *map(str, range(NUM_NUMBERS))]
    pieces += [" " + str(n) for n in range(NUM_NUMBERS)]
    pieces += ["system", "user", "assistant", *words]
    vocabulary = {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}
    model = models.WordPiece(vocabulary, unk_token="<|unk|>", continuing_subword_prefix="", max_input_chars_per_word=10_000)
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(PIECE), "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_tokens([AddedToken(phrase, normalized=False) for phrase in PHRASES])
    tokenizer.add_special_tokens([AddedToken(name, normalized=False, special=True) for name in SPECIAL])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        unk_token="<|unk|>",
        clean_up_tokenization_spaces=False,
        model_max_length=4096,
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast
