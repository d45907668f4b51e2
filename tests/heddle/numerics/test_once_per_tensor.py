import gc

import torch

from heddle.numerics.once_per_tensor import MOST, OncePerTensor


def test_the_same_tensors_are_worked_out_once():
    once, one, two = OncePerTensor(), torch.ones(2), torch.ones(2)
    asked = []
    with torch.no_grad():
        for _ in range(2):
            assert once((one, two), lambda: asked.append(1) or "a") == "a"
        assert once((two, one), lambda: "b") == "b"
        assert once((one, two.clone()), lambda: "c") == "c"  # equal, but another
    assert asked == [1]


def test_a_tensor_that_was_written_to_is_another():
    once, tensor = OncePerTensor(), torch.ones(2)
    with torch.no_grad():
        once((tensor,), lambda: "before")
        tensor += 1
        assert once((tensor,), lambda: "after") == "after"


def test_what_was_worked_out_goes_with_the_tensor():
    once, tensor = OncePerTensor(), torch.ones(2)
    with torch.inference_mode():
        once((tensor,), lambda: "kept")
    assert len(once._kept) == 1
    del tensor
    gc.collect()
    assert not once._kept


def test_only_the_last_few_are_kept():
    once, tensors = OncePerTensor(), [torch.ones(1) for _ in range(MOST + 1)]
    with torch.no_grad():
        for number, tensor in enumerate(tensors):
            once((tensor,), lambda number=number: number)
    assert len(once._kept) == MOST


def test_with_gradients_nothing_is_kept():
    once, tensor = OncePerTensor(), torch.ones(2, requires_grad=True)
    assert once((tensor,), lambda: tensor * 2) is not once((tensor,), lambda: tensor * 2)
