"""Reading textual-inversion files, the part of prompts that needs torch.

`heddle.prompts.embeddings` knows what is in them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from heddle.graph.errors import FileProblem, WeightsError
from heddle.graph.said import say
from model_management.tensor_reading import read_torch_content


def read_embedding_file(path: Path) -> Any:
    """What the file holds, on the CPU. Nothing of it is executed.

    Raises: FileProblem, if the file cannot be read, or names code.
    """
    try:
        return load_file(path) if path.suffix.lower() == ".safetensors" else read_torch_content(path)
    except WeightsError as problem:
        raise FileProblem(say("embedding file {why}", why=problem.message), path=path) from problem
    except (OSError, SafetensorError) as problem:
        reason = str(problem).strip().splitlines()[:1] or [type(problem).__name__]
        raise FileProblem(
            say("embedding file {file} cannot be read: {why}", file=path.name, why=reason[0]), path=path
        ) from problem
