"""The built-in nodes, gathered from the modules that declare them, in the order of the menus."""

from __future__ import annotations

from heddle.graph.declare import declared_in
from heddle.graph.registry import Registry
from nodes.audio import changing as sounds
from nodes.audio import files as sound_files
from nodes.conditioning import (
    a1111,
    boxes,
    combining,
    control,
    photomaker,
    pictures,
    places,
    references,
    sdxl_texts,
    spans,
    styles,
    texts,
    transformer_texts,
    upscaling,
    videos,
    vision,
)
from nodes.devices import choosing as devices
from nodes.hooks import clips as clip_hooks
from nodes.hooks import conditionings, creating, keyframes
from nodes.image import (
    adjustments,
    batch,
    colour,
    colour_transfer,
    comparing,
    compositing,
    crop,
    extend,
    files,
    filters,
    layers,
    mask_files,
    mask_shapes,
    masks,
    more_files,
    painter,
    resize,
    save_formats,
    scale,
    sizes,
    turn,
    upscale,
)
from nodes.image import boxes as image_boxes
from nodes.image import datasets as image_datasets
from nodes.image import tiles as image_tiles
from nodes.inpainting import cropping as inpaint_crops
from nodes.inpainting import filling, softening
from nodes.latent import arithmetic, autoencoder, empty, empty_by_family, masking, operations, seeds, tiles, transform
from nodes.latent import batch as latent_batches
from nodes.latent import compositing as latent_compositing
from nodes.latent import files as latent_files
from nodes.latent import scale as latent_scale
from nodes.loaders import a1111 as a1111_networks
from nodes.loaders import adapters, checkpoints, gligen, ip_adapter, parts, upscalers
from nodes.loaders import control as control_nets
from nodes.loaders import photomaker as photomaker_models
from nodes.loaders import styles as style_models
from nodes.loaders import vision as vision_encoders
from nodes.merging import models as merged_models
from nodes.merging import models_by_part, saving
from nodes.merging import texts as merged_texts
from nodes.patches import attention as attention_patches
from nodes.patches import images as image_patches
from nodes.patches import places as token_places
from nodes.patches import running, windows
from nodes.patches import unet as unet_patches
from nodes.sampling import (
    attention_guidance,
    custom,
    guidance,
    guiders,
    ksampler,
    model_sampling,
    noise,
    reuse,
    samplers,
    schedulers,
    sigmas,
)
from nodes.text import changing as text_changes
from nodes.text import generating, json_texts, overlay
from nodes.text import lists as text_lists
from nodes.text import patterns as text_patterns
from nodes.text import saving as text_files
from nodes.training import charts, datasets
from nodes.training import lora as lora_training
from nodes.utilities import boxes as drawn_boxes
from nodes.utilities import lists, logic, numbers, primitives, showing, tones
from nodes.video import files as video_files
from nodes.video import parts as video_parts

MODULES = (
    *(checkpoints, parts, adapters, control_nets, vision_encoders, ip_adapter, style_models, gligen),
    *(photomaker_models, upscalers),
    *(texts, sdxl_texts, transformer_texts, combining, places, pictures, references, upscaling, control, vision, spans),
    videos,
    *(styles, boxes, photomaker),
    *(a1111, a1111_networks),
    *(creating, clip_hooks, keyframes, conditionings),
    *(ksampler, custom, samplers, schedulers, sigmas, guiders, guidance, attention_guidance, model_sampling),
    *(noise, reuse),
    *(unet_patches, attention_patches, image_patches, token_places, running, windows),
    *(empty, empty_by_family, masking, autoencoder, tiles, latent_scale, operations, seeds),
    *(latent_compositing, arithmetic, latent_batches, transform, latent_files),
    devices,
    *(merged_models, merged_texts, models_by_part, saving),
    *(files, more_files, save_formats, scale, resize, crop, turn, extend, batch, image_tiles, upscale, image_datasets),
    *(sizes, comparing, painter, image_boxes, layers),
    *(compositing, masks, mask_shapes, mask_files, colour, adjustments, filters, colour_transfer),
    *(video_files, video_parts, sound_files, sounds),
    *(inpaint_crops, filling, softening),
    *(text_changes, text_patterns, json_texts, text_lists, text_files, overlay, generating),
    *(primitives, numbers, logic, lists, showing, tones, drawn_boxes),
    *(datasets, lora_training, charts),
)


def built_in() -> Registry:
    """A registry of every built-in node."""
    return Registry(spec for module in MODULES for spec in declared_in(module))
