"""What the network of Stable Video Diffusion takes beside latent and time: the picture that the video begins with.

A conditioning's states are that picture as CLIP's vision encoder reads it. Of its options, read here:
"concat_latent_image", its latent, see `concat_inputs`; "fps", frames a second; "motion_bucket_id", how much is to
move; "augmentation_level", how much noise lies over the picture.

Source: Blattmann et al. 2023, arXiv:2311.15127, appendix D, and the configuration published with the checkpoints.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from heddle.networks.unet import embed_timesteps
from model_management.family import RunFacts

#: Each number becomes so many cosines and sines.
NUMBER_WIDTH = 256

FPS, MOTION, AUGMENTATION = 6, 127, 0.0


def picture_and_motion(states: Tensor, more: Mapping[str, Any], run: RunFacts) -> dict[str, Tensor]:
    """The picture as it was read, and the three numbers as one vector.

    The rate is told as one less: so the network was trained.
    """
    numbers = (
        more.get("fps", FPS) - 1,
        more.get("motion_bucket_id", MOTION),
        more.get("augmentation_level", AUGMENTATION),
    )
    embedded = embed_timesteps(torch.tensor([float(number) for number in numbers]), NUMBER_WIDTH)
    return {"context": states, "vector": embedded.reshape(1, -1)}
