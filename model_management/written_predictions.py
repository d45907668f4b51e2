"""What somebody wrote in a file, or beside it, about what its network predicts."""

from __future__ import annotations

import torch
from torch import Tensor

from heddle.samplers.noise_schedules import ContinuousEdm
from heddle.samplers.predictions import Epsilon, Prediction, Velocity
from model_management.family import LatentSpace
from model_management.header import Header
from model_management.tensor_reading import open_tensors
from model_management.training_config import Predicted, config_beside, read_prediction

#: In a file's metadata. Source: the Stability AI model metadata standard (modelspec 1.0); what other engines save.
_METADATA = "modelspec.prediction_type"
_METADATA_TOO = "modelspec.predict_key"

#: Tensors that mark, as an agreement between those who publish models, what the network predicts.
V_MARK = "v_pred"
ZERO_SNR_MARK = "ztsnr"

#: Models that were trained on v and EDM's levels (CosXL) have the first and the last of them as tensors.
LEVELS_TOP, LEVELS_END = "edm_vpred.sigma_max", "edm_vpred.sigma_min"
EDM_END = 0.002  # Karras et al. 2022, arXiv:2206.00364, table 1

#: Of the latents, by channel, where a model has its own (Playground 2.5).
MEANS, SPREADS = "edm_mean", "edm_std"

_NEAR_PURE_NOISE = 1000.0  # a last level beyond this: the table was moved there, others end at 15


def written_prediction(header: Header) -> Predicted | None:
    """Told by a mark among the tensors, by the metadata, or by a yaml file of the same name beside the file.

    Raises: WeightsError, if the yaml file cannot be read.
    """
    if V_MARK in header:
        return "v"
    for key in (_METADATA, _METADATA_TOO):
        if (said := read_prediction(header.metadata.get(key))) is not None:
            return said
    return config_beside(header).predicts


def written_levels(header: Header) -> ContinuousEdm | None:
    """EDM's levels, of which a file may say the highest and the lowest."""
    if LEVELS_TOP not in header:
        return None
    with open_tensors(header) as tensors:
        top = float(tensors.get_tensor(LEVELS_TOP))
        return ContinuousEdm(float(tensors.get_tensor(LEVELS_END)) if LEVELS_END in header else EDM_END, top)


def marks_of(predicts: Prediction, latent: LatentSpace) -> dict[str, Tensor]:
    """The tensors that say in a file what a network predicts, and of which latents; none where that is epsilon."""
    if latent.means:
        return {MEANS: torch.tensor(latent.means), SPREADS: torch.tensor(latent.spreads)}
    if not isinstance(predicts, Velocity):
        return {}
    schedule = predicts.schedule
    if isinstance(schedule, ContinuousEdm):
        return {LEVELS_TOP: torch.tensor(schedule.sigma_max), LEVELS_END: torch.tensor(schedule.sigma_min)}
    ends_in_noise = schedule.sigma_max > _NEAR_PURE_NOISE
    return {mark: torch.zeros(0) for mark in (V_MARK, *([ZERO_SNR_MARK] if ends_in_noise else []))}


def prediction_texts(predicts: Prediction) -> dict[str, str]:
    """The same for a file's metadata: epsilon has no tensor that says it."""
    return {_METADATA: "epsilon"} if type(predicts) is Epsilon else {}
