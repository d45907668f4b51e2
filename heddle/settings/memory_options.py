"""The options about memory and number formats."""

from __future__ import annotations

import argparse

from heddle.graph.errors import SettingsError
from heddle.settings import values
from heddle.settings.memory import MODES, NORMAL, UNLOAD_AFTER_MIN, MemorySettings

#: Option -> part, and the number format that it is kept and computed in; of those in 8 bits: kept alone.
FORMATS = {
    "--fp32-unet": ("network", "float32"),
    "--fp64-unet": ("network", "float64"),
    "--bf16-unet": ("network", "bfloat16"),
    "--fp16-unet": ("network", "float16"),
    "--fp8_e4m3fn-unet": ("network", "float8_e4m3fn"),
    "--fp8_e5m2-unet": ("network", "float8_e5m2"),
    "--fp16-vae": ("vae", "float16"),
    "--fp32-vae": ("vae", "float32"),
    "--bf16-vae": ("vae", "bfloat16"),
    "--fp8_e4m3fn-text-enc": ("text", "float8_e4m3fn"),
    "--fp8_e5m2-text-enc": ("text", "float8_e5m2"),
    "--fp16-text-enc": ("text", "float16"),
    "--fp32-text-enc": ("text", "float32"),
    "--bf16-text-enc": ("text", "bfloat16"),
}

_PARTS = {"network": "diffusion models and control nets", "vae": "VAEs", "text": "text encoders"}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Have a parser know them."""
    memory = parser.add_argument_group("memory")
    modes = memory.add_mutually_exclusive_group()
    for mode, words in MODES.items():
        modes.add_argument(f"--{mode}", dest="memory_mode", action="store_const", const=mode, help=words)
    memory.add_argument(
        "--reserve-vram", type=float, metavar="GB", help="memory of the graphics card to leave to other programs"
    )
    memory.add_argument(
        "--vram-limit", metavar="SIZE", help="what models and pictures may take on the graphics card at most"
    )
    memory.add_argument("--ram-limit", metavar="SIZE", help="what weights may take in main memory at most")
    memory.add_argument("--disable-mmap", action="store_true", help="read model files into memory, do not map them")
    memory.add_argument(
        "--disable-smart-memory", action="store_true", help="let weights go as soon as their work is done"
    )
    memory.add_argument(
        "--unload-after-min",
        type=float,
        default=UNLOAD_AFTER_MIN,
        metavar="MIN",
        help="minutes without a job after which the server gives the memory of weights back; 0: never; "
        "default %(default)g",
    )
    memory.add_argument(
        "--pretend-device",
        metavar="SIZE",
        help="compute on the CPU as if it were a card with so much memory, to see what a limit does",
    )
    formats = parser.add_argument_group("number formats")
    forced = formats.add_mutually_exclusive_group()
    for names, name, words in (
        (("--force-fp16",), "float16", "keep and compute all but VAEs in float16"),
        (("--force-fp32", "--no-half"), "float32", "keep and compute everything in float32"),
    ):
        forced.add_argument(*names, dest="force_format", action="store_const", const=name, help=words)
    groups = {part: formats.add_mutually_exclusive_group() for part in _PARTS}
    for option, (part, name) in FORMATS.items():
        does = "keep" if name.startswith("float8") else "keep and compute"
        names = (option, "--no-half-vae") if option == "--fp32-vae" else (option,)
        groups[part].add_argument(
            *names, dest=f"{part}_format", action="store_const", const=name, help=f"{does} {_PARTS[part]} in {name}"
        )
    formats.add_argument("--cpu-vae", action="store_true", help="run VAEs on the CPU")


def read_options(found: argparse.Namespace) -> MemorySettings:
    """What was asked for. Raises: SettingsError."""
    minutes = values.at_least(0, found.unload_after_min, "--unload-after-min")
    reserve = 0.0 if found.reserve_vram is None else values.at_least(0, found.reserve_vram, "--reserve-vram")
    return MemorySettings(
        mode=found.memory_mode or NORMAL,
        reserve_bytes=int(reserve * 2**30),
        device_limit_bytes=_limit(found.vram_limit, "--vram-limit"),
        main_limit_bytes=_limit(found.ram_limit, "--ram-limit"),
        maps_files=not found.disable_mmap,
        keeps_unused=not found.disable_smart_memory,
        force=found.force_format,
        network_format=found.network_format,
        vae_format=found.vae_format,
        text_format=found.text_format,
        vae_on_cpu=found.cpu_vae,
        unload_after_s=60 * minutes,
        pretended_bytes=_limit(found.pretend_device, "--pretend-device"),
    )


def _limit(text: str | None, option: str) -> int | None:
    if text is None:
        return None
    size = values.parse_size(text)
    if not size:
        raise SettingsError(f"{option} 0: a size above 0, such as 4GB; leave the option out for no limit")
    return size
