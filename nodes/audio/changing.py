"""Sounds, cut, joined, mixed and made louder."""

from __future__ import annotations

from typing import Annotated

import psutil

from heddle.graph.declare import Choice, More, Number, Wire, node
from heddle.graph.errors import ShapeError
from heddle.graph.said import say
from heddle.numerics import sounds
from heddle.wires import Audio

_NO_END = 18446744073709551615  # 2^64 - 1
_ONE = More({"multiselect": False})
_Sound = Annotated[Audio, Wire("AUDIO", tip="The sound.")]
_First = Annotated[Audio, Wire("AUDIO", tip="A sound.")]
_Second = Annotated[Audio, Wire("AUDIO", tip="Another sound. The lower of two sample rates is brought to the higher.")]


@node("EmptyAudio", category="audio", name="Empty Audio", search=("silence", "blank"))
def make_silence(
    duration: Annotated[float, Number(default=60.0, low=0.0, high=_NO_END, step=0.01, tip="In seconds.")],
    sample_rate: Annotated[
        int, Number(default=44100, low=1, high=192000, tip="Samples a second; 44100 as on a CD.", advanced=True)
    ],
    channels: Annotated[int, Number(default=2, low=1, high=2, tip="1 is mono, 2 is stereo.", advanced=True)],
) -> Audio:
    """Silence, such as to put before another sound or where a node wants one."""
    free = psutil.virtual_memory().available
    return sounds.sound(sounds.silence(duration, sample_rate, channels, free), sample_rate)


@node("TrimAudioDuration", category="audio", name="Trim Audio Duration", search=("cut", "shorten", "slice"))
def trim(
    audio: _Sound,
    start_index: Annotated[
        float,
        Number(
            default=0.0,
            low=-_NO_END,
            high=_NO_END,
            step=0.01,
            tip="Where the part begins, in seconds; below 0 it is counted from the end.",
        ),
    ],
    duration: Annotated[
        float, Number(default=60.0, low=0.0, step=0.01, tip="How long it is, in seconds; it ends with the sound.")
    ],
) -> Audio:
    """Keep a part of a sound."""
    waveform, rate = sounds.parts_of(audio)
    return sounds.sound(sounds.trim(waveform, rate, start_index, duration), rate)


@node(
    "SplitAudioChannels", category="audio", name="Split Audio Channels", outputs=("left", "right"), search=("stereo",)
)
def split_channels(audio: _Sound) -> tuple[Audio, Audio]:
    """Take a stereo sound apart into its left and its right, each with one channel."""
    waveform, rate = sounds.parts_of(audio)
    if waveform.shape[1] != 2:
        words = "the sound has {count} channels, but only one of 2 has a left and a right; link a stereo sound"
        raise ShapeError(say(words, count=waveform.shape[1]), wanted=2, got=waveform.shape[1])
    return sounds.sound(waveform[:, :1], rate), sounds.sound(waveform[:, 1:], rate)


@node("JoinAudioChannels", category="audio", name="Join Audio Channels", outputs=("audio",), search=("stereo",))
def join_channels(
    audio_left: Annotated[Audio, Wire("AUDIO", tip="What is heard on the left.")],
    audio_right: Annotated[Audio, Wire("AUDIO", tip="What is heard on the right.")],
) -> Audio:
    """Make a stereo sound of two. Several channels of one become their mean; the shorter sound ends in silence."""
    return sounds.as_stereo(audio_left, audio_right)


@node("AudioConcat", category="audio", name="Concatenate Audio", search=("append", "join"))
def concatenate(
    audio1: _First,
    audio2: _Second,
    direction: Annotated[
        str,
        Choice("after", "before", tip="Whether the second sound comes after the first or before it."),
        More({"default": "after", "multiselect": False}),
    ],
) -> Audio:
    """Put one sound after another. A mono sound becomes stereo beside a stereo one."""
    return sounds.join(audio1, audio2) if direction == "after" else sounds.join(audio2, audio1)


@node("AudioMerge", category="audio", name="Merge Audio", search=("mix", "combine", "overlay"))
def merge(
    audio1: _First,
    audio2: _Second,
    merge_method: Annotated[
        str,
        Choice(*sounds.MIXES, tip="add plays both at once, mean both at half strength; subtract takes one out."),
        _ONE,
    ],
) -> Audio:
    """Lay one sound over another, as long as the first.

    If the result is louder than a file can hold, all of it is made quieter. A mono sound becomes stereo beside a stereo
    one.
    """
    return sounds.mix(audio1, audio2, merge_method)


@node("AudioAdjustVolume", category="audio", name="Adjust Audio Volume", search=("loud", "gain", "decibel"))
def adjust_volume(
    audio: _Sound,
    volume: Annotated[
        int, Number(default=1, low=-100, high=100, tip="In decibels: 6 is twice as loud, -6 half as loud, 0 the same.")
    ],
) -> Audio:
    """Make a sound louder or quieter."""
    waveform, rate = sounds.parts_of(audio)
    return sounds.sound(sounds.louder(waveform, volume), rate)
