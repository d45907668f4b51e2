from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from heddle.graph.declare import spec_of
from heddle.graph.errors import Cancelled, ShapeError
from heddle.networks.ops import TRAINABLE
from heddle.networks.vae import Autoencoder, VaeConfig
from model_management.checkpoint import open_vae
from model_management.handles import Vae
from model_management.weights import Weights
from nodes.latent.autoencoder import decode, encode
from tests.nodes.fake_context import FakeContext


@pytest.fixture(scope="module")
def vae(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vae]:
    """A seeded autoencoder of the published layout, as small as its norms allow; one cell is 8 pixels."""
    torch.manual_seed(3)
    net = Autoencoder(VaeConfig(widths=(32, 32, 32, 32), blocks=1), TRAINABLE)
    path: Path = tmp_path_factory.mktemp("vae") / "tiny.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in net.state_dict().items()}, path)
    yield open_vae(path)


@pytest.fixture
def ctx() -> FakeContext:
    return FakeContext(weights=Weights(torch.device("cpu")))


def image_of(height: int, width: int, batch: int = 1) -> Tensor:
    return torch.rand(batch, height, width, 3, generator=torch.manual_seed(5))


def test_a_fitting_image_is_encoded_whole(vae: Vae, ctx: FakeContext):
    latent = encode(image_of(24, 40, batch=2), vae, ctx)
    assert latent["samples"].shape == (2, 4, 3, 5)
    assert ctx.notes == []
    assert ctx.steps[-1] == (2, 2)


@pytest.mark.parametrize(
    ("height", "width", "top", "left"), [(29, 43, 2, 1), (24, 47, 0, 3), (31, 40, 3, 0), (25, 41, 0, 0)]
)
def test_other_sizes_are_cut_to_their_middle_and_told(
    vae: Vae, ctx: FakeContext, height: int, width: int, top: int, left: int
):
    image = image_of(height, width)
    made = encode(image, vae, ctx)["samples"]
    middle = encode(image[:, top : top + 24, left : left + 40], vae, FakeContext(weights=ctx.weights))["samples"]
    assert torch.equal(made, middle)
    assert len(ctx.notes) == 1 and f"{width} x {height}" in ctx.notes[0] and "40 x 24" in ctx.notes[0]


def test_an_image_smaller_than_a_cell_is_refused_with_the_next_step(vae: Vae, ctx: FakeContext):
    with pytest.raises(ShapeError, match="Upscale Image"):
        encode(image_of(7, 64), vae, ctx)


def test_transparency_does_not_reach_the_latent(vae: Vae, ctx: FakeContext):
    image = image_of(16, 16)
    with_alpha = torch.cat([image, torch.rand(1, 16, 16, 1)], dim=-1)
    assert torch.equal(encode(with_alpha, vae, ctx)["samples"], encode(image, vae, ctx)["samples"])


def test_a_latent_becomes_images_eight_times_its_size(vae: Vae, ctx: FakeContext):
    image = decode({"samples": torch.randn(2, 4, 3, 5, generator=torch.manual_seed(0))}, vae, ctx)
    assert image.shape == (2, 24, 40, 3) and image.dtype == torch.float32
    assert image.min() >= 0 and image.max() <= 1


def test_the_latent_of_another_family_is_refused(vae: Vae, ctx: FakeContext):
    with pytest.raises(ShapeError, match="VAE"):
        decode({"samples": torch.zeros(1, 16, 4, 4)}, vae, ctx)


def test_the_person_can_stop_it(vae: Vae):
    ctx = FakeContext(weights=Weights(torch.device("cpu")), cancel_after=1)
    with pytest.raises(Cancelled):
        encode(image_of(16, 16), vae, ctx)


def test_the_declarations_are_those_that_workflows_rely_on():
    decoder, encoder = spec_of(decode), spec_of(encode)
    assert [(i.name, i.type) for i in decoder.inputs] == [("samples", "LATENT"), ("vae", "VAE")]
    assert [(i.name, i.type) for i in encoder.inputs] == [("pixels", "IMAGE"), ("vae", "VAE")]
    assert (decoder.outputs[0].type, encoder.outputs[0].type) == ("IMAGE", "LATENT")
    assert {decoder.category, encoder.category} == {"model/latent"}
    assert (decoder.display_name, encoder.display_name) == ("VAE Decode", "VAE Encode")


def test_an_image_without_colours_or_without_a_batch_is_refused(vae: Vae, ctx: FakeContext):
    with pytest.raises(ShapeError, match="an image has 1 channels, but this VAE reads 3"):
        encode(torch.rand(1, 16, 16, 1), vae, ctx)
    with pytest.raises(ShapeError, match=r"pixels: shape \[16, 16, 3\], wanted is \[B, H, W, C\]"):
        encode(torch.rand(16, 16, 3), vae, ctx)


def test_a_latent_without_cells_is_refused(vae: Vae, ctx: FakeContext):
    with pytest.raises(ShapeError, match=r"the latent has shape \[1, 4, 0, 2\], but this VAE wants"):
        decode({"samples": torch.zeros(1, 4, 0, 2)}, vae, ctx)
