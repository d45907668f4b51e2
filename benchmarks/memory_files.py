"""Model files of any size with seeded weights, written tensor by tensor, so that no file is in memory as a whole."""

from __future__ import annotations

import json
import math
import shutil
import struct
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.both_nets import SD15, SDXL
from benchmarks.figures import CannotMeasure, Place
from heddle.networks.clip_text import ClipText, ClipTextConfig
from heddle.networks.ops import PLAIN
from heddle.networks.unet import UNet, UNetConfig
from heddle.networks.vae import Autoencoder, VaeConfig
from model_management.families.sd15.family import TEXT, UNET, VAE

#: The UNets, and the dtype in which they are stored.
NAMES = {torch.float32: "F32", torch.float16: "F16"}
UNETS: Mapping[str, tuple[UNetConfig, torch.dtype]] = {
    "sd15": (SD15, torch.float32),
    "sdxl": (SDXL, torch.float16),
    "tiny": (UNetConfig((32, 64), (1, 2), (1, 0), middle_depth=1, context_width=64), torch.float32),
}
#: Checkpoints of 100 to 300 MB.
WIDTHS = {"a": (64, 128, 192, 192), "b": (64, 128, 256, 256), "c": (96, 192, 320, 320)}


def unet_file(place: Path, name: str) -> Path:
    """A UNet alone, in the cache; written first if it is not there."""
    config, dtype = UNETS[name]
    with torch.device("meta"):
        net = UNet(config, PLAIN)
    return _once(place / f"memory-unet-{name}.safetensors", {UNET: net}, dtype)


def checkpoints(place: Path, widths: Mapping[str, tuple[int, ...]]) -> list[Path]:
    """Whole checkpoints in float32, of three sizes, in the folder that a server looks for them in."""
    files = []
    for name, each in widths.items():
        config = UNetConfig(each, (2,) * len(each), (1,) * (len(each) - 1) + (0,), middle_depth=1, context_width=64)
        with torch.device("meta"):
            parts = {
                UNET: UNet(config, PLAIN),
                VAE: Autoencoder(VaeConfig((32, 64, 64, 64), blocks=1), PLAIN),
                TEXT: ClipText(ClipTextConfig(width=64, layers=2, mlp_width=128), PLAIN),
            }
        size = "x".join(map(str, each))
        files.append(
            _once(place / "models" / "checkpoints" / f"memory-{name}-{size}.safetensors", parts, torch.float32)
        )
    return files


def in_cache(place: Place, needed_bytes: int) -> Path:
    """The cache. Raises: CannotMeasure, if there is no room for files of this size."""
    if shutil.disk_usage(place.cache).free < needed_bytes:
        raise CannotMeasure(f"{place.cache} needs {needed_bytes / 1e9:.0f} GB of free disk; choose another --cache")
    return place.cache


def _once(path: Path, parts: Mapping[str, nn.Module], dtype: torch.dtype) -> Path:
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    print(f"writing {path} (once)", file=sys.stderr, flush=True)
    unfinished = path.with_suffix(".part")
    shapes = {
        prefix + name: tuple(each.shape) for prefix, net in parts.items() for name, each in net.state_dict().items()
    }
    header: dict[str, dict[str, object]] = {}
    end = 0
    for name, shape in shapes.items():
        begin, end = end, end + math.prod(shape) * dtype.itemsize
        header[name] = {"dtype": NAMES[dtype], "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    with unfinished.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in _drawn(shapes.items(), dtype):
            file.write(tensor.numpy().tobytes())
    unfinished.replace(path)
    return path


def _drawn(shapes: Iterable[tuple[str, tuple[int, ...]]], dtype: torch.dtype) -> Iterator[Tensor]:
    """Weights of a size that keeps what passes through a net about as large as it came."""
    chance = torch.Generator().manual_seed(0)
    for name, shape in shapes:
        drawn = torch.empty(shape).uniform_(-1, 1, generator=chance)
        if len(shape) > 1:
            drawn *= math.prod(shape[1:]) ** -0.5
        else:
            drawn = 0.1 * drawn + name.endswith("weight")  # of a norm
        yield drawn.to(dtype)
