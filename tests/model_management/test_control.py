"""Control nets: their files, and what they do in a run."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from heddle.graph.errors import GraphError, WeightsError
from heddle.networks.control import ControlNet as ControlNetwork
from heddle.networks.control import ControlNetConfig
from heddle.networks.ops import TRAINABLE
from heddle.networks.unet import UNetConfig
from heddle.samplers.conditions import Area, Call, Condition
from heddle.samplers.windows import Window
from model_management.checkpoint import open_checkpoint
from model_management.control import Control, shared_controls
from model_management.control_files import open_control_net
from model_management.control_run import hold_controls
from model_management.families.known import FAMILIES
from model_management.weights import Weights
from tests.model_management import tiny

CONFIG = ControlNetConfig(tiny.UNET, hint_widths=(8, 8, 16, 16, 24, 24, 40))
CPU = torch.device("cpu")


def tensors_of(config: ControlNetConfig = CONFIG) -> dict[str, Tensor]:
    torch.manual_seed(2)
    return {name: tensor.contiguous() for name, tensor in ControlNetwork(config, TRAINABLE).state_dict().items()}


def written(path: Path, tensors: dict[str, Tensor], prefix: str = "control_model.") -> Path:
    save_file({prefix + name: tensor for name, tensor in tensors.items()}, path)
    return path


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory):
    return open_control_net(written(tmp_path_factory.mktemp("control") / "lines.safetensors", tensors_of()))


@pytest.fixture(scope="module")
def model(checkpoint):
    return open_checkpoint(checkpoint, FAMILIES).model


def loaded(path: Path, *more: Any) -> dict[str, Tensor]:
    with Weights(CPU).hold(open_control_net(path, *more)) as held:
        return held.state_dict()


@pytest.mark.parametrize("prefix", ["", "control_model."])
def test_the_authors_layout_loads_bare_and_behind_its_prefix(tmp_path, prefix):
    found, wanted = loaded(written(tmp_path / "c.safetensors", tensors_of(), prefix)), tensors_of()
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}


def diffusers_prefixes() -> dict[str, str]:
    """Where the modules of a net of two levels with two blocks each stand in either layout, written out."""
    return {
        "input_blocks.0.0": "conv_in",
        "input_blocks.1.0": "down_blocks.0.resnets.0",
        "input_blocks.1.1": "down_blocks.0.attentions.0",
        "input_blocks.2.0": "down_blocks.0.resnets.1",
        "input_blocks.2.1": "down_blocks.0.attentions.1",
        "input_blocks.3.0.op": "down_blocks.0.downsamplers.0.conv",
        "input_blocks.4.0": "down_blocks.1.resnets.0",
        "input_blocks.5.0": "down_blocks.1.resnets.1",
        "middle_block.0": "mid_block.resnets.0",
        "middle_block.1": "mid_block.attentions.0",
        "middle_block.2": "mid_block.resnets.1",
        "time_embed.0": "time_embedding.linear_1",
        "time_embed.2": "time_embedding.linear_2",
        "input_hint_block.0": "controlnet_cond_embedding.conv_in",
        **{f"input_hint_block.{2 * n + 2}": f"controlnet_cond_embedding.blocks.{n}" for n in range(6)},
        "input_hint_block.14": "controlnet_cond_embedding.conv_out",
        **{f"zero_convs.{n}.0": f"controlnet_down_blocks.{n}" for n in range(6)},
        "middle_block_out.0": "controlnet_mid_block",
    }


def to_diffusers(name: str) -> str:
    ours, theirs = next(pair for pair in diffusers_prefixes().items() if name.startswith(f"{pair[0]}."))
    rest = name.removeprefix(f"{ours}.")
    if "resnets" in theirs:
        module, kind = rest.rsplit(".", 1)
        rest = f"{next(key for key, value in RESNET.items() if value == module)}.{kind}"
    return f"{theirs}.{rest}"


def test_the_diffusers_layout_gives_the_same_net(tmp_path):
    wanted = tensors_of(replace(CONFIG, unet=replace(tiny.UNET, blocks=(2, 2))))
    path = tmp_path / "diffusion_pytorch_model.safetensors"
    save_file({to_diffusers(name): tensor for name, tensor in wanted.items()}, path)
    found = loaded(path)
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_differences_are_added_to_the_models_weights(tmp_path, model):
    tensors = tensors_of()
    path = tmp_path / "diff.safetensors"
    save_file({**{f"control_model.{name}": each for name, each in tensors.items()}, "difference": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match=r"only what is to be added.*\(diff\)"):
        open_control_net(path)
    found, base = loaded(path, model), tiny.part_of(tiny.tiny_tensors(), "unet")
    for name, tensor in tensors.items():
        torch.testing.assert_close(found[name], tensor + base[name] if name in base else tensor)
    assert any(name not in base for name in tensors)
    wider = replace(model, stored=replace(model.stored, config=replace(tiny.UNET, widths=(64, 64))))
    with pytest.raises(WeightsError, match="another kind of model"):
        open_control_net(path, wider)


def test_what_is_no_control_net_is_refused_with_what_it_holds(tmp_path, checkpoint):
    with pytest.raises(WeightsError, match=r"no control net known here.*model\.diffusion_model"):
        open_control_net(checkpoint)


def test_a_missing_tensor_and_a_cut_file_are_named(tmp_path):
    tensors = tensors_of()
    del tensors["zero_convs.3.0.bias"]
    with pytest.raises(WeightsError, match=r"zero_convs\.3\.0\.bias is missing"):
        open_control_net(written(tmp_path / "c.safetensors", tensors))
    whole = written(tmp_path / "d.safetensors", tensors_of()).read_bytes()
    (tmp_path / "e.safetensors").write_bytes(whole[:-100])
    with pytest.raises(WeightsError, match="cut short"):
        open_control_net(tmp_path / "e.safetensors")


def test_the_published_name_says_that_residuals_are_pooled(tmp_path):
    assert open_control_net(written(tmp_path / "control_v11e_sd15_shuffle.safetensors", tensors_of())).is_pooled
    assert not open_control_net(written(tmp_path / "shuffle_of_lines.safetensors", tensors_of())).is_pooled


def condition(control: Any, **more: Any) -> Condition:
    return Condition({"context": torch.randn(1, 6, 64, generator=torch.manual_seed(4))}, control=control, **more)


def asked(model, control, call: Call, shape=(1, 4, 4, 6), note=lambda text: None) -> Any:
    x = torch.randn(shape, generator=torch.manual_seed(5))
    return asked_of(model, control, call, x, shape, note)


def asked_of(model, control, call: Call, x: Tensor, shape, note=lambda text: None) -> Any:
    with hold_controls([(model, condition(control))], shape, Weights(CPU), note) as ask, torch.no_grad():
        return ask(x, torch.full((len(x),), 500.0), call)


def call_of(control: Any, parts: int = 1, level: float = 5.0, areas: tuple[Area | None, ...] = ()) -> Call:
    context = condition(None).inputs["context"].expand(parts, -1, -1)
    return Call({"context": context}, control=control, level=level, areas=areas or (None,) * parts)


HINT = torch.rand(1, 32, 48, 3, generator=torch.manual_seed(3))


def test_strength_scales_and_a_chain_adds_up(net, model):
    one = Control(net, HINT)
    half = Control(net, HINT, 0.5, previous=one)
    plain, chain = asked(model, one, call_of(one)), asked(model, half, call_of(half))
    torch.testing.assert_close(chain.middle, 1.5 * plain.middle)
    for got, wanted in zip(chain.skips, plain.skips, strict=True):
        torch.testing.assert_close(got, 1.5 * wanted)


def test_a_control_counts_in_its_part_of_the_run_only(net, model):
    late = Control(net, HINT, start_percent=0.5)
    border = model.predicts.schedule.percent_to_sigma(0.5)
    assert asked(model, late, call_of(late, level=border * 1.01)) is None
    assert asked(model, late, call_of(late, level=border)) is not None
    early = Control(net, HINT, end_percent=0.5)
    assert asked(model, early, call_of(early, level=border)) is not None
    assert asked(model, early, call_of(early, level=border * 0.99)) is None


def test_an_area_sees_its_own_part_of_the_hint(net, model):
    control = Control(net, HINT)
    x = torch.randn(2, 4, 2, 3, generator=torch.manual_seed(6))
    areas = (Area(2, 3, 0, 0), Area(2, 3, 2, 3))
    both = asked_of(model, control, call_of(control, 2, areas=areas), x, (1, 4, 4, 6))
    for number, cut in enumerate((HINT[:, :16, :24], HINT[:, 16:, 24:])):
        alone = Control(net, cut)
        wanted = asked_of(model, alone, call_of(alone), x[number : number + 1], (1, 4, 2, 3))
        torch.testing.assert_close(both.middle[number : number + 1], wanted.middle, rtol=1e-4, atol=1e-5)


def test_hints_go_along_with_the_batch_and_begin_again(net, model):
    hints = torch.rand(2, 32, 48, 3)
    control = Control(net, hints)
    x = torch.randn(3, 4, 4, 6)
    got = asked_of(model, control, call_of(control, 3, areas=(None,)), x, (3, 4, 4, 6))
    for number, hint in enumerate((hints[:1], hints[1:], hints[:1])):
        alone = Control(net, hint)
        wanted = asked_of(model, alone, call_of(alone), x[number : number + 1], (1, 4, 4, 6))
        torch.testing.assert_close(got.middle[number : number + 1], wanted.middle, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("rows", "pixels"), [((1, 2), range(8, 24)), ((3, 0), [*range(24, 32), *range(8)])])
def test_a_window_sees_its_own_part_of_the_hint_and_an_area_in_it_its_part_of_that(net, model, rows, pixels):
    control = Control(net, HINT)
    x = torch.randn(1, 4, 2, 6, generator=torch.manual_seed(6))
    own = HINT[:, list(pixels)]
    call = replace(call_of(control, areas=(None,)), window=Window(2, rows, 4))
    got = asked_of(model, control, call, x, (1, 4, 4, 6))
    alone = Control(net, own)
    torch.testing.assert_close(got.middle, asked_of(model, alone, call_of(alone), x, (1, 4, 2, 6)).middle)
    area = Area(2, 3, 0, 3)
    got = asked_of(model, control, replace(call, areas=(area,)), x[..., 3:], (1, 4, 4, 6))
    alone = Control(net, own[:, :, 24:])
    torch.testing.assert_close(got.middle, asked_of(model, alone, call_of(alone), x[..., 3:], (1, 4, 2, 3)).middle)


def test_pictures_of_a_window_see_their_own_hints(net, model):
    hints = torch.rand(3, 32, 48, 3)
    control = Control(net, hints)
    x = torch.randn(2, 4, 4, 6)
    call = replace(call_of(control, 2, areas=(None,)), window=Window(0, (2, 0), 3))
    got = asked_of(model, control, call, x, (3, 4, 4, 6))
    alone = Control(net, hints[[2, 0]])
    wanted = asked_of(model, alone, call_of(alone, 2, areas=(None,)), x, (2, 4, 4, 6))
    torch.testing.assert_close(got.middle, wanted.middle)


def test_a_hint_of_another_size_is_resized_and_told(net, model):
    notes: list[str] = []
    twice = HINT.repeat_interleave(2, 1).repeat_interleave(2, 2)
    control = Control(net, twice)
    got = asked(model, control, call_of(control), note=notes.append)
    fitting = Control(net, HINT)
    torch.testing.assert_close(got.middle, asked(model, fitting, call_of(fitting)).middle)
    (said,) = notes
    assert said.startswith("the image for lines.safetensors is 96 x 64, the picture 48 x 32: it is resized")


def test_a_net_of_another_family_is_refused(net, model):
    wide = replace(model, config=UNetConfig(**{**vars(tiny.UNET), "context_width": 2048}))
    control = Control(net, HINT)
    with pytest.raises(
        GraphError, match=r"lines\.safetensors is made for a UNet of its own sizes \(context width 64\).*sd15.*2048"
    ):
        asked(wide, control, call_of(control))


def test_what_is_no_control_is_refused(model):
    with pytest.raises(GraphError, match="SimpleNamespace"):
        asked(model, SimpleNamespace(), call_of(None))


def entry(**more: Any) -> list[Any]:
    return [torch.zeros(1, 2, 3), more]


def test_a_positives_control_reaches_the_negative_where_it_says_so():
    sides = {
        "positive": [entry(control="a", control_apply_to_uncond=True), entry(control="b")],
        "negative": [entry(area=(1, 1, 0, 0)), entry(), entry()],
    }
    shared = shared_controls(sides)
    assert [more.get("control") for _, more in shared["negative"]] == [None, "a", None]
    assert [more.get("control") for _, more in sides["negative"]] == [None] * 3
    assert shared["positive"] is sides["positive"]


def test_a_negative_with_a_control_of_its_own_keeps_it_and_more_controls_than_places_make_entries():
    positive = [entry(control="a", control_apply_to_uncond=True), entry(control="b", control_apply_to_uncond=True)]
    own = shared_controls({"positive": positive, "negative": [entry(control="c")]})
    assert [more["control"] for _, more in own["negative"]] == ["c"]
    more = shared_controls({"positive": positive, "negative": [entry()]})
    assert [each["control"] for _, each in more["negative"]] == ["a", "b"]
