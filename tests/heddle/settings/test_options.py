import contextlib
import dataclasses
import io
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heddle.graph.errors import SettingsError
from heddle.settings.command_line import parse
from heddle.settings.memory import MemorySettings
from heddle.settings.options import CACHE_BYTES, COMMANDS, HOUSE, PREVIEW_METHODS
from heddle.settings.values import parse_size, read_change


def test_no_words_mean_a_server_that_only_this_machine_reaches():
    settings = parse([])
    assert settings.command == "serve"
    assert settings.listen == ("127.0.0.1",) and settings.port == 8188
    assert settings.is_private
    assert settings.base_directory == HOUSE and (HOUSE / "heddle").is_dir()
    assert settings.cache_bytes == CACHE_BYTES


@pytest.mark.parametrize(
    "words", ["--cpu run w.json --port 9000", "run --port 9000 w.json --cpu", "run w.json --cpu --port 9000"]
)
def test_options_stand_before_or_after_the_command(words: str):
    settings = parse(words.split())
    assert (settings.command, settings.cpu, settings.port) == ("run", True, 9000)
    assert settings.workflow == Path.cwd() / "w.json"


@pytest.mark.parametrize(
    ("words", "devices"),
    [
        ("", ("",)),
        ("--cpu", ("cpu",)),
        ("--workers 2", ("", "")),
        ("--cpu --workers 2", ("cpu", "cpu")),
        ("--devices cpu,cuda:1", ("cpu", "cuda:1")),
        ("--devices cuda:0,cuda:1 --workers 3", ("cuda:0", "cuda:1", "cuda:0")),
    ],
)
def test_each_worker_has_a_device(words: str, devices: tuple[str, ...]):
    assert parse(words.split()).worker_devices == devices


def test_jobs_have_their_budgets():
    words = "--job-durability normal --cancel-patience-s 0.5 --node-timeout-s 90 --worker-memory-mb 2000"
    settings = parse([*words.split(), "--keep-events-of", "0"])
    assert (settings.job_durability, settings.cancel_patience_s, settings.node_timeout_s) == ("normal", 0.5, 90)
    assert (settings.worker_memory_bytes, settings.keep_events_of) == (2_000_000_000, 0)
    assert parse([]).worker_memory_bytes is None and parse([]).node_timeout_s is None


def test_versions_of_workflows_have_their_limits():
    assert (parse([]).versions_each, parse([]).versions_days, parse([]).versions_bytes) == (200, 0, 2**30)
    settings = parse(["--versions-each", "1", "--versions-days", "30", "--versions-size", "5MB"])
    assert (settings.versions_each, settings.versions_days, settings.versions_bytes) == (1, 30, 5 * 2**20)
    for wrong in ("--versions-each=0", "--versions-days=-1", "--versions-size=many"):
        with pytest.raises(SettingsError):
            parse([wrong])


def test_a_repeated_option_keeps_what_stood_before_the_command(tmp_path: Path):
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.touch()
    second.touch()
    option = "--extra-model-paths-config"
    assert parse([option, str(first), "run", "w.json", option, str(second)]).extra_model_paths == (first, second)


def test_a_bare_listen_does_not_swallow_the_command():
    settings = parse(["--listen", "run", "w.json"])
    assert settings.command == "run"
    assert settings.listen == ("0.0.0.0", "::") and not settings.is_private


def test_packs_are_left_out_or_chosen_by_name_before_and_after_the_command():
    assert parse([]).packs_only == () and not parse([]).no_packs
    assert parse(["--disable-all-custom-nodes"]).no_packs
    settings = parse(
        ["--whitelist-custom-nodes", "a", "b c", "run", "w.json", "--whitelist-custom-nodes", "d", "--cpu"]
    )
    assert (settings.packs_only, settings.command, settings.cpu) == (("a", "b c", "d"), "run", True)
    assert parse(["--whitelist-custom-nodes=a"]).packs_only == ("a",)
    with pytest.raises(SettingsError, match="whitelist-custom-nodes"):
        parse(["--whitelist-custom-nodes"])


def test_several_addresses_are_private_only_together():
    assert parse(["--listen", "127.0.0.1, ::1"]).is_private
    assert not parse(["--listen", "127.0.0.1,192.168.1.5"]).is_private


def test_a_bare_cors_header_means_every_site_and_does_not_swallow_the_command():
    assert parse(["--enable-cors-header", "serve"]).cors_origin == "*"
    assert parse(["--enable-cors-header", "http://Editor.example:3000/"]).cors_origin == "http://editor.example:3000"
    assert parse([]).cors_origin is None
    for wrong in ("editor.example", "http://a/b", "null", "http://me@evil.example"):
        with pytest.raises(SettingsError, match="origin such as"):
            parse(["--enable-cors-header", wrong])


def test_uploads_are_limited_in_megabytes():
    assert parse([]).upload_bytes == 100 * 2**20
    assert parse(["--max-upload-size", "0.5"]).upload_bytes == 2**19
    for wrong in ("0", "-1", "nan", "inf", "1e300"):
        with pytest.raises(SettingsError, match="max-upload-size"):
            parse([f"--max-upload-size={wrong}"])


def test_a_key_and_its_certificate_come_together(tmp_path: Path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    key.touch()
    certificate.touch()
    settings = parse(["--tls-keyfile", str(key), "--tls-certfile", str(certificate)])
    assert settings.tls == (certificate, key)
    with pytest.raises(SettingsError, match="belong together"):
        parse(["--tls-keyfile", str(key)])
    with pytest.raises(SettingsError, match="no such file"):
        parse(["--tls-keyfile", str(key), "--tls-certfile", str(tmp_path / "none")])


def test_a_front_end_is_a_folder_with_a_page(tmp_path: Path):
    with pytest.raises(SettingsError, match=r"no index\.html"):
        parse(["--front-end-root", str(tmp_path)])
    (tmp_path / "index.html").touch()
    assert parse(["--front-end-root", str(tmp_path)]).front_end == tmp_path


@pytest.mark.parametrize(
    ("words", "level"), [("--verbose nodes", "DEBUG"), ("nodes --verbose warning", "WARNING"), ("", "INFO")]
)
def test_verbose_alone_means_debug(words: str, level: str):
    assert parse(words.split()).log_level == level


def test_changes_keep_their_order_and_their_text():
    words = ["run", "w.json", "--set", "3.seed=7", "--set", "6.text=a=b, --cpu", "--set", "My v1.5 node.cfg=2"]
    assert parse(words).changes == ("3.seed=7", "6.text=a=b, --cpu", "My v1.5 node.cfg=2")


def test_convert_takes_a_catalogue_and_a_seed():
    settings = parse(["convert", "w.json", "--catalogue", "nodes.json", "--seed", "7"])
    assert (settings.workflow, settings.catalogue) == (Path.cwd() / "w.json", Path.cwd() / "nodes.json")
    assert settings.seed == 7
    assert parse(["convert", "w.json"]).seed is None


def test_training_reads_its_own_options():
    settings = parse(["--cpu", "train-demo", "--out", "here", "--minutes", "3", "--resume"])
    assert settings.cpu
    assert settings.rest == ("--out", "here", "--minutes", "3", "--resume")


def test_settings_travel_to_a_worker_and_stay_as_they_are():
    settings = parse(["--cpu", "run", "w.json"])
    assert pickle.loads(pickle.dumps(settings)) == settings
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.cpu = False  # type: ignore[misc]


def test_folders_are_absolute_and_need_not_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    settings = parse(["--base-directory", "new place", "--output-directory", "../out"])
    assert settings.base_directory == tmp_path / "new place"
    assert settings.output_directory == tmp_path.parent / "out"
    assert not (tmp_path / "new place").exists()


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["--cuda-device", "1"], "--devices"),
        (["--front-end-version", "latest"], "--front-end-root"),
        (["--cache-lru", "-3"], "--cache-lru -3: a number of at least 0"),
        (["--cache-lru", "3", "--cache-none"], "not allowed with"),
        (["--prot", "3"], "--port"),
        (["rnu", "w.json"], "did you mean run"),
        (["w.json"], "main.py run w.json"),
        (["run"], "FILE"),
        (["convert"], "FILE"),
        (["convert", "w.json", "--seed", "x"], "--seed"),
        (["nodes", "--seed", "3"], "knows no such option"),
        (["run", "my", "flow.json"], "quotes"),
        (["run", "w.json", "--set", "seed"], "NODE.INPUT=VALUE"),
        (["--port", "70000"], "65535"),
        (["--port", "x"], "--port"),
        (["--verbose=LOUD"], "WARNING"),
        (["--listen", ""], "127.0.0.1"),
        (["--cache-size", "much"], "2GB"),
        (["--workers", "0"], "1 to 64"),
        (["--devices", "gpu"], "cuda:0"),
        (["--devices", ","], "cuda:0"),
        (["--devices", "cuda:0", "--cpu"], "exclude each other"),
        (["--job-durability", "maybe"], "--job-durability"),
        (["--cancel-patience-s", "-1"], "at least 0"),
        (["--cancel-patience-s", "nan"], "at least 0"),
        (["--node-timeout-s", "0"], "no limit"),
        (["--worker-memory-mb", "inf"], "above 0"),
        (["--keep-events-of", "-1"], "at least 0"),
        (["--base-directory", ""], "empty"),
        (["--base-directory", __file__], "that is a file"),
        (["--extra-model-paths-config", "/no/such.yaml"], "no such file"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_next_step(words: list[str], hint: str):
    with pytest.raises(SettingsError, match=hint):
        parse(words)


@pytest.mark.parametrize("command", [None, *(set(COMMANDS) - {"train-demo"})])
def test_every_command_explains_every_option(command: str | None):
    shown = io.StringIO()
    with pytest.raises(SystemExit) as end, contextlib.redirect_stdout(shown):
        parse([*([command] if command else []), "--help"])
    assert end.value.code == 0
    assert "--extra-model-paths-config" in shown.getvalue()
    assert all(name in shown.getvalue() for name in (COMMANDS if command is None else ()))


@given(
    st.lists(
        st.text(max_size=12) | st.sampled_from(["run", "--set", "--listen", "--cpu", "--", "-h", "--port"]), max_size=5
    )
)
def test_any_words_give_settings_a_reason_or_the_help(words: list[str]):
    with contextlib.suppress(SettingsError, SystemExit), contextlib.redirect_stdout(io.StringIO()):
        assert parse(words).command in COMMANDS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3.seed=7", ("3", "seed", "7")),
        ("My v1.5 node.cfg=2.5", ("My v1.5 node", "cfg", "2.5")),
        ("a=b.text=c=d", ("a=b", "text", "c=d")),
        ("3.images.image0=x", ("3", "images.image0", "x")),
        ("8:25:15.text=", ("8:25:15", "text", "")),
    ],
)
def test_a_change_names_a_node_an_input_and_a_value(text: str, expected: tuple[str, str, str]):
    names = {"3", "My v1", "My v1.5 node", "a=b", "8:25:15"}
    assert read_change(text, names) == expected


def test_a_change_of_an_unknown_node_lists_similar_ones():
    with pytest.raises(SettingsError, match="KSampler"):
        read_change("KSamplr.seed=1", {"KSampler", "9"})


@pytest.mark.parametrize(
    ("text", "size"), [("0", 0), ("512", 512), ("1.5 GiB", 3 << 29), ("2gb", 2 << 30), ("64K", 64 << 10)]
)
def test_sizes_have_units(text: str, size: int):
    assert parse_size(text) == size


@pytest.mark.parametrize("name", ["graph.json", "result.png"])
def test_a_workflow_or_picture_in_a_commands_place_is_told_how_to_run(name: str):
    with pytest.raises(SettingsError, match=f"write: main.py run {name}"):
        parse([name])


def test_the_flags_of_other_engines_choose_what_is_kept():
    assert parse([]).disk_cache_bytes == 4 << 30
    assert parse(["--cache-classic"]).cache_bytes == CACHE_BYTES
    nothing = parse(["--cache-none"])
    assert nothing.cache_bytes == 0 and nothing.disk_cache_bytes == 0
    some = parse(["--cache-lru", "10", "run", "w.json"])
    assert some.cache_results == 10 and some.cache_bytes > CACHE_BYTES
    assert parse(["--cache-ram", "run", "w.json"]).cache_headroom == 4 << 30
    assert parse(["--cache-ram", "1.5"]).cache_headroom == 3 << 29
    assert parse(["--disk-cache-size", "10MB"]).disk_cache_bytes == 10 << 20
    assert parse([]).disk_cache_worth_s == 1.0 and parse(["--disk-cache-worth-s", "0.2"]).disk_cache_worth_s == 0.2
    with pytest.raises(SettingsError, match="--disk-cache-worth-s"):
        parse(["--disk-cache-worth-s", "-1"])


def test_previews_are_shown_unless_told_not_to():
    settings = parse([])
    assert (settings.preview_method, settings.preview_px) == ("auto", 512)
    assert not settings.previews_were_asked_for and parse(["--preview-method", "auto"]).previews_were_asked_for
    settings = parse(["--preview-method", "none", "--preview-size", "256"])
    assert (settings.preview_method, settings.preview_px) == ("none", 256)


@pytest.mark.parametrize("method", PREVIEW_METHODS)
def test_every_preview_method_of_the_ecosystem_is_taken(method: str):
    assert parse(["run", "w.json", f"--preview-method={method}"]).preview_method == method


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--preview-method", "best"], "--preview-method.*'best'.*none.*latent2rgb"),
        (["--preview-size", "0"], "--preview-size 0: 1 pixel or more is wanted; --preview-method none"),
        (["--preview-size", "big"], "--preview-size.*'big'"),
    ],
)
def test_a_preview_option_that_makes_no_sense_says_what_does(words: list[str], said: str):
    with pytest.raises(SettingsError, match=said):
        parse(words)


@pytest.mark.parametrize(
    ("words", "left_out"),
    [
        (["--medvram", "--port", "8190"], ("--medvram",)),
        (["--port", "8190", "--async-offload", "2", "--auto-launch"], ("--async-offload", "--auto-launch")),
        (["--fast", "fp16_accumulation", "autotune", "--port=8190"], ("--fast",)),
        (["--fast", "--port=8190", "--api", "--api"], ("--fast", "--api")),
        (["--async-offload", "--port", "8190"], ("--async-offload",)),
        (["--async-offload=2", "--port", "8190"], ("--async-offload",)),
    ],
)
def test_options_of_other_engines_that_only_tune_are_left_out_and_named(words: list[str], left_out: tuple[str, ...]):
    settings = parse(words)
    assert settings.left_out == left_out
    assert settings.port == 8190
    assert settings.command == "serve"


def test_a_command_after_an_option_that_is_left_out_is_still_a_command():
    settings = parse(["--async-offload", "run", "w.json"])
    assert settings.command == "run"
    assert settings.left_out == ("--async-offload",)


def test_attention_is_torchs_unless_an_option_chooses_another(monkeypatch: pytest.MonkeyPatch):
    assert parse([]).attention == parse(["--use-pytorch-cross-attention"]).attention == "pytorch attention"
    assert parse(["--use-quad-cross-attention", "run", "w.json"]).attention == "sub-quadratic attention"
    assert parse(["--use-split-cross-attention"]).attention == "split attention"
    assert parse(["--disable-xformers"]).attention == "pytorch attention"
    with pytest.raises(SettingsError, match="not allowed with"):
        parse(["--use-split-cross-attention", "--use-quad-cross-attention"])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        SettingsError, match="--use-flash-attention: the package flash-attn is not installed; pip install"
    ):
        parse(["--use-flash-attention"])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    assert parse(["--xformers"]).attention == "xformers attention"
    assert parse(["--use-sage-attention"]).attention == "sage attention"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--lowvram", "--novram"], "--novram: not allowed with argument --lowvram"),
        (["--gpu-only", "--highvram"], "not allowed with"),
        (["--fp16-vae", "--bf16-vae"], "not allowed with"),
        (["--fp8_e4m3fn-unet", "--fp64-unet"], "not allowed with"),
        (["--force-fp16", "--force-fp32"], "not allowed with"),
        (["--vram-limit", "much"], "'much' is no size"),
        (["--ram-limit", "0"], "--ram-limit 0: a size above 0"),
        (["--reserve-vram", "-1"], "--reserve-vram -1.0: a number of at least 0"),
        (["--unload-after-min", "nan"], "--unload-after-min nan: a number of at least 0"),
    ],
)
def test_an_option_about_memory_that_makes_no_sense_says_what_does(words: list[str], said: str):
    with pytest.raises(SettingsError, match=said):
        parse(words)


def test_what_is_asked_for_about_memory_is_asked_for_in_bytes_and_seconds():
    memory = parse(
        ["--vram-limit=4GB", "--ram-limit", "8 GiB", "--reserve-vram", "0.5", "--unload-after-min=1.5"]
    ).memory
    assert (memory.device_limit_bytes, memory.main_limit_bytes, memory.reserve_bytes) == (4 << 30, 8 << 30, 1 << 29)
    assert memory.unload_after_s == 90
    assert parse([]).memory == MemorySettings() == parse(["--normalvram"]).memory
