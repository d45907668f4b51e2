"""Options that people bring along in the launch scripts of this ecosystem's other engines.

What only tunes is left out with a word in the log, so such a script starts. What would change whose pages are served,
what is written or where things lie is refused, with what to write instead.
"""

from __future__ import annotations

from collections.abc import Sequence

_MEMORY = "Heddle measures the memory that is free and decides by itself"
_BROWSER = "Heddle never opens a browser; the address is in the first lines it prints"
_ATTENTION = "what is computed more exactly in attention goes by the kernel"
_TUNING = "Heddle has no such short cut"
_SERVICES = "Heddle has no nodes of outside services"

#: Option -> why it is left out.
LEFT_OUT = {
    **dict.fromkeys(("--medvram", "--medvram-sdxl", "--async-offload", "--disable-async-offload"), _MEMORY),
    **dict.fromkeys(("--disable-pinned-memory", "--disable-dynamic-vram", "--fast-disk"), _MEMORY),
    "--force-channels-last": "how pictures lie in memory goes by what computes with them",
    **dict.fromkeys(("--auto-launch", "--disable-auto-launch", "--windows-standalone-build", "--autolaunch"), _BROWSER),
    "--disable-xformers": "xformers is used only where --xformers or a model asks for it",
    **dict.fromkeys(("--force-upcast-attention", "--dont-upcast-attention"), _ATTENTION),
    **dict.fromkeys(("--fast", "--deterministic", "--supports-fp8-compute", "--disable-triton-backend"), _TUNING),
    **dict.fromkeys(("--disable-api-nodes", "--comfy-api-base"), _SERVICES),
    "--api": "the interface is always there",
    "--log-stdout": "the log goes to stderr; 2>&1 puts it with the rest",
    "--dont-print-server": "the log is short as it is; --verbose WARNING shortens it",
}

#: Those of them that take words behind them: at most so many.
_WORDS_BEHIND = {"--async-offload": 1, "--fast": 8, "--comfy-api-base": 1}

_DEVICES = "use --devices instead, such as --devices cuda:1"

#: Option -> what to do instead.
REFUSED = {
    "--front-end-version": "leave it out, or use --front-end-root DIR to serve a front end that you have",
    **dict.fromkeys(("--cuda-device", "--default-device", "--directml", "--oneapi-device-selector"), _DEVICES),
    "--share": "leave it out: Heddle opens no tunnel; --listen makes it reachable in your own network",
    "--ckpt-dir": "use --extra-model-paths-config FILE instead",
}


def leave_out(words: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """The words of a command line without the options that are left out, and which these were."""
    kept: list[str] = []
    left: list[str] = []
    behind = 0
    for word in words:
        name, equals, _ = word.partition("=")
        if name in LEFT_OUT:
            left.append(name)
            behind = 0 if equals else _WORDS_BEHIND.get(name, 0)
        elif behind and _goes_with(word, left[-1]):
            behind -= 1
        else:
            kept.append(word)
            behind = 0
    return kept, tuple(dict.fromkeys(left))


def _goes_with(word: str, option: str) -> bool:
    """True if a word belongs to the option before it: a number, an address, or the name of a short cut."""
    if option == "--fast":
        return word in ("fp16_accumulation", "fp8_matrix_mult", "cublas_ops", "autotune")
    if option == "--comfy-api-base":
        return not word.startswith("-")
    return word.replace(".", "", 1).isdigit()
