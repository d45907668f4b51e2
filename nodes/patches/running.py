"""How a network is run: in which number format, by which attention, compiled or not."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import torch

from heddle.graph.declare import Choice, More, node
from heddle.graph.errors import GraphError
from heddle.graph.said import say
from heddle.numerics.attention import torch_attention
from heddle.numerics.attention_kernels import KERNELS, kernel_named
from heddle.wires import Model
from model_management.compiled import CompilePatch
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
    return _fitting(model.with_patch("attention", KernelPatch(kernel_named(attention), attention)))


@node("TorchCompileModel", category="experimental", name="TorchCompileModel", experimental=True)
def compile_model(
    model: Model,
    backend: Annotated[
        str,
        Choice(
            "inductor", "cudagraphs", advanced=True,
            tip="What compiles it. Inductor makes new code, which takes minutes the first time; cudagraphs records "
            "what a graphics card is told to do.",
        ),
        More({"multiselect": False}),
    ],
) -> Model:  # fmt: skip
    """Have a model's network compiled by torch at its first run, which makes all later ones faster.

    The code is kept while the program runs, for all models of the same structure: another LoRA needs no new one, a
    second size one more for all sizes. Where something steps into the network (FreeU, HyperTile ...), it is run as it
    is. It attends by torch's own kernels.
    """
    return _fitting(model.with_patch("compile", CompilePatch(backend)))


def _fitting(model: Model) -> Model:
    """The model. Raises: GraphError, if it is compiled and attends by a kernel that the compiler does not see into."""
    kernels = model.patches_of(KernelPatch)
    if kernels and kernels[-1].kernel is not torch_attention and model.patches_of(CompilePatch):
        raise GraphError(
            say(
                "a compiled model attends by torch's own kernels, but {kernel} was chosen for this one; "
                "leave TorchCompileModel out, or choose pytorch attention in ModelAttentionBackend",
                kernel=kernels[-1].name,
            ),
            found=kernels[-1].name,
            wanted="pytorch attention",
        )
    return model
