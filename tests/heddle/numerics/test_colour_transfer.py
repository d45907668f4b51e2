import pytest
import torch

from heddle.numerics.colour_transfer import METHODS, from_lab, to_lab, transfer


def photo(seed: int, count: int = 1, low: float = 0.3, high: float = 0.6) -> torch.Tensor:
    """Colours that go together, well within what sRGB can show."""
    drawn = torch.rand(count, 40, 50, 3, generator=torch.Generator().manual_seed(seed))
    mixed = drawn @ torch.tensor([[0.8, 0.1, 0.1], [0.3, 0.5, 0.2], [0.2, 0.2, 0.6]]).T
    return low + (high - low) * mixed


def moments(image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    lab = to_lab(image.reshape(-1, 3).double())
    return lab.mean(0), torch.cov(lab.T, correction=0)


class TestLab:
    @pytest.mark.parametrize(
        ("colour", "lab"),
        [
            ((1.0, 1.0, 1.0), (100.0, 0.0, 0.0)),
            ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
            ((1.0, 0.0, 0.0), (53.24, 80.09, 67.20)),  # as printed wherever sRGB's red is listed
            ((0.0, 0.0, 1.0), (32.30, 79.19, -107.86)),
        ],
    )
    def test_known_colours(self, colour: tuple[float, ...], lab: tuple[float, ...]):
        torch.testing.assert_close(to_lab(torch.tensor(colour)), torch.tensor(lab), atol=0.02, rtol=0)

    def test_there_and_back(self):
        colours = torch.rand(1000, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        torch.testing.assert_close(from_lab(to_lab(colours)), colours, atol=1e-6, rtol=0)


class TestTransfer:
    def test_reinhard_matches_mean_and_spread(self):
        got = transfer(photo(1), photo(2, low=0.4, high=0.8), "reinhard_lab", "per_frame", 0, 1.0)
        (mean, spread), (wanted_mean, wanted_spread) = moments(got), moments(photo(2, low=0.4, high=0.8))
        torch.testing.assert_close(mean, wanted_mean, atol=0.02, rtol=0)
        torch.testing.assert_close(spread.diagonal(), wanted_spread.diagonal(), rtol=0.01, atol=0)

    def test_monge_kantorovich_matches_the_whole_covariance(self):
        wanted = photo(2)[..., [2, 0, 1]] * 0.9
        got = transfer(photo(1), wanted, "mkl_lab", "per_frame", 0, 1.0)
        torch.testing.assert_close(moments(got)[1], moments(wanted)[1], rtol=0.01, atol=0.05)
        torch.testing.assert_close(moments(got)[0], moments(wanted)[0], atol=0.02, rtol=0)

    def test_monge_kantorovich_moves_colours_no_further_than_it_must(self):
        # A stretch along any axes is the least movement between what it leads from and to, so it is found again.
        lab = to_lab(photo(1).double())
        mean = lab.mean(dim=(0, 1, 2))
        stretch = torch.tensor([[1.1, 0.1, -0.2], [0.1, 0.9, 0.1], [-0.2, 0.1, 1.2]], dtype=torch.float64)
        wanted = from_lab((lab - mean) @ stretch + mean).float()
        torch.testing.assert_close(
            transfer(photo(1), wanted, "mkl_lab", "per_frame", 0, 1.0), wanted, atol=1e-4, rtol=0
        )

    def test_a_histogram_becomes_that_of_the_reference(self):
        wanted = photo(2) ** 2
        got = transfer(photo(1), wanted, "histogram", "per_frame", 0, 1.0)
        for channel in range(3):
            torch.testing.assert_close(
                got[..., channel].flatten().sort().values,
                wanted[..., channel].flatten().sort().values,
                atol=1e-3,
                rtol=0,
            )

    @pytest.mark.parametrize("method", METHODS)
    def test_an_images_own_colours_change_nothing(self, method: str):
        torch.testing.assert_close(
            transfer(photo(1), photo(1), method, "per_frame", 0, 1.0), photo(1), atol=1e-4, rtol=0
        )

    @pytest.mark.parametrize("method", METHODS)
    def test_strength_goes_from_nothing_to_all_and_beyond(self, method: str):
        target, reference = photo(1), photo(2, low=0.35, high=0.62)
        none, all_, more = (transfer(target, reference, method, "per_frame", 0, s) for s in (0.0, 1.0, 1.5))
        assert torch.equal(none, target)
        torch.testing.assert_close(more, target + 1.5 * (all_ - target), atol=1e-5, rtol=0)

    @pytest.mark.parametrize("method", METHODS)
    def test_one_change_for_all_frames_keeps_what_differs_between_them(self, method: str):
        film = torch.cat([photo(1), photo(1) * 0.8])
        alone = transfer(film, photo(2), method, "per_frame", 0, 1.0)
        assert abs(float(alone[0].mean() - alone[1].mean())) < 0.01
        for frames in ("uniform", "target_frame"):
            together = transfer(film, photo(2), method, frames, 0, 1.0)
            assert float(together[0].mean() - together[1].mean()) > 0.02
        first = transfer(film, photo(2), method, "target_frame", 0, 1.0)[:1]
        torch.testing.assert_close(first, alone[:1], atol=1e-5, rtol=0)
        last = transfer(film, photo(2), method, "target_frame", 999, 1.0)[1:]
        torch.testing.assert_close(last, alone[1:], atol=1e-5, rtol=0)

    def test_each_frame_has_the_reference_in_its_place(self):
        film, references = photo(1, 3), torch.cat([photo(2), photo(3, low=0.5, high=0.9)])
        got = transfer(film, references, "reinhard_lab", "per_frame", 0, 1.0)
        for at in range(3):
            alone = transfer(film[at : at + 1], references[[at % 2]], "reinhard_lab", "per_frame", 0, 1.0)
            assert torch.equal(got[at : at + 1], alone)

    @pytest.mark.parametrize("method", METHODS)
    def test_flat_grey_transparent_and_broken_images_are_taken(self, method: str):
        flat = torch.full((1, 4, 4, 3), 0.5)
        torch.testing.assert_close(
            transfer(flat, flat * 0.6, method, "per_frame", 0, 1.0), flat * 0.6, atol=1e-3, rtol=0
        )
        broken = torch.cat([photo(1), torch.rand(1, 40, 50, 1)], -1)
        broken[0, 0, 0, 0] = float("nan")
        got = transfer(broken, flat[..., :1], method, "uniform", 0, 1.0)
        assert bool(got.isfinite().all()) and torch.equal(got[..., 3], broken[..., 3])
        assert transfer(flat[..., :1], photo(1), method, "uniform", 0, 1.0).shape == (1, 4, 4, 1)
