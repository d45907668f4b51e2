"""Nets on a device that is only counted: the same numbers at any size of it, and never a byte more than it has."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from heddle.graph.errors import HeddleError, OutOfMemory
from model_management.accelerators.pretended import PretendedAccelerator
from model_management.checkpoint import OpenedCheckpoint, open_checkpoint
from model_management.families.known import FAMILIES
from model_management.image_coding import decode_latent, decode_tiled
from model_management.scaled_weights import scale_unet_attention
from model_management.weights import Keeps, Weights
from tests.model_management import tiny

CPU = torch.device("cpu")
#: Wide enough that most weights are more than those that always stay.
UNET = replace(tiny.UNET, widths=(64, 128), time_width=128)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> OpenedCheckpoint:
    return open_checkpoint(checkpoint(tmp_path_factory.mktemp("m") / "m.safetensors"), FAMILIES)


def checkpoint(path: Path, dtype: torch.dtype = torch.float32) -> Path:
    torch.manual_seed(0)
    net = tiny.UNet(UNET, tiny.TRAINABLE)
    tensors = tiny.tiny_tensors(dtype)
    prefix = tiny.PREFIXES["unet"]
    tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith(prefix)}
    return tiny.write_checkpoint(
        path, tensors | {prefix + name: tensor.to(dtype) for name, tensor in net.state_dict().items()}
    )


def ledger(total_bytes: int, **more: Any) -> tuple[Weights, PretendedAccelerator]:
    keeps = more.pop("keeps", Keeps.AS_FITS)
    accelerator = PretendedAccelerator(total_bytes, link_bytes_s=1e9, flops=1e11, **more)
    return Weights(CPU, accelerator=accelerator, keeps=keeps), accelerator


def seen_by(opened: OpenedCheckpoint) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    width = opened.model.config.context_width
    return (
        torch.randn(1, 4, 8, 8, generator=generator),
        torch.tensor([500.0]),
        torch.randn(1, 7, width, generator=generator),
    )


@contextmanager
def held(weights: Weights, handle: Any) -> Iterator[Callable[[], Tensor]]:
    with torch.inference_mode(), weights.hold(handle) as net:
        yield net


def guesses(weights: Weights, opened: OpenedCheckpoint, handle: Any = None, times: int = 3) -> list[Tensor]:
    given = seen_by(opened)
    with torch.inference_mode(), weights.hold(handle or opened.model) as net:
        return [net(*given).clone() for _ in range(times)]


def whole_bytes(opened: OpenedCheckpoint) -> int:
    return 4 * opened.model.stored.numel


@pytest.fixture(scope="module")
def wanted(opened: OpenedCheckpoint) -> Tensor:
    return guesses(ledger(1 << 30)[0], opened, times=1)[0]


@pytest.mark.parametrize("share", [2.0, 1.0, 0.75, 0.5, 0.4])
def test_a_net_gives_the_same_on_a_device_that_holds_a_part_of_it(
    opened: OpenedCheckpoint, wanted: Tensor, share: float
) -> None:
    weights, accelerator = ledger(int(share * whole_bytes(opened)))
    for made in guesses(weights, opened):
        assert torch.equal(made, wanted)
    assert accelerator.most_bytes <= accelerator.size_bytes
    assert (weights.resident_bytes >= whole_bytes(opened)) == (share > 1)


def test_what_stays_does_not_come_again_and_steps_take_as_long_as_the_link_needs(opened: OpenedCheckpoint) -> None:
    weights, accelerator = ledger(int(0.6 * whole_bytes(opened)))
    accelerator.link_bytes_s = 1e8  # a slow one, beside which computing takes no time
    given = seen_by(opened)
    with torch.inference_mode(), weights.hold(opened.model) as net:
        for _ in range(4):  # by then it is known what stays
            net(*given)
        brought, computed = accelerator.brought_bytes, accelerator.computed_s
        for _ in range(4):
            net(*given)
    brought, computed = accelerator.brought_bytes - brought, accelerator.computed_s - computed
    assert brought < 4 * 0.8 * whole_bytes(opened)
    assert computed <= 1.15 * brought / accelerator.link_bytes_s


def test_where_computing_takes_longer_nobody_waits_for_the_link(opened: OpenedCheckpoint) -> None:
    weights, accelerator = ledger(int(0.7 * whole_bytes(opened)))
    accelerator.flops = 1e9
    given = seen_by(opened)
    times = []
    with torch.inference_mode(), weights.hold(opened.model) as net:
        for _ in range(6):
            before = accelerator.computed_s
            net(*given)
            times.append(accelerator.computed_s - before)
    alone, whole = ledger(1 << 30)
    whole.flops = 1e9
    guesses(alone, opened, times=1)
    assert times[-1] <= 1.15 * whole.computed_s


def test_nothing_stays_where_nothing_is_to(opened: OpenedCheckpoint, wanted: Tensor) -> None:
    weights, _ = ledger(1 << 30, keeps=Keeps.NOTHING)
    assert torch.equal(guesses(weights, opened)[-1], wanted)
    assert weights.resident_bytes < 0.5 * whole_bytes(opened)


def test_weights_are_brought_as_they_are_stored_and_widened_there(tmp_path: Path) -> None:
    narrow = open_checkpoint(checkpoint(tmp_path / "n.safetensors", torch.float16), FAMILIES)
    roomy, accelerator = ledger(1 << 30)
    want = guesses(roomy, narrow)[0]
    assert accelerator.brought_bytes < 1.01 * 2 * narrow.model.stored.numel
    tight, accelerator = ledger(int(0.6 * 2 * narrow.model.stored.numel))
    assert all(torch.equal(made, want) for made in guesses(tight, narrow))


def test_two_nets_that_do_not_fit_together_take_turns_within_a_run(opened: OpenedCheckpoint, wanted: Tensor) -> None:
    other = replace(opened.model, stored=replace(opened.model.stored, dtype=torch.float64))
    given = seen_by(opened)
    weights, accelerator = ledger(int(1.6 * whole_bytes(opened)))
    with torch.inference_mode(), weights.hold(opened.model) as net, weights.hold(other) as second:
        for _ in range(3):
            assert torch.equal(net(*given), wanted)
            wide = second(*(each.double() for each in given))
            torch.testing.assert_close(wide.float(), wanted, rtol=1e-3, atol=1e-4)
    assert accelerator.most_bytes <= accelerator.size_bytes


def test_what_nobody_holds_leaves_for_what_somebody_does(opened: OpenedCheckpoint) -> None:
    weights, _ = ledger(int(1.3 * whole_bytes(opened)))
    guesses(weights, opened, times=1)
    with torch.inference_mode(), weights.hold(opened.vae) as net:
        net.decode(torch.zeros(1, 4, 8, 8))
    assert [role for _file, role, _bytes in weights.residents][-1] == "vae"


def test_all_is_given_back(opened: OpenedCheckpoint) -> None:
    weights, accelerator = ledger(int(0.6 * whole_bytes(opened)))
    guesses(weights, opened)
    assert weights.release_all() > 0
    assert accelerator.used_bytes() == 0 == weights.resident_bytes


def test_a_device_smaller_than_one_weight_is_refused_with_numbers(opened: OpenedCheckpoint) -> None:
    weights, accelerator = ledger(100_000)
    with pytest.raises(OutOfMemory) as refused:
        guesses(weights, opened)
    assert refused.value.asked is not None and refused.value.asked > 100_000
    assert accelerator.used_bytes() == 0


def test_a_device_without_room_for_the_picture_fails_with_numbers_and_serves_the_next(
    opened: OpenedCheckpoint, wanted: Tensor
) -> None:
    weights, accelerator = ledger(int(0.5 * whole_bytes(opened)))
    large = torch.zeros(4, 4, 64, 64), torch.full((4,), 500.0), seen_by(opened)[2].expand(4, -1, -1)
    with pytest.raises(OutOfMemory) as failed, torch.inference_mode(), weights.hold(opened.model) as net:
        net(*large)
    assert failed.value.asked and failed.value.free is not None
    del failed
    assert torch.equal(guesses(weights, opened)[-1], wanted)
    assert accelerator.most_bytes <= accelerator.size_bytes


@pytest.mark.timeout(7200)  # by option it goes on for long
def test_wherever_an_allocation_fails_a_run_succeeds_or_fails_alone(
    opened: OpenedCheckpoint, wanted: Tensor, request: pytest.FixtureRequest
) -> None:
    for failing in range(1, 501, 1 if request.config.getoption("--slow") else 53):
        weights, accelerator = ledger(
            int(0.6 * whole_bytes(opened)), refuses=lambda count, failing=failing: count == failing
        )
        try:
            assert torch.equal(guesses(weights, opened, times=2)[-1], wanted)
        except HeddleError as error:
            assert isinstance(error, OutOfMemory), error
            assert torch.equal(guesses(weights, opened, times=1)[-1], wanted)
        weights.release_all()
        assert accelerator.used_bytes() == 0


@pytest.mark.timeout(7200)  # by option it goes on for long
def test_any_order_of_work_gives_what_it_gives_without_a_limit(
    opened: OpenedCheckpoint, request: pytest.FixtureRequest
) -> None:
    free, known = ledger(1 << 30)[0], dict[str, Tensor]()

    def wanted(what: str) -> Tensor:
        if what not in known:
            known[what] = work(free, opened, what)
        return known[what]

    @given(
        share=st.floats(0.35, 1.6),
        link=st.sampled_from([1e7, 1e9, 1e12]),
        flops=st.sampled_from([1e8, 1e11]),
        does=st.lists(st.sampled_from(["network", "vae", "text", "free", "larger"]), min_size=1, max_size=6),
        failing=st.sets(st.integers(1, 400), max_size=2),
    )
    @settings(max_examples=int(str(request.config.getoption("--schedules"))))
    def run(share: float, link: float, flops: float, does: list[str], failing: set[int]) -> None:
        accelerator = PretendedAccelerator(
            int(share * whole_bytes(opened)), link_bytes_s=link, flops=flops, refuses=lambda count: count in failing
        )
        weights = Weights(CPU, accelerator=accelerator)
        for what in does:
            if what == "free":
                weights.release_all()
                assert accelerator.used_bytes() == 0
                continue
            try:
                assert torch.equal(work(weights, opened, what), wanted(what))
            except OutOfMemory:
                assert failing or share < 1.3
        assert accelerator.most_bytes <= accelerator.size_bytes

    run()


def work(weights: Weights, opened: OpenedCheckpoint, what: str) -> Tensor:
    with torch.inference_mode():
        if what == "vae":
            with weights.hold(opened.vae) as net:
                return net.decode(torch.ones(1, 4, 4, 4)).clone()
        if what == "text":
            with weights.hold(opened.clip.encoders[0]) as net:
                return net(torch.tensor([[38, 3, 4, 39]])).states.clone()
        x, time, context = seen_by(opened)
        x = x.repeat(1, 1, 2, 2) if what == "larger" else x
        with weights.hold(opened.model) as net:
            return net(x, time, context).clone()


def test_pictures_without_room_are_decoded_a_few_at_a_time_then_in_tiles(opened: OpenedCheckpoint) -> None:
    latents = torch.randn(2, 4, 20, 20, generator=torch.Generator().manual_seed(3))
    roomy, _ = ledger(1 << 30)
    notes: list[str] = []
    with torch.inference_mode():
        want = decode_latent(opened.vae, latents, roomy, note=notes.append)
        in_tiles = decode_tiled(opened.vae, latents, roomy, 128, 16)
        assert not notes
        sizes, found = [26 << 20, 16 << 20], []
        for size in sizes:
            weights, accelerator = ledger(size)
            found.append(decode_latent(opened.vae, latents, weights, note=notes.append))
            assert accelerator.most_bytes <= size
    torch.testing.assert_close(found[0], want, rtol=0, atol=1e-4)
    torch.testing.assert_close(found[1], in_tiles, rtol=0, atol=1e-4)
    assert [note[-10:] for note in notes] == ["128 pixels"], notes


def test_a_vae_that_codes_both_ways_is_brought_once(opened: OpenedCheckpoint) -> None:
    weights, accelerator = ledger(1 << 30)
    narrow = replace(opened.vae, stored=replace(opened.vae.stored, dtype=torch.float64))  # widened at each use
    with torch.inference_mode():
        for _ in range(3):
            with weights.hold(narrow) as net:
                net.decode(torch.ones(1, 4, 4, 4).double())
                net.encode(torch.ones(1, 3, 32, 32).double())
    assert accelerator.brought_bytes < 1.01 * 4 * narrow.stored.numel


def test_the_own_weights_of_a_net_with_patches_leave_with_it(opened: OpenedCheckpoint) -> None:
    weights, accelerator = ledger(1 << 30)
    guesses(weights, opened)
    before = accelerator.used_bytes()
    for factor in (2, 3):
        guesses(weights, opened, scale_unet_attention(opened.model, "attn1", {"q": factor, "k": factor}))
    streams = [each.streamed for each in weights._residents.values() if each.streamed is not None]
    kept = {placed: placed.nbytes for each in streams for placed in each._placed if placed.kept is not None}
    assert streams[0].books.device_bytes == sum(kept.values())
    assert accelerator.used_bytes() - before < 0.5 * whole_bytes(opened)
