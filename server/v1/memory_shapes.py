"""What GET /api/v1/memory answers, as models; see `shapes.py`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class NetInMemory(BaseModel):
    """A net that is in memory. Sizes in bytes."""

    file: str
    role: str = Field(description="Such as network, text, vae or control")
    is_patched: bool = Field(description="With weights that LoRAs or other patches change")
    is_held: bool = Field(description="In use at this moment")
    mode: Literal["whole", "partly", "streaming", "mapped"] = Field(
        description="Whole or partly on its device; streaming: nothing large stays; mapped: used where its file lies"
    )
    whole_bytes: int = Field(description="All its weights, as they are stored")
    there_bytes: int = Field(description="Of those, what is on the device")
    coming_bytes: int = Field(description="What comes in in each run")
    beside_bytes: int = Field(description="The most that was seen beside weights in a run; 0: none was looked at")
    working_bytes: int = Field(description="What its users asked for beside it")


class DeviceInMemory(BaseModel):
    """What a device has. Sizes in bytes."""

    name: str
    size_bytes: int
    limit_bytes: int | None = Field(description="A hard limit")
    reserve_bytes: int = Field(description="Left to other programs")
    others_bytes: int = Field(description="What other programs have")
    used_bytes: int = Field(description="What the worker has")
    weights_bytes: int = Field(description="Of these, weights")
    nets: list[NetInMemory] = Field(description="Least recently used first")


class WorkerInMemory(BaseModel):
    """A worker and its devices; none, if it did not answer."""

    name: str
    resident_bytes: int | None = Field(description="Of its process, in main memory")
    devices: list[DeviceInMemory]


class Memory(BaseModel):
    """What is in memory."""

    workers: list[WorkerInMemory]
