"""What packs find in `import latent_preview`: pictures of a latent while it is made.

Samplers of ours show previews by themselves. For packs that run steps of their own `prepare_callback` gives a function
to call after each step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from comfy.utils import ProgressBar
from nodes.closed_doors import behind

MAX_PREVIEW_RESOLUTION = 512


def __getattr__(name: str) -> Any:
    return behind("latent_preview", name)


def get_previewer(device: Any, latent_format: Any) -> None:
    """None: there is no decoder for previews that a pack could call."""


def prepare_callback(model: Any, steps: int, x0_output_dict: dict[str, Any] | None = None) -> Callable[..., None]:
    """A function (step, clean, x, total) that reports progress and leaves the last clean guess under "x0"."""
    bar = ProgressBar(steps)

    def callback(step: int, x0: Any, x: Any, total_steps: int) -> None:
        if x0_output_dict is not None:
            x0_output_dict["x0"] = x0
        bar.update_absolute(step + 1, total_steps)

    return callback
