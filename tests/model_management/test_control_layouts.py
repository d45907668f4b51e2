"""Control nets by the names of those who published them, and what they are shown in a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from heddle.graph.errors import GraphError, WeightsError
from heddle.networks.control import ControlNet as ControlNetwork
from heddle.networks.control import ControlNetConfig
from heddle.networks.control_flux import FluxControlConfig, FluxControlNet
from heddle.networks.control_mmdit import MmditControlConfig, PictureControlNet
from heddle.networks.flux import Flux
from heddle.networks.mmdit import Mmdit
from heddle.networks.ops import PLAIN, TRAINABLE
from heddle.networks.t2i_adapter import T2IAdapter, T2IAdapterConfig
from heddle.networks.vae import Autoencoder
from heddle.samplers.conditions import Area, Call
from model_management.checkpoint import open_checkpoint, open_network, open_vae
from model_management.control import Control
from model_management.control_files import match_report, open_control_net
from model_management.control_hints import fitted_hint, hint_of_area
from model_management.control_run import hold_controls
from model_management.families.known import FAMILIES
from model_management.handles import Model
from model_management.weight_patches import WeightPatch
from model_management.weights import Weights
from tests.model_management import tiny
from tests.model_management.test_control import condition
from tests.model_management.tiny_transformers import FLUX, NET, SD3, VAE, drawn

CPU = torch.device("cpu")
PICTURE = torch.rand(1, 64, 64, 3, generator=torch.manual_seed(3))


def written(path: Path, tensors: dict[str, Tensor]) -> Path:
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    return path


def held(net: Any) -> dict[str, Tensor]:
    with Weights(CPU).hold(net) as module:
        return module.state_dict()


def of_net(net: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.float() for name, tensor in drawn(net, "").items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("transformers")
    written(folder / "flux.safetensors", drawn(Flux(FLUX, TRAINABLE), NET))
    written(folder / "sd3.safetensors", drawn(Mmdit(SD3, TRAINABLE), NET))
    written(folder / "vae.safetensors", drawn(Autoencoder(VAE, TRAINABLE), ""))
    return folder


@pytest.fixture(scope="module")
def flux(folder: Path) -> Model:
    return open_network(folder / "flux.safetensors", FAMILIES)


@pytest.fixture(scope="module")
def sd3(folder: Path) -> Model:
    return open_network(folder / "sd3.safetensors", FAMILIES)


@pytest.fixture(scope="module")
def sd1(checkpoint: Path) -> Model:
    return open_checkpoint(checkpoint, FAMILIES).model


def flux_control(path: Path, **sizes: Any) -> Path:
    """In XLabs' names: two of the network's double blocks and none of its single ones."""
    config = FluxControlConfig(replace(FLUX, double_blocks=2, single_blocks=0), **{"hint_channels": 16, **sizes})
    return written(path, of_net(FluxControlNet(config, PLAIN)))


def picture_control(path: Path, **more: Tensor) -> Path:
    """As Stability publishes them: without what makes tokens, and with diffusers' names before the blocks."""
    net = PictureControlNet(MmditControlConfig(replace(SD3, context_width=0, places=0), 16), PLAIN)
    names = {"t_embedder.mlp": "timestep_embedder", "y_embedder.mlp": "text_embedder"}
    tensors: dict[str, Tensor] = {}
    for name, tensor in of_net(net).items():
        for ours, theirs in names.items():
            for number, layer in ((0, "linear_1"), (2, "linear_2")):
                name = name.replace(f"{ours}.{number}.", f"time_text_embed.{theirs}.{layer}.")
        if not name.startswith(("x_embedder.", "pos_embed.")) and name != "pos_embed":
            tensors[name] = tensor
    return written(path, tensors | more)


@pytest.mark.parametrize("reads_pixels", [True, False])
def test_xlabs_names_give_the_same_net(tmp_path: Path, reads_pixels: bool):
    sizes = {"hint_channels": 3, "reads_pixels": True} if reads_pixels else {}
    net = open_control_net(flux_control(tmp_path / "x.safetensors", **sizes))
    assert net.config.reads_pixels == reads_pixels
    assert all(
        torch.equal(tensor, of_net(FluxControlNet(net.config, PLAIN))[name]) for name, tensor in held(net).items()
    )


@pytest.mark.parametrize("is_light", [True, False])
def test_the_authors_names_of_adapters_give_the_same_net(tmp_path: Path, is_light: bool):
    halves = (False, True, True, True)
    config = T2IAdapterConfig(3, 8, (16, 32, 64, 64), 3 if is_light else 2, halves, is_light)
    tensors = of_net(T2IAdapter(config, PLAIN))
    net = open_control_net(written(tmp_path / "t2i.safetensors", tensors))
    assert net.config == config
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in held(net).items())


def test_an_adapter_with_convolutions_between_its_levels_is_read_so(tmp_path: Path):
    config = T2IAdapterConfig(1, 8, (16, 32, 64, 64), 2, (False, True, True, True), narrow=False, pools=False)
    net = open_control_net(written(tmp_path / "t2i.safetensors", of_net(T2IAdapter(config, PLAIN))))
    assert net.config == config


def test_stabilitys_names_take_what_makes_tokens_from_the_model(tmp_path: Path, sd3: Model):
    net = open_control_net(picture_control(tmp_path / "sai.safetensors"))
    assert match_report(net) is None
    got, own = held(net.fitted(sd3)), held(sd3)
    for name in ("pos_embed", "x_embedder.proj.weight", "x_embedder.proj.bias"):
        assert torch.equal(got[name], own[name])
    wanted = of_net(PictureControlNet(MmditControlConfig(replace(SD3, context_width=0, places=0), 16), PLAIN))
    for name in ("t_embedder.mlp.2.weight", "transformer_blocks.1.attn.qkv.weight", "controlnet_blocks.0.bias"):
        assert torch.equal(got[name], wanted[name])


def test_a_tensor_that_neither_file_has_is_named(tmp_path: Path, sd3: Model):
    path = picture_control(tmp_path / "sai.safetensors")
    tensors = {name: each for name, each in held(open_control_net(path).fitted(sd3)).items() if "mlp.fc2" not in name}
    with pytest.raises(WeightsError, match=r"transformer_blocks\.0\.ff\.net\.2\.weight is missing"):
        open_control_net(written(tmp_path / "cut.safetensors", tensors)).fitted(sd3)


def low_rank(
    full: dict[str, Tensor], base: dict[str, Tensor], rank: int = 3
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """A Control-LoRA's file, and the weights that it means: biases and small layers whole, some layers left out."""
    random = torch.manual_seed(8)
    stored: dict[str, Tensor] = {"lora_controlnet": torch.zeros(0)}
    wanted = dict(full)
    for number, (name, tensor) in enumerate(full.items()):
        if name not in base or tensor.ndim < 2:
            stored[name] = tensor
        elif number % 5 == 0:
            wanted[name] = base[name]
        else:
            up = torch.randn(tensor.shape[0], rank, *(1,) * (tensor.ndim - 2), generator=random)
            down = torch.randn(rank, *tensor.shape[1:], generator=random)
            layer = name.removesuffix(".weight")
            stored |= {f"{layer}.up": up, f"{layer}.down": down}
            wanted[name] = base[name] + torch.einsum("or,r...->o...", up.flatten(1), down)
    return stored, wanted


CONTROL = ControlNetConfig(tiny.UNET, hint_widths=(8, 8, 16, 16, 24, 24, 40))


def test_a_control_lora_is_the_models_weights_and_low_rank_products(tmp_path: Path, sd1: Model):
    stored, wanted = low_rank(of_net(ControlNetwork(CONTROL, PLAIN)), tiny.part_of(tiny.tiny_tensors(), "unet"))
    net = open_control_net(written(tmp_path / "control-lora.safetensors", stored))
    got = held(net.fitted(sd1))
    assert got.keys() == wanted.keys()
    for name, tensor in wanted.items():
        torch.testing.assert_close(got[name], tensor)
    fitted = net.fitted(sd1).stored
    assert fitted.used_keys == stored.keys() - {"lora_controlnet"}


class Doubled:
    """A change of weights that counts for each with this name."""

    key = "doubled"

    def __init__(self, *weights: str) -> None:
        self.weights = weights

    def open(self) -> Any:
        from contextlib import nullcontext

        return nullcontext(lambda name, weight, strength: 2 * weight)


def test_what_was_put_into_the_model_counts_in_a_control_lora_too(tmp_path: Path, sd1: Model):
    stored, wanted = low_rank(of_net(ControlNetwork(CONTROL, PLAIN)), tiny.part_of(tiny.tiny_tensors(), "unet"))
    net = open_control_net(written(tmp_path / "control-lora.safetensors", stored))
    name = "middle_block.0.in_layers.2.weight"
    patched = sd1.with_patch("doubled", WeightPatch(Doubled(name)))
    base = tiny.part_of(tiny.tiny_tensors(), "unet")[name]
    torch.testing.assert_close(held(net.fitted(patched))[name], wanted[name] + base)


def test_a_control_lora_for_another_model_is_refused(tmp_path: Path, sd1: Model, flux: Model):
    wide = replace(CONTROL, unet=replace(tiny.UNET, widths=(32, 96)))
    full = of_net(ControlNetwork(wide, PLAIN))
    stored, _ = low_rank(full, {name: full[name] for name in full if name.startswith("input_blocks.")})
    net = open_control_net(written(tmp_path / "wide.safetensors", stored))
    with pytest.raises(WeightsError, match="goes with another kind of model"):
        net.fitted(sd1)
    with pytest.raises(GraphError, match=r"network a UNet.*flux.*network a transformer"):
        net.fitted(flux)


def test_nets_of_other_families_are_refused_with_both_named(tmp_path: Path, sd1: Model, flux: Model, sd3: Model):
    of_flux = open_control_net(flux_control(tmp_path / "flux_canny.safetensors"))
    of_sd3 = open_control_net(picture_control(tmp_path / "sd3_canny.safetensors"))
    of_unet = open_control_net(written(tmp_path / "lines.safetensors", of_net(ControlNetwork(CONTROL, PLAIN))))
    with pytest.raises(GraphError, match=r"flux_canny.*made for FLUX\.1 .*sd15"):
        of_flux.fitted(sd1)
    with pytest.raises(GraphError, match=r"flux_canny.*made for FLUX\.1 .*sd3"):
        of_flux.fitted(sd3)
    with pytest.raises(GraphError, match=r"sd3_canny.*made for Stable Diffusion 3 .*flux"):
        of_sd3.fitted(flux)
    with pytest.raises(GraphError, match=r"lines.*a UNet.*flux"):
        of_unet.fitted(flux)


def test_a_net_of_the_family_in_another_size_is_refused(tmp_path: Path, flux: Model):
    wide = FluxControlConfig(replace(FLUX, width=96, double_blocks=1, single_blocks=0), 16)
    net = open_control_net(written(tmp_path / "wide.safetensors", of_net(FluxControlNet(wide, PLAIN))))
    with pytest.raises(GraphError, match=r"\(width 96\).*\(width 64\)"):
        net.fitted(flux)


def test_strangers_are_refused_by_what_they_are(tmp_path: Path, checkpoint: Path):
    lora = {"lora_unet_x.lora_down.weight": torch.zeros(2, 3), "lora_unet_x.lora_up.weight": torch.zeros(3, 2)}
    with pytest.raises(WeightsError, match=r"no control net known here: .* looks like a LoRA"):
        open_control_net(written(tmp_path / "lora.safetensors", lora))
    with pytest.raises(WeightsError, match="it looks like a full checkpoint or a diffusion model"):
        open_control_net(checkpoint)
    style = {"style_embedding": torch.zeros(1, 2, 4), "proj": torch.zeros(4, 6)}
    with pytest.raises(WeightsError, match="a style adapter"):
        open_control_net(written(tmp_path / "style.safetensors", style))
    names = (
        "controlnet_blocks.0.weight",
        "controlnet_x_embedder.weight",
        "transformer_blocks.0.img_mlp.net.0.proj.weight",
    )
    qwen = {name: torch.zeros(4, 4) for name in names}
    with pytest.raises(WeightsError, match="a control net of Qwen-Image"):
        open_control_net(written(tmp_path / "qwen.safetensors", qwen))


def test_a_net_that_looks_at_something_unknown_is_refused(tmp_path: Path):
    with pytest.raises(WeightsError, match="looks at 32 channels, but 16 of a latent, or one more for a mask"):
        open_control_net(flux_control(tmp_path / "c.safetensors", hint_channels=32))


def test_a_damaged_file_is_refused_in_words(tmp_path: Path):
    flat = {"controlnet_blocks.0.weight": torch.zeros(4), "pos_embed_input.proj.weight": torch.zeros(4)}
    with pytest.raises(WeightsError, match=r"flat\.safetensors: its sizes make no net"):
        open_control_net(written(tmp_path / "flat.safetensors", flat))


def test_a_net_that_looks_at_latents_wants_a_vae_before_anything_runs(tmp_path: Path):
    net = open_control_net(flux_control(tmp_path / "c.safetensors"))
    with pytest.raises(GraphError, match=r"c\.safetensors looks at the latent of its image.*connect the model's VAE"):
        Control(net, PICTURE)


def test_a_net_that_looks_at_a_mask_says_which_node_gives_one(tmp_path: Path, folder: Path):
    net = open_control_net(flux_control(tmp_path / "c.safetensors", hint_channels=17))
    with pytest.raises(GraphError, match="AliMama"):
        Control(net, PICTURE, vae=open_vae(folder / "vae.safetensors"))


def test_a_vae_of_another_family_is_refused(tmp_path: Path, flux: Model, checkpoint: Path):
    net = open_control_net(flux_control(tmp_path / "c.safetensors"))
    control = Control(net, PICTURE, vae=open_vae(checkpoint))
    with pytest.raises(GraphError, match=r"4 channels.*FLUX\.1, with 16"):
        fitted_hint(control, flux, (1, 16, 8, 8), Weights(CPU), print)


def latent_of(vae: Any, picture: Tensor) -> Tensor:
    with Weights(CPU).hold(vae) as net, torch.no_grad():
        return net.encode(2 * picture.movedim(-1, 1) - 1)[:, :16]


def test_a_latent_hint_is_in_the_networks_units_with_the_mask_behind_it(tmp_path: Path, folder: Path, flux: Model):
    vae = open_vae(folder / "vae.safetensors")
    net = open_control_net(flux_control(tmp_path / "c.safetensors", hint_channels=17))
    keep = torch.zeros(1, 1, 16, 16)
    keep[..., :8, :] = 1
    control = Control(net, PICTURE, vae=vae, keep=keep)
    hint = fitted_hint(control, flux, (1, 16, 8, 8), Weights(CPU), print)
    torch.testing.assert_close(hint[:, :16], (latent_of(vae, PICTURE) - 0.1159) * 0.3611, rtol=1e-4, atol=1e-4)
    assert torch.equal(hint[0, 16], keep[0, 0, ::2, ::2])


@pytest.mark.parametrize(
    ("shows", "as_trained"),
    [(0, lambda picture: picture), (1, lambda picture: (127.5 * picture + 1.5) / 2), (2, lambda picture: 1 - picture)],
)
def test_stabilitys_nets_are_shown_hints_as_in_their_training(
    tmp_path: Path, folder: Path, sd3: Model, shows: int, as_trained: Any
):
    vae = open_vae(folder / "vae.safetensors")
    path = picture_control(tmp_path / "c.safetensors", control_type=torch.tensor([float(shows)]))
    hint = fitted_hint(Control(open_control_net(path), PICTURE, vae=vae), sd3, (1, 16, 8, 8), Weights(CPU), print)
    wanted = (latent_of(vae, as_trained(PICTURE)) - 0.0609) * 1.5305
    torch.testing.assert_close(hint, wanted, rtol=1e-4, atol=1e-4)


def test_grey_adapters_see_the_mean_of_colours_in_whole_squares(tmp_path: Path, sd1: Model):
    config = T2IAdapterConfig(1, 16, (32, 64, 64, 64), 2, (False, False, True, False))
    net = open_control_net(written(tmp_path / "t2i.safetensors", of_net(T2IAdapter(config, PLAIN))))
    hint = fitted_hint(Control(net, PICTURE), sd1, (1, 4, 8, 8), Weights(CPU), print)
    torch.testing.assert_close(hint, PICTURE.mean(-1)[:, None])
    assert hint_of_area(hint, net.kind.hint, Area(3, 5, 1, 2)).shape == (1, 1, 32, 48)


def test_a_control_net_reads_its_own_text_where_there_is_one(tmp_path: Path, sd1: Model):
    net = open_control_net(written(tmp_path / "lines.safetensors", of_net(ControlNetwork(CONTROL, PLAIN))))
    control = Control(net, PICTURE)
    one, other = (torch.randn(1, 6, 64, generator=torch.manual_seed(seed)) for seed in (1, 2))
    with hold_controls([(sd1, condition(control))], (1, 4, 8, 8), Weights(CPU)) as ask, torch.no_grad():

        def asked(**inputs: Tensor) -> Tensor:
            added = ask(torch.zeros(1, 4, 8, 8), torch.full((1,), 500.0), Call(inputs, control=control, level=5.0))
            assert added is not None and added.middle is not None
            return added.middle

        assert torch.equal(asked(context=one, control_context=other), asked(context=other))
        assert not torch.equal(asked(context=one), asked(context=other))
