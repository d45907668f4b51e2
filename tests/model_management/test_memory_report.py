"""What programs and the log are told of the nets in memory."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Any

import pytest
import torch

from model_management.accelerators.pretended import PretendedAccelerator
from model_management.checkpoint import OpenedCheckpoint
from model_management.memory_report import memory_report
from model_management.weights import Weights
from server.v1.memory_shapes import DeviceInMemory
from tests.model_management.test_asked_for import ledger, opened, seen_by, share, whole_bytes

__all__ = ["opened"]


def reported(weights: Weights) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    report = json.loads(json.dumps(memory_report(weights)))
    assert report["resident_bytes"] > 0
    for device in report["devices"]:
        DeviceInMemory.model_validate(device)
        assert device.keys() == DeviceInMemory.model_fields.keys()
    return report["devices"][0], report["devices"][0]["nets"]


@pytest.mark.parametrize(
    ("of_weights", "words", "mode"),
    [(3.0, [], "whole"), (0.7, [], "partly"), (3.0, ["--novram"], "streaming")],
)
def test_a_net_is_told_as_it_lies(opened: OpenedCheckpoint, of_weights: float, words: list[str], mode: str) -> None:
    weights = ledger(share(opened, of_weights), *words)
    accelerator = weights.accelerator
    assert isinstance(accelerator, PretendedAccelerator)
    with torch.inference_mode(), weights.hold(opened.model, 7) as net:
        for _ in range(3):
            net(*seen_by(opened))
        before = accelerator.brought_bytes
        net(*seen_by(opened))
        device, (told,) = reported(weights)
        brought = accelerator.brought_bytes - before
    assert (told["mode"], told["role"], told["file"]) == (mode, "network", "m.safetensors")
    assert told["is_held"] and not told["is_patched"] and told["working_bytes"] == 7
    assert told["whole_bytes"] == pytest.approx(whole_bytes(opened), rel=0.01)
    assert told["coming_bytes"] == pytest.approx(brought, rel=0.01)
    assert 0 < told["there_bytes"] <= told["whole_bytes"] and told["there_bytes"] <= device["weights_bytes"]
    assert device["size_bytes"] == accelerator.size_bytes and device["used_bytes"] <= device["size_bytes"]
    if mode != "whole":
        assert 0 < told["beside_bytes"] < device["size_bytes"]


def test_on_the_cpu_a_net_is_mapped_or_read(opened: OpenedCheckpoint) -> None:
    for words, mode in (([], "mapped"), (["--disable-mmap"], "whole")):
        weights = ledger("--ram-limit=1GB", *words)
        with weights.hold(opened.vae):
            device, (told,) = reported(weights)
        assert told["mode"] == mode and told["whole_bytes"] == 4 * opened.vae.stored.numel
        assert device["limit_bytes"] == 1 << 30 and device["others_bytes"] > 0


def test_nets_beside_a_card_stand_in_main_memory(opened: OpenedCheckpoint) -> None:
    weights = ledger("--pretend-device=100MB")
    beside = replace(opened.vae, stored=replace(opened.vae.stored, on_cpu=True))
    with weights.hold(opened.model), weights.hold(beside):
        report = memory_report(weights)
    roles = [[net["role"] for net in device["nets"]] for device in report["devices"]]
    assert roles == [["network"], ["vae"]]


def test_the_log_says_once_how_a_net_lies_and_again_when_that_changes(
    opened: OpenedCheckpoint, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "heddle.weights")
    weights = ledger(share(opened, 0.7))
    for _ in range(2):
        with torch.inference_mode(), weights.hold(opened.model) as net:
            for _ in range(3):
                net(*seen_by(opened))
    first, *more = [record.message for record in caplog.records]
    assert first.startswith("m.safetensors (network): 15 MB, of which ") and first.endswith(" come in each run")
    assert len(more) == 1 and more[0].endswith(" MB are used beside them")
