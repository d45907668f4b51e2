"""Style models: their files, and the tokens that they make of an image for a text to be followed by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from heddle.graph.errors import ShapeError, WeightsError
from heddle.graph.said import say
from heddle.networks.style import Redux, ReduxConfig, StyleAdapter, StyleConfig
from model_management.checkpoint import stored_net
from model_management.family import NetPart, describe_names
from model_management.finiteness import refuse_unless_encoded
from model_management.header import Header, read_header
from model_management.net_sizes import count_numbered
from model_management.places import in_style_adapter
from model_management.stored_net import StoredNet
from model_management.vision import ClipVisionOutput
from model_management.weight_patches import WeightPatch
from model_management.weights import Weights


@dataclass(frozen=True)
class StyleModel:
    """A style model. Held, it gives a `heddle.networks.style.StyleAdapter` or `Redux`."""

    stored: StoredNet
    config: StyleConfig | ReduxConfig
    weight_patches: tuple[WeightPatch, ...] = ()

    @property
    def name(self) -> str:
        return self.stored.header.path.name

    @property
    def shares_attention(self) -> bool:
        """It was made for networks in which text and picture share one attention, so that it can be biased."""
        return isinstance(self.config, ReduxConfig)

    @property
    def made_for(self) -> tuple[str, str]:
        """What people call the models that take its tokens, and the vision encoder that it was trained on."""
        if self.shares_attention:
            return "FLUX.1", "SigLIP (so400m, 384 px)"
        return "Stable Diffusion 1", "CLIP-L"


def open_style_model(path: Path | str) -> StyleModel:
    """The handle of a style model: the style adapter of Stable Diffusion 1, or Redux of FLUX.1.

    Raises: WeightsError, if the file is missing, damaged, or no style model.
    """
    header = read_header(path)
    if "style_embedding" in header:
        part = NetPart("", style_config, StyleAdapter, in_style_adapter)
    elif "redux_down.weight" in header:
        part = NetPart("", redux_config, Redux)
    else:
        raise WeightsError(
            say(
                "{file} holds no style model known here: style_embedding (Stable Diffusion 1) or "
                "redux_down.weight (FLUX.1 Redux) is wanted, but found were {found}; choose another file",
                file=header.path.name,
                found=describe_names(header),
            ),
            file=header.path,
        )
    stored = stored_net("style", header, part)
    return StyleModel(stored, stored.config)


def style_config(header: Header, prefix: str) -> StyleConfig:
    """The style adapter below `prefix`."""
    _one, tokens, width = header.shape(f"{prefix}style_embedding")
    layers = f"{prefix}transformer_layes."
    return StyleConfig(
        width=width,
        context_width=header.shape(f"{prefix}proj")[1],
        tokens=tokens,
        layers=count_numbered(header, layers),
        mlp_width=header.shape(f"{layers}0.mlp.c_fc.weight")[0],
    )


def redux_config(header: Header, prefix: str) -> ReduxConfig:
    """Redux below `prefix`."""
    inner, width = header.shape(f"{prefix}redux_up.weight")
    return ReduxConfig(width, header.shape(f"{prefix}redux_down.weight")[0], inner)


def style_tokens(style_model: StyleModel, read: ClipVisionOutput, weights: Weights) -> Tensor:
    """Tokens [1, T, context_width] of all images that were read, one behind the other. Float32, on the CPU.

    Raises: ShapeError, if they were read by an encoder of another width; WeightsError or GraphError, if what is made of
        them is not finite.
    """
    states, wanted = read.last_hidden_state, style_model.config.width
    if states.shape[-1] != wanted:
        raise ShapeError(
            say(
                "the image is encoded {width} wide, but the style model {style_model} wants {wanted}; "
                "encode it with the vision encoder that it was trained on: {encoder}",
                width=states.shape[-1],
                style_model=style_model.name,
                wanted=wanted,
                encoder=style_model.made_for[1],
            ),
            wanted=wanted,
            got=states.shape[-1],
        )
    with weights.hold(style_model) as net:
        tokens = net(states.to(next(net.parameters()))).float().cpu()
    refuse_unless_encoded(tokens, style_model.stored, say("the image"))
    return tokens.flatten(0, 1)[None]
