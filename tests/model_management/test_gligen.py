"""GLIGEN: its files, and what its boxes do to a network's calls."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from heddle.graph.errors import GraphError, WeightsError
from heddle.networks.ops import TRAINABLE
from heddle.networks.unet import UNet, UNetConfig
from heddle.samplers.conditions import Area, Call
from heddle.samplers.windows import Window
from model_management.checkpoint import open_checkpoint, open_network
from model_management.conditioning import conditions_for
from model_management.diffusers_unet import names_in_diffusers
from model_management.families.known import FAMILIES
from model_management.family import RunFacts
from model_management.gligen import Gligen, open_gligen
from model_management.gligen_run import MOST_BOXES, hold_boxes, shared_boxes
from model_management.handles import Model
from model_management.header import read_header
from model_management.weights import Weights
from tests.model_management import tiny, tiny_transformers
from tests.oracles import diffusers

WIDTH = 768
LATENT = torch.zeros(2, 4, 8, 12)
STATES = torch.zeros(1, 5, WIDTH)


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


# pooled text, height, width, top, left in cells
BOXES = [(draw(1, WIDTH, seed=1), 4, 6, 1, 2), (draw(1, WIDTH, seed=2), 2, 3, 5, 8)]


@pytest.fixture(scope="module")
def theirs() -> Any:
    """A small UNet of diffusers with fusers, far enough from its start that a mixed-up layer shows."""
    torch.manual_seed(0)
    net = diffusers().UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(64, 128),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=8,
        attention_type="gated",
    )
    for name, weight in net.named_parameters():
        torch.nn.init.normal_(weight, mean=0.7 if "alpha" in name else 0.0, std=0.6 if "null" in name else 0.08)
    return net


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, theirs: Any) -> Path:
    """`whole`: network and GLIGEN by the names of diffusers; `alone`: GLIGEN as it was published, without its UNet."""
    folder = tmp_path_factory.mktemp("gligen")
    state = theirs.state_dict()
    save_file(state, folder / "whole.safetensors")
    names = names_in_diffusers(read_header(folder / "whole.safetensors"))
    alone = {name: state[key] for name, key in names.items() if ".fuser." in name}
    alone |= {key: tensor for key, tensor in state.items() if key.startswith("position_net.")}
    save_file(alone, folder / "alone.safetensors")
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    return open_network(folder / "whole.safetensors", FAMILIES)


@pytest.fixture(scope="module")
def weights() -> Weights:
    return Weights(torch.device("cpu"))


def run_of(model: Model, gligen: Gligen, weights: Weights, boxes: list[Any], *areas: Area | None) -> Any:
    """What our net makes of an input with boxes; each area a part of the call."""
    facts = RunFacts(tuple(LATENT.shape), LATENT, LATENT)
    (condition,) = conditions_for(model, [[STATES, {"gligen": ("position", gligen, boxes)}]], facts, "positive")

    def run(**inputs: Tensor) -> Tensor:
        with (
            torch.no_grad(),
            weights.hold(model) as net,
            hold_boxes([(model, condition)], tuple(LATENT.shape), weights) as patch,
        ):
            assert patch is not None
            return net(**inputs, hooks=patch.at(Call({}, areas=areas, conditions=(condition,))))

    return run


def inputs(count: int = 2) -> dict[str, Tensor]:
    return {
        "x": draw(count, 4, 8, 12, seed=3),
        "timesteps": torch.linspace(3, 700, count),
        "context": draw(count, 5, WIDTH, seed=4),
    }


def by_diffusers(theirs: Any, given: dict[str, Tensor], shares: list[list[float]]) -> Tensor:
    count = len(given["x"])
    boxes, texts, masks = torch.zeros(count, 30, 4), torch.zeros(count, 30, WIDTH), torch.zeros(count, 30)
    for number, (share, (text, *_box)) in enumerate(zip(shares, BOXES, strict=True)):
        boxes[:, number], texts[:, number], masks[:, number] = torch.tensor(share), text, 1
    shown = {"gligen": {"boxes": boxes, "positive_embeddings": texts, "masks": masks}}
    with torch.no_grad():
        return theirs(given["x"], given["timesteps"], given["context"], cross_attention_kwargs=shown).sample


WHOLE = [[2 / 12, 1 / 8, 8 / 12, 5 / 8], [8 / 12, 5 / 8, 11 / 12, 7 / 8]]


@pytest.mark.parametrize("file", ["whole", "alone"])
def test_boxes_change_a_network_as_in_diffusers(theirs, folder, model, weights, file: str) -> None:
    gligen = open_gligen(folder / f"{file}.safetensors")
    assert str(gligen.report) == f"{file}.safetensors: 76 of 76 keys match"
    given = inputs()
    found = run_of(model, gligen, weights, BOXES, None)(**given)
    torch.testing.assert_close(found, by_diffusers(theirs, given, WHOLE), rtol=1e-4, atol=1e-5)
    with torch.no_grad(), weights.hold(model) as net:
        assert not torch.allclose(found, net(**given), atol=1e-3)


def test_boxes_keep_their_place_in_the_picture_where_a_call_is_about_pieces_of_it(
    theirs, folder, model, weights
) -> None:
    """Two parts of one call, of two latents each: one of a piece, one of a piece as large elsewhere."""
    gligen = open_gligen(folder / "alone.safetensors")
    given = {**inputs(4), "x": draw(4, 4, 4, 6, seed=3)}
    found = run_of(model, gligen, weights, BOXES, Area(4, 6, 1, 2), Area(4, 6, 4, 6))(**given)
    shares = (
        [[0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 9 / 6, 6 / 4]],
        [[-4 / 6, -3 / 4, 2 / 6, 1 / 4], [2 / 6, 1 / 4, 5 / 6, 3 / 4]],
    )
    for part, share in enumerate(shares):
        own = {name: tensor[2 * part : 2 * part + 2] for name, tensor in given.items()}
        wanted = by_diffusers(theirs, own, share)
        torch.testing.assert_close(found[2 * part : 2 * part + 2], wanted, rtol=1e-4, atol=1e-5)


def test_boxes_of_the_positive_are_shown_on_both_sides() -> None:
    mine, other = ("position", None, [1]), ("position", None, [2])
    positive = [["a", {"gligen": mine}], ["b", {"gligen": other, "area": (1, 1, 0, 0)}], ["c", {}]]
    shared = shared_boxes({"positive": positive, "negative": [["d", {"x": 1}], ["e", {}]]})
    assert shared["positive"] is positive
    assert shared["negative"] == [["d", {"x": 1, "gligen": mine}], ["e", {}]]
    assert shared["negative"][0][1]["gligen"] is mine
    own = [["d", {"gligen": other}]]
    assert shared_boxes({"positive": positive, "negative": own})["negative"] is own


def test_a_model_with_other_blocks_is_refused(folder, weights, tmp_path: Path) -> None:
    gligen = open_gligen(folder / "alone.safetensors")
    torch.manual_seed(0)
    config = UNetConfig((32, 64), (1, 1), (1, 0), 1, WIDTH)
    save_file(UNet(config, TRAINABLE).state_dict(), tmp_path / "narrow.safetensors")
    narrow = open_network(tmp_path / "narrow.safetensors", FAMILIES)
    flux = open_checkpoint(tiny.write_checkpoint(tmp_path / "f.st", tiny_transformers.flux_tensors()), FAMILIES).model
    with pytest.raises(
        GraphError, match=r"4 blocks of widths 64, 128, but the model \(sd15.*4 blocks of widths 32, 64"
    ):
        run_of(narrow, gligen, weights, BOXES, None)(**inputs())
    entry = [torch.zeros(1, 5, 48), {"gligen": ("position", gligen, BOXES), "pooled_output": torch.zeros(1, 64)}]
    latent = torch.zeros(1, 16, 4, 4)
    (condition,) = conditions_for(flux, [entry], RunFacts((1, 16, 4, 4), latent, latent), "positive")
    with (
        pytest.raises(GraphError, match=r"\(flux.*has no blocks of this kind"),
        hold_boxes([(flux, condition)], (1, 16, 4, 4), weights),
    ):
        pass


def test_too_many_boxes_and_boxes_of_another_kind_are_refused(folder, model, weights) -> None:
    gligen = open_gligen(folder / "alone.safetensors")
    with pytest.raises(GraphError, match="31 texts in boxes, but 30 is the most"):
        run_of(model, gligen, weights, BOXES[:1] * (MOST_BOXES + 1), None)(**inputs())
    whole = run_of(model, gligen, weights, BOXES[:1] * MOST_BOXES, None)(**inputs())
    assert whole.isfinite().all()
    facts = RunFacts(tuple(LATENT.shape), LATENT, LATENT)
    (condition,) = conditions_for(model, [[STATES, {"gligen": ("area", gligen, BOXES)}]], facts, "positive")
    with pytest.raises(GraphError, match="not known here"), hold_boxes([(model, condition)], (1, 4, 8, 12), weights):
        pass


def test_what_is_no_gligen_model_is_refused(checkpoint: Path, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no GLIGEN model for texts in boxes.*but found were"):
        open_gligen(checkpoint)
    tensors = {f"x.{number}": torch.zeros(1) for number in range(3)} | {
        "position_net.null_positive_feature": torch.zeros(768)
    }
    save_file(tensors, tmp_path / "half.safetensors")
    with pytest.raises(WeightsError, match="no GLIGEN model"):
        open_gligen(tmp_path / "half.safetensors")


def test_boxes_keep_their_place_in_the_picture_where_a_call_is_about_a_window_of_it(folder, model, weights) -> None:
    """Rows side by side are an area of the whole width; columns with others between them have what is there."""
    gligen = open_gligen(folder / "alone.safetensors")
    facts = RunFacts(tuple(LATENT.shape), LATENT, LATENT)
    (condition,) = conditions_for(model, [[STATES, {"gligen": ("position", gligen, BOXES)}]], facts, "positive")

    def shown(boxes: list[Any], window: Window | None, x: Tensor, area: Area | None = None) -> Tensor:
        own = replace(condition, boxes=("position", gligen, boxes))
        with (
            torch.no_grad(),
            weights.hold(model) as net,
            hold_boxes([(model, own)], tuple(LATENT.shape), weights) as patch,
        ):
            assert patch is not None
            call = Call({}, areas=(area,), conditions=(own,), window=window)
            return net(x, torch.tensor([500.0]), draw(1, 5, WIDTH, seed=4), hooks=patch.at(call))

    x = draw(1, 4, 4, 12, seed=3)
    as_area = shown(BOXES, None, x, Area(4, 12, 1, 0))
    torch.testing.assert_close(shown(BOXES, Window(2, (1, 2, 3, 4), 8), x), as_area)
    torch.testing.assert_close(
        shown(BOXES, Window(0, (1,), 2), draw(1, 4, 8, 12)), shown(BOXES, None, draw(1, 4, 8, 12))
    )
    # Columns 2, 4, 6 ... of 12: a box from 2 on, 6 wide, has the first 3 of 4, one from 8 on the last.
    around = shown(BOXES, Window(3, (2, 4, 6, 10), 12), draw(1, 4, 8, 4))
    moved = [(BOXES[0][0], 4, 3, 1, 0), (BOXES[1][0], 2, 1, 5, 3)]
    torch.testing.assert_close(around, shown(moved, Window(3, (0, 1, 2, 3), 12), draw(1, 4, 8, 4)))
