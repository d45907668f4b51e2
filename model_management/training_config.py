"""What a model's training configuration says of it: a yaml file beside the model, or chosen with it.

Source of the places in it: the configurations of the published latent diffusion code.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import yaml

from heddle.graph.errors import WeightsError
from heddle.graph.said import say
from model_management.stored_tensors import Header

LARGEST_BYTES = 1 << 20

Predicted: TypeAlias = Literal["v", "eps"]


@dataclass(frozen=True)
class TrainingConfig:
    """What is said below `model.params`; None where nothing is.

    predicts: `parameterization`. uses_averages: `use_ema`, the averages of the training are the weights to use.
    latent_scale: `scale_factor`, see `LatentSpace.scale`.
    """

    predicts: Predicted | None = None
    uses_averages: bool = False
    latent_scale: float | None = None


def config_beside(header: Header) -> TrainingConfig:
    """That of the yaml file of the same name. Raises: WeightsError, if it cannot be read."""
    path = header.path.with_suffix(".yaml")
    return read_config(path) if path.is_file() else TrainingConfig()


def read_config(path: Path) -> TrainingConfig:
    """Raises: WeightsError, if the file cannot be read, or says a scale that is none."""
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise ValueError("it is far too large for a configuration")
        content = yaml.safe_load(path.read_text("utf-8"))
        for name in ("model", "params"):
            content = content.get(name) if isinstance(content, dict) else None
        params: dict[str, Any] = content if isinstance(content, dict) else {}
        scale = params.get("scale_factor")
        if scale is not None and not (isinstance(scale, int | float) and 0 < scale < float("inf")):
            raise ValueError(f"its scale_factor is {str(scale)[:100]!r}, but a number above 0 is wanted")
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as problem:
        raise WeightsError(
            say(
                "{file}, which says how a model is to be used, cannot be read: {why}; mend it, or take it away",
                file=path.name,
                why=problem,
            ),
            file=path,
        ) from problem
    return TrainingConfig(
        read_prediction(params.get("parameterization")),
        params.get("use_ema") is True,
        None if scale is None else float(scale),
    )


def read_prediction(word: Any) -> Predicted | None:
    """What a word says that a network predicts; None for any other."""
    word = word.lower() if isinstance(word, str) else ""
    if word in ("v", "v_prediction"):
        return "v"
    return "eps" if word in ("eps", "epsilon") else None
