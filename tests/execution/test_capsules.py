"""What jobs carry of the house that runs them."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Annotated, Any

from execution.capsules import Capsules
from execution.fingerprints import Fingerprints
from execution.worker import Worker
from heddle.graph.context import Context
from heddle.graph.declare import Files, Text, node, spec_of
from heddle.settings.file_hashes import FileHashes
from heddle.settings.folders import Folders
from heddle.settings.options import Settings
from tests.execution.packs import pack_node, pack_worker, show
from tests.execution.toys import Thing, graph, run, worker

MODEL, PICTURE = b"weights", b"pixels"


@node("Load", category="toys")
def load(
    model: Annotated[str, Files("checkpoints")],
    picture: Annotated[str, Files("input", also=("nothing",))],
    text: Annotated[str, Text()],
) -> Thing:
    """A thing of two files."""
    return f"{model} {picture} {text}"


@node("Tell", category="toys")
def tell(thing: Thing, ctx: Context) -> Thing:
    """What files would carry."""
    return repr(ctx.capsule)


def house(base: Path, made: Worker) -> FileHashes:
    """Give a worker folders with a model and a picture, and what makes capsules."""
    for path, data in ((base / "models" / "checkpoints" / "a.safetensors", MODEL), (base / "input" / "a.png", PICTURE)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    folders = Folders.from_settings(Settings(base_directory=base))
    fingerprints = Fingerprints(folders)
    hashes = FileHashes(base / "hashes.sqlite")
    made.house.folders, made.house.fingerprint, made._fingerprints = folders, fingerprints.of, fingerprints
    packs = {"custom_nodes.hostile": ("fine", "1.0")}
    made.house.capsules = Capsules({"torch": "2.9"}, folders, fingerprints, hashes, packs.get)
    return hashes


PROMPT = graph(
    n1=("Load", {"model": "a.safetensors", "picture": "a.png", "text": "no file"}),
    n2=("Tell", {"thing": ["1", 0]}),
    n3=("Show", {"thing": ["2", 0]}),
)


def test_a_capsule_names_files_and_has_hashes_once_they_are_known(tmp_path: Path) -> None:
    made = worker(spec_of(load), spec_of(tell))
    hashes = house(tmp_path, made)
    capsules = made.house.capsules
    plan = made.check(PROMPT).plan
    assert capsules is not None and plan is not None
    record = {"kind": "checkpoints", "name": "a.safetensors"}
    picture = {"kind": "input", "name": "a.png", "sha256": hashlib.sha256(PICTURE).hexdigest()}
    early = {"format": 1, "torch": "2.9", "packs": {}, "files": [record, picture]}
    assert capsules.of(plan) == early
    sha256 = hashlib.sha256(MODEL).hexdigest()
    whole = early | {"files": [record | {"sha256": sha256}, picture]}
    run(made, PROMPT)
    until = time.monotonic() + 20
    while hashes.known(tmp_path / "models" / "checkpoints" / "a.safetensors") is None:
        assert time.monotonic() < until, "the job did not have it computed"
        time.sleep(0.005)
    assert capsules.of(plan) == whole
    assert run(made, PROMPT, use_cache=False).shown() == [repr(whole)]
    made.house.capsules = None
    assert run(made, PROMPT, use_cache=False).shown() == ["None"]


def test_whoever_needs_all_hashes_waits_for_them(tmp_path: Path) -> None:
    made = worker(spec_of(load), spec_of(tell))
    house(tmp_path, made)
    plan = made.check(PROMPT).plan
    assert made.house.capsules is not None and plan is not None
    files = made.house.capsules.of(plan, complete=True)["files"]
    assert files[0]["sha256"] == hashlib.sha256(MODEL).hexdigest()


def test_packs_get_the_capsule_with_what_was_sent_and_their_version_is_in_it(tmp_path: Path) -> None:
    made = pack_worker(pack_node("Extra", lambda x: (repr(x),), hidden={"x": "EXTRA_PNGINFO"}))
    house(tmp_path, made)
    prompt: Any = graph(n1=("Extra", {}), n2=show("1"))
    assert run(made, prompt).shown() == ["None"]
    sent = {"extra_pnginfo": {"workflow": {}, "heddle": {"torch": "old"}}}
    (text,) = run(made, prompt, extra_data=sent, use_cache=False).shown()
    assert "'torch': '2.9'" in text and "'workflow': {}" in text and "'fine': '1.0'" in text and "old" not in text
