"""Starting: fast, without what is heavy, and with words when an address or a folder cannot be had."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from heddle.graph.errors import SettingsError
from heddle.settings.options import Settings
from server.app import build_app
from server.files import TEMP_MARK, empty_temp
from server.serve import bind, gather_parts, greeting, read_certificate, refuse_read_only
from tests.server.fake_worker import CATALOGUE, MEMORY
from tests.server.front_desk import Desk, folders_at, front_desk, parts_at

HEAVY = ("torch", "numpy", "PIL", "transformers", "safetensors", "psutil", "scipy")


def test_the_front_desk_imports_nothing_heavy() -> None:
    program = f"import sys, server.serve; print([m for m in {HEAVY!r} if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "kept",
    [
        b"\x00\xff{",
        b"[" * 200_000,
        b"[1]",
        b'{"nodes": [1]}',
        b'{"nodes": {"A": 5}}',
        b'{"nodes": {"A": {"input": {"required": 5}}}}',
        b'{"nodes": {"A": {"input": {"required": {"x": ["COMBO", {"options": {"files": []}}]}}}}}',
    ],
)
async def test_a_damaged_catalogue_of_the_last_run_is_not_used(tmp_path: Path, kept: bytes) -> None:
    (tmp_path / "user").mkdir()
    (tmp_path / "user" / "catalogue.json").write_bytes(kept)
    async with front_desk(tmp_path) as desk:
        assert set(await desk.json("/object_info")) == set(CATALOGUE)


@pytest.mark.skipif(sys.platform == "win32", reason="it knows no such limit")
def test_the_limit_of_open_files_is_raised_as_far_as_it_goes() -> None:
    program = """
        import resource, server.serve
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, 300))
        server.serve.allow_many_connections()
        print(resource.getrlimit(resource.RLIMIT_NOFILE))
    """
    told = subprocess.run([sys.executable, "-c", dedent(program)], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "(300, 300)"


def test_words_that_are_hardly_http_do_not_fill_the_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with a_server(tmp_path) as (url, _):
        host, port = url.removeprefix("http://").split(":")
        for _ in range(3):
            with socket.create_connection((host, int(port))) as connection:
                connection.sendall(b"GET /prompt HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert connection.recv(1000).startswith(b"HTTP/1.1 200")
                connection.sendall(b"\x00\x01 /prompt HTTP/1.1\r\n\r\n")
                assert b" 400 " in connection.recv(1000)
    assert "Traceback" not in capfd.readouterr().err


def test_a_port_in_use_is_named_with_the_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"port {port} .*--port"):
            bind(["127.0.0.1"], port)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(SettingsError, match="--listen"):
        bind(["192.0.2.1"], 0)


def test_several_addresses_share_one_free_port() -> None:
    first, second = sockets = bind(["127.0.0.1", "127.0.0.2"], 0)
    try:
        assert first.getsockname()[1] == second.getsockname()[1] != 0
    finally:
        for each in sockets:
            each.close()


def test_listening_beyond_this_machine_is_said() -> None:
    sockets = bind(["127.0.0.1"], 0)
    try:
        assert len(greeting(sockets, Settings())) == 1
        assert "whoever reaches this machine" in greeting(sockets, Settings(listen=("0.0.0.0",)))[1]
    finally:
        sockets[0].close()


def test_pages_of_others_that_may_ask_are_said() -> None:
    sockets = bind(["127.0.0.1"], 0)
    try:
        assert "every web page" in greeting(sockets, Settings(cors_origin="*"))[1]
        assert "pages of http://a.example" in greeting(sockets, Settings(cors_origin="http://a.example"))[1]
        assert "https://127.0.0.1:" in greeting(sockets, Settings(tls=(Path("a"), Path("b"))))[0]
    finally:
        sockets[0].close()


def test_a_key_that_is_none_is_named_with_the_way_out(tmp_path: Path) -> None:
    assert read_certificate(Settings()) is None
    (tmp_path / "key.pem").write_text("no key")
    with pytest.raises(SettingsError, match=r"--tls-keyfile .*key\.pem.* PEM"):
        read_certificate(Settings(tls=(tmp_path / "key.pem", tmp_path / "key.pem")))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificate with openssl")
async def test_with_a_certificate_the_server_answers_over_https(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    secure = read_certificate(Settings(tls=(certificate, key)))
    trusting = ssl.create_default_context(cafile=str(certificate))
    server = TestServer(build_app(parts_at(tmp_path)), scheme="https")
    await server.start_server(ssl=secure)
    async with ClientSession() as client, client.get(server.make_url("/prompt"), ssl=trusting) as response:
        assert response.status == 200
    await server.close()


def test_options_reach_the_parts_of_the_server(tmp_path: Path) -> None:
    settings = Settings(base_directory=tmp_path, upload_bytes=5, cors_origin="*", front_end=tmp_path / "dist")
    parts = gather_parts(settings, folders_at(tmp_path), [], None, None, tmp_path / "page", tmp_path)  # type: ignore
    assert parts.limits.upload_bytes == 5 and parts.cors_origin == "*"
    assert parts.page == tmp_path / "dist" and not parts.page_is_ours


def test_a_folder_that_cannot_be_written_to_is_named_with_its_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_read_only(folders_at(tmp_path))
    (tmp_path / "output").mkdir()
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "output" and access(path, mode))
    with pytest.raises(SettingsError, match="--output-directory"):
        refuse_read_only(folders_at(tmp_path))


PROGRAM = dedent(
    """
    import sys
    from pathlib import Path

    def main():  # imports in here, so that the worker, which reads this file too, starts without them
        from heddle.settings.folders import Folders
        from heddle.settings.options import Settings
        from server.serve import serve
        from tests.server.fake_worker import in_a_process

        settings = Settings(base_directory=Path(sys.argv[1]), port=0)
        folders = Folders.from_settings(settings)
        serve(settings, folders, in_a_process(folders.output), lambda prompt, nodes, targets: ([], None, {}))

    if __name__ == "__main__":
        main()
    """
)


@contextlib.contextmanager
def a_server(base: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A server of its own process: its address, and the process."""
    program = base / "program.py"
    program.write_text(PROGRAM)
    house = Path(__file__).resolve().parents[2]
    child = subprocess.Popen(
        [sys.executable, str(program), str(base)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(house)},
    )
    try:
        assert child.stdout is not None
        line = child.stdout.readline()
        url = re.search(r"http://[^ ]+", line)
        assert url is not None, line
        yield url[0], child
    finally:
        child.kill()
        child.wait()
        if child.stdout is not None:
            child.stdout.close()


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ there")
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_a_real_server_answers_and_its_worker_ends_with_it(tmp_path: Path, ending: signal.Signals) -> None:
    with a_server(tmp_path) as (url, child):
        pid = None
        while pid is None:
            with urllib.request.urlopen(f"{url}/heddle/status", timeout=5) as answer:
                pid = json.load(answer)["workers"][0]["pid"]
        child.send_signal(ending)
        code = child.wait(10)
        assert code == (-9 if ending == signal.SIGKILL else 0)
    proc = Path(f"/proc/{pid}/stat")
    for _ in range(200):  # a killed front desk cannot wait for its worker; the worker sees the pipe's end
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            break
        with contextlib.suppress(OSError):
            if " Z " in proc.read_text():
                break  # it ended; nobody is there to bury it
        time.sleep(0.05)
    else:
        pytest.fail(f"the worker {pid} outlived the front desk")


async def test_object_info_lists_the_files_that_are_there_now(desk: Desk) -> None:
    await desk.ready()
    folder = desk.parts.folders.models("checkpoints")[0]
    folder.mkdir(parents=True)
    for name in ("one.safetensors", "two.safetensors"):
        (folder / name).touch()
        info = await desk.json("/object_info")
        assert set(info) == set(CATALOGUE)
        choices, options = info["Load"]["input"]["required"]["name"]
        assert name in choices and "files" not in options
        assert (await desk.json("/object_info/Load"))["Load"] == info["Load"]
        assert name in await desk.json("/models/checkpoints")
    assert await desk.json("/object_info/Nope") == {}
    async with desk.get("/models/nope") as response:
        assert response.status == 404
    async with desk.get("/object_info", headers={"Accept-Encoding": "identity"}) as response:
        assert "Content-Encoding" not in response.headers and await response.json() == info


async def test_system_stats_has_what_clients_read(desk: Desk) -> None:
    await desk.ready()
    stats = await desk.json("/system_stats")
    wanted = {"os", "ram_total", "ram_free", "comfyui_version", "required_frontend_version", "python_version"}
    assert wanted | {"pytorch_version", "embedded_python", "argv", "heddle_version"} <= set(stats["system"])
    assert stats["system"]["comfyui_version"] == "0.33.0"
    assert all(word == "main.py" or word.startswith("--") for word in stats["system"]["argv"])
    (device,) = stats["devices"]
    memory = {"vram_total": 0, "vram_free": 0, "torch_vram_total": 0, "torch_vram_free": 0}
    ours = {"weights_bytes": 3, "limit_bytes": 8, "reserve_bytes": 0, "others_bytes": 1}
    assert device == {"name": "fake", "type": "cpu", "index": None, **memory, "heddle": ours}


async def test_what_is_in_memory_is_told_by_the_workers(desk: Desk) -> None:
    await desk.ready()
    told = await desk.json("/api/v1/memory")
    assert told == {"workers": [{"name": "worker 0", **MEMORY}]}
    schemas = (await desk.json("/api/v1/openapi.json"))["components"]["schemas"]
    assert schemas["DeviceInMemory"]["properties"].keys() == MEMORY["devices"][0].keys()
    assert set(schemas["WorkerInMemory"]["properties"]) == set(told["workers"][0])


async def test_embeddings_are_listed_without_their_endings(desk: Desk) -> None:
    folder = desk.parts.folders.models("embeddings")[0]
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "soft.light.safetensors").touch()
    assert await desk.json("/embeddings") == ["sub/soft.light"]


async def test_the_temp_folder_is_empty_after_a_start_and_what_its_links_lead_to_stays(tmp_path: Path) -> None:
    folders = folders_at(tmp_path)
    kept = tmp_path / "kept"
    for folder in (folders.temp / "sub", kept, folders.output):
        folder.mkdir(parents=True)
        (folder / "a.png").write_bytes(b"x")
    (folders.temp / "b.png").write_bytes(b"x")
    (folders.temp / TEMP_MARK).touch()
    (folders.temp / "link").symlink_to(kept)
    (folders.temp / "sub" / "link").symlink_to(kept)
    (folders.temp / "to a file").symlink_to(kept / "a.png")
    async with front_desk(tmp_path):
        assert [each.name for each in folders.temp.iterdir()] == [TEMP_MARK]
    assert [each.name for each in kept.iterdir()] == ["a.png"]
    assert [each.name for each in folders.output.iterdir()] == ["a.png"]


async def test_a_second_front_desk_of_one_user_folder_leaves_the_temp_folder_alone(tmp_path: Path) -> None:
    async with front_desk(tmp_path) as desk:
        folder = desk.parts.folders.temp
        (folder / "seen now.png").write_bytes(b"x")
        with pytest.raises(SettingsError, match="in use"):
            async with front_desk(tmp_path):
                pass
        assert {each.name for each in folder.iterdir()} == {TEMP_MARK, "seen now.png"}


def test_a_folder_of_that_name_that_a_person_had_before_loses_nothing(tmp_path: Path) -> None:
    folders = folders_at(tmp_path)
    folders.temp.mkdir()
    for name in ("letter.txt", "preview_0a1b2c3d_00001_.png"):
        (folders.temp / name).write_bytes(b"x")
    for _ in range(2):
        empty_temp(folders)
        assert [each.name for each in folders.temp.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("how", ["link", "holds the output"])
def test_a_temp_folder_that_is_a_link_or_holds_results_is_left_alone(tmp_path: Path, how: str) -> None:
    folders = folders_at(tmp_path)
    if how == "link":
        (tmp_path / "elsewhere").mkdir()
        folders.temp.symlink_to(tmp_path / "elsewhere")
    else:
        folders = replace(folders, output=folders.temp / "out")
        folders.temp.mkdir()
    (folders.temp / "a.png").write_bytes(b"x")
    empty_temp(folders)
    assert (folders.temp / "a.png").exists()


async def test_what_a_killed_front_desk_half_received_goes_with_a_later_start(tmp_path: Path) -> None:
    old = [tmp_path / "input" / ".unfinished-0a", tmp_path / "user" / ".0a.part"]
    others = [tmp_path / "input" / ".unfinished-0b", tmp_path / "input" / "a.png", tmp_path / "user" / "note.part"]
    for path in (*old, *others):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    for path in (*old, *others[1:]):
        os.utime(path, (0, 0))
    async with front_desk(tmp_path):
        assert [path.exists() for path in (*old, *others)] == [False, False, True, True, True]
