"""What stands on a wire for a part that a checkpoint does not hold, until somebody uses it."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from heddle.graph.errors import WeightsError
from model_management.handles import Clip, Vae


class _Absent:
    """Has none of its fields: asking for one raises.

    Args:
        file: of the checkpoint. message: what it lacks, and what to do.
    """

    def __init__(self, file: Path, message: str) -> None:
        # Past the frozen fields.
        self.__dict__.update(_file=file, _message=message)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):  # Python itself asks whether there is such a thing
            raise AttributeError(name)
        raise WeightsError(self.__dict__["_message"], file=self.__dict__["_file"])

    def __repr__(self) -> str:
        return f"<{self.__dict__['_message']}>"

    __eq__ = object.__eq__
    __hash__ = object.__hash__


class AbsentClip(_Absent, Clip):
    """The text encoders of a checkpoint without them, or without some. Raises: WeightsError, when used."""

    def __init__(self, file: Path, encoders: int) -> None:
        if not encoders:
            super().__init__(
                file,
                f"{file.name} holds a model that is shown images and no text; open it with ImageOnlyCheckpointLoader "
                "and show it an image with SVD_img2vid_Conditioning",
            )
            return
        loader = {1: "CLIPLoader", 2: "DualCLIPLoader"}.get(encoders, "TripleCLIPLoader")
        super().__init__(
            file,
            f"{file.name} does not hold the text encoder{'s' if encoders > 1 else ''} that its diffusion model reads; "
            f"load {'them' if encoders > 1 else 'it'} with {loader} and connect that output instead",
        )


class AbsentVae(_Absent, Vae):
    """The autoencoder of a checkpoint without one. Raises: WeightsError, when used."""

    def __init__(self, file: Path) -> None:
        super().__init__(
            file, f"{file.name} holds no VAE; load the one of its family with VAELoader and connect that output instead"
        )
