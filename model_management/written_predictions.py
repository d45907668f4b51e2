"""What somebody wrote in a file, or beside it, about what its network predicts."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeAlias

import yaml

from heddle.graph.errors import WeightsError
from model_management.header import Header

#: In a file's metadata. Source: the Stability AI model metadata standard (modelspec 1.0).
_METADATA = "modelspec.prediction_type"

#: Tensors that mark, as an agreement between those who publish models, what the network predicts.
V_MARK = "v_pred"
ZERO_SNR_MARK = "ztsnr"

LARGEST_YAML_BYTES = 1 << 20

Predicted: TypeAlias = Literal["v", "eps"]


def written_prediction(header: Header) -> Predicted | None:
    """Told by a mark among the tensors, by the metadata, or by a yaml file of the same name beside the file.

    Raises: WeightsError, if the yaml file cannot be read.
    """
    if V_MARK in header:
        return "v"
    beside = header.path.with_suffix(".yaml")
    return _read(header.metadata.get(_METADATA, "")) or (prediction_in(beside) if beside.is_file() else None)


def prediction_in(path: Path) -> Predicted | None:
    """What a training configuration says, at `model.params.parameterization`.

    Raises: WeightsError, if the file cannot be read.
    """
    try:
        if path.stat().st_size > LARGEST_YAML_BYTES:
            raise ValueError("it is far too large for a configuration")
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as problem:
        raise WeightsError(
            f"{path.name}, which says how a model is to be used, cannot be read: {problem}; mend it, or take it away",
            file=path,
        ) from problem
    for name in ("model", "params", "parameterization"):
        content = content.get(name) if isinstance(content, dict) else None
    return _read(content)


def _read(word: Any) -> Predicted | None:
    word = word.lower() if isinstance(word, str) else ""
    if word in ("v", "v_prediction"):
        return "v"
    return "eps" if word in ("eps", "epsilon") else None
