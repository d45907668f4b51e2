"""Reading textual-inversion files, the part of prompts that needs torch.

`heddle.prompts.embeddings` knows what is in them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from heddle.graph.errors import FileProblem


def read_embedding_file(path: Path) -> Any:
    """What the file holds, on the CPU. Files that could carry code are read for their tensors alone.

    Raises: FileProblem, if the file cannot be read.
    """
    if path.suffix.lower() == ".safetensors":
        try:
            return load_file(path)
        except (OSError, SafetensorError) as error:
            raise _unreadable(path, error) from error
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle raises whatever its bytes happen to ask for
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> FileProblem:
    reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
    return FileProblem(f"embedding file {path.name} cannot be read: {reason[0]}", path=path)
