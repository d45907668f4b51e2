"""Control nets and adapters of every kind against those of the diffusers library, from a file to a whole step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from heddle.adapters.transformer_names import diffusers_targets
from heddle.networks.flux import Flux, FluxConfig
from heddle.networks.mmdit import Mmdit, MmditConfig
from heddle.networks.ops import PLAIN
from heddle.networks.residuals import Residuals
from model_management.checkpoint import model_of, open_network, stored_net
from model_management.control import LatentHint
from model_management.control_files import match_report, open_control_net
from model_management.families.flux.family import FLUX as FLUX_FAMILY
from model_management.families.known import FAMILIES
from model_management.families.sd3.family import SD3 as SD3_FAMILY
from model_management.handles import Model
from model_management.header import read_header
from model_management.weights import Weights
from tests.model_management.control_cases import CASES, inputs_of
from tests.model_management.control_oracle import ask

UNETS = [case for case in CASES if not CASES[case]["control"][0].startswith(("SD3", "Flux"))]
TRANSFORMERS = [case for case in CASES if case not in UNETS]


def network_of(case: str, theirs: dict[str, Tensor], folder: Path) -> Model:
    """The handle of the network that a control net is for, with these weights."""
    path = folder / "network.safetensors"
    if case in UNETS:
        save_file(theirs, path)
        return open_network(path, FAMILIES)
    family, net = (FLUX_FAMILY, _flux()) if "flux" in case else (SD3_FAMILY, _mmdit())
    save_file(in_our_names(net.state_dict(), theirs), path)
    header = read_header(path)
    part = family.network
    return model_of(stored_net("network", header, type(part)("", part.config, part.build)), family)


def _flux() -> torch.nn.Module:
    return Flux(FluxConfig(64, 32, 256, 5, 7, 24, 20), PLAIN)


def _mmdit() -> torch.nn.Module:
    second = (True, False, True, False, False)
    return Mmdit(MmditConfig(128, 512, second, 24, 20, places=12, has_qk_norm=True), PLAIN)


def in_our_names(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> dict[str, Tensor]:
    """A transformer's weights from diffusers' layout: rows put together, and halves exchanged where they differ."""
    made = {name: torch.full_like(tensor, torch.nan) for name, tensor in ours.items()}
    if "pos_embed" in made:
        made["pos_embed"] = theirs["pos_embed.pos_embed"].clone()
    shapes = {name: tuple(tensor.shape) for name, tensor in ours.items()}
    targets: dict[str, Any] = {}
    for there, target in diffusers_targets(shapes):
        targets.setdefault(there, target)  # the first one is the exception, of the last block
    for there, target in targets.items():
        for name, kind in ((target.weight, "weight"), (target.bias, "bias")):
            if name in made and f"{there}.{kind}" in theirs:
                value = theirs[f"{there}.{kind}"]
                rows = slice(*target.rows) if target.rows else slice(None)
                made[name][rows] = torch.cat(value.chunk(2)[::-1]) if target.is_swapped else value
    assert not any(tensor.isnan().any() for tensor in made.values())
    return {name: tensor.contiguous() for name, tensor in made.items()}


def steps(case: str, model: Model, path: Path) -> tuple[Residuals, Tensor]:
    """What the control net gives, by itself, and what the network makes of it."""
    given = inputs_of(case)
    control = open_control_net(path).fitted(model)
    options = {name: given[name] for name in control.kind.reads if name in given}
    weights = Weights(torch.device("cpu"))
    with weights.hold(control) as net, weights.hold(model) as network, torch.no_grad():
        guide = net.read_hint(given["hint"])
        added = net(given["x"], given["timesteps"], guide=guide, kind=CASES[case].get("kind"), **options)
        inputs = {name: each for name, each in given.items() if name not in ("x", "timesteps", "hint")}
        out = network(given["x"], given["timesteps"], **inputs, control=control.kind.place(added, model.config))
    return added, out


def parts_of(added: Residuals) -> dict[str, Tensor | None]:
    named: dict[str, Tensor | None] = {f"skip{number}": each for number, each in enumerate(added.skips)}
    named |= {f"feature{number}": each for number, each in enumerate(added.inside)}
    named |= {f"block{number}": each for number, each in enumerate(added.blocks)}
    named |= {f"single{number}": each for number, each in enumerate(added.single_blocks)}
    return named | ({} if added.middle is None else {"middle": added.middle})


def see_that_close(got: Tensor, wanted: Tensor) -> None:
    assert wanted.std() > 1e-3
    assert (got - wanted).abs().max() <= 2e-5 * wanted.abs().max()


@pytest.mark.parametrize("case", CASES)
def test_it_gives_what_diffusers_net_gives_and_the_network_makes_the_same_of_it(case: str, tmp_path: Path):
    wanted = ask(case)
    path = tmp_path / "diffusion_pytorch_model.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in wanted.control.items()}, path)
    added, out = steps(case, network_of(case, wanted.network, tmp_path), path)
    parts = parts_of(added)
    assert parts.keys() == wanted.added.keys()
    for name, got in parts.items():
        assert got is not None
        see_that_close(got, wanted.added[name])
    see_that_close(out, wanted.out)
    report = match_report(open_control_net(path))
    assert report is None or report.unmatched == ()


def test_instantx_nets_for_sd3_look_at_latents_that_are_scaled_and_not_shifted(tmp_path: Path):
    path = tmp_path / "diffusion_pytorch_model.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in ask("sd3").control.items()}, path)
    assert open_control_net(path).kind.hint == LatentHint(has_mask=True, has_shift=False)
