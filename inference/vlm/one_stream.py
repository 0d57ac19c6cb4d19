"""Models that read pictures as tokens of the same stream as text (early fusion: Chameleon, arXiv 2405.09818).

    patches [N, D] -> pixels [1, 3, H, W] -> VQ tokenizer -> ids [H/16 * W/16], which take the places of the `<image>` placeholders

From there on a picture is text in another alphabet: the network gets ids and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Set
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

MODEL_TYPES = ("chameleon",)
BEGIN = "<racm3:break>"  # stands before a picture
# The published tokenizer has no template. As its authors' viewer writes a chat: nothing but an end of turn between question and answer.
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'text' %}{{ part['text'] }}{% else %}<racm3:break><image><eoss>{% endif %}"
    "{% endfor %}{% endif %}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% elif message['role'] == 'user' %}<reserved08706>"
    "{% else %}{{ '\\n' }}{% endif %}"
    "{% endfor %}"
)
NAMED_SPECIAL = re.compile(r"<(reserved\d+|racm3:break|eoss|image|pad|unk|s)>")


def is_one_stream(config: Any) -> bool:
    """Whether a model with this configuration is one of these."""
    return config.model_type in MODEL_TYPES


def knows_pictures(tokenizer: Any) -> bool:
    """Whether it is the tokenizer of such a model."""
    return BEGIN in tokenizer.get_vocab()


def silent_ids(config: Any, tokenizer: Any, end_ids: Set[int]) -> tuple[int, ...]:
    """What no answer in text may hold: all special tokens but those that end it, as in the authors' text decoder.

    The pictures' own tokens are not among them: transformers' model lets none of those be likely.
    """
    if not is_one_stream(config):
        return ()
    special = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    named = {number for name, number in (config.vocabulary_map or {}).items() if NAMED_SPECIAL.fullmatch(name)}
    return tuple(sorted((special | named) - end_ids))


def picture_pixels(patches: torch.Tensor, grid_thw: torch.Tensor) -> list[torch.Tensor]:
    """Pixels `[1, 3, H, W]` of each picture, from patches `[N, 3 * P * P]` and grids `[M, 3]`."""
    import torch

    pixels = []
    grids = [(int(rows), int(columns)) for _, rows, columns in grid_thw.tolist()]
    side = round((patches.shape[1] / 3) ** 0.5)
    for (rows, columns), mine in zip(grids, torch.split(patches, [rows * columns for rows, columns in grids]), strict=True):
        squares = mine.view(rows, columns, 3, side, side).permute(2, 0, 3, 1, 4)
        pixels.append(squares.reshape(1, 3, rows * side, columns * side))
    return pixels


def picture_tokens(model: Any, patches: torch.Tensor, grid_thw: torch.Tensor) -> torch.Tensor:
    """Token ids `[N]` of all pictures. Nothing is learnt through them: the tokenizer stays as it is.

    One picture at a time, never in half precision unless the weights are: a number rounded otherwise may be another token, and a picture
    must have the same ones alone, among others, in training and when it is served.
    """
    import torch

    eyes = model.model.vqmodel.eval()
    kind = eyes.quantize.embedding.weight.dtype
    with torch.no_grad(), torch.autocast(patches.device.type, enabled=False):
        return torch.cat([model.get_image_tokens(pixels.to(kind))[0] for pixels in picture_pixels(patches, grid_thw)]).long()
