"""What transformers are given beside the latent, against what diffusers' pipelines give them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from heddle.networks.clip_text import EncodedText
from heddle.numerics.patches import cut_patches
from model_management.families.flux.conditioning import LATENT, with_masked_picture
from model_management.families.sd3.conditioning import T5_WIDTH, WIDTHS, texts_in_a_row
from model_management.family import RunFacts
from tests.oracles import diffusers


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
