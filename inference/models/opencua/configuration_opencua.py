"""OpenCUA's configuration, under the names of the published `config.json`; copied beside saved weights, since vLLM wants it there.

It needs nothing but transformers. Sources: xlangai/OpenCUA-7B's `config.json`, vLLM 0.32 (`opencua.py`).
"""

from __future__ import annotations

from typing import Any, ClassVar

from transformers import PreTrainedConfig, Qwen2Config
from transformers.models.qwen2_5_vl.configuration_qwen2_5_vl import Qwen2_5_VLVisionConfig


class OpenCUAConfig(PreTrainedConfig):  # type: ignore[misc]
    """The eyes of Qwen2.5-VL before the language model of Qwen2; one token stands for a picture's place."""

    model_type = "opencua"
    sub_configs: ClassVar = {"text_config": Qwen2Config, "vision_config": Qwen2_5_VLVisionConfig}
    attribute_map: ClassVar = {"image_token_id": "media_placeholder_token_id"}

    text_config: dict[str, Any] | PreTrainedConfig | None = None
    vision_config: dict[str, Any] | PreTrainedConfig | None = None
    media_placeholder_token_id: int = 151664
    ignore_index: int = -100
    pad_token_id: int | None = 0
    tie_word_embeddings: bool = False

    def __post_init__(self, **kwargs: Any) -> None:
        self.text_config = _as(Qwen2Config, self.text_config)
        self.vision_config = _as(Qwen2_5_VLVisionConfig, self.vision_config)
        super().__post_init__(**kwargs)


def _as(kind: type[Any], given: Any) -> Any:
    """`given` as a configuration of `kind`, whatever it is: nothing, a dictionary, or a configuration of another class."""
    if isinstance(given, kind):
        return given
    return kind(**(given if isinstance(given, dict) else given.to_dict() if given is not None else {}))
