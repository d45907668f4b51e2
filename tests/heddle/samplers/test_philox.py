"""The generator of CUDA devices, against the test values that its authors published and against mathematics."""

import numpy as np
import pytest
import torch

from heddle.samplers.philox import Philox, philox_4x32

# Known answers from the authors' own test file (Random123, kat_vectors): counter, key, words.
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def words(text: str) -> np.ndarray:
    return np.array([int(word, 16) for word in text.split()], dtype=np.uint32)


@pytest.mark.parametrize(("counter", "key", "result"), KNOWN)
def test_the_published_answers_come_out(counter: str, key: str, result: str) -> None:
    assert np.array_equal(philox_4x32(words(counter)[:, None], words(key))[:, 0], words(result))


def test_the_numbers_are_normal_and_calls_differ() -> None:
    stream = Philox(7)
    first, second = stream.randn((200, 500)), stream.randn((200, 500))
    for drawn in (first, second):
        assert drawn.dtype is torch.float32
        assert abs(float(drawn.mean())) < 0.02
        assert float(drawn.std()) == pytest.approx(1, abs=0.02)
        assert float((drawn.abs() < 1).float().mean()) == pytest.approx(0.6827, abs=0.01)
    assert abs(float((first * second).mean())) < 0.02


def test_a_number_depends_on_its_place_in_the_call_alone() -> None:
    assert torch.equal(Philox(3).randn((4, 6)).flatten(), Philox(3).randn((24,)))
    assert torch.equal(Philox(3).randn((5,)), Philox(3).randn((24,))[:5])


@pytest.mark.parametrize("seed", [0, -1, 2**32, 2**63, 2**64 - 1])
def test_any_seed_is_taken_modulo_64_bits(seed: int) -> None:
    assert torch.equal(Philox(seed).randn((8,)), Philox(seed + 2**64).randn((8,)))
    assert not torch.equal(Philox(seed).randn((8,)), Philox(seed + 2**32).randn((8,)))
