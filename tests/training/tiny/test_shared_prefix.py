"""Training computes what the exported model computes."""

from __future__ import annotations

import pytest
import torch
from transformers import PreTrainedTokenizerFast, Qwen2_5_VLForConditionalGeneration

from training.tiny.architecture import NUM_IMAGE_TOKENS, build_model
from training.tiny.shared_prefix import Segments, SharedPrefixModel, patchify
from training.tiny.tokenizer import build_tokenizer

BEFORE, AFTER = [9, 10, 11, 3], [4]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return build_tokenizer([])


@pytest.fixture(scope="module")
def model(tokenizer: PreTrainedTokenizerFast) -> Qwen2_5_VLForConditionalGeneration:
    return build_model(tokenizer).eval()


@torch.no_grad()
def test_questions_behind_a_shared_picture_equal_the_model_on_each_alone(model: Qwen2_5_VLForConditionalGeneration) -> None:
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (2, 320, 320, 3), dtype=torch.uint8, generator=generator)
    sizes = [5, 12, 1, 9, 7, 12]
    longest = 16
    questions = [torch.randint(20, 1000, (size,), generator=generator) for size in sizes]
    rows = torch.cat([torch.arange(size) + number * longest for number, size in enumerate(sizes)])
    segments = Segments(ids=torch.cat(questions), rows=rows, num_segments=6, max_length=longest, per_image=3)
    hidden = SharedPrefixModel(model, BEFORE, AFTER)(images, segments).hidden
    logits = (hidden @ model.lm_head.weight.T).split(sizes)
    for number, question in enumerate(questions):
        expected = _alone(model, images[number // 3], question)
        torch.testing.assert_close(logits[number], expected, atol=1e-5, rtol=0)


def _alone(model: Qwen2_5_VLForConditionalGeneration, image: torch.Tensor, question: torch.Tensor) -> torch.Tensor:
    patches = patchify(image[None])[0].view(400, 3, 1, 256).expand(-1, -1, 2, -1).reshape(400, -1)
    ids = torch.tensor([*BEFORE, *[model.config.image_token_id] * NUM_IMAGE_TOKENS, *AFTER, *question.tolist()])[None]
    pictures = (ids == model.config.image_token_id).int()
    out = model(input_ids=ids, pixel_values=patches, image_grid_thw=torch.tensor([[1, 20, 20]]), mm_token_type_ids=pictures)
    return out.logits[0, -len(question) :]


def test_patches_equal_those_of_the_models_own_image_processor() -> None:
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    image = torch.randint(0, 256, (320, 320, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    processor = Qwen2VLImageProcessorPil(
        patch_size=16, merge_size=2, size={"shortest_edge": 1024, "longest_edge": 1 << 20}, image_mean=[0.5] * 3, image_std=[0.5] * 3
    )
    theirs = torch.as_tensor(processor(images=[image.numpy()], return_tensors="np")["pixel_values"]).view(400, 3, 2, 256)
    ours = patchify(image[None])[0].view(400, 3, 256)
    torch.testing.assert_close(theirs[:, :, 0], ours, atol=1e-6, rtol=0)
    torch.testing.assert_close(theirs[:, :, 1], ours, atol=1e-6, rtol=0)
