"""Reading textual-inversion files, the part of prompts that needs torch.

`heddle.prompts.embeddings` knows what is in them.
"""

from __future__ import annotations

import pickle
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
    try:
        if path.suffix.lower() == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FileProblem(f"embedding file {path.name} cannot be read: {reason}", path=path) from error
