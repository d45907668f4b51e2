"""Whatever is asked of a device, in any order: the pictures are those of one without a limit, and it never has a byte
more than it may have. Sides of guidance may run one after the other where there is no room, so last digits may
differ."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor

from heddle.graph.errors import HeddleError, OutOfMemory
from heddle.networks.control import ControlNet, ControlNetConfig
from heddle.networks.ops import TRAINABLE
from heddle.networks.unet import UNet
from heddle.samplers.keyframes import Keyframe, Keyframes
from model_management.accelerators.pretended import PretendedAccelerator
from model_management.checkpoint import OpenedCheckpoint, open_checkpoint, open_network
from model_management.control_files import open_control_net
from model_management.families.known import FAMILIES
from model_management.handles import Model
from model_management.weights import Weights
from nodes.conditioning.control import apply
from nodes.hooks.conditionings import set_properties
from nodes.hooks.creating import hook_lora_into_model
from nodes.hooks.keyframes import set_keyframes
from nodes.latent.autoencoder import decode, encode
from nodes.loaders.adapters import load_lora_into_model
from nodes.sampling.ksampler import ksampler
from tests.model_management import tiny
from tests.model_management.gguf_files import write_gguf_tensors
from tests.nodes.fake_context import FakeContext

CPU = torch.device("cpu")
#: Wide enough that most weights are more than those that always stay.
UNET = replace(tiny.UNET, widths=(64, 128), time_width=128)
HINT = torch.rand(1, 64, 64, 3, generator=torch.manual_seed(1))
ENOUGH = 1.5  # times the network in float32: room for a control net and adapters beside a part of it


@dataclass(frozen=True)
class Picture:
    """A run of two steps. model: the form in which its weights are stored. strength: of an adapter in the model."""

    model: str
    strength: float = 0.0
    has_control: bool = False
    has_hook: bool = False
    cells: int = 8


Work: TypeAlias = Picture | str


@dataclass(eq=False)
class World:
    base: Path
    checkpoint: OpenedCheckpoint
    models: dict[str, Model]
    control: Any
    known: dict[Work, Tensor] = field(default_factory=dict)

    def do(self, work: Work, weights: Weights) -> Tensor:
        ctx = FakeContext(self.base, weights)
        with torch.inference_mode():
            if work == "decode":
                return decode({"samples": torch.ones(1, 4, 4, 4)}, self.checkpoint.vae, ctx)
            if work == "encode":
                return encode(HINT[:, :32, :32], self.checkpoint.vae, ctx)["samples"]
            if work == "text":
                with weights.hold(self.checkpoint.clip.encoders[0]) as net:
                    return net(torch.tensor([[38, 3, 4, 39]])).states.clone()
            assert isinstance(work, Picture)
            return self.picture(work, ctx)

    def picture(self, work: Picture, ctx: FakeContext) -> Tensor:
        model, (wanted, unwanted) = self.models[work.model], (text(1), text(2))
        if work.strength:
            model = load_lora_into_model(model, "a.safetensors", work.strength, ctx=ctx)
        if work.has_control:
            wanted, unwanted = apply(wanted, unwanted, self.control, HINT, 1.0, 0.0, 1.0)
        if work.has_hook:
            later = Keyframes().with_frames(Keyframe(0.5), Keyframe(1.0, 0.5))
            hooks = set_keyframes(hook_lora_into_model("a.safetensors", 0.8, ctx=ctx), hook_kf=later)
            wanted = set_properties(wanted, 1.0, "default", hooks=hooks)
        latent = {"samples": torch.zeros(1, 4, work.cells, work.cells)}
        return ksampler(model, 5, 2, 3.0, "euler", "normal", wanted, unwanted, latent, 1.0, ctx)["samples"]

    def wanted(self, work: Work) -> Tensor:
        """What a device without a limit gives."""
        if work not in self.known:
            self.known[work] = self.do(work, ledger(1 << 32)[0])
        return self.known[work]

    @property
    def network_bytes(self) -> int:
        return 4 * self.models["whole"].stored.numel


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    base = tmp_path_factory.mktemp("base")
    torch.manual_seed(0)
    prefix = tiny.PREFIXES["unet"]
    net = {prefix + name: each.detach() for name, each in UNet(UNET, TRAINABLE).state_dict().items()}
    others = {name: each for name, each in tiny.tiny_tensors(torch.float32).items() if not name.startswith(prefix)}
    files = {
        "whole": others | net,
        "half": {name: each.half() for name, each in net.items()},
        "eighth": in_8_bits(net),
    }
    for name, tensors in files.items():
        tiny.write_checkpoint(base / f"{name}.safetensors", tensors)
    write_gguf_tensors(base / "blocks.gguf", net)
    control = ControlNet(ControlNetConfig(UNET, hint_widths=(8, 8, 16, 16, 24, 24, 40)), TRAINABLE).state_dict()
    save_file({f"control_model.{name}": each.contiguous() for name, each in control.items()}, base / "c.safetensors")
    (base / "models" / "loras").mkdir(parents=True)
    at = "lora_unet_mid_block_attentions_0_"
    adapter = {"proj_in": drawn(1, 128, 128, 1, 1), "transformer_blocks_0_attn2_to_q": drawn(2, 128, 128)}
    save_file({f"{at}{name}.diff": each for name, each in adapter.items()}, base / "models/loras/a.safetensors")
    models = {name: open_network(base / f"{name}.safetensors", FAMILIES) for name in ("half", "eighth")}
    models["blocks"] = open_network(base / "blocks.gguf", FAMILIES)
    checkpoint = open_checkpoint(base / "whole.safetensors", FAMILIES)
    return World(base, checkpoint, models | {"whole": checkpoint.model}, open_control_net(base / "c.safetensors"))


def in_8_bits(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Matrices in 8 bits with a scale beside each, the rest in half precision."""
    made: dict[str, Tensor] = {}
    for name, each in tensors.items():
        if each.ndim == 2:
            scale = each.abs().max() / 448
            made |= {name: (each / scale).to(torch.float8_e4m3fn), name.replace(".weight", ".scale_weight"): scale}
        else:
            made[name] = each.half()
    return made


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 0.3


def text(seed: int) -> list[Any]:
    return [[torch.randn(1, 6, 64, generator=torch.manual_seed(seed)), {}]]


def ledger(total_bytes: int, **more: Any) -> tuple[Weights, PretendedAccelerator]:
    accelerator = PretendedAccelerator(total_bytes, **more)
    return Weights(CPU, accelerator=accelerator), accelerator


MODELS = ("whole", "half", "eighth", "blocks")
PICTURES = st.builds(
    Picture,
    model=st.sampled_from(MODELS),
    strength=st.sampled_from([0.0, 0.0, 0.5, -1.0]),
    has_control=st.booleans(),
    has_hook=st.sampled_from([False, False, True]),
    cells=st.sampled_from([8, 8, 16]),
)


@pytest.mark.timeout(7200)  # by option it goes on for long
def test_any_order_of_work_gives_what_it_gives_without_a_limit(world: World, request: pytest.FixtureRequest) -> None:
    @given(
        share=st.floats(0.3, 2.0),
        link=st.sampled_from([1e7, 1e9, 1e12]),
        flops=st.sampled_from([1e8, 1e11]),
        does=st.lists(PICTURES | st.sampled_from(["decode", "encode", "text", "free"]), min_size=1, max_size=5),
        failing=st.sets(st.integers(1, 2000), max_size=2),
    )
    @settings(
        max_examples=int(str(request.config.getoption("--schedules"))),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
    def run(share: float, link: float, flops: float, does: list[Work], failing: set[int]) -> None:
        weights, accelerator = ledger(
            int(share * world.network_bytes),
            link_bytes_s=link,
            flops=flops,
            refuses=lambda count: count in failing,
        )
        for work in does:
            if work == "free":
                weights.release_all()
                assert accelerator.used_bytes() == 0 == weights.resident_bytes
                continue
            want = world.wanted(work)
            try:
                torch.testing.assert_close(world.do(work, weights), want, rtol=1e-5, atol=1e-4)
            except OutOfMemory:
                assert failing or share < ENOUGH
        assert accelerator.most_bytes <= accelerator.size_bytes

    run()


@pytest.mark.parametrize("model", MODELS)
def test_every_form_of_weights_runs_with_adapters_and_controls_on_a_device_that_is_too_small(
    world: World, model: str
) -> None:
    work = Picture(model, strength=0.5, has_control=True, has_hook=True)
    weights, accelerator = ledger(int(0.7 * world.network_bytes))
    torch.testing.assert_close(world.do(work, weights), world.wanted(work), rtol=1e-5, atol=1e-4)
    assert accelerator.most_bytes <= accelerator.size_bytes


@pytest.mark.timeout(7200)  # by option it goes on for long
def test_wherever_an_allocation_fails_a_job_succeeds_or_fails_alone(
    world: World, request: pytest.FixtureRequest
) -> None:
    work = Picture("half", strength=0.5, has_control=True)
    for failing in range(1, 501, 1 if request.config.getoption("--slow") else 71):
        weights, accelerator = ledger(
            int(0.8 * world.network_bytes), refuses=lambda count, failing=failing: count == failing
        )
        try:
            found = world.do(work, weights)
        except HeddleError as error:
            assert isinstance(error, OutOfMemory), error
            found = world.do(work, weights)
        torch.testing.assert_close(found, world.wanted(work), rtol=1e-5, atol=1e-4)
        weights.release_all()
        assert accelerator.used_bytes() == 0
        assert accelerator.most_bytes <= accelerator.size_bytes
