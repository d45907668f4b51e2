"""The built-in nodes, gathered from the modules that declare them, in the order of the menus."""

from __future__ import annotations

from heddle.graph.declare import declared_in
from heddle.graph.registry import Registry
from nodes.conditioning import (
    combining,
    control,
    pictures,
    places,
    references,
    sdxl_texts,
    texts,
    transformer_texts,
    upscaling,
    vision,
)
from nodes.image import files, scale
from nodes.latent import autoencoder, empty, masking, tiles
from nodes.latent import scale as latent_scale
from nodes.loaders import adapters, checkpoints, parts
from nodes.loaders import control as control_nets
from nodes.loaders import vision as vision_encoders
from nodes.merging import models as merged_models
from nodes.merging import models_by_part, saving
from nodes.merging import texts as merged_texts
from nodes.sampling import custom, guidance, guiders, ksampler, model_sampling, samplers, schedulers, sigmas

MODULES = (
    *(checkpoints, parts, adapters, control_nets, vision_encoders),
    *(texts, sdxl_texts, transformer_texts, combining, places, pictures, references, upscaling, control, vision),
    *(ksampler, custom, samplers, schedulers, sigmas, guiders, guidance, model_sampling),
    *(empty, masking, autoencoder, tiles, latent_scale),
    *(merged_models, merged_texts, models_by_part, saving),
    *(files, scale),
)


def built_in() -> Registry:
    """A registry of every built-in node."""
    return Registry(spec for module in MODULES for spec in declared_in(module))
