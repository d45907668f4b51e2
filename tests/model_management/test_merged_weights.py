"""Merges of nets, against the arithmetic done on their files."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from heddle.graph.errors import WeightsError
from heddle.networks.ops import TRAINABLE
from heddle.networks.unet import UNet
from model_management.adapter_files import open_adapter, put_adapter
from model_management.checkpoint import OpenedCheckpoint, open_checkpoint
from model_management.families.known import FAMILIES
from model_management.merged_weights import merge_clips, merge_models
from model_management.weights import Handle, Weights
from tests.model_management import tiny

CPU = torch.device("cpu")


def noisy(seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: tensor + torch.randn(tensor.shape, generator=generator) if tensor.is_floating_point() else tensor
        for name, tensor in tiny.tiny_tensors(torch.float32).items()
    }


FIRST, SECOND = noisy(1), noisy(2)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[OpenedCheckpoint, OpenedCheckpoint]:
    folder = tmp_path_factory.mktemp("pair")
    paths = [
        tiny.write_checkpoint(folder / f"{number}.safetensors", tensors)
        for number, tensors in enumerate([FIRST, SECOND])
    ]
    return open_checkpoint(paths[0], FAMILIES), open_checkpoint(paths[1], FAMILIES)


def part(name: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    return tiny.part_of(FIRST, name), tiny.part_of(SECOND, name)


def held(handle: Handle) -> dict[str, Tensor]:
    with Weights(CPU).hold(handle) as net:
        return dict(net.state_dict())


def test_two_models_are_mixed_added_and_subtracted(pair: tuple[OpenedCheckpoint, OpenedCheckpoint]) -> None:
    first, second = pair
    one, other = part("unet")
    for merged, want in (
        (merge_models(first.model, second.model, "mix", {"": 0.3}), lambda a, b: 0.3 * a + 0.7 * b),
        (merge_models(first.model, second.model, "add"), lambda a, b: a + b),
        (merge_models(first.model, second.model, "subtract", strength=2.0), lambda a, b: 2 * (a - b)),
    ):
        got = held(merged)
        for name in one:
            torch.testing.assert_close(got[name], want(one[name], other[name]))


def test_text_encoders_are_merged_too(pair: tuple[OpenedCheckpoint, OpenedCheckpoint]) -> None:
    one, other = part("text")
    merged = merge_clips(pair[0].clip, pair[1].clip, "mix", {"": 0.25})
    got = held(merged.encoders[0])
    name = "text_model.encoder.layers.0.mlp.fc1.weight"
    torch.testing.assert_close(got[name], 0.25 * one[name] + 0.75 * other[name])


def test_the_longest_beginning_of_a_name_gives_its_share_and_the_first_stands_in(
    pair: tuple[OpenedCheckpoint, OpenedCheckpoint],
) -> None:
    shares = {"input_blocks.1": 0.0, "input_blocks.1.0.": 0.5, "out.": 1.0}
    merged = merge_models(pair[0].model, pair[1].model, "mix", shares)
    one, other = part("unet")
    got = held(merged)
    for name, share in (
        ("input_blocks.1.0.in_layers.2.weight", 0.5),
        ("input_blocks.1.1.proj_in.weight", 0.0),
        ("out.2.weight", 1.0),
        ("time_embed.0.weight", 0.0),
    ):
        torch.testing.assert_close(got[name], share * one[name] + (1 - share) * other[name])


def test_a_model_of_which_all_stays_needs_no_weights_of_its_own(
    pair: tuple[OpenedCheckpoint, OpenedCheckpoint],
) -> None:
    merged = merge_models(pair[0].model, pair[1].model, "mix", {"": 0.5, "input": 1.0, "output": 1.0})
    weights = Weights(CPU)
    with weights.hold(pair[0].model) as plain, weights.hold(merged) as net:
        was, now = dict(plain.named_parameters()), dict(net.named_parameters())
        assert {name.split(".")[0] for name in was if now[name] is not was[name]} == {
            "time_embed",
            "middle_block",
            "out",
        }


def test_what_is_in_either_model_is_merged_as_well(
    pair: tuple[OpenedCheckpoint, OpenedCheckpoint], tmp_path: Path
) -> None:
    name = "middle_block.1.proj_in.weight"
    save_file(
        {f"diffusion_model.{name.removesuffix('.weight')}.diff": torch.ones(64, 64, 1, 1)}, tmp_path / "a.safetensors"
    )
    file = open_adapter(tmp_path / "a.safetensors")
    first = put_adapter(file, pair[0].model, None, 2.0).model
    second = put_adapter(file, pair[1].model, None, 10.0).model
    assert first is not None and second is not None
    one, other = part("unet")
    got = held(merge_models(first, second, "mix", {"": 0.5}))
    torch.testing.assert_close(got[name], 0.5 * (one[name] + 2) + 0.5 * (other[name] + 10))


def test_equal_merges_are_worked_out_once(pair: tuple[OpenedCheckpoint, OpenedCheckpoint]) -> None:
    weights = Weights(CPU)
    one, other = (merge_models(pair[0].model, pair[1].model, "mix", {"": 0.5}) for _ in range(2))
    with weights.hold(one) as net, weights.hold(other) as again:
        assert net is again


def test_models_of_other_sizes_are_refused(pair: tuple[OpenedCheckpoint, OpenedCheckpoint], tmp_path: Path) -> None:
    torch.manual_seed(0)
    wider = UNet(replace(tiny.UNET, time_width=64), TRAINABLE).state_dict()
    tensors = FIRST | {tiny.PREFIXES["unet"] + name: tensor for name, tensor in wider.items()}
    other = open_checkpoint(tiny.write_checkpoint(tmp_path / "wide.safetensors", tensors), FAMILIES)
    with pytest.raises(WeightsError, match=r"weights differ in shape, such as .* choose two models of one family"):
        merge_models(pair[0].model, other.model, "add")
