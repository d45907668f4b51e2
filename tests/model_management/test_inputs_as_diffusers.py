"""What networks are given beside the latent, and how they are read, against what diffusers' pipelines do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from heddle.networks.clip_text import EncodedText
from heddle.numerics.patches import cut_patches
from heddle.samplers.noise_schedules import ContinuousEdm
from heddle.samplers.predictions import Velocity
from model_management.families.flux.conditioning import LATENT, with_masked_picture
from model_management.families.sd3.conditioning import T5_WIDTH, WIDTHS, texts_in_a_row
from model_management.families.sd15_edit.family import SD15_EDIT
from model_management.families.sd15_inpainting.family import SD15_INPAINTING
from model_management.families.sd21_inpainting.family import SD21_INPAINTING
from model_management.families.sdxl_edit.family import SDXL_EDIT
from model_management.families.sdxl_inpainting.family import SDXL_INPAINTING
from model_management.family import Family, RunFacts
from model_management.stored_tensors import Header, Stamp, TensorEntry
from model_management.written_predictions import LEVELS_TOP
from tests.oracles import diffusers

LATENTS = torch.zeros(2, 4, 4, 6)
RUN = RunFacts(tuple(LATENTS.shape), LATENTS, LATENTS)


def header_with(*names: str) -> Header:
    tensor = TensorEntry("F32", (), 0, 4)
    return Header(Stamp(Path("m.safetensors"), 4, 0), dict.fromkeys(names, tensor), {})


@pytest.mark.parametrize(
    ("family", "names", "pipeline", "more"),
    [
        (SD15_EDIT, (), "StableDiffusionInstructPix2PixPipeline", {}),
        (SDXL_EDIT, (), "StableDiffusionXLInstructPix2PixPipeline", {"is_cosxl_edit": False}),
        (SDXL_EDIT, (LEVELS_TOP,), "StableDiffusionXLInstructPix2PixPipeline", {"is_cosxl_edit": True}),
    ],
)
def test_editing_networks_are_shown_the_picture_in_the_same_units(
    family: Family, names: tuple[str, ...], pipeline: str, more: dict[str, Any]
) -> None:
    picture = torch.randn(2, 4, 4, 6)
    published = SimpleNamespace(force_upcast=False, scaling_factor=family.latent.scale)
    parts = SimpleNamespace(vae=SimpleNamespace(dtype=torch.float32, config=published), **more)
    wanted = getattr(diffusers(), pipeline).prepare_image_latents(parts, picture, 2, 1, torch.float32, "cpu", False)
    given = {"pooled_output": torch.zeros(1, 8), "concat_latent_image": picture}
    run = replace(RUN, header=header_with(*names))
    found = family.read_entry(torch.zeros(1, 5, 8), given, run)["concat"]
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("family", [SD15_INPAINTING, SD21_INPAINTING, SDXL_INPAINTING])
def test_inpainting_networks_are_shown_mask_and_picture_as_there(family: Family) -> None:
    picture = torch.randn(2, 4, 4, 6)
    mask = torch.rand(2, 1, 4, 6).round().repeat_interleave(8, 2).repeat_interleave(8, 3)
    parts = SimpleNamespace(
        vae_scale_factor=8, _encode_vae_image=lambda image, generator: picture * family.latent.scale
    )
    kept = torch.zeros(2, 3, 32, 48)
    wanted = diffusers().StableDiffusionInpaintPipeline.prepare_mask_latents(
        parts, mask, kept, 2, 32, 48, torch.float32, "cpu", None, False
    )
    given = {"pooled_output": torch.zeros(1, 8), "concat_latent_image": picture, "concat_mask": mask[:, 0]}
    found = family.read_entry(torch.zeros(1, 5, 8), given, RUN)["concat"]
    torch.testing.assert_close(found, torch.cat(wanted, dim=1))  # in the order in which the pipeline joins them


def test_cosxl_is_read_as_there() -> None:
    """Its published schedule: v over EDM's levels, in data of variance 1."""
    theirs = diffusers().EDMEulerScheduler(
        sigma_min=0.002, sigma_max=120.0, sigma_data=1.0, prediction_type="v_prediction"
    )
    predicts = Velocity(ContinuousEdm(0.002, 120.0))
    x, said = torch.randn(2, 4, 4, 6), torch.randn(2, 4, 4, 6)
    for sigma in map(torch.tensor, (0.002, 0.5, 14.6, 120.0)):
        torch.testing.assert_close(predicts.scale_input(sigma, x), theirs.precondition_inputs(x, sigma))
        torch.testing.assert_close(predicts.schedule.timestep(sigma), theirs.precondition_noise(sigma))
        torch.testing.assert_close(predicts.denoised(sigma, said, x), theirs.precondition_outputs(x, said, sigma))


@pytest.mark.parametrize("masks", [1, 2])
def test_fills_picture_and_mask_lie_in_the_tokens_as_there(masks: int) -> None:
    pipeline = diffusers().FluxFillPipeline
    torch.manual_seed(0)
    picture, mask = torch.randn(2, 16, 4, 6), torch.rand(masks, 32, 48).round()
    published = SimpleNamespace(shift_factor=LATENT.shift, scaling_factor=LATENT.scale)
    parts = SimpleNamespace(
        vae=SimpleNamespace(config=published), vae_scale_factor=8, _pack_latents=pipeline._pack_latents
    )
    packed_mask, packed_picture = pipeline.prepare_mask_latents(
        parts, mask[:, None], picture, 2, 16, 1, 32, 48, torch.float32, "cpu", None
    )
    more = {"pooled_output": torch.zeros(1, 4), "concat_latent_image": picture, "concat_mask": mask}
    latent = torch.zeros(2, 16, 4, 6)
    run = RunFacts(tuple(latent.shape), latent, latent)
    found = with_masked_picture(torch.zeros(1, 5, 8), more, run)["concat"]
    torch.testing.assert_close(cut_patches(found, 2), torch.cat([packed_picture, packed_mask], dim=-1))


def test_the_three_texts_of_stable_diffusion_3_are_joined_as_there() -> None:
    pipeline = diffusers().StableDiffusion3Pipeline
    torch.manual_seed(0)
    clips = [(torch.randn(1, 77, width), torch.randn(1, width)) for width in WIDTHS.values()]
    t5 = torch.randn(1, 77, T5_WIDTH)
    parts = SimpleNamespace(
        _execution_device="cpu",
        text_encoder=None,
        text_encoder_2=None,
        _get_clip_prompt_embeds=lambda clip_model_index, **given: clips[clip_model_index],
        _get_t5_prompt_embeds=lambda **given: t5,
    )
    states, _, pooled, _ = pipeline.encode_prompt(parts, "a", None, None, do_classifier_free_guidance=False)
    texts = {name: EncodedText(*clip) for name, clip in zip(WIDTHS, clips, strict=True)}
    found = texts_in_a_row({**texts, "t5xxl": EncodedText(t5, torch.zeros(1, 0))})
    assert torch.equal(found.states, states)
    assert torch.equal(found.pooled, pooled)
