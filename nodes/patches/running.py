"""How a network is run: in which number format, by which attention, compiled or not."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import torch

from heddle.graph.declare import Choice, node
from heddle.numerics.attention_kernels import KERNELS, kernel_named
from heddle.wires import Model
from model_management.patches import KernelPatch

DTYPES = {"default": None, "fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


@node("ModelComputeDtype", category="advanced/debug", name="ModelComputeDtype")
def set_compute_dtype(
    model: Model,
    dtype: Annotated[
        str, Choice(*DTYPES, advanced=True, tip="The number format; `default` goes by the file and the device.")
    ],
) -> Model:
    """Have a model's weights kept and computed in one number format, whatever the file and the device suggest."""
    return replace(model, stored=replace(model.stored, dtype=DTYPES[dtype]))


@node(
    "ModelAttentionBackend", category="model/patch", name="ModelAttentionBackend", search=("sage", "flash", "xformers")
)
def choose_attention(
    model: Model,
    attention: Annotated[
        str,
        Choice(
            *KERNELS,
            tip="What computes it. `sub-quadratic` and `split` need less memory; the last three need packages, and "
            "leave to torch what those cannot do.",
        ),
    ],
) -> Model:
    """Choose what computes a model's attention. All give the same pictures, up to rounding."""
    return model.with_patch("attention", KernelPatch(kernel_named(attention), attention))
