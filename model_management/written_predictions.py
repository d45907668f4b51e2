"""What somebody wrote in a file, or beside it, about what its network predicts."""

from __future__ import annotations

from model_management.header import Header
from model_management.training_config import Predicted, config_beside, read_prediction

#: In a file's metadata. Source: the Stability AI model metadata standard (modelspec 1.0).
_METADATA = "modelspec.prediction_type"

#: Tensors that mark, as an agreement between those who publish models, what the network predicts.
V_MARK = "v_pred"
ZERO_SNR_MARK = "ztsnr"


def written_prediction(header: Header) -> Predicted | None:
    """Told by a mark among the tensors, by the metadata, or by a yaml file of the same name beside the file.

    Raises: WeightsError, if the yaml file cannot be read.
    """
    if V_MARK in header:
        return "v"
    return read_prediction(header.metadata.get(_METADATA, "")) or config_beside(header).predicts
