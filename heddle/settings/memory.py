"""What can be asked for about memory and number formats. How it is written stands in `memory_options.py`."""

from __future__ import annotations

from dataclasses import dataclass

#: How much of a model is to stay on a device with memory of its own -> what that means, in words.
MODES = {
    "normalvram": "models stay on the graphics card until the room is needed; one that does not fit is streamed. The "
    "default",
    "gpu-only": "as --highvram; text encoders and VAEs are computed on the card in any case",
    "highvram": "no room is kept free beside a model that fits, for what is computed with it",
    "lowvram": "a model takes at most half of the card's memory, and leaves it when its work is done",
    "novram": "nothing of a model stays on the card: all of it comes in at each step",
}
NORMAL = "normalvram"

#: Minutes without a job. Whoever looks at a picture and writes the next text is back by then; and coming back costs
#: little, as long as the system has the file in memory.
UNLOAD_AFTER_MIN = 10.0


@dataclass(frozen=True, slots=True)
class MemorySettings:
    """What was asked for. Sizes in bytes; None = no limit.

    mode: one of `MODES`.
    reserve_bytes: of a graphics card's memory, left to other programs.
    device_limit_bytes: what weights and all that is computed may take there. main_limit_bytes: what weights may take
        in main memory.
    maps_files: files are mapped, not read into memory.
    keeps_unused: weights stay where they are after their use.
    force: the number format of everything, "float16" or "float32", but for VAEs in the first.
    network_format, vae_format, text_format: of one part, names of torch's dtypes.
    vae_on_cpu: VAEs run on the CPU.
    unload_after_s: without a job; 0 = never.
    pretended_bytes: the size of a device that is only counted, to compute on.
    """

    mode: str = NORMAL
    reserve_bytes: int = 0
    device_limit_bytes: int | None = None
    main_limit_bytes: int | None = None
    maps_files: bool = True
    keeps_unused: bool = True
    force: str | None = None
    network_format: str | None = None
    vae_format: str | None = None
    text_format: str | None = None
    vae_on_cpu: bool = False
    unload_after_s: float = 60 * UNLOAD_AFTER_MIN
    pretended_bytes: int | None = None
