"""What diffusers' control nets and networks give for the cases of `control_cases.py`."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from tests.model_management.control_cases import CASES, NETWORKS, POOLED_WIDTH, TIME_IDS, inputs_of, weight
from tests.oracles import diffusers


class Answer(NamedTuple):
    """control, network: state dicts by diffusers' names. added: what the control net gives. out: a whole step."""

    control: dict[str, Tensor]
    network: dict[str, Tensor]
    added: dict[str, Tensor]
    out: Tensor


@torch.no_grad()
def ask(case: str) -> Answer:
    name, config = CASES[case]["control"]
    control = filled(name, config, CASES[case].get("hint_channels"))
    network = network_of(name, NETWORKS[CASES[case]["network"]])
    run = sd3_numbers if name.startswith("SD3") else flux_numbers if name.startswith("Flux") else unet_numbers
    return Answer(control.state_dict(), network.state_dict(), *run(case, control, network))


def filled(name: str, config: dict[str, Any], hint_channels: int | None = None) -> nn.Module:
    """A net of diffusers with the weights that its names stand for.

    Args:
        hint_channels: of the latent that it looks at, where the library knows only such with as many as the network's.
    """
    net = getattr(diffusers(), name)(**config)
    if hint_channels is not None:
        net.controlnet_x_embedder = nn.Linear(4 * hint_channels, net.inner_dim)
    state = {key: weight(key, tuple(tensor.shape)) for key, tensor in net.state_dict().items()}
    net.load_state_dict(state)
    return net.eval()


def network_of(control: str, config: dict[str, Any]) -> nn.Module:
    if control.startswith("SD3"):
        return filled("SD3Transformer2DModel", {**config, "in_channels": 16})
    if control.startswith("Flux"):
        return filled("FluxTransformer2DModel", {**config, "patch_size": 1, "in_channels": 64})
    ups = [each.replace("Down", "Up") for each in reversed(config["down_block_types"])]
    return filled("UNet2DConditionModel", {**config, "up_block_types": tuple(ups), "sample_size": 8})


def unet_numbers(case: str, control: nn.Module, network: nn.Module) -> tuple[dict[str, Tensor], Tensor]:
    given = inputs_of(case)
    x, times, context, hint = (given[name] for name in ("x", "timesteps", "context", "hint"))
    more: dict[str, Any] = {}
    if "vector" in given:
        more["added_cond_kwargs"] = {"text_embeds": given["vector"][:, :POOLED_WIDTH], "time_ids": TIME_IDS}
    if case.startswith("t2i"):
        features = control(hint)
        found = {f"feature{number}": feature for number, feature in enumerate(features)}
        out = network(x, times, context, down_intrablock_additional_residuals=list(features), **more)
        return found, out.sample
    if case.startswith("union"):
        kind = CASES[case].get("kind", 0)
        told = torch.zeros(2, 6)
        told[:, kind] = float("kind" in CASES[case])
        asked = copy.deepcopy(control)
        if "kind" not in CASES[case]:
            # The library always wants a type. Where none is told, the part that knows types adds nothing to the hint.
            for part in ("weight", "bias"):
                asked.get_parameter(f"spatial_ch_projs.{part}").zero_()
        made = asked(x, times, context, [hint.expand(2, -1, -1, -1)], told, [kind], **more)
    else:
        made = control(x, times, context, hint, **more)
    skips, middle = made.down_block_res_samples, made.mid_block_res_sample
    out = network(
        x, times, context, down_block_additional_residuals=skips, mid_block_additional_residual=middle, **more
    )
    return {f"skip{number}": skip for number, skip in enumerate(skips)} | {"middle": middle}, out.sample


def sd3_numbers(case: str, control: nn.Module, network: Any) -> tuple[dict[str, Tensor], Tensor]:
    given = inputs_of(case)
    x, times, context, hint, vector = (given[name] for name in ("x", "timesteps", "context", "hint", "vector"))
    if case == "sd3_picture":
        tokens = network.pos_embed(x)
        (blocks,) = control(tokens, hint, pooled_projections=vector, timestep=times, return_dict=False)
    else:
        zeros = torch.zeros_like(vector)  # the library's pipelines give these nets no pooled text
        (blocks,) = control(x, hint, 1.0, context, zeros, times, return_dict=False)
    found = {f"block{number}": block for number, block in enumerate(blocks)}
    if case == "sd3_picture":
        # Stability's own code also adds behind the last block, where the library's network adds nothing.
        network.transformer_blocks[-1].register_forward_hook(lambda _block, _given, made: (None, made[1] + blocks[-1]))
    (out,) = network(x, context, vector, times, block_controlnet_hidden_states=blocks, return_dict=False)
    return found, out


def flux_numbers(case: str, control: nn.Module, network: nn.Module) -> tuple[dict[str, Tensor], Tensor]:
    given = inputs_of(case)
    rows, columns = (side // 2 for side in given["x"].shape[2:])
    places = torch.zeros(rows, columns, 3)
    places[..., 1] += torch.arange(rows)[:, None]
    places[..., 2] += torch.arange(columns)[None]
    common: dict[str, Any] = {
        "hidden_states": packed(given["x"]),
        "encoder_hidden_states": given["context"],
        "pooled_projections": given["vector"],
        "timestep": given["timesteps"],
        "guidance": given["guidance"],
        "img_ids": places.reshape(-1, 3),
        "txt_ids": torch.zeros(given["context"].shape[1], 3),
        "return_dict": False,
    }
    pixels = case == "flux_pixels"
    hint = 2 * given["hint"] - 1 if pixels else packed(given["hint"])
    mode = torch.full((2, 1), CASES[case]["kind"]) if "kind" in CASES[case] else None
    blocks, singles = control(controlnet_cond=hint, controlnet_mode=mode, **common)
    (out,) = network(
        controlnet_block_samples=blocks,
        controlnet_single_block_samples=singles,
        controlnet_blocks_repeat=pixels,
        **common,
    )
    found = {f"block{number}": block for number, block in enumerate(blocks)}
    found |= {f"single{number}": block for number, block in enumerate(singles or ())}
    out = out.reshape(2, rows, columns, 16, 2, 2).permute(0, 3, 1, 4, 2, 5).reshape(2, 16, 2 * rows, 2 * columns)
    return found, out


def packed(latent: Tensor) -> Tensor:
    batch, channels, height, width = latent.shape
    cut = latent.reshape(batch, channels, height // 2, 2, width // 2, 2)
    return cut.permute(0, 2, 4, 1, 3, 5).reshape(batch, -1, 4 * channels)
