"""Models that are shown latents in windows."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from heddle.graph.declare import Choice, Flag, More, Number, Text, node
from heddle.graph.errors import GraphError
from heddle.graph.said import say
from heddle.samplers.free_noise import shuffle_noise
from heddle.samplers.window_schedules import SCHEDULES, WEIGHTS, Layout
from heddle.samplers.windowed_guesses import WindowPlan
from heddle.wires import Model
from model_management.patches import StartNoisePatch, WindowsPatch

NAME = "ContextWindowsManual"

_LINE = More({"multiline": False})


def _again(what: str) -> tuple[Text, More]:
    tip = f"Places, such as 0 or 0, -1, where each window is shown {what} that the whole has there; empty: none."
    return Text(tip=tip), _LINE


@node(
    NAME, category="model/patch", name="Context Windows (Manual)", experimental=True,
    search=("sliding window", "animatediff", "freenoise", "long video", "tiled"),
)  # fmt: skip
def show_in_windows(
    model: Model,
    context_length: Annotated[
        int, Number(default=16, low=1, tip="Pictures, rows or columns (cells of the latent) in a window.")
    ],
    context_overlap: Annotated[
        int, Number(default=4, low=0, tip="How many neighbouring windows share; batched ones share none.")
    ],
    context_schedule: Annotated[
        str,
        Choice(
            *SCHEDULES,
            tip="Where windows lie: in the same places at each step, moving on from step to step, also around the end, "
            "or one behind the other without overlap.",
        ),
        More({"default": "standard_static", "multiselect": False}),
    ],
    context_stride: Annotated[
        int,
        Number(default=1, low=1, tip="Uniform schedules: so many kinds, of each place, each second, each fourth ..."),
    ],
    closed_loop: Annotated[bool, Flag(default=False, tip="Looped schedule: the end goes on at the beginning.")],
    fuse_method: Annotated[
        str,
        Choice(
            *WEIGHTS,
            tip="How much each place of a window counts: most in the middle (pyramid, relative), all alike (flat), "
            "fading only where windows overlap (overlap-linear).",
        ),
        More({"multiselect": False}),
    ] = "pyramid",
    dim: Annotated[
        int,
        Number(default=0, low=0, high=5, tip="What windows lie along: 0 the pictures of a batch, 2 rows, 3 columns."),
    ] = 0,
    freenoise: Annotated[
        bool, Flag(tip="Windows further on begin with the first one's noise in another order, so that they agree more.")
    ] = False,
    cond_retain_index_list: Annotated[str, *_again("the conditioning")] = "",
    split_conds_to_windows: Annotated[
        bool, Flag(tip="Of combined conditionings each window has one: the first those at the beginning, and so on.")
    ] = False,
    latent_retain_index_list: Annotated[str, *_again("the latent")] = "",
    causal_window_fix: Annotated[
        bool, Flag(tip="Windows that do not begin at the beginning are also shown what lies before them.")
    ] = True,
) -> Model:  # fmt: skip
    """Show a model latents in windows, and join what it says of each: for more than it can see at once.

    A latent that fits into one window is drawn as without this node. Windows need less memory and more calls of the
    network. Texts, areas, masks, control nets and images go along with their window.
    """
    layout = Layout(context_length, context_overlap, context_stride, closed_loop)
    if context_overlap >= context_length and (context_schedule != "batched" or freenoise):
        words = "windows of {length} cannot overlap by {overlap}; choose an overlap that is smaller than the length"
        said = say(words, length=context_length, overlap=context_overlap)
        raise GraphError(
            said, input_name="context_overlap", found=context_overlap, wanted=f"less than {context_length}"
        )
    plan = WindowPlan(
        layout, context_schedule, fuse_method, dim,
        _numbers(cond_retain_index_list, "cond_retain_index_list"),
        _numbers(latent_retain_index_list, "latent_retain_index_list"),
        split_conds_to_windows, causal_window_fix,
    )  # fmt: skip
    changed = model.without_patch(NAME).with_patch(NAME, WindowsPatch(plan))
    if not freenoise:
        return changed

    def shuffle(noise: Tensor, seed: int) -> Tensor:
        plan.check(noise.shape)
        return shuffle_noise(noise, seed, dim, context_length, context_overlap)

    return changed.with_patch(NAME, StartNoisePatch(shuffle))


def _numbers(text: str, name: str) -> tuple[int, ...]:
    """Raises: GraphError, if there is something else between the commas."""
    try:
        return tuple(int(each) for each in text.replace(",", " ").split())
    except ValueError as problem:
        words = "{name} is {text!r}, but whole numbers with commas between them are wanted, such as 0, 1"
        raise GraphError(say(words, name=name, text=text), input_name=name, found=text) from problem
