"""The text encoder's own lesson: to read captions, before a UNet paints from what it read.

Learned together with the UNet, colours come first and fill the encoder's states; places, which pay only once a thing
has its colour, then never come. A fresh encoder alone reads everything within minutes, and the UNet finds all of it
there from its first step on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from random import Random

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from heddle.networks.clip_text import ClipText
from heddle.prompts.tokenizer import END, START, clip_tokenizer
from heddle.training.captions import caption, words_of_the_world
from heddle.training.loop import OnProgress, Plan, load_average, never, train
from heddle.training.losses import seeded_chance
from heddle.training.world import ATTRIBUTES, Scene, attributes_of, in_any_order

Tokenize = Callable[[str], Sequence[int]]
"""A text to its 77 token ids: start, words, end, padding."""


def clip_tokens(text: str) -> list[int]:
    """The 77 ids that a short text is encoded from: start, words, end, and the end token again up to the length."""
    ids = [START, *clip_tokenizer().encode(text)[:75]]
    return ids + [END] * (77 - len(ids))


EXTRA_WORDS = "what , . other"  # tokens that captions need beside the world's words


@dataclass(frozen=True)
class Vocabulary:
    """The few tokens of the world's captions, numbered anew, so that training moves no row that no caption uses.

    Number 0 stands for every other token. The end token comes last, where the text encoder expects it.
    """

    tokens: tuple[int, ...]  # the published ids, number 1 onward
    full_size: int

    @cached_property
    def table(self) -> Tensor:
        """[full_size], the new number of each published id."""
        table = torch.zeros(self.full_size, dtype=torch.long)
        table[torch.tensor(self.tokens)] = torch.arange(1, len(self.tokens) + 1)
        return table

    @property
    def size(self) -> int:
        return len(self.tokens) + 1

    def narrow(self, ids: Tensor) -> Tensor:
        return self.table.to(ids.device)[ids]

    def widen(self, rows: Tensor) -> Tensor:
        """The published table's rows, [full_size, D], from those trained, [size, D]."""
        return rows[self.table.to(rows.device)]


def read_vocabulary(tokenize: Tokenize, full_size: int) -> Vocabulary:
    """The tokens of all words that captions can hold."""
    ids = {token for word in [*words_of_the_world(), *EXTRA_WORDS.split()] for token in tokenize(word)}
    end = full_size - 1
    return Vocabulary((*sorted(ids - {end}), end), full_size)


def add_unknown_words(random: Random, ids: list[int]) -> list[int]:
    """One to four tokens 0 put somewhere between start and end of a text; its length stays.

    Args:
        ids: numbers of a `Vocabulary`; the last one is the end token, which also pads.
    """
    end = ids[-1]
    for _ in range(random.randint(1, 4)):
        words = ids.index(end)
        if words < len(ids) - 1:
            ids = [*ids[: (place := random.randint(1, words))], 0, *ids[place:-1]]
    return ids


@dataclass(frozen=True)
class Captions:
    """Scenes to token ids, a new caption each time.

    empty_share: of the captions that are left empty, for guidance.
    unknown_share: of the others get words from outside the world, to learn to pass over them.
    """

    vocabulary: Vocabulary
    tokenize: Tokenize
    empty_share: float
    unknown_share: float
    _known: dict[str, list[int]] = field(default_factory=dict)

    def encode(self, text: str) -> list[int]:
        """77 numbers of the vocabulary."""
        if text not in self._known:
            self._known[text] = self.vocabulary.narrow(torch.tensor(self.tokenize(text))).tolist()
        return self._known[text]

    def draw(self, random: Random, scenes: Sequence[Scene]) -> Tensor:
        """One caption for each scene, [N, 77]."""
        return torch.tensor([self._draw_one(random, scene) for scene in scenes])

    def _draw_one(self, random: Random, scene: Scene) -> list[int]:
        if random.random() < self.empty_share:
            return self.encode("")
        ids = self.encode(caption(random, scene))
        return add_unknown_words(random, ids) if random.random() < self.unknown_share else ids


def train_reader(
    text: ClipText,
    scenes: Sequence[Scene],
    captions: Captions,
    plan: Plan,
    *,
    batch: int,
    seed: int,
    checkpoint: Path,
    on_progress: OnProgress,
    should_stop: Callable[[], bool] = never,
) -> list[float]:
    """Teach a text encoder to say, of each attribute of the world, what a caption tells of it.

    The mean of its states is read by one linear layer, which is forgotten afterwards: so every attribute has its
    directions in the states, and what a caption leaves out shows as no preference.

    Args:
        text: changed in place; ends with the averaged weights.
    Returns: the loss of each step: cross-entropies summed over the attributes.
    """
    sizes = [len(values) for values in ATTRIBUTES.values()]
    device = text.text_model.final_layer_norm.weight.device
    torch.manual_seed(seed)
    reader = nn.Linear(text.config.width, sum(sizes)).to(device)

    def loss_of(step: int) -> Tensor:
        chance, random = seeded_chance(seed, step), Random(f"{seed}/reading/{step}")
        chosen = torch.randint(len(scenes), (batch,), generator=chance)
        told = [in_any_order(random, scenes[i]) for i in chosen.tolist()]
        ids = captions.draw(random, told)
        said = reader(text(ids.to(device)).states.mean(dim=1)).split(sizes, dim=1)
        meant = torch.tensor([attributes_of(scene) for scene in told]).to(device).unbind(dim=1)
        return torch.stack([cross_entropy(a, b) for a, b in zip(said, meant, strict=True)]).sum()

    parameters = {f"text.{name}": each for name, each in text.named_parameters()}
    parameters |= {f"reader.{name}": each for name, each in reader.named_parameters()}
    trained = train(parameters, loss_of, plan, checkpoint, on_progress=on_progress, should_stop=should_stop)
    load_average(text, trained.average, "text.")
    return trained.losses
