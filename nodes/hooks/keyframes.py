"""Strengths of hooks that change in the course of a run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from heddle.graph.context import Context
from heddle.graph.declare import Choice, Flag, More, Number, Wire, node
from heddle.graph.errors import GraphError
from heddle.graph.said import say
from heddle.samplers.keyframes import EASES, NO_KEYFRAMES, Keyframe, Keyframes, spread
from heddle.wires import HookKeyframes, Hooks

SCHEDULING = "advanced/hooks/scheduling"

Start = Annotated[
    float, Number(default=0.0, low=0.0, high=1.0, step=0.001, tip="Where the first keyframe begins; 0.5 = half way.")
]
End = Annotated[float, Number(default=1.0, low=0.0, high=1.0, step=0.001, tip="Where the last keyframe begins.")]
Tells = Annotated[bool, Flag(default=False, advanced=True, tip="Leave a line in the log for each keyframe.")]
_STRENGTH_TIP = "The strengths of the hooks are multiplied by this."


@node(
    "CreateHookKeyframe", category=SCHEDULING, name="Create Hook Keyframe", outputs=("HOOK_KF",), search=("schedule",),
    experimental=True,
)  # fmt: skip
def make_keyframe(
    strength_mult: Annotated[float, Number(default=1.0, low=-20, high=20, step=0.01, tip=_STRENGTH_TIP)],
    start_percent: Annotated[
        float,
        Number(default=0.0, low=0.0, high=1.0, step=0.001, tip="It holds from this share of the run to the next one."),
    ],
    *,
    prev_hook_kf: HookKeyframes | None = None,
) -> HookKeyframes:
    """From some point of a run on, multiply the strengths of hooks by a number.

    The first keyframe holds from the beginning. Each holds for at least one step.
    """
    return (prev_hook_kf or NO_KEYFRAMES).with_frames(Keyframe(strength_mult, start_percent))


@node(
    "CreateHookKeyframesInterpolated", category=SCHEDULING, name="Create Hook Keyframes Interp.", outputs=("HOOK_KF",),
    search=("schedule", "ease"), experimental=True,
)  # fmt: skip
def make_keyframes_between(
    strength_start: Annotated[float, Number(default=1.0, low=0, high=10, step=0.001, tip="Of the first keyframe.")],
    strength_end: Annotated[float, Number(default=1.0, low=0, high=10, step=0.001, tip="Of the last keyframe.")],
    interpolation: Annotated[
        str, Choice(*EASES, tip="At one speed, slowly at first, slowly at last, or slowly at both ends.")
    ],
    start_percent: Start,
    end_percent: End,
    keyframes_count: Annotated[
        int, Number(default=5, low=2, high=100, step=1, tip="More make a smoother way, and more work in each step.")
    ],
    print_keyframes: Tells,
    *,
    prev_hook_kf: HookKeyframes | None = None,
    ctx: Context,
) -> HookKeyframes:
    """Keyframes at equal distances whose strengths lead from one number to another."""
    strengths = spread(strength_start, strength_end, keyframes_count, interpolation)
    return _spread_out(prev_hook_kf, strengths, start_percent, end_percent, ctx if print_keyframes else None)


@node(
    "CreateHookKeyframesFromFloats", category=SCHEDULING, name="Create Hook Keyframes From Floats",
    outputs=("HOOK_KF",), search=("schedule",), experimental=True,
)  # fmt: skip
def make_keyframes_of(
    floats_strength: Annotated[
        Any,
        Wire("FLOATS", tip="The strengths of the keyframes, or one number."),
        More({"default": -1, "min": -1, "step": 0.001, "forceInput": True}),
    ],
    start_percent: Start,
    end_percent: End,
    print_keyframes: Tells,
    *,
    prev_hook_kf: HookKeyframes | None = None,
    ctx: Context,
) -> HookKeyframes:
    """Keyframes at equal distances with these strengths."""
    strengths = _numbers(floats_strength)
    return _spread_out(prev_hook_kf, strengths, start_percent, end_percent, ctx if print_keyframes else None)


@node("SetHookKeyframes", category=SCHEDULING, name="Set Hook Keyframes", search=("schedule",), experimental=True)
def set_keyframes(hooks: Hooks, *, hook_kf: HookKeyframes | None = None) -> Hooks:
    """Let the strengths of all these hooks follow keyframes, instead of those that they have."""
    return hooks if hook_kf is None else hooks.with_keyframes(hook_kf)


def _spread_out(
    before: Keyframes | None, strengths: list[float], start: float, end: float, ctx: Context | None
) -> Keyframes:
    starts = spread(start, end, len(strengths))
    frames = [
        # The first holds for a step whatever follows; the others may be many more than there are steps.
        Keyframe(strength, begins, least_levels=int(number == 0))
        for number, (strength, begins) in enumerate(zip(strengths, starts, strict=True))
    ]
    if ctx is not None:
        for frame in frames:
            ctx.note(
                say(
                    "keyframe from {start:g} on: strength {strength:g}",
                    start=frame.start_percent,
                    strength=frame.strength,
                )
            )
    return (before or NO_KEYFRAMES).with_frames(*frames)


def _numbers(given: Any) -> list[float]:
    try:
        return [float(each) for each in given] if isinstance(given, Iterable) else [float(given)]
    except (TypeError, ValueError):
        raise GraphError(
            say("floats_strength: numbers are wanted, found {given!r}; connect a node that gives FLOATS", given=given),
            input_name="floats_strength",
            found=given,
            wanted="FLOATS",
        ) from None
