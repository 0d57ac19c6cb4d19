"""What `vllm serve` is started with for a family: options that follow from how its models are asked."""

from __future__ import annotations

import json

from inference.families.spec import Family

MANY_IMAGES = 100  # where the history has no limit of its own


def vllm_arguments(family: Family, *, least_images: int = 0) -> tuple[str, ...]:
    """The options of `vllm serve` for models of `family`, word by word; those that Deftly needs are never at vLLM's own default.

    Pictures are limited to as many as the context may show (at least `least_images`), and sized by the rule by which coordinates are read.
    Sampling is that of each request alone: the model's `generation_config.json` is left out.
    """
    image, server = family.image, family.server
    images = max(least_images, family.history.images or MANY_IMAGES)
    arguments = ["--limit-mm-per-prompt", json.dumps({"image": images, "video": 0})]
    if image.fit == "resize":
        arguments += ["--mm-processor-kwargs", json.dumps({"min_pixels": image.min_pixels, "max_pixels": image.max_pixels})]
    if server.max_model_len is not None:
        arguments += ["--max-model-len", str(server.max_model_len)]
    if server.trust_remote_code:
        arguments.append("--trust-remote-code")
    return (*arguments, "--generation-config", "vllm", *server.arguments)
