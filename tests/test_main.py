"""What main.py hands from room to room, seen without the rooms."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from heddle.settings.options import HOUSE
from main import main

# A worker whose rooms are empty: it is told to stop at once. Taking torch down in order stands for itself as an atexit.
STOPPED_WORKER = """
import atexit, pathlib, sys, types
import execution.worker, main
from heddle.settings.options import Settings
sys.modules["model_management.devices"] = types.SimpleNamespace(describe_devices=None)
main.build_worker = lambda *parts: None
execution.worker.serve_connection = lambda *parts, **more: print("served", end="")
atexit.register(print, " torn down")
main.work(Settings(base_directory=pathlib.Path(sys.argv[1])), None)
"""


def test_a_worker_that_was_told_to_stop_ends_at_once_with_all_it_said(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STOPPED_WORKER, str(tmp_path)]
    ended = subprocess.run(command, cwd=HOUSE, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "served", "")


def test_a_name_that_the_terminal_cannot_show_is_printed_escaped() -> None:
    program = (
        r"import main, sys; main.nodes = lambda settings: print('\u732b \udcff') or 0; sys.exit(main.main(['nodes']))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=HOUSE,
        env={**os.environ, "PYTHONIOENCODING": "ascii:strict"},
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, ended.stdout.strip()) == (0, r"\u732b \udcff")


@pytest.mark.parametrize(
    ("words", "heard"),
    [
        (["train-demo", "here", "--cpu"], ["here", "--device", "cpu"]),
        (["--cpu", "train-demo", "--steps", "3"], ["--steps", "3", "--device", "cpu"]),
        (["train-demo", "here"], ["here"]),
    ],
)
def test_training_leaves_the_graphics_card_alone_when_told_to(
    words: list[str], heard: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    room: Any = ModuleType("heddle.training.command")
    room.train_demo = lambda arguments: told.extend(arguments) or 0
    monkeypatch.setitem(sys.modules, "heddle.training.command", room)
    assert main(words) == 0
    assert told == heard


def test_the_front_desk_gets_a_converter_that_chooses_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    handed: list[Any] = []
    monkeypatch.setattr("server.serve.serve", lambda *parts, **more: handed.extend(parts))
    assert main(["serve", "--base-directory", str(tmp_path), "--webhook-secret", "signs"]) == 0
    settings, *_, convert = handed
    assert settings.webhook_secret == "signs" and "signs" not in repr(settings)
    text = ["STRING", {"multiline": True, "dynamicPrompts": True}]
    records = {"Say": {"input": {"required": {"text": text}}, "output": [], "output_node": True}}
    saved = {
        "version": 0.4,
        "nodes": [{"id": 3, "type": "Say", "mode": 0, "inputs": [], "outputs": [], "widgets_values": ["a {b|c} d"]}],
        "links": [],
    }
    chosen = set()
    for seed in range(8):
        prompt, texts, notes = convert(saved, records, seed)
        assert notes == []
        assert texts == [
            {"node_id": "3", "input_name": "text", "text": "a {b|c} d", "chosen": prompt["3"]["inputs"]["text"]}
        ]
        assert convert(saved, records, seed) == (prompt, texts, notes)
        chosen.add(texts[0]["chosen"])
    assert chosen == {"a b d", "a c d"}
    stranger = {"id": 4, "type": "Sticker"}
    prompt, texts, notes = convert({**saved, "nodes": [*saved["nodes"], stranger]}, records, None)
    assert list(prompt) == ["3"] and notes[0].startswith("node 4: there is no node type 'Sticker'")
    assert prompt["3"]["inputs"]["text"] == "a {b|c} d" and texts == []
