"""Diffusion models mixed with a share for each of their parts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from heddle.graph.declare import Named, Number, node
from heddle.wires import Model
from model_management.merged_weights import merge_models
from nodes.merging.models import First, Second

CATEGORY = "model/merging/model specific"

_Shares = Number(default=1.0, low=0.0, high=1.0, step=0.01, tip="The share of the first model in this part.")


def _parts(*parts: str | tuple[str, int]) -> Named:
    """Names of parts; a pair is a numbered one and how many there are: ("blocks.{}.", 3)."""

    def written() -> Iterable[str]:
        for part in parts:
            if isinstance(part, str):
                yield part
            else:
                yield from (part[0].format(number) for number in range(part[1]))

    return Named(tuple(written()))


_SD1 = _parts(
    *("time_embed.", "label_emb.", ("input_blocks.{}.", 12), ("middle_block.{}.", 3), ("output_blocks.{}.", 12), "out.")
)
_SDXL = _parts(
    *("time_embed.", "label_emb.", ("input_blocks.{}", 9), ("middle_block.{}", 3), ("output_blocks.{}", 9), "out.")
)
_SD3 = ("pos_embed.", "x_embedder.", "context_embedder.", "y_embedder.", "t_embedder.")
_SD3_2B = _parts(*_SD3, ("joint_blocks.{}.", 24), "final_layer.")
_SD35_LARGE = _parts(*_SD3, ("joint_blocks.{}.", 38), "final_layer.")
_FLUX = _parts(
    *("img_in.", "time_in.", "guidance_in", "vector_in.", "txt_in."),
    *(("double_blocks.{}.", 19), ("single_blocks.{}.", 38), "final_layer."),
)
_AURAFLOW = _parts(
    *("init_x_linear.", "positional_encoding", "cond_seq_linear.", "register_tokens", "t_embedder."),
    *(("double_layers.{}.", 4), ("single_layers.{}.", 32), "modF.", "final_linear."),
)


@node("ModelMergeSD1", category=CATEGORY, search=("block weights",))
def mix_sd1(model1: First, model2: Second, **shares: Annotated[float, _Shares, _SD1]) -> Model:
    """Mix two models of Stable Diffusion 1 with a share for each block."""
    return merge_models(model1, model2, "mix", shares)


@node("ModelMergeSD2", category=CATEGORY, search=("block weights",))
def mix_sd2(model1: First, model2: Second, **shares: Annotated[float, _Shares, _SD1]) -> Model:
    """Mix two models of Stable Diffusion 2 with a share for each block."""
    return merge_models(model1, model2, "mix", shares)


@node("ModelMergeSDXL", category=CATEGORY, search=("block weights",))
def mix_sdxl(model1: First, model2: Second, **shares: Annotated[float, _Shares, _SDXL]) -> Model:
    """Mix two models of SDXL with a share for each block."""
    return merge_models(model1, model2, "mix", shares)


@node("ModelMergeSD3_2B", category=CATEGORY, search=("block weights",))
def mix_sd3(model1: First, model2: Second, **shares: Annotated[float, _Shares, _SD3_2B]) -> Model:
    """Mix two models of Stable Diffusion 3 with a share for each block."""
    return merge_models(model1, model2, "mix", shares)


@node("ModelMergeSD35_Large", category=CATEGORY, search=("block weights",))
def mix_sd35_large(model1: First, model2: Second, **shares: Annotated[float, _Shares, _SD35_LARGE]) -> Model:
    """Mix two large models of Stable Diffusion 3.5 with a share for each block."""
    return merge_models(model1, model2, "mix", shares)


@node("ModelMergeFlux1", category=CATEGORY, search=("block weights",))
def mix_flux(model1: First, model2: Second, **shares: Annotated[float, _Shares, _FLUX]) -> Model:
    """Mix two models of Flux with a share for each block."""
    return merge_models(model1, model2, "mix", shares)


@node("ModelMergeAuraflow", category=CATEGORY, search=("block weights",))
def mix_auraflow(model1: First, model2: Second, **shares: Annotated[float, _Shares, _AURAFLOW]) -> Model:
    """Mix two models of AuraFlow with a share for each block."""
    return merge_models(model1, model2, "mix", shares)
