import torch

from heddle.networks.once_per_shape import MOST, OncePerShape


def test_the_same_arguments_are_worked_out_once():
    asked = []

    def work_out(length: int, width: int = 1) -> torch.Tensor:
        asked.append((length, width))
        return torch.zeros(length, width)

    once = OncePerShape(work_out)
    assert once(3) is once(3)
    assert once(3, width=2).shape == (3, 2)
    assert asked == [(3, 1), (3, 2)]


def test_only_the_last_few_are_kept():
    asked = []
    once = OncePerShape(lambda length: asked.append(length) or length)
    for length in range(MOST + 1):
        once(length)
    once(1)  # still there, and now the newest
    assert len(asked) == MOST + 1
    once(MOST + 5)
    once(1)
    once(0)
    assert asked[MOST + 1 :] == [MOST + 5, 0]


def test_what_was_worked_out_in_inference_mode_can_be_trained_with():
    once = OncePerShape(lambda length: torch.ones(length))
    with torch.inference_mode():
        once(3)
    weight = torch.nn.Parameter(torch.ones(3))
    (weight * once(3)).sum().backward()
