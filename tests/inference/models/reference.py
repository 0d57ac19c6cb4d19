"""Kimi-VL from its formulas, one token, picture and expert at a time, over a dictionary of tensors with the published names."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

Weights = dict[str, Tensor]


def logits(w: Weights, config: Any, ids: list[int], pictures: list[Tensor]) -> Tensor:
    """`[T, V]`; a picture is its patches `[rows, columns, 3, p, p]`."""
    text = config.text_config
    features = [_look(w, config.vision_config, picture) for picture in pictures]
    x = w["language_model.model.embed_tokens.weight"][torch.tensor(ids)].clone()
    if features:
        x[torch.tensor(ids) == config.media_placeholder_token_id] = torch.cat(features)
    for number in range(text.num_hidden_layers):
        layer = f"language_model.model.layers.{number}."
        x = x + _attend(w, layer + "self_attn.", text, _rms(x, w[layer + "input_layernorm.weight"], text.rms_norm_eps))
        read = _rms(x, w[layer + "post_attention_layernorm.weight"], text.rms_norm_eps)
        dense = number < text.first_k_dense_replace
        x = x + (_mlp(w, layer + "mlp.", read) if dense else _mixture(w, layer + "mlp.", text, read))
    x = _rms(x, w["language_model.model.norm.weight"], text.rms_norm_eps)
    return x @ w["language_model.lm_head.weight"].T


def _rms(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + eps) * weight


def _mlp(w: Weights, at: str, x: Tensor) -> Tensor:
    gate, up, down = (w[f"{at}{name}_proj.weight"] for name in ("gate", "up", "down"))
    return (functional.silu(x @ gate.T) * (x @ up.T)) @ down.T


def _mixture(w: Weights, at: str, text: Any, x: Tensor) -> Tensor:
    rows = []
    for row in x:
        scores = torch.sigmoid(w[at + "gate.weight"] @ row)
        chosen = (scores + w[at + "gate.e_score_correction_bias"]).argsort(descending=True)[: text.num_experts_per_tok].tolist()
        total = sum(float(scores[expert]) for expert in chosen)
        answers = [_mlp(w, f"{at}experts.{expert}.", row) * scores[expert] / total for expert in chosen]
        rows.append(torch.stack(answers).sum(0) * text.routed_scaling_factor)
    return torch.stack(rows) + _mlp(w, at + "shared_experts.", x)


def _attend(w: Weights, at: str, text: Any, x: Tensor) -> Tensor:
    nope, rope, heads = text.qk_nope_head_dim, text.qk_rope_head_dim, text.num_attention_heads
    queries = (x @ w[at + "q_proj.weight"].T).view(len(x), heads, nope + rope)
    kept = x @ w[at + "kv_a_proj_with_mqa.weight"].T
    latent = _rms(kept[:, : text.kv_lora_rank], w[at + "kv_a_layernorm.weight"], 1e-6)
    made = (latent @ w[at + "kv_b_proj.weight"].T).view(len(x), heads, nope + text.v_head_dim)
    angles = [[place * text.rope_parameters["rope_theta"] ** (-2 * pair / rope) for pair in range(rope // 2)] for place in range(len(x))]
    shared = _turn(kept[:, text.kv_lora_rank :], torch.tensor(angles))
    out = []
    for head in range(heads):
        q = torch.cat([queries[:, head, :nope], _turn(queries[:, head, nope:], torch.tensor(angles))], dim=1)
        k = torch.cat([made[:, head, :nope], shared], dim=1)
        scores = (q @ k.T) / math.sqrt(nope + rope)
        scores = scores + torch.full_like(scores, float("-inf")).triu(1)
        out.append(scores.softmax(-1) @ made[:, head, nope:])
    return torch.cat(out, dim=1) @ w[at + "o_proj.weight"].T


def _turn(x: Tensor, angles: Tensor) -> Tensor:
    """Neighbouring numbers as pairs, each turned by its angle."""
    a, b = x[:, 0::2], x[:, 1::2]
    return torch.stack([a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()], dim=-1).flatten(1)


def _linear(w: Weights, name: str, x: Tensor) -> Tensor:
    return x @ w[name + ".weight"].T + w[name + ".bias"]


def _norm(w: Weights, name: str, x: Tensor) -> Tensor:
    return functional.layer_norm(x, x.shape[-1:], w[name + ".weight"], w[name + ".bias"], 1e-5)


def _look(w: Weights, eyes: Any, picture: Tensor) -> Tensor:
    rows, columns = picture.shape[:2]
    heads, size = eyes.num_attention_heads, eyes.hidden_size // eyes.num_attention_heads
    embed = "vision_tower.patch_embed."
    table = w[embed + "pos_emb.weight"]
    if table.shape[:2] != (rows, columns):
        table = functional.interpolate(table.permute(2, 0, 1)[None], size=(rows, columns), mode="bicubic")[0].permute(1, 2, 0)
    x = functional.conv2d(picture.flatten(0, 1), w[embed + "proj.weight"], w[embed + "proj.bias"]).flatten(1) + table.flatten(0, 1)
    angles = []
    for row in range(rows):
        for column in range(columns):
            speeds = [10000.0 ** (-4 * pair / size) for pair in range(size // 4)]
            angles.append([place * speed for speed in speeds for place in (column, row)])
    turned = torch.tensor(angles)
    for number in range(eyes.num_hidden_layers):
        block = f"vision_tower.encoder.blocks.{number}."
        q, k, v = _linear(w, block + "wqkv", _norm(w, block + "norm0", x)).view(len(x), 3, heads, size).unbind(1)
        seen = []
        for head in range(heads):
            scores = _turn(q[:, head], turned) @ _turn(k[:, head], turned).T / math.sqrt(size)
            seen.append(scores.softmax(-1) @ v[:, head])
        x = x + _linear(w, block + "wo", torch.cat(seen, dim=1))
        inner = functional.gelu(_linear(w, block + "mlp.fc0", _norm(w, block + "norm1", x)), approximate="tanh")
        x = x + _linear(w, block + "mlp.fc1", inner)
    x = _norm(w, "vision_tower.encoder.final_layernorm", x).view(rows, columns, -1)
    squares = [x[r : r + 2, c : c + 2].reshape(4, -1) for r in range(0, rows, 2) for c in range(0, columns, 2)]
    merged = _norm(w, "multi_modal_projector.pre_norm", torch.stack(squares)).flatten(1)
    return _linear(w, "multi_modal_projector.linear_2", functional.gelu(_linear(w, "multi_modal_projector.linear_1", merged)))
