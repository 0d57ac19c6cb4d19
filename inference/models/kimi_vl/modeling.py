"""Kimi-VL whole: MoonViT's eyes, the projector, Moonlight; loaded from and saved in the published layout.

What transformers' models promise holds here too: `generate`, caches, `mm_encoder_outputs`, packed rows by `cu_seq_lens_q` and the like,
gradient checkpointing, adapters. In memory the experts of a layer are two tensors; on disk they have the published names, one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import DynamicCache, GenerationMixin, PreTrainedModel
from transformers import initialization as init
from transformers.conversion_mapping import register_checkpoint_conversion_mapping
from transformers.core_model_loading import Concatenate, MergeModulelist, WeightConverter, WeightRenaming
from transformers.modeling_outputs import BaseModelOutputWithPast, BaseModelOutputWithPooling, ModelOutput

from inference.models.kimi_vl.attention import Segments, even_segments
from inference.models.kimi_vl.config import MODEL_TYPE, KimiVLConfig, MoonlightConfig, MoonViTConfig
from inference.models.kimi_vl.experts import Experts, Router
from inference.models.kimi_vl.text import DecoderLayer, RMSNorm, Row, rotations
from inference.models.kimi_vl.vision import (
    BadPicture,
    Grid,
    PatchEmbedding,
    PositionTable,
    Projector,
    VisionEncoder,
    check_grids,
    merge_patches,
    picture_turns,
)
from inference.models.products import Linear

# From the published names to ours; transformers turns them round when it saves.
RENAMES: tuple[tuple[str, str], ...] = (
    (r"^language_model.model", "model.language_model"),
    (r"^language_model.lm_head", "lm_head"),
    (r"^vision_tower", "model.vision_tower"),
    (r"^multi_modal_projector", "model.multi_modal_projector"),
)


def weight_conversions() -> list[Any]:
    """How transformers reads the published checkpoint into these modules, and writes it."""
    experts = "mlp.experts"
    return [
        *(WeightRenaming(source_patterns=published, target_patterns=ours) for published, ours in RENAMES),
        WeightConverter(
            source_patterns=[f"{experts}.*.gate_proj.weight", f"{experts}.*.up_proj.weight"],
            target_patterns=f"{experts}.gate_up_proj",
            operations=[MergeModulelist(dim=0), Concatenate(dim=1)],
        ),
        WeightConverter(
            source_patterns=f"{experts}.*.down_proj.weight",
            target_patterns=f"{experts}.down_proj",
            operations=[MergeModulelist(dim=0)],
        ),
    ]


register_checkpoint_conversion_mapping(MODEL_TYPE, weight_conversions(), overwrite=True)


@dataclass
class KimiVLOutput(ModelOutput):  # type: ignore[misc]
    """`logits` `[B, T, V]`, and `loss` where labels were given."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    past_key_values: Any = None
    hidden_states: Any = None
    attentions: Any = None


class KimiVLPreTrainedModel(PreTrainedModel):  # type: ignore[misc]
    config: KimiVLConfig
    config_class = KimiVLConfig
    base_model_prefix = "model"
    input_modalities = ("image", "text")
    supports_gradient_checkpointing = True
    _no_split_modules = ("DecoderLayer", "VisionBlock")
    _skip_keys_device_placement = ("past_key_values",)
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_attention_backend = True
    _keep_in_fp32_modules_strict = ("e_score_correction_bias",)
    _keys_to_ignore_on_load_unexpected = (r"rotary_emb\.inv_freq",)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        std = self.config.get_text_config().initializer_range
        if isinstance(module, Router):
            init.normal_(module.weight, mean=0.0, std=std)
            init.zeros_(module.e_score_correction_bias)
            init.zeros_(module.load)
        elif isinstance(module, Experts):
            init.normal_(module.gate_up_proj, mean=0.0, std=std)
            init.normal_(module.down_proj, mean=0.0, std=std)
        elif isinstance(module, PositionTable):
            init.normal_(module.weight, mean=0.0, std=std)
        elif isinstance(module, RMSNorm):
            init.ones_(module.weight)


class MoonViT(KimiVLPreTrainedModel):
    config: MoonViTConfig
    config_class = MoonViTConfig
    base_model_prefix = "vision_tower"

    def __init__(self, config: MoonViTConfig) -> None:
        super().__init__(config)
        self.patch_embed = PatchEmbedding(config)
        self.encoder = VisionEncoder(config)
        self.post_init()

    def forward(self, pixel_values: Tensor, grids: list[Grid]) -> Tensor:
        """`pixel_values` `[L, 3, p, p]` (or with the last three axes as one) -> features `[L, D]`."""
        check_grids(grids, len(pixel_values), self.config.merge_kernel_size)
        turns = picture_turns(grids, self.config.hidden_size // self.config.num_attention_heads, pixel_values.device)
        out: Tensor = self.encoder(self.patch_embed(pixel_values, grids), turns)
        return out


class MoonlightModel(KimiVLPreTrainedModel):
    config: MoonlightConfig
    config_class = MoonlightConfig
    base_model_prefix = "language_model"

    def __init__(self, config: MoonlightConfig) -> None:
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([DecoderLayer(config, number) for number in range(config.num_hidden_layers)])
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.gradient_checkpointing = False
        self.post_init()

    def forward(
        self,
        input_ids: Tensor | None = None,
        *,
        inputs_embeds: Tensor | None = None,
        position_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        past_key_values: Any = None,
        use_cache: bool | None = None,
        **segments: Any,
    ) -> BaseModelOutputWithPast:
        x = self.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds
        if past_key_values is None and use_cache:
            past_key_values = DynamicCache(config=self.config)
        row = self._row(x, position_ids, attention_mask, past_key_values, segments)
        for layer in self.layers:
            x = layer(x, row)
        return BaseModelOutputWithPast(last_hidden_state=self.norm(x), past_key_values=past_key_values)

    def _row(self, x: Tensor, positions: Tensor | None, mask: Tensor | None, cache: Any, options: dict[str, Any]) -> Row:
        batch, length = x.shape[:2]
        seen = cache.get_seq_length() if cache is not None else 0
        if positions is None:
            positions = torch.arange(seen, seen + length, device=x.device)[None].expand(batch, -1)
        elif positions.ndim == 3:  # the three rows of M-RoPE, which are equal here
            positions = positions[0]
        turned = rotations(positions, self.config.qk_rope_head_dim, float(self.config.rope_parameters["rope_theta"]))
        ends = options.get("cu_seq_lens_q")
        if ends is not None:
            given = [options[name] for name in ("cu_seq_lens_q", "cu_seq_lens_k", "max_length_q", "max_length_k")]
            return Row(turned, Segments(*given), options.get("key_index"), None, cache)
        mask = _seen(mask, length, seen + length)
        segments = even_segments(batch, length, seen + length, x.device) if mask is None else None
        return Row(turned, segments, None, mask, cache)


def _seen(mask: Tensor | None, num_queries: int, num_keys: int) -> Tensor | None:
    """Who sees whom `[B, 1, T or 1, S]`, or None where only order decides: padding `[B, S]` is joined with the causal order."""
    if mask is None or mask.ndim == 4:
        return mask
    real = mask[:, -num_keys:].bool()
    if bool(real.all()):
        return None
    order = torch.ones(num_queries, num_keys, dtype=torch.bool, device=mask.device).tril(num_keys - num_queries)
    diagonal = torch.eye(num_keys, dtype=torch.bool, device=mask.device)[-num_queries:]  # padding sees itself: no row of zeros
    return (real[:, None, None] & order) | diagonal


def _grids(thw: Tensor | None, hws: Tensor | None) -> list[Grid]:
    given = thw if hws is None else hws
    if given is None:
        raise BadPicture("there are patches without a grid: give image_grid_hws, the rows and columns of each picture's patches")
    if given.shape[1] == 3 and bool((given[:, 0] != 1).any()):
        raise BadPicture("a grid has more than one moment: Kimi-VL's eyes see pictures, and a film is several of them")
    return [(int(rows), int(columns)) for rows, columns in given[:, -2:].tolist()]


class KimiVLModel(KimiVLPreTrainedModel):
    """Eyes, projector and language model, without the head."""

    def __init__(self, config: KimiVLConfig) -> None:
        super().__init__(config)
        self.vision_tower = MoonViT._from_config(config.vision_config)
        self.multi_modal_projector = Projector(config.vision_config, config.text_config.hidden_size)  # type: ignore[union-attr]
        self.language_model = MoonlightModel._from_config(config.text_config)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        embed: nn.Module = self.language_model.embed_tokens
        return embed

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.language_model.embed_tokens = value

    def get_image_features(
        self, pixel_values: Tensor, image_grid_thw: Tensor | None = None, image_grid_hws: Tensor | None = None, **_: Any
    ) -> BaseModelOutputWithPooling:
        """`pooler_output` holds a tensor `[M, D]` for each picture; `image_grid_hws` `[P, 2]`, or `image_grid_thw` `[P, 3]` with 1 first.

        Raises:
            BadPicture: patches and grids do not fit together, or cannot be merged.
        """
        grids = _grids(image_grid_thw, image_grid_hws)
        merge = self.config.vision_config.merge_kernel_size  # type: ignore[union-attr]
        features = self.vision_tower(pixel_values, grids)
        tokens = self.multi_modal_projector(merge_patches(features, grids, merge))
        counts = [rows * columns // (merge[0] * merge[1]) for rows, columns in grids]
        return BaseModelOutputWithPooling(last_hidden_state=features, pooler_output=tokens.split(counts))

    def forward(
        self,
        input_ids: Tensor | None = None,
        *,
        inputs_embeds: Tensor | None = None,
        pixel_values: Tensor | None = None,
        image_grid_thw: Tensor | None = None,
        image_grid_hws: Tensor | None = None,
        mm_encoder_outputs: dict[str, Any] | None = None,
        **options: Any,
    ) -> BaseModelOutputWithPast:
        seen = (mm_encoder_outputs or {}).get("image")
        if seen is None and pixel_values is not None:
            seen = self.get_image_features(pixel_values, image_grid_thw, image_grid_hws)
        if inputs_embeds is None:
            inputs_embeds = self.get_input_embeddings()(input_ids)
        if seen is not None:
            inputs_embeds = self._with_pictures(cast(Tensor, input_ids), inputs_embeds, torch.cat(tuple(seen.pooler_output)))
        return self.language_model(inputs_embeds=inputs_embeds, **options)

    def _with_pictures(self, ids: Tensor, embedded: Tensor, features: Tensor) -> Tensor:
        places = ids == self.config.media_placeholder_token_id
        if int(places.sum()) != len(features):
            raise BadPicture(
                f"the prompt has {int(places.sum())} places for pictures' tokens, and the pictures have {len(features)}: "
                "give each picture's placeholder as often as its merged patches are"
            )
        return embedded.masked_scatter(places[..., None], features.to(embedded.dtype))


class KimiVLForConditionalGeneration(KimiVLPreTrainedModel, GenerationMixin):  # type: ignore[misc]
    """Kimi-VL with its head: `model(input_ids=…, pixel_values=…, image_grid_hws=…)`, `model.generate(…)`."""

    accepts_loss_kwargs = False
    _tied_weights_keys: dict[str, str] | None = None

    def __init__(self, config: KimiVLConfig) -> None:
        super().__init__(config)
        self.model = KimiVLModel(config)
        text: Any = config.text_config
        self.lm_head = Linear(text.hidden_size, text.vocab_size, bias=False)
        self.post_init()

    def get_image_features(
        self, pixel_values: Tensor, image_grid_thw: Tensor | None = None, image_grid_hws: Tensor | None = None, **options: Any
    ) -> BaseModelOutputWithPooling:
        return self.model.get_image_features(pixel_values, image_grid_thw, image_grid_hws, **options)

    def forward(
        self,
        input_ids: Tensor | None = None,
        *,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        use_cache: bool | None = None,
        pixel_values: Tensor | None = None,
        image_grid_thw: Tensor | None = None,
        image_grid_hws: Tensor | None = None,
        mm_encoder_outputs: dict[str, Any] | None = None,
        labels: Tensor | None = None,
        logits_to_keep: int | Tensor = 0,
        **options: Any,
    ) -> KimiVLOutput:
        """`options` are `inputs_embeds`, and for packed rows `cu_seq_lens_q`, `cu_seq_lens_k`, `max_length_q`, `max_length_k`."""
        output = self.model(
            input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            use_cache=use_cache,
            pixel_values=pixel_values,
            image_grid_thw=image_grid_thw,
            image_grid_hws=image_grid_hws,
            mm_encoder_outputs=mm_encoder_outputs,
            **options,
        )
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits = self.lm_head(output.last_hidden_state[:, kept])
        loss = None
        if labels is not None:
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=logits.shape[-1])
        return KimiVLOutput(loss=loss, logits=logits, past_key_values=output.past_key_values)

    def prepare_inputs_for_generation(self, *args: Any, is_first_iteration: bool | None = False, **kwargs: Any) -> dict[str, Any]:
        """Pictures are looked at once: afterwards they are in the cache. (`kwargs`: transformers looks for the name.)"""
        inputs: dict[str, Any] = super().prepare_inputs_for_generation(*args, is_first_iteration=is_first_iteration, **kwargs)
        if not is_first_iteration and inputs.get("use_cache", True):
            for name in ("pixel_values", "image_grid_thw", "image_grid_hws", "mm_encoder_outputs"):
                inputs.pop(name, None)
        return inputs
