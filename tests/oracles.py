"""Other programs that say what a net should give, imported by the tests that ask them and by nobody else."""

from __future__ import annotations

from types import ModuleType

from heddle.numerics.torchvision_door import import_torchvision


def diffusers() -> ModuleType:
    """The package diffusers (`requirements-dev.txt`). Its import takes seconds: call it inside a test or fixture."""
    import_torchvision()
    import diffusers

    return diffusers


def transformers() -> ModuleType:
    """The package transformers, some of whose nets import torchvision. Its import takes seconds as well."""
    import_torchvision()
    import transformers

    return transformers
