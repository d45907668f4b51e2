"""Pictures through upscalers: in tiles, with the memory there is, whatever channels they have."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from heddle.graph.errors import Cancelled, GraphError, OutOfMemory, WeightsError
from model_management import upscale_models, upscaling
from model_management.accelerators.pretended import PretendedAccelerator
from model_management.upscale_models import UpscaleModel, open_upscale_model
from model_management.upscaling import fill_in, upscale
from model_management.weights import Weights
from tests.model_management.upscalers import open_small, spandrels_own, weights_of

CPU = torch.device("cpu")


class Watched:
    """What somebody sees who waits; `stop_after` so many questions the person has asked to stop."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.parts: list[tuple[int, int]] = []
        self.notes: list[str] = []
        self.asked = 0
        self._stop_after = stop_after

    def part(self, done: int, total: int) -> None:
        self.parts.append((done, total))

    def check(self) -> None:
        self.asked += 1
        if self._stop_after is not None and self.asked >= self._stop_after:
            raise Cancelled()


def run(model: UpscaleModel, image: Tensor, watched: Watched | None = None, weights: Weights | None = None) -> Tensor:
    watched = watched or Watched()
    return upscale(model, image, weights or Weights(CPU), watched.part, watched.notes.append, watched.check)


def smooth(height: int, width: int, batch: int = 1) -> Tensor:
    """Colours that run over the whole, with a grain."""
    y, x = torch.linspace(0, 6, height)[:, None], torch.linspace(0, 9, width)
    waves = torch.stack([(y + x).sin(), (y * 2 - x).cos(), (x * y / 4).sin()], dim=-1) / 2.5 + 0.5
    grain = torch.rand(batch, height, width, 3, generator=torch.Generator().manual_seed(2))
    return (waves + grain * 0.1).clamp(0, 1)


def test_a_small_picture_is_what_the_net_alone_makes_of_it(tmp_path: Path) -> None:
    image, watched = smooth(20, 30, 2), Watched()
    made = run(open_small("ESRGAN", tmp_path), image, watched)
    theirs = spandrels_own(weights_of("ESRGAN"))
    wanted = torch.cat([theirs(each) for each in image.movedim(-1, 1).split(1)]).movedim(1, -1)
    torch.testing.assert_close(made, wanted, atol=1e-6, rtol=0)
    assert watched.parts == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    ("architecture", "limit"),
    [("ESRGAN", 1e-6), ("Compact", 1e-6), ("SPAN", 1e-6), ("SwinIR", 1e-4), ("HAT", 1e-3)],
)
def test_seams_are_small(architecture: str, limit: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of 128 pixels against the whole: nets that look less far than the overlap's spare differ by nothing."""
    model, image, watched = open_small(architecture, tmp_path), smooth(136, 150), Watched()
    whole = run(model, image)
    monkeypatch.setattr(upscaling, "TILE_PX", 128)
    tiled = run(model, image, watched)
    assert len(watched.parts) == 4 and watched.parts[-1] == (4, 4)
    assert float((tiled - whole).abs().max()) < limit
    assert float(whole.std()) > 0.02, "there is something to see"


def test_tiles_are_no_larger_than_they_have_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, sizes = open_small("ESRGAN", tmp_path), []
    own = upscaling.blend_tiles

    def watching(height: int, width: int, sides: Any, *more: Any) -> Tensor:
        sizes.append(sides)
        return own(height, width, sides, *more)

    monkeypatch.setattr(upscaling, "TILE_PX", 128)
    monkeypatch.setattr(upscaling, "blend_tiles", watching)
    run(model, smooth(130, 60))
    assert sizes == [(96, 60)]


def fails_above(pixels: int, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let nets fail on pictures of more pixels; returns what they are given."""
    seen: list[int] = []
    own = upscale_models.Upscaler.forward

    def forward(self: Any, *pictures: Tensor) -> Tensor:
        seen.append(pictures[0].shape[-1] * pictures[0].shape[-2])
        if seen[-1] > pixels:
            raise error
        return own(self, *pictures)

    monkeypatch.setattr(upscale_models.Upscaler, "forward", forward)
    return seen


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] . DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
)
def test_memory_that_runs_out_halves_the_tiles(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, image, watched = open_small("Compact", tmp_path), smooth(200, 300, 2), Watched()
    whole = run(model, image)
    seen = fails_above(100 * 100, error, monkeypatch)
    made = run(model, image, watched)
    torch.testing.assert_close(made, whole, atol=1e-6, rtol=0)
    assert seen[0] == 200 * 300 and len([each for each in seen if each > 100 * 100]) == 2, "and once for all pictures"
    assert "tiles of 75 pixels" in watched.notes[-1]
    assert watched.parts[-1][0] == watched.parts[-1][1]


def test_where_not_even_small_tiles_fit_the_memory_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = open_small("Compact", tmp_path)
    fails_above(10, torch.OutOfMemoryError("CUDA out of memory."), monkeypatch)
    with pytest.raises(OutOfMemory, match="out of memory"):
        run(model, smooth(200, 300))


def test_another_error_of_a_net_is_no_lack_of_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = open_small("Compact", tmp_path)
    seen = fails_above(10, RuntimeError("size mismatch"), monkeypatch)
    with pytest.raises(RuntimeError, match="size mismatch"):
        run(model, smooth(200, 300))
    assert len(seen) == 1


def test_a_ledger_with_little_room_makes_smaller_tiles_from_the_start(tmp_path: Path) -> None:
    model, image, watched = open_small("Compact", tmp_path), smooth(200, 300), Watched()
    made = run(model, image, watched, Weights(CPU, limit_bytes=400 << 20))
    torch.testing.assert_close(made, run(model, image), atol=1e-6, rtol=0)
    assert watched.parts[-1][1] > 1 and watched.notes == []


def test_a_card_with_little_room_makes_smaller_tiles_from_the_start(tmp_path: Path) -> None:
    model, image, watched = open_small("Compact", tmp_path), smooth(200, 300), Watched()
    card = PretendedAccelerator(420 << 20)
    weights = Weights(CPU, accelerator=card)
    with card.running():
        made = run(model, image, watched, weights)
    torch.testing.assert_close(made, run(model, image), atol=1e-6, rtol=0)
    assert watched.parts[-1][1] > 1 and watched.notes == []


def test_a_card_is_shared_with_what_others_hold_and_not_with_what_can_leave(tmp_path: Path) -> None:
    model, other = open_small("Compact", tmp_path), open_small("SPAN", tmp_path)
    card = PretendedAccelerator(1 << 20)
    weights = Weights(CPU, accelerator=card)

    def tile_px() -> int:
        return upscaling._first_tile(model, 512, 512, weights)

    with card.running():
        needed = upscaling._working_bytes(model.config, 512, 512, torch.float32)
        card.size_bytes = int((needed + (2 << 20)) / 0.75) + 4 * model.stored.numel
        assert tile_px() == 512
        with weights.hold(other):
            kept = torch.zeros(1 << 20)
            assert tile_px() == 256
        del kept
        assert card.used_bytes() > 0 and tile_px() == 512


def test_a_person_can_stop_between_the_layers_of_a_net(tmp_path: Path) -> None:
    model, watched, weights = open_small("ESRGAN", tmp_path), Watched(stop_after=9), Weights(CPU)
    with pytest.raises(Cancelled):
        run(model, smooth(20, 20), watched, weights)
    assert watched.asked == 9 and watched.parts == []
    with weights.hold(model.computing_in(torch.float32)) as net:
        assert not any(module._forward_pre_hooks for module in net.modules()), "nobody is asked afterwards"


def test_an_alpha_is_kept_and_grey_pictures_become_coloured(tmp_path: Path) -> None:
    model, image = open_small("ESRGAN", tmp_path), smooth(20, 30)
    alpha = torch.zeros(1, 20, 30, 1)
    alpha[:, :, 15:] = 1
    made = run(model, torch.cat([image, alpha], dim=-1))
    assert made.shape == (1, 40, 60, 4)
    assert torch.equal(made[..., :3], run(model, image))
    assert made[0, 0, :, 3].round().tolist() == [0.0] * 30 + [1.0] * 30
    grey = image[..., :1]
    assert torch.equal(run(model, grey), run(model, grey.expand(-1, -1, -1, 3)))


def test_a_net_for_grey_works_on_each_colour(tmp_path: Path) -> None:
    model, image = open_small("DnCNN", tmp_path), smooth(20, 30, 2)
    made = run(model, image)
    assert made.shape == image.shape
    torch.testing.assert_close(made[..., 1:2], run(model, image[..., 1:2]), atol=1e-6, rtol=0)


def test_an_empty_batch_stays_empty(tmp_path: Path) -> None:
    assert run(open_small("ESRGAN", tmp_path), torch.zeros(0, 8, 9, 3)).shape == (0, 16, 18, 3)


def test_a_picture_of_one_pixel_is_enlarged(tmp_path: Path) -> None:
    made = run(open_small("ESRGAN", tmp_path), torch.rand(1, 1, 1, 3))
    assert made.shape == (1, 2, 2, 3) and bool(made.isfinite().all())


def test_pixels_that_are_no_numbers_spoil_nothing(tmp_path: Path) -> None:
    image = smooth(20, 30)
    image[0, 5, 5] = float("nan")
    image[0, 6, 6] = float("inf")
    assert bool(run(open_small("ESRGAN", tmp_path), image).isfinite().all())


def test_a_weight_that_is_no_number_is_named(tmp_path: Path) -> None:
    broken = weights_of("ESRGAN")
    broken["model.3.bias"] = broken["model.3.bias"] * float("nan")
    torch.save(broken, tmp_path / "nan.pth")
    with pytest.raises(WeightsError, match=r"nan\.pth: model\.3\.bias"):
        run(open_upscale_model(tmp_path / "nan.pth"), smooth(9, 9))


def test_filling_in_leaves_all_else_as_it_was(tmp_path: Path) -> None:
    model, watched = open_small("LaMa", tmp_path), Watched()
    image = torch.cat([smooth(33, 41, 2), torch.rand(2, 33, 41, 1)], dim=-1)
    mask = torch.zeros(1, 33, 41)
    mask[:, 5:15, 10:20] = 1
    made = fill_in(model, image, mask, Weights(CPU), watched.part, watched.notes.append, watched.check)
    changed = (made != image).any(dim=-1)
    assert made.shape == image.shape and torch.equal(made[..., 3], image[..., 3])
    assert not bool((changed & (mask == 0)).any()) and float(changed[:, 5:15, 10:20].float().mean()) > 0.9
    shown = [fill_in(model, each, mask, Weights(CPU), watched.part, print, watched.check) for each in image.split(1)]
    torch.testing.assert_close(torch.cat(shown), made)


def test_upscalers_and_nets_that_fill_in_are_not_mistaken_for_each_other(tmp_path: Path) -> None:
    watched, upscaler = Watched(), open_small("ESRGAN", tmp_path)
    with pytest.raises(GraphError, match=r"ESRGAN\.pth is a net that fills in .*Fill In"):
        run(replace(upscaler, config=replace(upscaler.config, purpose="Inpainting")), smooth(16, 16))
    with pytest.raises(GraphError, match=r"ESRGAN\.pth is an upscaler .*Upscale Image"):
        fill_in(
            *(upscaler, smooth(16, 16), torch.ones(1, 16, 16), Weights(CPU)),
            *(watched.part, watched.notes.append, watched.check),
        )


def test_half_precision_that_is_not_enough_is_made_up_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no graphics card, one is pretended: the ledger says so, and lies on the CPU."""
    model, watched, asked = open_small("ESRGAN", tmp_path), Watched(), []

    class Pretended(Weights):
        def hold(self, handle: Any, working_bytes: int = 0, on_part: Any = None) -> Any:
            asked.append(handle.stored.dtype)
            return on_cpu.hold(handle, working_bytes)

    own, on_cpu = upscale_models.Upscaler.forward, Weights(CPU)

    def forward(self: Any, *pictures: Tensor) -> Tensor:
        made = own(self, *pictures)
        return made * float("nan") if made.dtype is torch.float16 else made

    monkeypatch.setattr(upscale_models.Upscaler, "forward", forward)
    pretended = Pretended(CPU)
    pretended.device = torch.device("cuda")
    made = run(model, smooth(12, 12), watched, pretended)
    assert asked == [torch.float16, torch.float32]
    assert "half precision" in watched.notes[0] and bool(made.isfinite().all())


def test_memory_errors_of_the_house_count_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = open_small("Compact", tmp_path)
    seen = fails_above(100 * 100, OutOfMemory("no room"), monkeypatch)
    assert run(model, smooth(200, 120)).shape == (1, 800, 480, 3)
    assert max(seen[1:]) <= 100 * 100
