"""Kimi-VL's configuration, under the names of the published `config.json`; the defaults are Kimi-VL-A3B's.

Sources: vLLM 0.32 (`kimi_vl.py`, `moonvit.py`), torchtitan's `kimi_k2_7` registry, the Kimi-VL report (arXiv 2504.07491).
"""

from __future__ import annotations

from typing import Any, ClassVar

from transformers import DeepseekV3Config, PreTrainedConfig

MODEL_TYPE = "kimi_vl"


class MoonViTConfig(PreTrainedConfig):  # type: ignore[misc]
    """MoonViT: patches of `patch_size` px, merged `merge_kernel_size` patches to a token, a table of positions of the given sides."""

    model_type = "moonvit"
    base_config_key = "vision_config"

    patch_size: int = 14
    init_pos_emb_height: int = 64
    init_pos_emb_width: int = 64
    num_attention_heads: int = 16
    num_hidden_layers: int = 27
    hidden_size: int = 1152
    intermediate_size: int = 4304
    merge_kernel_size: tuple[int, int] | list[int] = (2, 2)
    initializer_range: float = 0.02


class MoonlightConfig(DeepseekV3Config):  # type: ignore[misc]
    """Moonlight-16B-A3B (arXiv 2502.16982): DeepSeek-V3's architecture without query compression and without groups of experts."""

    model_type = "deepseek_v3"  # as the published file says
    base_config_key = "text_config"

    vocab_size: int = 163840
    hidden_size: int = 2048
    intermediate_size: int = 11264
    moe_intermediate_size: int = 1408
    num_hidden_layers: int = 27
    num_attention_heads: int = 16
    num_key_value_heads: int | None = 16
    n_shared_experts: int = 2
    n_routed_experts: int = 64
    routed_scaling_factor: float = 2.446
    q_lora_rank: int | None = None
    n_group: int | None = 1
    topk_group: int | None = 1
    num_experts_per_tok: int | None = 6
    first_k_dense_replace: int | None = 1
    max_position_embeddings: int = 131072
    rms_norm_eps: float = 1e-5
    bos_token_id: int | None = 163584
    eos_token_id: int | list[int] | None = 163586
    num_nextn_predict_layers: int = 0
    num_mtp_layers: int = 0
    # vLLM reads these three; it has no other way of knowing that scores are sigmoids with a correction bias.
    scoring_func: str = "sigmoid"
    topk_method: str = "noaux_tc"
    moe_layer_freq: int = 1
    rope_theta: float = 800000.0
    rope_parameters: Any = None

    def __post_init__(self, **kwargs: Any) -> None:
        if self.rope_parameters is None:
            self.rope_parameters = {"rope_type": "default", "rope_theta": self.rope_theta}
        super().__post_init__(**kwargs)
        _check_text(self)


class KimiVLConfig(PreTrainedConfig):  # type: ignore[misc]
    """The whole model: `vision_config`, `text_config`, and the token that stands for a picture's place."""

    model_type = MODEL_TYPE
    sub_configs: ClassVar = {"text_config": MoonlightConfig, "vision_config": MoonViTConfig}
    attribute_map: ClassVar = {"image_token_id": "media_placeholder_token_id"}

    text_config: dict[str, Any] | PreTrainedConfig | None = None
    vision_config: dict[str, Any] | PreTrainedConfig | None = None
    media_placeholder_token_id: int = 163605
    ignore_index: int = -100
    pad_token_id: int | None = 0
    tie_word_embeddings: bool = False

    def __post_init__(self, **kwargs: Any) -> None:
        self.text_config = _as(MoonlightConfig, self.text_config)
        self.vision_config = _as(MoonViTConfig, self.vision_config)
        super().__post_init__(**kwargs)


class UnsupportedKimi(ValueError):
    """The configuration asks for something that no published Kimi-VL has; the message names the field."""


def _as(kind: type[Any], given: Any) -> Any:
    """`given` as a configuration of `kind`, whatever it is: nothing, a dictionary, or a configuration of another class."""
    if isinstance(given, kind):
        return given
    return kind(**(given if isinstance(given, dict) else given.to_dict() if given is not None else {}))


def _check_text(config: Any) -> None:
    """Refuse what would be silently computed otherwise."""
    wanted: dict[str, Any] = {"q_lora_rank": None, "n_group": 1, "topk_group": 1, "scoring_func": "sigmoid", "topk_method": "noaux_tc"}
    wanted |= {"moe_layer_freq": 1, "hidden_act": "silu", "attention_bias": False, "rope_interleave": True}
    for name, value in wanted.items():
        if getattr(config, name) != value:
            raise UnsupportedKimi(f"text_config.{name} is {getattr(config, name)!r}: Kimi-VL's language model has {value!r}")
    if config.rope_parameters["rope_type"] != "default":
        raise UnsupportedKimi(f"text_config.rope_parameters is {config.rope_parameters}: Kimi-VL does not scale its positions")
