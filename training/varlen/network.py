"""A transformers model that reads packs: hidden states, and the summed loss without ever holding logits of all tokens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from inference.models.kimi_vl.experts import Sequences, routers
from inference.vlm.one_stream import is_one_stream, picture_pixels
from training.packing import IGNORED, Pack
from training.varlen.attention import use_library_attention, use_packed_attention
from training.varlen.one_stream import prepare_stream, with_picture_tokens
from training.varlen.recurrent import reset_states_at_boundaries

Wanted = Literal["loss", "log-probs", "logits", "last-logits", "library-logits"]


class Part(NamedTuple):
    """Places of the pack that are learnt together, and whether they are learnt to be followed by a picture's token."""

    places: Tensor
    pictures: bool


class PackedNetwork(nn.Module):
    """`model` (a transformers model, or peft's wrapper of one) on packs.

    `forward(pack)` is the summed cross-entropy of the pack's labels, in fp32. It is computed over the learnt tokens only, `loss_chunk` of
    them at a time, and a chunk's logits are made again in the backward pass. `log-probs` are those of each segment `[S]`. All else goes
    through `forward` too, as wrappers that shard the weights gather them there: `logits` of every token or the last, and
    `library-logits`, transformers' own path on a pack of one.

    While training, `z_loss` times the square of log Z is added for each learnt token, Z being what the softmax divides by (Chameleon,
    arXiv 2405.09818, section 2.3, with 1e-5; PaLM, arXiv 2204.02311).

    So is `balance_loss` times the unevenness of experts within each sequence, for each learnt token of it, in every layer that has routers
    of ours (`inference.models.kimi_vl.experts.sequence_balance`).

    Where pictures are tokens of the vocabulary, the softmax of a text token leaves them out, as transformers' own loss and every answer
    do; a picture's token, where it is learnt, has the softmax over all.
    """

    picture_ids: Tensor | None

    def __init__(self, model: nn.Module, *, loss_chunk: int = 1024, z_loss: float = 0.0, balance_loss: float = 0.0) -> None:
        super().__init__()
        self.model = model
        self.loss_chunk = loss_chunk
        self.z_loss = z_loss
        self.balance_loss = balance_loss
        self.routers = list(routers(model)) if balance_loss else []
        self.is_one_stream = is_one_stream(self.core.config)
        self.register_buffer("picture_ids", prepare_stream(self.core) if self.is_one_stream else None, persistent=False)
        use_packed_attention(self.core)
        self.recurrent_layers = reset_states_at_boundaries(model)

    @property
    def core(self) -> Any:
        """The transformers model itself, with its head."""
        model: Any = self.model
        return model.get_base_model() if hasattr(model, "get_base_model") else model

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    def kept_whole(self) -> Iterator[nn.Parameter]:
        """What every rank keeps in the weights' own numbers: in others, pictures would have other tokens than when the model is served."""
        return self.core.model.vqmodel.parameters() if self.is_one_stream else iter(())

    def forward(self, pack: Pack, want: Wanted = "loss") -> Tensor:
        if want == "library-logits":
            return self._library_logits(pack)
        if self.is_one_stream:
            pack = with_picture_tokens(self.core, pack)
        for router in self.routers:
            router.sequences, router.unevenness = sequences_of(pack), None
        hidden, unseen = self._hidden(pack)
        if want == "last-logits":
            return self._head(hidden[-1])
        if want == "logits":
            return self._head(hidden)
        if want == "log-probs":
            return self.log_probs(hidden, pack) + unseen
        return self.summed_loss(hidden, pack.labels[0]) + self._unevenness() + unseen

    def _hidden(self, pack: Pack) -> tuple[Tensor, Tensor]:
        """States `[T, D]` after the last norm, and a zero that hangs on the eyes where the pack has no pictures.

        Every rank has to look at something: with sharded weights the others wait for it, and with replicated ones for its gradients.
        The eyes are called apart from the rest: some models hand the text's segments on to them.
        """
        segments: dict[str, Any] = {
            "cu_seq_lens_q": pack.cu_seqlens,
            "cu_seq_lens_k": pack.cu_seqlens_k,
            "max_length_q": pack.max_seqlen,
            "max_length_k": pack.max_seqlen_k,
        }
        if pack.key_index is not None:
            segments["key_index"] = pack.key_index
        nothing = torch.zeros((), device=self.device)
        if pack.pixel_values is not None and pack.grid_thw is not None:
            segments["mm_encoder_outputs"] = {"image": self._look(pack.pixel_values, pack.grid_thw)}
        elif (eyes := getattr(self.core.config, "vision_config", None)) is not None:
            nothing = _sum(self._look(*smallest_picture(eyes, self.device))) * 0.0
        hidden = self.core.model(**self._inputs(pack), **segments).last_hidden_state[0]
        return hidden, nothing

    def _inputs(self, pack: Pack) -> dict[str, Any]:
        positions = pack.positions if pack.positions.shape[0] > 1 and not self.is_one_stream else pack.positions[0]
        return {"input_ids": pack.ids, "position_ids": positions, "use_cache": False}

    def _look(self, pixel_values: Tensor, grid_thw: Tensor) -> Any:
        return self.core.model.get_image_features(self._patches(pixel_values), grid_thw, return_dict=True)

    def _patches(self, pixel_values: Tensor) -> Tensor:
        if self.core.config.model_type != "kimi_k25":
            return pixel_values
        side = self.core.config.vision_config.patch_size  # whose patches stay squares
        return pixel_values.view(len(pixel_values), -1, side, side)

    def summed_loss(self, hidden: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of `labels` `[T]` from states `[T, D]`, summed."""
        if bool((labels == IGNORED).all()):  # the rank still has to take part, with gradients of zero
            return self._chunk_loss(hidden[:1], labels[:1].clamp_min(0)) * 0.0
        total = hidden.new_zeros((), dtype=torch.float32)
        z = self.z_loss if self.training else 0.0
        for places, pictures in self._parts(labels):
            found = checkpoint(self._chunk_loss, hidden[places], labels[places], z=z, pictures=pictures, use_reentrant=False)
            total = total + cast(Tensor, found)
        return total

    def _unevenness(self) -> Tensor:
        """What routers have just left, weighed."""
        found = [router.unevenness for router in self.routers if router.unevenness is not None]
        for router in self.routers:
            router.unevenness = None
        return self.balance_loss * torch.stack(found).sum() if found else torch.zeros((), device=self.device)

    def _parts(self, labels: Tensor) -> Iterator[Part]:
        """What of `labels` `[T]` is learnt, `loss_chunk` places at a time, pictures apart from text."""
        learnt = (labels != IGNORED).nonzero()[:, 0]
        pictures = torch.zeros_like(learnt, dtype=torch.bool)
        if self.picture_ids is not None:
            pictures = torch.isin(labels[learnt], self.picture_ids)
        for kind in (False, True):
            for places in torch.split(learnt[pictures == kind], self.loss_chunk):
                if len(places):
                    yield Part(places, kind)

    def log_probs(self, hidden: Tensor, pack: Pack) -> Tensor:
        """Log-probability of what is learnt in each segment `[S]`, from states `[T, D]`."""
        labels = pack.labels[0]
        total = hidden.new_zeros(len(pack.cu_seqlens) - 1, dtype=torch.float32)
        for places, pictures in self._parts(labels):
            segments = torch.searchsorted(pack.cu_seqlens[1:].long(), places, right=True)
            losses = checkpoint(self._chunk_loss, hidden[places], labels[places], "none", pictures=pictures, use_reentrant=False)
            total = total.index_add(0, segments, -cast(Tensor, losses))
        return total

    def _chunk_loss(self, hidden: Tensor, labels: Tensor, reduction: str = "sum", *, z: float = 0.0, pictures: bool = False) -> Tensor:
        logits = self._head(hidden, pictures=pictures).float()
        loss = functional.cross_entropy(logits, labels, reduction=reduction)
        return loss + z * logits.logsumexp(-1).square().sum() if z else loss

    def _head(self, hidden: Tensor, *, pictures: bool = False) -> Tensor:
        """Logits `[..., V]`, without those of pictures' tokens unless `pictures`."""
        logits: Tensor = self.core.get_output_embeddings()(hidden)
        if self.picture_ids is not None and not pictures:
            return logits.index_fill(-1, self.picture_ids, torch.finfo(logits.dtype).min)
        return logits

    def _library_logits(self, pack: Pack) -> Tensor:
        if len(pack.cu_seqlens) != 2:
            raise ValueError(f"transformers' own path is for one sample, and this pack has {len(pack.cu_seqlens) - 1}")
        seen: dict[str, Any] = {}
        if pack.pixel_values is not None and pack.grid_thw is not None:
            seen = {"pixel_values": self._patches(pack.pixel_values), "image_grid_thw": pack.grid_thw}
            if self.is_one_stream:
                pixels = torch.cat(picture_pixels(pack.pixel_values, pack.grid_thw))
                with torch.autocast(pixels.device.type, enabled=False):  # see `picture_tokens`
                    seen = {"mm_encoder_outputs": {"image": self.core.model.get_image_features(pixels, return_dict=True)}}
        use_library_attention(self.core)
        try:
            return cast(Tensor, self.core(**self._inputs(pack), **seen).logits[0])
        finally:
            use_packed_attention(self.core)


def sequences_of(pack: Pack) -> Sequences:
    """Each segment of `pack`, which counts as much as it has to learn: divided by all that is learnt in a step, the weights add up to 1."""
    learnt = torch.cat([pack.labels.new_zeros(1), (pack.labels[0] != IGNORED).cumsum(0)])
    return Sequences(pack.cu_seqlens, learnt[pack.cu_seqlens.long()].diff().float())


def smallest_picture(eyes: Any, device: torch.device) -> tuple[Tensor, Tensor]:
    """Patches and grid of the smallest picture, grey, that a vision tower with the configuration `eyes` can look at."""
    merge = getattr(eyes, "spatial_merge_size", None) or eyes.merge_kernel_size[0]
    channels = getattr(eyes, "in_channels", None) or getattr(eyes, "in_chans", None) or 3
    numbers = channels * (getattr(eyes, "temporal_patch_size", None) or 1) * eyes.patch_size**2
    return torch.zeros(merge * merge, numbers, device=device), torch.tensor([[1, merge, merge]], device=device)


def _sum(features: Any) -> Tensor:
    """Of all numbers in a tower's output."""
    parts = [*_tensors(features.pooler_output), *_tensors(getattr(features, "deepstack_features", None))]
    return torch.stack([part.float().sum() for part in parts]).sum()


def _tensors(features: Any) -> list[Tensor]:
    """The tensors in a tensor, or in nested lists of them."""
    if features is None:
        return []
    return [features] if isinstance(features, Tensor) else [tensor for item in features for tensor in _tensors(item)]
