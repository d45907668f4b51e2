import pytest
import torch

from heddle.graph.declare import spec_of
from nodes.catalogue import built_in
from nodes.latent.empty import make_empty_latent
from nodes.latent.empty_by_family import make_for_cascade
from tests.nodes.fake_context import FakeContext


def test_an_empty_latent_has_a_cell_for_every_eight_pixels():
    ctx = FakeContext()
    latent = make_empty_latent(512, 256, 3, ctx=ctx)
    assert torch.equal(latent["samples"], torch.zeros(3, 4, 32, 64))
    assert ctx.notes == []


@pytest.mark.parametrize(("width", "height", "rows", "columns"), [(127, 130, 16, 15), (512, 20, 2, 64), (17, 16, 2, 2)])
def test_other_sizes_are_rounded_down_and_told(width: int, height: int, rows: int, columns: int):
    ctx = FakeContext()
    assert make_empty_latent(width, height, ctx=ctx)["samples"].shape == (1, 4, rows, columns)
    assert len(ctx.notes) == 1
    assert f"{width} x {height}" in ctx.notes[0] and f"{columns * 8} x {rows * 8}" in ctx.notes[0]


def test_the_declaration_is_the_one_that_workflows_rely_on():
    spec = spec_of(make_empty_latent)
    assert (spec.id, spec.category, spec.display_name) == ("EmptyLatentImage", "model/latent", "Empty Latent Image")
    assert [i.name for i in spec.inputs] == ["width", "height", "batch_size"]
    assert [i.options["default"] for i in spec.inputs] == [512, 512, 1]


@pytest.mark.parametrize(
    ("id", "shape"),
    [
        ("EmptyFlux2LatentImage", [2, 128, 4, 8]),
        ("EmptyHunyuanImageLatent", [2, 64, 2, 4]),
        ("EmptyChromaRadianceLatentImage", [2, 3, 64, 128]),
        ("EmptyHiDreamO1LatentImage", [2, 3, 64, 128]),
        ("EmptyQwenImageLayeredLatentImage", [2, 16, 4, 8, 16]),
    ],
)
def test_latents_of_single_families_have_their_shapes(id: str, shape: list[int]):
    call = built_in()[id].call
    assert call is not None
    more = {"layers": 3} if "Layered" in id else {}
    (made,) = call(width=128, height=64, batch_size=2, ctx=FakeContext(), **more)
    assert list(made["samples"].shape) == shape and not made["samples"].any()


def test_both_stages_of_cascade_are_there():
    stage_c, stage_b = make_for_cascade(1024, 512, 42, 2, ctx=FakeContext())
    assert stage_c["samples"].shape == (2, 16, 12, 24) and stage_b["samples"].shape == (2, 4, 128, 256)
