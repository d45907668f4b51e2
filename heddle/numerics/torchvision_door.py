"""The one place that imports torchvision, so that it also comes where its compiled part does not fit the torch build.

A torchvision that was built for another torch (the one for CUDA beside a torch for the CPU, as pip resolves them) fails
at its import, since it describes operators to torch that were never loaded. Their names alone are enough for all of it
that is written in Python: transforms, resizing, conversion. What is compiled (nms, detection, reading of files) still
fails, when it is called.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

#: The operators that torchvision describes while it is imported, as its public interface declares them.
OPERATORS = ("nms", "qnms")
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"

_names: list[object] = []  # torch forgets a library's operators with its last reference


def import_torchvision() -> ModuleType:
    """torchvision, whatever torch lies beside it. Call it before importing a package that imports torchvision itself.

    Raises: ImportError, if it is not installed; RuntimeError, if it fails for another reason than its operators.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as problem:
        if _names or "torchvision::" not in str(problem):
            raise
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in OPERATORS:
        library.define(name + _SCHEMA)
    _names.append(library)
    for half_imported in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[half_imported]
    return importlib.import_module("torchvision")
