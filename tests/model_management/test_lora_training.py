"""Adapters trained on a tiny model: what moves, what it gives, what is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from heddle.adapters.fresh import ALGORITHMS, fresh_parts
from heddle.adapters.reading import read_changes
from heddle.graph.errors import Cancelled, HeddleError, WeightsError
from model_management.adapter_files import open_adapter
from model_management.adapter_values import open_tensors_as_adapter
from model_management.handles import Clip, Model
from model_management.lora_training import LOSSES, OPTIMIZERS, LoraPlan, train_lora
from model_management.trained_net import blocks_at, trainable_weights, trained_net
from model_management.weights import Weights
from nodes.conditioning.texts import encode_prompt
from nodes.loaders.adapters import load_lora_into_model, put_trained_lora
from nodes.loaders.checkpoints import load_checkpoint
from nodes.merging.saving import save_trained_lora
from nodes.training.lora import steps_said_by, train
from tests.nodes.fake_context import FakeContext
from tests.tiny_checkpoint import write_tiny_checkpoint

Net = Callable[..., Tensor]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("base")
    write_tiny_checkpoint(base / "models/checkpoints/tiny.safetensors")
    return base


@pytest.fixture
def ctx(base: Path) -> FakeContext:
    return FakeContext(base, Weights(torch.device("cpu")))


@pytest.fixture
def opened(ctx: FakeContext) -> tuple[Model, Clip, Any]:
    return load_checkpoint("tiny.safetensors", ctx)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.manual_seed(seed))


def asked(net: nn.Module, seed: int = 0) -> Tensor:
    return net(drawn(1, 4, 8, 8, seed=seed), torch.tensor([400.0]), context=drawn(1, 7, 64, seed=seed + 1))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("shape", [(12, 8), (8, 6, 3, 3), (10, 4, 1, 1), (7, 5), (1, 3)])
def test_a_fresh_change_changes_nothing_and_can_learn(algorithm: str, shape: tuple[int, ...]) -> None:
    parts = fresh_parts(algorithm, shape, 4, torch.Generator().manual_seed(0))
    leaves = {word: part.requires_grad_(word != "alpha") for word, part in parts.items()}
    weight = drawn(*shape)
    change = read_changes(leaves).weight
    assert change is not None
    changed = change.apply(weight, 1.0)
    torch.testing.assert_close(changed, weight)
    (changed * drawn(*shape, seed=1)).sum().backward()
    moved = [word for word, part in leaves.items() if part.grad is not None and bool(part.grad.any())]
    assert moved or (algorithm == "OFT" and parts["oft_blocks"].shape[-1] == 1)  # a turn of one output is none


def changes_of(net: nn.Module) -> dict[str, dict[str, Tensor]]:
    chance = torch.Generator().manual_seed(3)
    changes: dict[str, dict[str, Tensor]] = {}
    for name, shape in trainable_weights(net):
        if len(shape) > 1:
            changes[name] = fresh_parts("LoRA", tuple(shape), 2, chance)
            changes[name]["up"] = (changes[name]["up"] + 0.1).requires_grad_()
        else:
            changes[name] = {"diff": torch.zeros(shape).requires_grad_()}
    return changes


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_every_weight_is_computed_changed_and_learns_whatever_is_kept(
    depth: int, opened: tuple[Model, Clip, Any]
) -> None:
    net = opened[0].stored.load(torch.device("cpu"), torch.float32)
    with torch.enable_grad():
        plain = asked(net)
        changes = changes_of(net)
        assert bool(list(blocks_at(net, depth))) == (depth > 0)
        out = asked(trained_net(net, changes, depth))
        out.square().mean().backward()
        still = [
            name
            for name, parts in changes.items()
            if not any(p.grad is not None and p.grad.any() for p in parts.values())
        ]
        assert still == []
        assert not out.equal(plain) and asked(net).equal(plain), "the net itself is as it was"
        same = changes_of(net)
        asked(trained_net(net, same, 0)).square().mean().backward()
        torch.testing.assert_close(same["out.2.weight"]["up"].grad, changes["out.2.weight"]["up"].grad)


def examples(clip: Clip, ctx: FakeContext, count: int = 2) -> list[tuple[Tensor, Any]]:
    entries = [encode_prompt(text, clip, ctx)[0] for text in ("a fox", "a dog")[:count]]
    return [(drawn(4, 8, 8 + 2 * at, seed=at), entry) for at, entry in enumerate(entries)]


PLAN = LoraPlan(steps=10, rank=4, learning_rate=3e-2, seed=5)


def trained(opened: tuple[Model, Clip, Any], ctx: FakeContext, plan: LoraPlan, begin: Any = None) -> Any:
    with torch.inference_mode():  # as nodes run
        return train_lora(
            opened[0],
            [examples(opened[1], ctx)],
            plan,
            ctx.weights,
            begin=begin,
            on_progress=lambda each: ctx.progress(each.step, each.steps),
            note=ctx.note,
        )


def loss_with(model: Model, opened: tuple[Model, Clip, Any], ctx: FakeContext) -> float:
    """The mean loss over the same draws for every model: a training that goes nowhere."""
    plan = replace(PLAN, learning_rate=1e-30, optimizer="SGD", seed=PLAN.seed, checkpoint_depth=0)
    losses = trained((model, *opened[1:]), ctx, plan).losses
    return sum(losses) / len(losses)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_was_trained_guesses_better_than_the_model_alone(
    algorithm: str, opened: tuple[Model, Clip, Any], ctx: FakeContext
) -> None:
    before = loss_with(opened[0], opened, ctx)
    made = trained(opened, ctx, replace(PLAN, algorithm=algorithm))
    assert len(made.losses) == 10 and ctx.steps[-1] == (10, 10)
    with torch.inference_mode():
        model = put_trained_lora(opened[0], made.tensors, 1.0, ctx=ctx)
    assert "keys match" in ctx.notes[-1] and "not:" not in ctx.notes[-1]
    assert loss_with(model, opened, ctx) < 0.9 * before
    assert put_trained_lora(opened[0], made.tensors, 0.0, ctx=ctx) is opened[0]


def test_the_same_seed_trains_the_same_and_another_one_another(
    opened: tuple[Model, Clip, Any], ctx: FakeContext
) -> None:
    plan = replace(PLAN, steps=3)
    first, again = trained(opened, ctx, plan), trained(opened, ctx, plan)
    assert first.losses == again.losses
    assert all(first.tensors[key].equal(again.tensors[key]) for key in first.tensors)
    assert trained(opened, ctx, replace(plan, seed=6)).losses != first.losses
    # what is kept between passes changes nothing but the memory
    deep = trained(opened, ctx, replace(plan, checkpoint_depth=0))
    torch.testing.assert_close(deep.losses, first.losses, rtol=1e-3, atol=1e-6)


def test_steps_are_put_together_before_they_change_anything(opened: tuple[Model, Clip, Any], ctx: FakeContext) -> None:
    plan = replace(PLAN, steps=2, optimizer="SGD", learning_rate=0.1, batch=2)
    together = trained(opened, ctx, replace(plan, accumulate=2))
    alone = [trained(opened, ctx, replace(plan, steps=1)), together]
    assert together.losses[0] == alone[0].losses[0]
    assert together.losses[1] != trained(opened, ctx, plan).losses[1], "the first step had changed something"
    key = next(key for key in together.tensors if key.endswith("lora_up.weight"))
    assert together.tensors[key].any()


@pytest.mark.parametrize(("optimizer", "loss"), [*zip(OPTIMIZERS, LOSSES, strict=True)])
def test_every_optimizer_and_loss_runs_and_bf16_too(
    optimizer: str, loss: str, opened: tuple[Model, Clip, Any], ctx: FakeContext
) -> None:
    low = replace(PLAN, steps=1, optimizer=optimizer, loss=loss, dtype=torch.bfloat16, own_dtype=torch.bfloat16)
    made = trained(opened, ctx, low)
    assert {each.dtype for key, each in made.tensors.items() if not key.endswith("alpha")} == {torch.bfloat16}


def test_a_training_goes_on_from_a_file(opened: tuple[Model, Clip, Any], ctx: FakeContext, base: Path) -> None:
    made = trained(opened, ctx, replace(PLAN, steps=2))
    shown = save_trained_lora(made.tensors, "loras/fox", steps=2, prompt={"1": {}}, ctx=ctx)
    (file,) = shown.ui["files"]
    assert file["filename"].startswith("fox_2_steps_00001_") and steps_said_by(file["filename"]) == 2
    path = base / "output/loras" / file["filename"]
    assert load_file(path).keys() == made.tensors.keys()
    further = trained(opened, ctx, replace(PLAN, steps=1, learning_rate=1e-30, optimizer="SGD"), open_adapter(path))
    for key, tensor in made.tensors.items():
        torch.testing.assert_close(further.tensors[key], tensor)

    (base / "models/loras").mkdir(exist_ok=True)
    path.rename(base / "models/loras/fox.safetensors")
    loaded = load_lora_into_model(opened[0], "fox.safetensors", 1.0, ctx=ctx)
    direct = put_trained_lora(opened[0], made.tensors, 1.0, ctx=ctx)
    with ctx.weights.hold(loaded) as one, ctx.weights.hold(direct) as other, torch.no_grad():
        assert asked(one).equal(asked(other))


def test_an_adapter_of_something_else_is_not_trained_further(opened: tuple[Model, Clip, Any], ctx: FakeContext) -> None:
    other = open_tensors_as_adapter({"lora_unet_nothing.lora_up.weight": torch.zeros(2, 2)}, ctx.folders.temp)
    with pytest.raises(WeightsError, match="fits nothing of this model"):
        trained(opened, ctx, PLAN, other)


def test_a_loss_that_is_no_number_ends_the_training_with_advice(
    opened: tuple[Model, Clip, Any], ctx: FakeContext
) -> None:
    with pytest.raises(HeddleError, match=r"no number any more in step .*lower learning rate"):
        trained(opened, ctx, replace(PLAN, optimizer="SGD", learning_rate=1e12))


def test_a_training_stops_when_it_is_asked_to(opened: tuple[Model, Clip, Any], base: Path) -> None:
    ctx = FakeContext(base, Weights(torch.device("cpu")), cancel_after=2)
    with pytest.raises(Cancelled):
        trained(opened, ctx, PLAN)
    assert len(ctx.steps) == 2


def lists(**changed: Any) -> dict[str, Any]:
    plain = {
        "batch_size": 1, "grad_accumulation_steps": 1, "steps": 2, "learning_rate": 1e-3, "rank": 2,
        "optimizer": "AdamW", "loss_function": "MSE", "seed": 0, "training_dtype": "none", "lora_dtype": "fp32",
        "quantized_backward": False, "algorithm": "LoRA", "gradient_checkpointing": True, "checkpoint_depth": 1,
        "offloading": False, "existing_lora": "[None]", "bucket_mode": False, "bypass_mode": False,
    }  # fmt: skip
    return {name: [value] for name, value in (plain | changed).items()}


def test_the_node_takes_lists_of_latents_and_one_caption_for_all(
    opened: tuple[Model, Clip, Any], ctx: FakeContext
) -> None:
    model, clip, _ = opened
    latents = [{"samples": drawn(2, 4, 8, 8)}, {"samples": drawn(1, 4, 8, 10)}]
    caption = encode_prompt("a fox", clip, ctx)
    lora, losses, steps = train([model], latents, [caption], **lists(offloading=True, batch_size=3), ctx=ctx)
    assert steps == 2 and len(losses["loss"]) == 2 and any(key.endswith("lora_up.weight") for key in lora)
    assert [note for note in ctx.notes if "offloading is on" in note]
    _, bucketed, _ = train([model], latents, [caption, caption], **lists(bucket_mode=True, batch_size=2), ctx=ctx)
    assert len(bucketed["loss"]) == 2


@pytest.mark.parametrize(
    ("name", "steps"), [("a_120_steps_00001_.safetensors", 120), ("steps.safetensors", 0), ("[None]", 0)]
)
def test_steps_are_read_off_a_name(name: str, steps: int) -> None:
    assert steps_said_by(name) == steps
