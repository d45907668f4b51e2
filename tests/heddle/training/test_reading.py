"""The text encoder's lesson: words get numbers of their own, and each attribute of a scene is read from its caption."""

from __future__ import annotations

from random import Random

import pytest
import torch

from heddle.networks.clip_text import ClipText, ClipTextConfig
from heddle.networks.ops import TRAINABLE
from heddle.training.captions import words_of_the_world
from heddle.training.loop import Plan
from heddle.training.reading import Captions, Vocabulary, add_unknown_words, clip_tokens, read_vocabulary, train_reader
from heddle.training.world import PLACES, pick_scene


def test_every_word_of_the_world_is_told_apart() -> None:
    vocabulary = Vocabulary((*range(10, 10 + len(words_of_the_world())), 499), 500)
    ids = torch.arange(500)
    narrow = vocabulary.narrow(ids)
    assert narrow[499] == vocabulary.size - 1
    assert narrow[9] == 0
    assert len(narrow.unique()) == vocabulary.size


def test_unknown_words_come_between_start_and_end() -> None:
    ids = [5, 6, 7, 9, 9, 9, 9, 9]  # 5 starts, 9 ends
    for seed in range(50):
        longer = add_unknown_words(Random(seed), ids)
        assert len(longer) == len(ids)
        assert longer[0] == 5
        assert longer[-1] == 9
        assert [token for token in longer if token not in (0, 9)] == [5, 6, 7]
        assert 1 <= longer.count(0) <= 4


def test_a_share_of_the_captions_is_empty_and_each_fills_77_places() -> None:
    captions = Captions(read_vocabulary(clip_tokens, 49408), clip_tokens, empty_share=0.25, unknown_share=0.5)
    random = Random(0)
    scenes = [pick_scene(random) for _ in range(400)]
    ids = captions.draw(random, scenes)
    assert ids.shape == (400, 77)
    empty = (ids == torch.tensor(captions.encode(""))).all(dim=1).float().mean().item()
    assert 0.18 < empty < 0.32
    assert 0.25 < (ids == 0).any(dim=1).float().mean().item() < 0.5  # token 0 stands for every unknown word


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> tuple[ClipText, Captions, list[float]]:
    captions = Captions(read_vocabulary(clip_tokens, 49408), clip_tokens, empty_share=0.1, unknown_share=0.1)
    torch.manual_seed(0)
    text = ClipText(ClipTextConfig(64, 1, 128, vocabulary=captions.vocabulary.size), TRAINABLE)
    random = Random(1)
    losses = train_reader(
        text,
        [pick_scene(random) for _ in range(500)],
        captions,
        Plan(steps=200, learning_rate=4e-3, warmup_steps=10, average_decay=0.95),
        batch=32,
        seed=1,
        checkpoint=tmp_path_factory.mktemp("reader") / "text.pt",
        on_progress=lambda progress: None,
    )
    return text, captions, losses


def test_captions_are_read_better_with_every_lesson(reader: tuple[ClipText, Captions, list[float]]) -> None:
    _, _, losses = reader
    assert sum(losses[-20:]) < 0.75 * sum(losses[:20])


def test_another_place_moves_the_states_about_as_far_as_another_thing(
    reader: tuple[ClipText, Captions, list[float]],
) -> None:
    text, captions, _ = reader

    @torch.no_grad()
    def read(thing: str, place: str) -> torch.Tensor:
        return text(torch.tensor([captions.encode(f"a big red {thing}, {place}")])).states.mean(dim=1)

    by_place = torch.stack([(read("star", a) - read("star", "centre")).norm() for a in PLACES if a != "centre"])
    by_thing = torch.stack([(read(a, "centre") - read("star", "centre")).norm() for a in ("circle", "house", "fish")])
    assert by_place.mean() > 0.4 * by_thing.mean()
