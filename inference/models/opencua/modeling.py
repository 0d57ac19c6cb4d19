"""OpenCUA whole: loaded from and saved in the published layout, without remote code.

What sets it apart from Qwen2.5-VL is its positions: tokens of a picture count on like those of a text, where Qwen2.5-VL gives them rows and
columns (M-RoPE). So its language model is plainly Qwen2. Source: vLLM 0.32 (`opencua.py`), which runs it so too.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import GenerationMixin, PreTrainedModel, Qwen2Model
from transformers.conversion_mapping import register_checkpoint_conversion_mapping
from transformers.core_model_loading import WeightRenaming
from transformers.modeling_outputs import BaseModelOutputWithPast, BaseModelOutputWithPooling, CausalLMOutputWithPast
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VisionTransformerPretrainedModel

from inference.models.opencua.configuration_opencua import OpenCUAConfig

# From the published names to ours; transformers turns them round when it saves.
RENAMES: tuple[tuple[str, str], ...] = (
    (r"^language_model.model", "model.language_model"),
    (r"^language_model.lm_head", "lm_head"),
    (r"^vision_tower", "model.visual"),
)
register_checkpoint_conversion_mapping(
    OpenCUAConfig.model_type,
    [WeightRenaming(source_patterns=published, target_patterns=ours) for published, ours in RENAMES],
    overwrite=True,
)


class PicturesDoNotFit(ValueError):
    """The prompt has not as many places as the pictures have tokens."""


class OpenCUAPreTrainedModel(PreTrainedModel):  # type: ignore[misc]
    config: OpenCUAConfig
    config_class = OpenCUAConfig
    base_model_prefix = "model"
    input_modalities = ("image", "text")
    supports_gradient_checkpointing = True
    _no_split_modules = ("Qwen2DecoderLayer", "Qwen2_5_VLVisionBlock")
    _skip_keys_device_placement = ("past_key_values",)
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_attention_backend = True


class OpenCUAModel(OpenCUAPreTrainedModel):
    """Eyes and language model, without the head."""

    def __init__(self, config: OpenCUAConfig) -> None:
        super().__init__(config)
        self.visual = Qwen2_5_VisionTransformerPretrainedModel._from_config(config.vision_config)
        self.language_model = Qwen2Model._from_config(config.text_config)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return cast(nn.Module, self.language_model.embed_tokens)

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.language_model.embed_tokens = value

    def get_image_features(self, pixel_values: Tensor, image_grid_thw: Tensor, **options: Any) -> BaseModelOutputWithPooling:
        """`pixel_values` `[L, C·t·p·p]`, `image_grid_thw` `[P, 3]`; `pooler_output` holds a tensor `[M, D]` for each picture."""
        options.pop("return_dict", None)
        seen = self.visual(pixel_values.to(self.visual.dtype), grid_thw=image_grid_thw, return_dict=True, **options)
        counts = image_grid_thw.prod(-1) // self.visual.spatial_merge_size**2
        seen.pooler_output = torch.split(seen.pooler_output, counts.tolist())
        return seen

    def forward(
        self,
        input_ids: Tensor | None = None,
        *,
        inputs_embeds: Tensor | None = None,
        position_ids: Tensor | None = None,
        pixel_values: Tensor | None = None,
        image_grid_thw: Tensor | None = None,
        mm_encoder_outputs: dict[str, Any] | None = None,
        **options: Any,
    ) -> BaseModelOutputWithPast:
        """Positions are `[B, T]`, or the three equal rows `[3, B, T]` in which models with M-RoPE get theirs."""
        seen = (mm_encoder_outputs or {}).get("image")
        if seen is None and pixel_values is not None:
            seen = self.get_image_features(pixel_values, cast(Tensor, image_grid_thw))
        if inputs_embeds is None:
            inputs_embeds = self.get_input_embeddings()(input_ids)
        if seen is not None:
            inputs_embeds = self._with_pictures(cast(Tensor, input_ids), inputs_embeds, torch.cat(tuple(seen.pooler_output)))
        if position_ids is not None and position_ids.ndim == 3:
            position_ids = position_ids[0]
        return self.language_model(inputs_embeds=inputs_embeds, position_ids=position_ids, **options)

    def _with_pictures(self, ids: Tensor, embedded: Tensor, features: Tensor) -> Tensor:
        places = ids == self.config.media_placeholder_token_id
        if int(places.sum()) != len(features):
            raise PicturesDoNotFit(
                f"the prompt has {int(places.sum())} places for pictures' tokens, and the pictures have {len(features)}: "
                "give each picture's placeholder as often as its merged patches are"
            )
        return embedded.masked_scatter(places[..., None], features.to(embedded.dtype))


class OpenCUAForConditionalGeneration(OpenCUAPreTrainedModel, GenerationMixin):  # type: ignore[misc]
    """OpenCUA with its head: `model(input_ids=…, pixel_values=…, image_grid_thw=…)`, `model.generate(…)`."""

    accepts_loss_kwargs = False
    _tied_weights_keys: dict[str, str] | None = None

    def __init__(self, config: OpenCUAConfig) -> None:
        super().__init__(config)
        self.model = OpenCUAModel(config)
        text: Any = config.text_config
        self.lm_head = nn.Linear(text.hidden_size, text.vocab_size, bias=False)
        self.post_init()

    def get_image_features(self, pixel_values: Tensor, image_grid_thw: Tensor, **options: Any) -> BaseModelOutputWithPooling:
        return self.model.get_image_features(pixel_values, image_grid_thw, **options)

    def forward(
        self,
        input_ids: Tensor | None = None,
        *,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        pixel_values: Tensor | None = None,
        image_grid_thw: Tensor | None = None,
        mm_encoder_outputs: dict[str, Any] | None = None,
        labels: Tensor | None = None,
        logits_to_keep: int | Tensor = 0,
        **options: Any,
    ) -> CausalLMOutputWithPast:
        """`options` are `inputs_embeds`, and for packed rows `cu_seq_lens_q` and the like. (`generate` reads the others' names.)"""
        output = self.model(
            input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            pixel_values=pixel_values,
            image_grid_thw=image_grid_thw,
            mm_encoder_outputs=mm_encoder_outputs,
            **options,
        )
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits = self.lm_head(output.last_hidden_state[:, kept])
        loss = None
        if labels is not None:
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=logits.shape[-1])
        return CausalLMOutputWithPast(loss=loss, logits=logits, past_key_values=output.past_key_values)

    def prepare_inputs_for_generation(self, *args: Any, is_first_iteration: bool | None = False, **kwargs: Any) -> dict[str, Any]:
        """Pictures are looked at once: afterwards they are in the cache. (`kwargs`: transformers looks for the name.)"""
        inputs: dict[str, Any] = super().prepare_inputs_for_generation(*args, is_first_iteration=is_first_iteration, **kwargs)
        if not is_first_iteration and inputs.get("use_cache", True):
            for name in ("pixel_values", "image_grid_thw", "mm_encoder_outputs"):
                inputs.pop(name, None)
        return inputs
