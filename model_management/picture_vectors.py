"""What a vision encoder read off pictures, as the vector that some networks take beside the text.

Of a conditioning's options, read here: "unclip_conditioning", a list of {"clip_vision_output", "strength",
"noise_augmentation"}.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from heddle.graph.errors import ShapeError
from heddle.graph.said import say
from heddle.networks.unet import embed_timesteps
from heddle.numerics.embedding_noise import AS_THEY_ARE, Spread, level_of, with_noise

SHOWN = "unclip_conditioning"
SEED_OFFSET = -10  # from the run's seed to the one of this noise, as the ecosystem has it


def picture_vector(
    pictures: Sequence[Mapping[str, Any]],
    width: int,
    seed: int,
    *,
    together: float,
    spread: Spread = AS_THEY_ARE,
) -> Tensor:
    """Pictures, each noised as it asks for and times its strength, added up.

    A sum of several is noised once more: so the network gets something like what it was trained on.

    Args:
        width: of the embeddings that the network was trained on.
        seed: of the run; every picture has the same noise.
        together: the share of noise on a sum, 0..1.
    Returns: [1, 2 * width], float32: the embedding, then its noise level as cosines and sines.
    Raises: ShapeError, if a picture was read by an encoder of another width.
    """
    generator = torch.Generator("cpu")
    shown: list[Tensor] = []
    for picture in pictures:
        level = level_of(picture["noise_augmentation"])
        for embedding in picture["clip_vision_output"].image_embeds.float().cpu():
            if embedding.shape != (width,):
                raise ShapeError(
                    say(
                        "the image is encoded {shape} wide, but this model wants [{width}]; encode it "
                        "with the vision encoder of the model's own checkpoint, or the one that it was "
                        "trained with",
                        shape=list(embedding.shape),
                        width=width,
                    ),
                    wanted=(width,),
                    got=tuple(embedding.shape),
                )
            generator.manual_seed((seed + SEED_OFFSET) % 2**64)
            noised = with_noise(embedding[None], level, generator, spread)
            shown.append(torch.cat([noised, _told(level, width)], dim=1) * picture["strength"])
    whole = torch.stack(shown).sum(0)
    if len(shown) == 1:
        return whole
    level = level_of(together)
    return torch.cat([with_noise(whole[:, :width], level, generator, spread), _told(level, width)], dim=1)


def _told(level: int, width: int) -> Tensor:
    return embed_timesteps(torch.tensor([float(level)]), width)
