import torch

from heddle.numerics.attention import attend, share_heads


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def slow_attention(q, k, v, heads, allowed=None):
    """One number at a time, as the formula is read."""
    out = torch.zeros_like(q)
    width = q.shape[-1] // heads
    for b in range(q.shape[0]):
        for head in range(heads):
            part = slice(head * width, (head + 1) * width)
            for t in range(q.shape[1]):
                logits = torch.stack([q[b, t, part] @ k[b, s, part] for s in range(k.shape[1])]) / width**0.5
                if allowed is not None:
                    logits = logits.masked_fill(~allowed[t], float("-inf"))
                out[b, t, part] = sum(w * v[b, s, part] for s, w in enumerate(logits.softmax(0)))
    return out


def test_each_head_averages_its_part_of_the_values_by_likeness():
    q, k, v = draw(2, 3, 8), draw(2, 5, 8, seed=1), draw(2, 5, 8, seed=2)
    torch.testing.assert_close(attend(q, k, v, heads=2), slow_attention(q, k, v, 2))


def test_a_mask_says_where_a_query_may_look():
    q, k, v = draw(1, 4, 6), draw(1, 4, 6, seed=1), draw(1, 4, 6, seed=2)
    causal = torch.ones(4, 4, dtype=torch.bool).tril()
    torch.testing.assert_close(attend(q, k, v, heads=3, mask=causal), slow_attention(q, k, v, 3, causal))


def test_a_sequence_and_its_repetition_give_the_same():
    q, k, v = draw(1, 4, 8), draw(1, 5, 8, seed=1), draw(1, 5, 8, seed=2)
    torch.testing.assert_close(attend(q, k, v, 2), attend(q, k.repeat(1, 2, 1), v.repeat(1, 2, 1), 2))


def test_neighbouring_heads_share_keys():
    x = torch.arange(2.0).reshape(1, 1, 2, 1)
    assert share_heads(x, 6).flatten().tolist() == [0, 0, 0, 1, 1, 1]
    assert share_heads(x, 2) is x
