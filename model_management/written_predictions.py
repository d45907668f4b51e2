"""What somebody wrote in a file, or beside it, about what its network predicts."""

from __future__ import annotations

from typing import Any, Literal

import yaml

from heddle.graph.errors import WeightsError
from model_management.header import Header

#: In a file's metadata. Source: the Stability AI model metadata standard (modelspec 1.0).
_METADATA = "modelspec.prediction_type"

#: Tensors that mark, as an agreement between those who publish models, what the network predicts.
V_MARK = "v_pred"
ZERO_SNR_MARK = "ztsnr"

LARGEST_YAML_BYTES = 1 << 20


def written_prediction(header: Header) -> Literal["v", "eps"] | None:
    """Told by a mark among the tensors, by the metadata, or by a yaml file of the same name beside the file.

    Raises: WeightsError, if the yaml file cannot be read.
    """
    if V_MARK in header:
        return "v"
    word = header.metadata.get(_METADATA, "").lower() or _beside(header)
    if word in ("v", "v_prediction"):
        return "v"
    return "eps" if word in ("eps", "epsilon") else None


def _beside(header: Header) -> str:
    path = header.path.with_suffix(".yaml")
    try:
        if not path.is_file() or path.stat().st_size > LARGEST_YAML_BYTES:
            return ""
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as problem:
        raise WeightsError(
            f"{path.name}, which says how {header.path.name} is to be used, cannot be read: {problem}; "
            "mend it, or take it away",
            file=path,
        ) from problem
    return _parameterization(content)


def _parameterization(content: Any) -> str:
    """`model.params.parameterization`, as the original training configurations have it."""
    for name in ("model", "params", "parameterization"):
        content = content.get(name) if isinstance(content, dict) else None
    return content.lower() if isinstance(content, str) else ""
