"""An earlier demo model to go on from: what a new training takes over from its file."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from heddle.graph.errors import SettingsError
from heddle.networks.clip_text import ClipText
from heddle.training.reading import Vocabulary

UNET, VAE, TEXT = "model.diffusion_model.", "first_stage_model.", "cond_stage_model.transformer."
WORDS = "text_model.embeddings.token_embedding.weight"


class Earlier(NamedTuple):
    """The three nets of a demo model's file, float32, by the names of their parameters."""

    text: dict[str, Tensor]
    unet: dict[str, Tensor]
    vae: dict[str, Tensor]


def read_earlier(path: Path) -> Earlier:
    """The weights of a file that `export` wrote. Raises: SettingsError, if it is no such file."""
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise SettingsError(f"--start {path}: {error}; name a demo model's .safetensors file") from error
    if f"{TEXT}{WORDS}" not in tensors:
        raise SettingsError(f"--start {path} has no {TEXT}{WORDS}; name the file of a demo model")

    def part(prefix: str) -> dict[str, Tensor]:
        return {
            name.removeprefix(prefix): each.float() if each.is_floating_point() else each
            for name, each in tensors.items()
            if name.startswith(prefix)
        }

    return Earlier(part(TEXT), part(UNET), part(VAE))


def take_over(net: nn.Module, weights: dict[str, Tensor], what: str) -> None:
    """Load what there is of a net's weights; layers that the earlier net did not have stay as they are.

    Raises: SettingsError, if the earlier net was wider or narrower.
    """
    own = net.state_dict()
    for name, each in weights.items():
        if name not in own or own[name].shape != each.shape:
            wanted = f"one of shape {list(own[name].shape)}" if name in own else "none"
            raise SettingsError(
                f"the earlier model's {what} has {name} of shape {list(each.shape)}, but this training's has {wanted}; "
                "train from nothing instead"
            )
    net.load_state_dict(weights, strict=False)


def take_over_text(text: ClipText, weights: dict[str, Tensor], vocabulary: Vocabulary) -> None:
    """The earlier text encoder, in a vocabulary that may have more words than the earlier one had.

    Words that no earlier caption used share one row in the file; those keep the fresh row that they have here.
    """
    with torch.no_grad():
        fresh = text.text_model.embeddings.token_embedding.weight
        earlier = weights[WORDS][torch.tensor([0, *vocabulary.tokens])].to(fresh)
        is_known = (earlier != earlier[0]).any(dim=1)
        is_known[0] = True
        rows = torch.where(is_known[:, None], earlier, fresh)
    take_over(text, {**weights, WORDS: rows}, "text encoder")
