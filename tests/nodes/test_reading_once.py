"""A model file is read once, whatever is done with it afterwards."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from heddle.wires import Clip, Model, Vae
from model_management import mapped_nets, stored_net
from model_management.accelerators.pretended import PretendedAccelerator
from model_management.weights import Weights
from nodes.conditioning.texts import encode_prompt
from nodes.latent.autoencoder import decode
from nodes.loaders.adapters import load_lora
from nodes.loaders.checkpoints import load_checkpoint
from nodes.sampling.ksampler import ksampler
from tests.nodes.fake_context import FakeContext
from tests.nodes.hook_runs import EMPTY, write_models


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("base"))


@pytest.fixture(params=["cpu", "pretended"])
def ctx(base: Path, request: pytest.FixtureRequest) -> FakeContext:
    accelerator = PretendedAccelerator(1 << 30) if request.param == "pretended" else None
    return FakeContext(base, Weights(torch.device("cpu"), accelerator=accelerator))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the nets of a file are opened, and brought into memory."""
    counts: Counter[str] = Counter()
    open_tensors, read_ahead = stored_net.open_tensors, mapped_nets.read_ahead

    def opened(header: Any, **more: Any) -> Any:
        counts[f"{header.path.stem} opened"] += 1
        return open_tensors(header, **more)

    def read(stored: Any, on_part: Any) -> None:
        counts[f"{stored.header.path.stem} {stored.role} read"] += 1
        read_ahead(stored, on_part)

    monkeypatch.setattr(stored_net, "open_tensors", opened)
    monkeypatch.setattr(mapped_nets, "read_ahead", read)
    return counts


def picture(model: Model, clip: Clip, vae: Vae, ctx: FakeContext, text: str = "a red circle") -> Tensor:
    with torch.inference_mode():
        wanted, unwanted = (encode_prompt(words, clip, ctx) for words in (text, ""))
        return decode(ksampler(model, 1, 2, 3.0, "euler", "normal", wanted, unwanted, EMPTY, 1.0, ctx), vae, ctx)


def test_the_same_file_in_two_nodes_is_read_once(ctx: FakeContext, reads: Counter[str]) -> None:
    first = picture(*load_checkpoint("tiny.safetensors", ctx), ctx)
    once = dict(reads)
    assert once and set(once.values()) <= {1, 3}, once  # three nets
    assert torch.equal(picture(*load_checkpoint("tiny.safetensors", ctx), ctx), first)
    assert reads == once


def test_another_strength_or_text_reads_no_file_of_a_model_again(ctx: FakeContext, reads: Counter[str]) -> None:
    model, clip, vae = load_checkpoint("tiny.safetensors", ctx)
    picture(model, clip, vae, ctx)
    once = dict(reads)
    seen = []
    for strength, text in ((0.2, "a red circle"), (0.7, "a red circle"), (0.2, "a square"), (-1.0, "dots")):
        changed = load_lora(model, clip, "a.safetensors", strength, strength, ctx=ctx)
        seen.append(picture(*changed, vae, ctx, text))
    assert all(not torch.equal(one, other) for at, one in enumerate(seen) for other in seen[:at])
    assert reads == once


def test_another_strength_brings_only_what_it_changes_to_the_device(base: Path) -> None:
    accelerator = PretendedAccelerator(1 << 30)
    ctx = FakeContext(base, Weights(torch.device("cpu"), accelerator=accelerator))
    model, clip, vae = load_checkpoint("tiny.safetensors", ctx)
    picture(model, clip, vae, ctx)
    whole = accelerator.brought_bytes
    for strength in (0.2, 0.7):
        before = accelerator.brought_bytes
        picture(*load_lora(model, clip, "a.safetensors", strength, strength, ctx=ctx), vae, ctx)
        # Each state has small weights of its own, which are two fifths of so small a net.
        assert 0 < accelerator.brought_bytes - before < 0.5 * whole
