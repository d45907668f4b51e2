"""Stable Diffusion 2.x (2.0 and 2.1, base and v), which reads OpenCLIP-H.

Source: the headers of the published 2.1 checkpoints; v: Salimans & Ho 2022, arXiv:2202.00512.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from heddle.networks.clip_text import ClipText
from heddle.samplers.predictions import Prediction, Velocity
from model_management.families.sd15.family import SD15, UNET
from model_management.family import TextPart
from model_management.header import Header
from model_management.net_sizes import open_clip_text_config
from model_management.places import in_open_clip
from model_management.signs import below, same_columns
from model_management.tensor_reading import open_tensors
from model_management.unet_signs import plain_unet
from model_management.written_predictions import written_prediction

TEXT = "cond_stage_model.model."
READS_OWN_TEXT = same_columns(
    f"{UNET}middle_block.1.transformer_blocks.0.attn2.to_k.weight", f"{TEXT}token_embedding.weight"
)
NETWORK = plain_unet(4, is_linear=True)

#: Where nothing is written, the ecosystem tells networks that predict v by the spread of this tensor: training on v
#: has moved it, and it stands above this number in the published ones.
TELLING = "output_blocks.11.1.transformer_blocks.0.norm1.bias"
V_SPREADS_ABOVE = 0.09

EPSILON = SD15.predicts
VELOCITY = Velocity(SD15.predicts.schedule)


def told_prediction(header: Header, key_of: Callable[[str], str]) -> Prediction | None:
    """What a file's network predicts: as written in or beside the file, else as its weights show."""
    written = written_prediction(header)
    if written is None and key_of(TELLING) in header:
        with open_tensors(header) as tensors:
            spread = float(torch.std(tensors.get_tensor(key_of(TELLING)).float()))
        written = "v" if spread > V_SPREADS_ABOVE else "eps"
    return VELOCITY if written == "v" else EPSILON


SD21 = replace(
    SD15,
    name="sd21",
    signs=(below(UNET, *NETWORK), READS_OWN_TEXT),
    network_signs=NETWORK,
    text=(TextPart(TEXT, open_clip_text_config, ClipText, in_open_clip, name="h", pad=0, layer=-2),),
    told_prediction=told_prediction,
    native_px=768,
)
