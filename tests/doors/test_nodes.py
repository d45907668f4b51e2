"""`nodes`: our nodes as classic classes, and the mappings of all nodes."""

from __future__ import annotations

import inspect
from abc import ABC
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import nodes
from heddle.graph.derived import class_of_spec
from heddle.graph.running import call_of
from heddle.graph.spec import InputSpec, NodeSpec
from heddle.settings.folders import Folders
from model_management.checkpoint import open_checkpoint
from model_management.families.known import FAMILIES
from model_management.weights import Weights
from nodes import door
from nodes.catalogue import built_in
from nodes.classic_classes import METHODS, Method, own_class
from tests.doors.conftest import RunningNode
from tests.tiny_checkpoint import write_tiny_checkpoint


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(door, "_registry", built_in())
    yield


def test_every_built_in_node_has_a_class_with_the_method_that_packs_call() -> None:
    assert set(METHODS) - set(built_in()) == set()
    for id in built_in():
        method = METHODS.get(id, Method("execute"))  # of a schema class, as younger nodes are
        cls: Any = own_class(id)
        assert getattr(nodes, id) is cls is nodes.NODE_CLASS_MAPPINGS[id]
        assert method.function == cls.FUNCTION and callable(getattr(cls(), method.function))
        spec = built_in()[id]
        assert set(method.order) <= {each.name for each in spec.inputs}
        assert tuple(cls.RETURN_TYPES) == tuple(each.type for each in spec.outputs)
        entries = [
            entry for section in ("required", "optional") for entry in cls.INPUT_TYPES().get(section, {}).values()
        ]
        assert all(isinstance(entry[0], (str, list)) for entry in entries)
    assert nodes.MAX_RESOLUTION == 16384
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        nodes.Nonsense  # noqa: B018 - the failure


def test_nodes_are_called_by_hand_by_place_and_by_name() -> None:
    (latent,) = nodes.EmptyLatentImage().generate(64, 32)
    assert latent["samples"].shape == (1, 4, 4, 8)
    (larger,) = nodes.LatentUpscaleBy().upscale(latent, "nearest-exact", scale_by=2.0)
    assert larger["samples"].shape == (1, 4, 8, 16)
    with pytest.raises(TypeError, match=r"two values for width"):
        nodes.EmptyLatentImage().generate(64, width=32)
    with pytest.raises(TypeError, match=r"takes 3 inputs"):
        nodes.EmptyLatentImage().generate(64, 32, 1, 1)


def test_the_order_by_place_is_the_one_that_packs_know() -> None:
    heard: dict[str, Any] = {}
    spec = NodeSpec(
        "X",
        (InputSpec("samples", "LATENT"), InputSpec("vae", "VAE"), InputSpec("n", "INT", options={"default": 4})),
        call=lambda **inputs: hear(heard, inputs),
    )
    cls: Any = class_of_spec(spec, function="decode", order=("vae", "samples"))
    assert cls().decode("V", "S") == ("done",)
    assert heard == {"vae": "V", "samples": "S", "n": 4}


def hear(heard: dict[str, Any], inputs: dict[str, Any]) -> tuple[str]:
    heard.update(inputs)
    return ("done",)


def test_a_node_called_by_hand_reports_to_the_node_that_calls_it(folders: Folders) -> None:
    caller = RunningNode(folders)
    with call_of(caller, "5"):
        nodes.EmptyLatentImage().generate(63, 32)
        nodes.SaveImage().save_images(torch.zeros(2, 8, 8, 3), "a")
    assert caller.told == ["63 x 32 is no multiple of 8; rounded down to 56 x 32", (1, 2), (2, 2)]


def test_a_saver_writes_where_its_own_fields_say(folders: Folders) -> None:
    preview = nodes.PreviewImage()
    assert isinstance(preview, nodes.SaveImage)
    assert (preview.type, preview.output_dir) == ("temp", str(folders.temp))
    preview.output_dir, preview.type, preview.prefix_append = str(folders.base / "own"), "output", "_x"
    answer = preview.save_images(torch.zeros(1, 8, 8, 3), "deep/a")
    assert answer["ui"]["images"] == [{"filename": "a_x_00001_.png", "subfolder": "deep", "type": "output"}]
    assert (folders.base / "own/deep/a_x_00001_.png").is_file()
    assert list(inspect.signature(preview.save_images).parameters) == [
        "images",
        "filename_prefix",
        "prompt",
        "extra_pnginfo",
    ]


def test_the_mappings_are_those_of_the_worker_and_take_new_nodes() -> None:
    class Mine:
        @classmethod
        def INPUT_TYPES(cls) -> dict[str, Any]:
            return {"required": {}}

        RETURN_TYPES = ()
        FUNCTION = "go"

        def go(self) -> tuple[()]:
            return ()

    nodes.NODE_CLASS_MAPPINGS["Mine"] = Mine
    nodes.NODE_DISPLAY_NAME_MAPPINGS.update({"Mine": "My own", "Unknown": "?"})
    assert door.current_registry()["Mine"].display_name == "My own"
    assert nodes.NODE_CLASS_MAPPINGS["Mine"] is Mine and "Mine" in nodes.NODE_CLASS_MAPPINGS
    assert "Unknown" not in nodes.NODE_CLASS_MAPPINGS and nodes.NODE_CLASS_MAPPINGS.get("Unknown") is None
    nodes.NODE_CLASS_MAPPINGS["KSampler"] = Mine
    assert nodes.NODE_CLASS_MAPPINGS["KSampler"] is Mine and nodes.KSampler is not Mine
    assert len(nodes.NODE_CLASS_MAPPINGS) == len(built_in()) + 1
    nodes.NODE_CLASS_MAPPINGS.update({"Bad": int, "Other": Mine})
    assert "Bad" not in nodes.NODE_CLASS_MAPPINGS and nodes.NODE_CLASS_MAPPINGS["Other"] is Mine
    del nodes.NODE_CLASS_MAPPINGS["Mine"]
    assert "Mine" not in door.current_registry()


def test_what_a_pack_changes_on_our_classes_is_said(
    folders: Folders, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Mine(nodes.SaveImage, ABC):
        pass

    Mine.CATEGORY = "mine"
    assert caplog.text == "", "a subclass is the pack's own"
    monkeypatch.setattr(nodes.EmptyLatentImage, "generate", lambda self, *_: "theirs")
    assert "a pack replaces nodes.EmptyLatentImage.generate: who calls the class gets that" in caplog.text
    assert nodes.EmptyLatentImage().generate(8, 8) == "theirs"


def test_common_ksampler_takes_some_of_the_steps_and_another_call_goes_on(tmp_path: Path, folders: Folders) -> None:
    model = open_checkpoint(write_tiny_checkpoint(tmp_path / "tiny.safetensors"), FAMILIES).model
    chance = torch.Generator().manual_seed(1)
    texts = [[[torch.randn(1, 77, 64, generator=chance), {}]] for _ in range(2)]
    empty = {"samples": torch.zeros(1, 4, 6, 8)}
    context = RunningNode(folders)
    context.weights = Weights(torch.device("cpu"))

    def sample(latent: dict[str, Any], **how: Any) -> dict[str, Any]:
        (drawn,) = nodes.common_ksampler(model, 7, 6, 2.0, "euler", "normal", *texts, latent, **how)
        return drawn

    with torch.inference_mode(), call_of(context, "5"):
        whole = sample(empty)
        half = sample(empty, last_step=3)
        rest = sample(half, disable_noise=True, start_step=3, last_step=10000)
        cut = sample(empty, start_step=0, last_step=3, force_full_denoise=True)
        nothing = sample(half, start_step=6)
    assert torch.allclose(rest["samples"], whole["samples"], atol=1e-4)
    assert not torch.allclose(half["samples"], whole["samples"], atol=1e-2)
    assert not torch.allclose(cut["samples"], half["samples"], atol=1e-2), "its last step goes all the way"
    assert nothing["samples"] is half["samples"]
    assert context.told[-1] == (3, 3)
