"""What flows along HOOKS wires: changes of weights that act only where a conditioning carries them.

A hook names a file and strengths. Which weights it changes is told when it meets a model or a clip.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from heddle.adapters.layer_names import is_of_text
from heddle.graph.errors import GraphError
from heddle.graph.said import say
from heddle.samplers.keyframes import NO_KEYFRAMES, Keyframes
from model_management.adapter_files import AdapterFile, match_clip, match_model, report_match
from model_management.checkpoint import OpenedCheckpoint
from model_management.control_run import Note
from model_management.handles import Clip, Model
from model_management.merged_weights import net_difference
from model_management.stored_net import StoredNet
from model_management.weight_patches import WeightSource


class HookSource(Protocol):
    """Where a hook's changes come from."""

    @property
    def key(self) -> Hashable:
        """Equal for sources that change anything equally."""
        ...

    @property
    def path(self) -> Path: ...

    def of_model(self, model: Model, note: Note) -> WeightSource | None:
        """What it does to a model's network, None = nothing.

        Args:
            note: told how much of the file fits.
        Raises: WeightsError, if the file was made for another family.
        """
        ...

    def of_clip(self, clip: Clip, note: Note) -> Mapping[str, WeightSource]:
        """The same for text encoders, by their names; those that nothing changes are left out."""
        ...


@dataclass(frozen=True, eq=False)
class AdapterHookSource:
    """A LoRA or another adapter's file."""

    file: AdapterFile

    @property
    def key(self) -> Hashable:
        return ("adapter", self.file.header.stamp)

    @property
    def path(self) -> Path:
        return self.file.header.path

    def of_model(self, model: Model, note: Note) -> WeightSource | None:
        used: set[str] = set()
        source = match_model(self.file, model, used)
        layers = self.file.keys.layers
        if not used and layers and all(is_of_text(layer) for layer in layers):
            note(say("{file} has a part for text encoders alone", file=self.path.name))
        else:
            note(str(report_match(self.file, used)))
        return source

    def of_clip(self, clip: Clip, note: Note) -> Mapping[str, WeightSource]:
        used: set[str] = set()
        sources = match_clip(self.file, clip, used)
        layers = self.file.keys.layers
        if not used and layers and not any(is_of_text(layer) for layer in layers):
            note(say("{file} has no part for text encoders", file=self.path.name))
        else:
            note(str(report_match(self.file, used)))
        return sources


@dataclass(frozen=True, eq=False)
class CheckpointHookSource:
    """A whole model in a LoRA's place: what its weights have over those that are changed."""

    opened: OpenedCheckpoint

    @property
    def key(self) -> Hashable:
        return ("checkpoint", self.opened.model.stored.key)

    @property
    def path(self) -> Path:
        return self.opened.model.stored.header.path

    def of_model(self, model: Model, note: Note) -> WeightSource | None:
        return self._difference(self.opened.model.stored, model.stored, note)

    def of_clip(self, clip: Clip, note: Note) -> Mapping[str, WeightSource]:
        sources = {}
        for encoder in clip.encoders:
            other = self.opened.clip.encoder(encoder.part.name)
            if other is None:
                words = "{file} has no text encoder {encoder!r}: that one stays as it is"
                note(say(words, file=self.path.name, encoder=encoder.part.name))
            else:
                sources[encoder.part.name] = self._difference(other.stored, encoder.stored, note)
        return sources

    def _difference(self, other: StoredNet, own: StoredNet, note: Note) -> WeightSource:
        source = net_difference(other, own)
        words = "{file}: {matched} of {count} weights match"
        note(say(words, file=self.path.name, matched=len(source.weights), count=len(own.shapes)))
        return source


@dataclass(frozen=True, eq=False)
class WeightHook:
    """One change of weights with its strengths, each times what the keyframes say.

    repeat: how many hooks of the same file and strengths came before it where it was made: those count beside it.
    """

    source: HookSource
    model_strength: float
    clip_strength: float
    keyframes: Keyframes = NO_KEYFRAMES
    repeat: int = 0

    @property
    def identity(self) -> Hashable:
        """Equal for hooks that count once where both are carried, whatever their keyframes."""
        return (self.source.key, self.model_strength, self.clip_strength, self.repeat)

    @property
    def place(self) -> tuple[str, str, float, float, int]:
        """Hooks act in the order of their places, so that it does not matter how they were put together."""
        path = self.source.path
        return (path.name, str(path), self.model_strength, self.clip_strength, self.repeat)


@dataclass(frozen=True, eq=False)
class WeightHooks:
    """Hooks that act together, in the order in which they act."""

    hooks: tuple[WeightHook, ...] = ()

    def with_hook(self, source: HookSource, model_strength: float, clip_strength: float) -> WeightHooks:
        """One more, without keyframes; none, if both strengths are 0."""
        if not model_strength and not clip_strength:
            return self
        hook = WeightHook(source, model_strength, clip_strength)
        here = {each.identity for each in self.hooks}
        while hook.identity in here:
            hook = replace(hook, repeat=hook.repeat + 1)
        return self.joined(WeightHooks((hook,)))

    def joined(self, *others: WeightHooks) -> WeightHooks:
        """All of them. A hook that is in several counts once, with the keyframes that it has in the first."""
        found: dict[Hashable, WeightHook] = {}
        for each in (self, *others):
            for hook in each.hooks:
                found.setdefault(hook.identity, hook)
        return WeightHooks(tuple(sorted(found.values(), key=lambda hook: hook.place)))

    def with_keyframes(self, keyframes: Keyframes) -> WeightHooks:
        """The same hooks, each with these keyframes in place of its own."""
        return WeightHooks(tuple(replace(hook, keyframes=keyframes) for hook in self.hooks))


NO_HOOKS = WeightHooks()


def hooks_in(carried: object) -> WeightHooks:
    """What a conditioning carries as its hooks. Raises: GraphError, if it is none of this house."""
    if carried is None:
        return NO_HOOKS
    if not isinstance(carried, WeightHooks):
        raise GraphError(
            say(
                "the conditioning carries hooks of the type {kind}, which is not known here; make hooks "
                "with the nodes of the menu advanced/hooks",
                kind=type(carried).__name__,
            )
        )
    return carried
