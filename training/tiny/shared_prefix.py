"""Many questions per screenshot: the picture is encoded once, and every question attends to it and to itself.

Computes what `Qwen2_5_VLForConditionalGeneration` computes for each (picture, question) pair on its own (a test holds the two together),
with linear layers on packed tokens. Shapes: B pictures, K questions each, S = B*K segments, P prefix tokens, L the longest segment,
T the number of real tokens in all segments, D hidden, H heads, E head size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from training.tiny.architecture import GRID, HEAD_DIM, MERGE, NUM_HEADS, NUM_IMAGE_TOKENS, PATCH_PX, TOKENS_PER_SIDE

if TYPE_CHECKING:
    from transformers import Qwen2_5_VLForConditionalGeneration

LOOK_LAYERS = (3, 4)  # where a head is taught where to look; the layers after it turn what it finds into coordinates
COPY_LAYER = 3  # where a head is taught which token to copy
LOOK_HEAD, COPY_HEAD = 0, 1


@dataclass(frozen=True, slots=True)
class Gaze:
    """Where heads should look, `[N, 2]` each: packed position, and column among the prefix (`looks`) or in its own segment (`copies`)."""

    looks: Tensor
    copies: Tensor


class Seen(NamedTuple):
    """What a forward pass gives."""

    hidden: Tensor  # [T, D] segments, after the last norm
    patches: Tensor  # [B, 400, D] patch features
    image_states: Tensor  # [B, 100, D] the image tokens after AUX_LAYER text layers
    gaze: Tensor  # mean negative log of the attention that the taught heads give to where they should look


AUX_LAYER = 2


@dataclass(frozen=True, slots=True)
class Segments:
    """The questions of a batch, packed. `rows` maps the T packed tokens to cells of the padded `[S, L]` grid."""

    ids: Tensor  # [T] int64
    rows: Tensor  # [T] int64, segment * L + offset
    num_segments: int
    max_length: int
    per_image: int


def patchify(images: Tensor) -> Tensor:
    """Pixels `[B, 320, 320, 3]` uint8 -> patches `[B, 400, 768]` in the order of Qwen's image processor (2x2 merge groups), one frame."""
    batch = images.shape[0]
    x = images.to(torch.float32).div_(255.0).sub_(0.5).div_(0.5).permute(0, 3, 1, 2)
    x = x.reshape(batch, 3, TOKENS_PER_SIDE, MERGE, PATCH_PX, TOKENS_PER_SIDE, MERGE, PATCH_PX)
    x = x.permute(0, 2, 5, 3, 6, 1, 4, 7)  # B, row, column, y, x, channel, py, px
    return x.reshape(batch, GRID * GRID, 3 * PATCH_PX * PATCH_PX)


def patch_places() -> Tensor:
    """Row and column of each of the 400 patches in merge-group order, `[400, 2]`."""
    row, column = torch.meshgrid(torch.arange(GRID), torch.arange(GRID), indexing="ij")
    places = torch.stack([row, column], dim=-1).view(TOKENS_PER_SIDE, MERGE, TOKENS_PER_SIDE, MERGE, 2)
    return places.permute(0, 2, 1, 3, 4).reshape(-1, 2)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


def _attend(scores: Tensor, dtype: torch.dtype) -> Tensor:
    return scores.softmax(dim=-1, dtype=torch.float32).to(dtype)


class SharedPrefixModel(nn.Module):
    """The forward pass of a deftly-tiny for training."""

    before: Tensor
    after: Tensor
    vision_cos: Tensor
    vision_sin: Tensor
    prefix_cos: Tensor
    prefix_sin: Tensor
    segment_cos: Tensor
    segment_sin: Tensor

    def __init__(self, model: Qwen2_5_VLForConditionalGeneration, prefix_before: list[int], prefix_after: list[int]) -> None:
        """`prefix_before` and `prefix_after` are the token ids around the picture's tokens, the same for every question."""
        super().__init__()
        self.model = model
        self.register_buffer("before", torch.tensor(prefix_before), persistent=False)
        self.register_buffer("after", torch.tensor(prefix_after), persistent=False)
        visual, language = model.model.visual, model.model.language_model
        cos, sin = visual.rotary_pos_emb(torch.zeros(1), patch_places())
        self.register_buffer("vision_cos", cos, persistent=False)
        self.register_buffer("vision_sin", sin, persistent=False)
        start, length = len(prefix_before), TOKENS_PER_SIDE
        rows, columns = torch.meshgrid(torch.arange(length), torch.arange(length), indexing="ij")
        image = torch.stack([torch.zeros(NUM_IMAGE_TOKENS, dtype=torch.long), rows.reshape(-1), columns.reshape(-1)]) + start
        before = torch.arange(start).expand(3, -1)
        after = torch.arange(len(prefix_after)).expand(3, -1) + start + length
        self.segment_start = start + length + len(prefix_after)
        positions = torch.cat([before, image, after], dim=1)[:, None]
        cos, sin = language.rotary_emb(torch.zeros(1), positions)
        self.register_buffer("prefix_cos", cos[0], persistent=False)
        self.register_buffer("prefix_sin", sin[0], persistent=False)
        places = torch.arange(512).expand(3, -1)[:, None] + self.segment_start
        cos, sin = language.rotary_emb(torch.zeros(1), places)
        self.register_buffer("segment_cos", cos[0], persistent=False)
        self.register_buffer("segment_sin", sin[0], persistent=False)

    def see(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Pixels `[B, 320, 320, 3]` uint8 -> patch features `[B, 400, D]` and image tokens `[B, 100, D]`."""
        visual = self.model.model.visual
        batch = images.shape[0]
        # A still image fills both frames of the temporal patch, so that the two frames' kernels add up.
        kernel = visual.patch_embed.proj.weight.sum(dim=2).reshape(visual.patch_embed.embed_dim, -1)
        x = nn.functional.linear(patchify(images), kernel)
        cos, sin = self.vision_cos[:, None], self.vision_sin[:, None]
        for block in visual.blocks:
            qkv = block.attn.qkv(block.norm1(x)).view(batch, GRID * GRID, 3, NUM_HEADS, HEAD_DIM)
            q, k, v = qkv.unbind(dim=2)
            q, k = _rotate(q, cos, sin).to(v.dtype), _rotate(k, cos, sin).to(v.dtype)
            q, k, v = (t.transpose(1, 2) for t in (q, k, v))
            weights = _attend(q @ k.transpose(-1, -2) * block.attn.scaling, v.dtype)
            x = x + block.attn.proj((weights @ v).transpose(1, 2).reshape(batch, GRID * GRID, -1))
            x = x + block.mlp(block.norm2(x))
        return x, visual.merger(x).view(batch, NUM_IMAGE_TOKENS, -1)

    def forward(self, images: Tensor, segments: Segments, gaze: Gaze | None = None) -> Seen:
        """One pass over a batch; `gaze` says where heads should look, for the loss of that name."""
        language = self.model.model.language_model
        batch = images.shape[0]
        patches, tokens = self.see(images)
        embed = language.embed_tokens
        before, after = embed(self.before).expand(batch, -1, -1), embed(self.after).expand(batch, -1, -1)
        prefix = torch.cat([before, tokens.to(before.dtype), after], dim=1)
        num_prefix = prefix.shape[1]
        states = torch.cat([prefix.reshape(batch * num_prefix, -1), embed(segments.ids)])
        num_packed_prefix = batch * num_prefix
        num_cells, length = segments.num_segments * segments.max_length, segments.max_length
        offset = segments.rows % length
        cos = torch.cat([self.prefix_cos.repeat(batch, 1), self.segment_cos[offset]])[:, None]
        sin = torch.cat([self.prefix_sin.repeat(batch, 1), self.segment_sin[offset]])[:, None]
        causal_prefix = torch.full((num_prefix, num_prefix), float("-inf")).triu(1)
        causal = torch.full((length, length), float("-inf")).triu(1)
        seen, misses = states, []
        for depth, layer in enumerate(language.layers):
            attention = layer.self_attn
            x = layer.input_layernorm(states)
            q, k, v = (p(x).view(-1, NUM_HEADS, HEAD_DIM) for p in (attention.q_proj, attention.k_proj, attention.v_proj))
            q, k = _rotate(q, cos, sin).to(v.dtype) * attention.scaling, _rotate(k, cos, sin).to(v.dtype)
            qp, kp, vp = (t[:num_packed_prefix].view(batch, num_prefix, NUM_HEADS, HEAD_DIM).transpose(1, 2) for t in (q, k, v))
            mixed_prefix = _attend(qp @ kp.transpose(-1, -2) + causal_prefix, v.dtype) @ vp
            grid = [t.new_zeros(num_cells, NUM_HEADS, HEAD_DIM).index_copy(0, segments.rows, t[num_packed_prefix:]) for t in (q, k, v)]
            qs, ks, vs = (t.view(segments.num_segments, length, NUM_HEADS, HEAD_DIM).transpose(1, 2) for t in grid)
            own = qs @ ks.transpose(-1, -2) + causal  # [S, H, L, L]
            by_image = grid[0].view(batch, segments.per_image * length, NUM_HEADS, HEAD_DIM).transpose(1, 2)
            to_prefix = by_image @ kp.transpose(-1, -2)  # [B, H, K*L, P]
            to_prefix = to_prefix.view(batch, NUM_HEADS, segments.per_image, length, num_prefix).transpose(1, 2).flatten(0, 1)
            scores = torch.cat([to_prefix.to(own.dtype), own], dim=-1)  # [S, H, L, P+L]
            if gaze is not None and depth in LOOK_LAYERS:
                misses.append(_miss(scores[:, LOOK_HEAD], segments.rows, gaze.looks[:, 0], gaze.looks[:, 1]))
            if gaze is not None and depth == COPY_LAYER:
                misses.append(_miss(scores[:, COPY_HEAD], segments.rows, gaze.copies[:, 0], gaze.copies[:, 1] + num_prefix))
            weights = _attend(scores, v.dtype)
            from_prefix = weights[..., :num_prefix].reshape(batch, segments.per_image, NUM_HEADS, length, num_prefix).transpose(1, 2)
            mixed = from_prefix.reshape(batch, NUM_HEADS, -1, num_prefix) @ vp
            mixed = mixed.view(batch, NUM_HEADS, segments.per_image, length, HEAD_DIM).transpose(1, 2).flatten(0, 1)
            mixed = mixed + weights[..., num_prefix:] @ vs
            mixed = mixed.transpose(1, 2).reshape(num_cells, -1)[segments.rows]
            states = states + attention.o_proj(torch.cat([mixed_prefix.transpose(1, 2).reshape(num_packed_prefix, -1), mixed]))
            states = states + layer.mlp(layer.post_attention_layernorm(states))
            if depth + 1 == AUX_LAYER:
                seen = states
        first = len(self.before)
        image_states = seen[:num_packed_prefix].view(batch, num_prefix, -1)[:, first : first + NUM_IMAGE_TOKENS]
        missed = torch.cat(misses).mean() if misses else states.new_zeros(())
        return Seen(language.norm(states[num_packed_prefix:]), patches, image_states, missed)


def _miss(scores: Tensor, rows: Tensor, positions: Tensor, columns: Tensor) -> Tensor:
    """Negative log attention that packed `positions` give to `columns`, from one head's scores `[S, L, P+L]`."""
    wanted = scores.flatten(0, 1)[rows[positions]].float()
    return -wanted.log_softmax(dim=-1).gather(1, columns[:, None])[:, 0]
