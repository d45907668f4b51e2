"""The texts in boxes of one run: GLIGEN models held beside the model, and their fusers put into the calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from heddle.graph.errors import GraphError
from heddle.graph.said import say
from heddle.networks.gligen import Gligen as GligenNet
from heddle.networks.hooks import NO_HOOKS, AttentionPlace, Hooks, place_named
from heddle.samplers.conditions import Area, Call, Condition
from heddle.samplers.windows import Window
from model_management.control import give_in_turn
from model_management.gligen import Gligen
from model_management.handles import Model
from model_management.patches import HooksPatch
from model_management.stored_net import OnPart, ignore_parts
from model_management.weights import Weights

MOST_BOXES = 30  # places for them that the published models were trained with
KIND = "position"


def shared_boxes(sides: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    """The sides with the positive's boxes also on the others, so that guidance compares like with like.

    Entries with an area neither give nor take any; see `give_in_turn`.
    """
    own = [more for _states, more in sides.get("positive", ()) if more.get("area") is None]
    given = [more["gligen"] for more in own if more.get("gligen") is not None]
    return {name: side if name == "positive" else give_in_turn(side, "gligen", given) for name, side in sides.items()}


@contextmanager
def hold_boxes(
    conditions: Iterable[tuple[Model, Condition]],
    shape: tuple[int, ...],
    weights: Weights,
    on_part: OnPart = ignore_parts,
) -> Iterator[HooksPatch | None]:
    """What steps into the calls of these conditions, with its weights in place until the block ends.

    Args:
        conditions: each with the model that is shown it.
        shape: of the run's latent, [B, C, h, w].
    Returns: what is to be put into the models, None where no condition has boxes.
    Raises: GraphError, if what a condition carries is no boxes, too many, or ones for another network.
    """
    held: dict[int, _Held] = {}
    with ExitStack() as stack:
        for model, condition in conditions:
            if condition.boxes is None:
                continue
            gligen, boxes = _read(condition.boxes)
            check_fits(gligen, model)
            if id(condition.boxes) not in held:
                net = stack.enter_context(weights.hold(gligen, on_part=on_part))
                held[id(condition.boxes)] = _Held(net, boxes, (shape[-2], shape[-1]))

        def at(call: Call) -> Hooks:
            boxes = next((one.boxes for one in call.conditions), None)  # the same in all of a call
            return NO_HOOKS if boxes is None else Hooks(between=(held[id(boxes)].fuse_in(call),))

        yield HooksPatch(at) if held else None


def _read(value: Any) -> tuple[Gligen, Sequence[Any]]:
    if not (isinstance(value, tuple) and len(value) == 3 and value[0] == KIND and isinstance(value[1], Gligen)):
        raise GraphError(
            say(
                "the conditioning carries texts in boxes of the type {kind}, which are not known here; "
                "put them in with GLIGENTextBoxApply",
                kind=type(value).__name__,
            )
        )
    _kind, gligen, boxes = value
    if len(boxes) > MOST_BOXES:
        raise GraphError(
            say(
                "the conditioning has {count} texts in boxes, but {most_boxes} is the most that {gligen} "
                "reads; take some out",
                count=len(boxes),
                most_boxes=MOST_BOXES,
                gligen=gligen.name,
            ),
            found=len(boxes),
            wanted=MOST_BOXES,
        )
    return gligen, boxes


def check_fits(gligen: Gligen, model: Model) -> None:
    """Raises: GraphError, if the model's net has other blocks than the GLIGEN model was made for."""
    wanted = {fuser.place: fuser.width for fuser in gligen.config.fusers}
    found: dict[AttentionPlace, int] = {}
    for name, shape in model.stored.shapes.items():
        if name.endswith(".attn2.to_q.weight") and ".transformer_blocks." in name:
            found[place_named(name.removesuffix(".to_q.weight"))] = shape[0]
    if found != wanted:
        raise GraphError(
            say(
                "the GLIGEN model {gligen} is made for networks with {wanted}, but the model ({family}, "
                "{model}) has {found}; choose a GLIGEN model of its family",
                gligen=gligen.name,
                wanted=_described(wanted),
                family=model.family.name,
                model=model.stored.header.path.name,
                found=_described(found),
            ),
            found=len(found),
            wanted=len(wanted),
        )


def _described(widths: dict[AttentionPlace, int]) -> str:
    if not widths:
        return say("no blocks of this kind")
    return say(
        "{count} blocks of widths {widths}", count=len(widths), widths=", ".join(map(str, sorted(set(widths.values()))))
    )


@dataclass(eq=False)
class _Held:
    """The boxes of one entry in a run. `whole`: height and width of the latent, in cells."""

    net: GligenNet
    boxes: Sequence[Any]
    whole: tuple[int, int]
    tokens: dict[Area | None, Tensor] = field(default_factory=dict)
    tokens_of: WeakKeyDictionary[Window, dict[Area | None, Tensor]] = field(default_factory=WeakKeyDictionary)

    def fuse_in(self, call: Call) -> Any:
        areas = call.areas or (None,)

        def fuse(place: AttentionPlace, x: Tensor) -> Tensor:
            each = len(x) // len(areas)
            objects = torch.cat([self.objects(area, call.window).expand(each, -1, -1) for area in areas])
            return self.net.fuse(place, x.to(objects), objects).to(x)

        return fuse

    def objects(self, area: Area | None, window: Window | None = None) -> Tensor:
        """[1, MOST_BOXES, context_width]: the tokens of all boxes, as they lie in a piece of the latent or a window."""
        tokens = self.tokens if window is None else self.tokens_of.setdefault(window, {})
        if area not in tokens:
            height, width = self.whole if window is None else window.size_in(self.whole)
            piece = Area(height, width, 0, 0) if area is None else area
            weight = self.net.position_net.null_positive_feature
            texts = torch.cat([text for text, *_box in self.boxes]).to(weight)
            places = [
                (
                    (left - piece.left) / piece.width,
                    (top - piece.top) / piece.height,
                    (left + wide - piece.left) / piece.width,
                    (top + tall - piece.top) / piece.height,
                )
                for tall, wide, top, left in (_box_in(window, *box) for _text, *box in self.boxes)
            ]
            tokens[area] = self.net.position_net(texts, torch.tensor(places).to(weight), MOST_BOXES)
        return tokens[area]


def _box_in(window: Window | None, tall: int, wide: int, top: int, left: int) -> tuple[int, int, int, int]:
    """A box in the places of a window."""
    if window is None or window.dim == 0:
        return tall, wide, top, left
    first, end = window.place(*((top, top + tall) if window.dim == 2 else (left, left + wide)))
    return (end - first, wide, first, left) if window.dim == 2 else (tall, end - first, top, first)
