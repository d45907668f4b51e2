"""What is kept and what is given up first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from execution.cache import Result, ResultCache


def result(size: int) -> Result:
    return Result((["x" * size],))


def cache(limit: int = 100, most: int | None = None) -> ResultCache:
    return ResultCache(limit, lambda outputs: len(outputs[0][0]), most)


def test_what_is_cheap_to_make_again_for_its_room_goes_first() -> None:
    kept = cache()
    kept.put("large and quick", result(50), 0.1)
    kept.put("small and slow", result(10), 5.0)
    kept.put("new", result(60), 1.0)
    assert "small and slow" in kept and "new" in kept and "large and quick" not in kept


def test_what_is_never_asked_for_grows_old() -> None:
    kept = cache()
    kept.put("slow once", result(50), 10.0)
    for turn in range(200):
        kept.put(f"{turn}", result(50), 1.0)
    assert "slow once" not in kept


def test_a_number_of_results_is_kept_by_use() -> None:
    kept = cache(most=2)
    kept.put("a", result(1), 9.0)
    kept.put("b", result(1), 1.0)
    kept.get("a")
    kept.put("c", result(1), 1.0)
    assert "a" in kept and "c" in kept and "b" not in kept
    none = cache(most=0)
    none.put("a", result(1), 1.0)
    assert len(none) == 0


def test_a_result_larger_than_the_limit_pushes_nothing_out() -> None:
    kept = cache()
    kept.put("a", result(50), 1.0)
    kept.put("b", result(101), 99.0)
    assert "a" in kept and "b" not in kept


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(1, 60), st.floats(0, 10), st.booleans())))
def test_the_limit_holds_and_the_count_is_right(moves: list[tuple[str, int, float, bool]]) -> None:
    kept = cache()
    for key, size, seconds, is_get in moves:
        if is_get:
            kept.get(key)
        else:
            kept.put(key, result(size), seconds)
        assert kept.held_bytes <= 100
        assert kept.held_bytes == sum(len(each.result.outputs[0][0]) for each in kept._kept.values())
