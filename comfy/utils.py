"""What packs find in `comfy.utils`: progress, files of weights, resizing, and small helpers around them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import safe_open
from torch import Tensor

from heddle.graph.running import call_place, current_context, worker_side
from heddle.media.previews import encode_preview
from heddle.numerics.feathered_tiles import Scale, count_tiles, scale_in_tiles
from heddle.numerics.resize import resize
from model_management.tensor_reading import read_torch_content
from nodes.closed_doors import behind

PROGRESS_BAR_ENABLED = True
PROGRESS_BAR_HOOK: Callable[..., Any] | None = None

ALWAYS_SAFE_LOAD = True


def __getattr__(name: str) -> Any:
    return behind("comfy.utils", name)


def set_progress_bar_enabled(enabled: bool) -> None:
    """Whether bars of steps are printed in the terminal; packs read the name above."""
    global PROGRESS_BAR_ENABLED
    PROGRESS_BAR_ENABLED = bool(enabled)


def set_progress_bar_global_hook(function: Callable[..., Any] | None) -> None:
    """Tell a function in place of the running node: (value, total, preview, node_id=...)."""
    global PROGRESS_BAR_HOOK
    PROGRESS_BAR_HOOK = function


class ProgressBar:
    """How far the node is that made this bar, or the one named.

    Each report also asks whether the person wants to stop, and then raises `Cancelled`.
    """

    def __init__(self, total: float, node_id: str | None = None) -> None:
        self.total = total
        self.current: float = 0
        self.node_id = None if node_id is None else str(node_id)
        self.hook = PROGRESS_BAR_HOOK
        # Kept from the start: a node may report from a thread of its own, which does not know where it came from. A bar
        # that is made there is of the node that began last.
        self._context = current_context.get()
        self._place = call_place.get()

    def update(self, value: float) -> None:
        """So much more is done."""
        self.update_absolute(self.current + value)

    def update_absolute(self, value: float, total: float | None = None, preview: Any = None) -> None:
        """So much is done. `preview` is (format, Pillow image, longest side in px)."""
        if total is not None:
            self.total = total
        self.current = min(value, self.total)
        if self.hook is not None:
            self.hook(self.current, self.total, preview, node_id=self.node_id)
            return
        encoded = None if preview is None else encode_preview(preview)
        own = self._place.node_id if self._place is not None else None
        report = worker_side().progress
        is_other = self._context is None or (self.node_id is not None and self.node_id != own)
        if is_other and report is not None:
            report(self.node_id, self.current, self.total, encoded[0] if encoded is not None else None)
        elif self._context is not None:
            if encoded is not None:
                self._context.show(*encoded)
            self._context.progress(self.current, self.total)


# Files of weights


def load_torch_file(
    ckpt: str | Path, safe_load: bool = False, device: Any = None, return_metadata: bool = False
) -> Any:
    """The tensors of a file by name; with `return_metadata` also its texts, or None.

    Only tensors and plain values are read: a file that would run code is refused.
    """
    path, where = str(ckpt), str(device or "cpu")
    if path.lower().endswith((".safetensors", ".sft")):
        with safe_open(path, framework="pt", device=where) as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
            metadata = file.metadata()
    else:
        tensors, metadata = _moved(read_torch_content(Path(path)), torch.device(where)), None
        if isinstance(tensors, Mapping) and isinstance(tensors.get("state_dict"), Mapping):
            tensors = tensors["state_dict"]
    return (tensors, metadata) if return_metadata else tensors


def _moved(value: Any, device: torch.device) -> Any:
    """What a file holds, its tensors on the device."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {key: _moved(each, device) for key, each in value.items()}
    return [_moved(each, device) for each in value] if isinstance(value, list) else value


def save_torch_file(sd: Mapping[str, Tensor], ckpt: str | Path, metadata: dict[str, str] | None = None) -> None:
    """Write tensors as safetensors."""
    tensors = {name: tensor.contiguous() for name, tensor in sd.items()}
    safetensors.torch.save_file(tensors, str(ckpt), metadata=metadata)


def calculate_parameters(sd: Mapping[str, Tensor], prefix: str = "") -> int:
    """How many numbers the tensors hold whose names begin so."""
    return sum(tensor.nelement() for name, tensor in sd.items() if name.startswith(prefix))


def weight_dtype(sd: Mapping[str, Tensor], prefix: str = "") -> torch.dtype | None:
    """The type that most numbers have among the tensors whose names begin so."""
    counts: dict[torch.dtype, int] = {}
    for name, tensor in sd.items():
        if name.startswith(prefix):
            counts[tensor.dtype] = counts.get(tensor.dtype, 0) + tensor.numel()
    return max(counts, key=lambda dtype: counts[dtype]) if counts else None


def state_dict_key_replace(state_dict: dict[str, Any], keys_to_replace: Mapping[str, str]) -> dict[str, Any]:
    """Rename entries, in place."""
    for old, new in keys_to_replace.items():
        if old in state_dict:
            state_dict[new] = state_dict.pop(old)
    return state_dict


def state_dict_prefix_replace(
    state_dict: dict[str, Any], replace_prefix: Mapping[str, str], filter_keys: bool = False
) -> dict[str, Any]:
    """Give names that begin so another beginning: in place, or with `filter_keys` only these in a new dictionary."""
    result = {} if filter_keys else state_dict
    for old, new in replace_prefix.items():
        for name in [each for each in state_dict if each.startswith(old)]:
            result[new + name[len(old) :]] = state_dict.pop(name)
    return result


# Numbers


def common_upscale(samples: Tensor, width: int, height: int, upscale_method: str, crop: str) -> Tensor:
    """[B, C, h, w] to [B, C, height, width], see `heddle.numerics.resize.resize`."""
    return resize(samples, width, height, upscale_method, crop)


def bislerp(samples: Tensor, width: int, height: int) -> Tensor:
    return resize(samples, width, height, "bislerp")


def lanczos(samples: Tensor, width: int, height: int) -> Tensor:
    return resize(samples, width, height, "lanczos")


def repeat_to_batch_size(tensor: Tensor, batch_size: int, dim: int = 0) -> Tensor:
    """The tensor with exactly so many entries along `dim`: cut, or begun again from the first."""
    have = tensor.shape[dim]
    if have == batch_size:
        return tensor
    return tensor.index_select(dim, torch.arange(batch_size, device=tensor.device) % have)


def resize_to_batch_size(tensor: Tensor, batch_size: int) -> Tensor:
    """The tensor with so many entries in its batch, chosen evenly from the first to the last."""
    have = tensor.shape[0]
    if have == batch_size:
        return tensor
    if batch_size <= 1:
        return tensor[:batch_size]
    # More come in blocks of repeats; fewer keep the first and the last.
    if batch_size < have:
        chosen = [round(i * (have - 1) / (batch_size - 1)) for i in range(batch_size)]
    else:
        chosen = [min(have - 1, int((i + 0.5) * have / batch_size)) for i in range(batch_size)]
    return tensor[torch.tensor(chosen, device=tensor.device)]


def tiled_scale_multidim(
    samples: Tensor,
    function: Callable[[Tensor], Tensor],
    tile: Sequence[int] = (64, 64),
    overlap: int | Sequence[int] = 8,
    upscale_amount: Any = 4,
    out_channels: int = 3,
    output_device: Any = "cpu",
    downscale: bool = False,
    index_formulas: Any = None,
    pbar: Any = None,
) -> Tensor:
    """What a function makes of a batch tile by tile, see `heddle.numerics.feathered_tiles`.

    Args:
        overlap, upscale_amount, index_formulas: one for all axes, or one for each. The latter two are factors, or
            functions of a length and of a place; with `downscale` lengths are divided.
        pbar: told of each tile by `update(1)`.
    """
    axes = len(tile)

    def for_each(value: Any) -> list[Any]:
        return list(value) if isinstance(value, list | tuple) else [value] * axes

    def scale(by: Any) -> Scale:
        if callable(by):
            given: Any = by
            return given
        return (lambda length: length / by) if downscale else (lambda length: length * by)

    lengths = [scale(each) for each in for_each(upscale_amount)]
    places = lengths if index_formulas is None else [scale(each) for each in for_each(index_formulas)]
    return scale_in_tiles(
        *(samples, function, tile, for_each(overlap), lengths, places, out_channels, torch.device(output_device)),
        on_tile=(lambda: None) if pbar is None else (lambda: pbar.update(1)),
    )


def tiled_scale(
    samples: Tensor,
    function: Callable[[Tensor], Tensor],
    tile_x: int = 64,
    tile_y: int = 64,
    overlap: int = 8,
    upscale_amount: float = 4,
    out_channels: int = 3,
    output_device: Any = "cpu",
    pbar: Any = None,
) -> Tensor:
    """The same for planes [B, C, h, w]."""
    amounts: dict[str, Any] = {"overlap": overlap, "upscale_amount": upscale_amount, "out_channels": out_channels}
    return tiled_scale_multidim(samples, function, (tile_y, tile_x), **amounts, output_device=output_device, pbar=pbar)


def get_tiled_scale_steps(width: int, height: int, tile_x: int, tile_y: int, overlap: int) -> int:
    """How many tiles `tiled_scale` works on for each item of a batch."""
    return count_tiles(width, height, tile_x, tile_y, overlap)


def string_to_seed(data: str | bytes) -> int:
    """A seed of 32 bits from a text: CRC-32, each letter taken whole, so the same everywhere."""
    if isinstance(data, bytes) or data.isascii():
        return zlib.crc32(data.encode() if isinstance(data, str) else data)
    crc = 0xFFFFFFFF
    for letter in data:
        crc ^= ord(letter)
        for _ in range(8):
            crc = (crc >> 1) ^ (0xEDB88320 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def copy_to_param(obj: Any, attr: str, value: Tensor) -> None:
    """Write into the parameter at a dotted path, in place."""
    get_attr(obj, attr).data.copy_(value)


def get_attr(obj: Any, attr: str) -> Any:
    """What stands at a dotted path."""
    for name in attr.split("."):
        obj = getattr(obj, name)
    return obj


def set_attr(obj: Any, attr: str, value: Any) -> Any:
    """Set what stands at a dotted path; what was there is returned."""
    path, _, name = attr.rpartition(".")
    holder = get_attr(obj, path) if path else obj
    before = getattr(holder, name)
    setattr(holder, name, value)
    return before


def set_attr_param(obj: Any, attr: str, value: Tensor) -> Any:
    return set_attr(obj, attr, torch.nn.Parameter(value, requires_grad=False))
