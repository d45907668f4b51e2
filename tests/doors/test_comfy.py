"""`comfy`: progress, files, devices, options, names."""

from __future__ import annotations

import threading
import zlib
from pathlib import Path

import pytest
import torch
from PIL import Image

import comfy.cli_args
import comfy.model_management as memory
import comfy.samplers
import comfy.utils
import latent_preview
from comfy.comfy_types import IO, CheckLazyMixin
from heddle.graph.errors import Cancelled, WeightsError
from heddle.settings import current
from heddle.settings.command_line import parse
from heddle.settings.options import Settings
from model_management import current as ledger
from model_management.weights import Weights
from tests.doors.conftest import FrontDesk, RunningNode


def test_a_progress_bar_tells_the_running_node_and_stops_with_it(running: RunningNode) -> None:
    bar = comfy.utils.ProgressBar(4)
    bar.update(1)
    bar.update_absolute(3, 8, ("JPEG", Image.new("RGB", (8, 8)), 512))
    bar.update(100)
    assert running.told == [(1, 4), ("jpeg", b"\xff\xd8\xff\xe0"), (3, 8), (8, 8)]
    running.stopped = True
    with pytest.raises(memory.InterruptProcessingException):
        bar.update(1)


def test_a_progress_bar_reports_from_a_thread_of_the_node(running: RunningNode) -> None:
    bar = comfy.utils.ProgressBar(2)
    thread = threading.Thread(target=bar.update, args=(1,))
    thread.start()
    thread.join()
    assert running.told == [(1, 2)]


def test_a_progress_bar_made_in_a_thread_of_a_node_is_the_workers_to_place(desk: FrontDesk) -> None:
    comfy.utils.ProgressBar(2).update(1)
    assert desk.progress == [(None, 1, 2, None)]


def test_a_progress_bar_of_another_node_goes_to_the_worker(running: RunningNode, desk: FrontDesk) -> None:
    comfy.utils.ProgressBar(4, node_id="9").update(2)
    comfy.utils.ProgressBar(4, node_id="5").update(3)
    assert desk.progress == [("9", 2, 4, None)]
    assert running.told == [(3, 4)]


def test_a_global_hook_hears_instead_of_the_node(running: RunningNode) -> None:
    heard = []
    comfy.utils.set_progress_bar_global_hook(lambda *told, node_id: heard.append((told, node_id)))
    try:
        comfy.utils.ProgressBar(4).update(1)
    finally:
        comfy.utils.set_progress_bar_global_hook(None)
    assert (heard, running.told) == ([((1, 4, None), None)], [])


def test_a_bar_outside_of_any_node_is_silent() -> None:
    comfy.utils.ProgressBar(4).update(1)


def test_files_of_weights_are_read_and_written_and_code_in_them_is_refused(tmp_path: Path) -> None:
    tensors = {"a": torch.arange(3.0), "b": torch.ones(2, 2, dtype=torch.float16).t()}
    comfy.utils.save_torch_file(tensors, tmp_path / "x.safetensors", metadata={"made": "here"})
    read, texts = comfy.utils.load_torch_file(str(tmp_path / "x.safetensors"), return_metadata=True)
    assert texts == {"made": "here"} and read.keys() == tensors.keys()
    assert torch.equal(read["a"], tensors["a"]) and read["b"].dtype == torch.float16
    torch.save({"state_dict": tensors}, tmp_path / "x.ckpt")
    assert torch.equal(comfy.utils.load_torch_file(tmp_path / "x.ckpt")["a"], tensors["a"])

    torch.save({"a": print}, tmp_path / "bad.pt")
    with pytest.raises(WeightsError, match=r"bad\.pt.*print"):
        comfy.utils.load_torch_file(tmp_path / "bad.pt")


def test_names_in_state_dictionaries_are_replaced() -> None:
    tensors = {"old.a": torch.zeros(2, 3), "old.b": torch.zeros(1, dtype=torch.float16), "c": torch.zeros(1)}
    assert comfy.utils.calculate_parameters(tensors, "old.") == 7
    assert comfy.utils.weight_dtype(tensors) is torch.float32
    taken = comfy.utils.state_dict_prefix_replace(dict(tensors), {"old.": "new."}, filter_keys=True)
    assert list(taken) == ["new.a", "new.b"]
    kept = comfy.utils.state_dict_prefix_replace(dict(tensors), {"old.": ""})
    assert set(kept) == {"a", "b", "c"}
    assert set(comfy.utils.state_dict_key_replace(dict(tensors), {"c": "d", "x": "y"})) == {"old.a", "old.b", "d"}


def test_sizes_and_batches_are_brought_to_what_is_asked() -> None:
    x = torch.arange(3.0).reshape(3, 1, 1, 1).expand(3, 2, 4, 6)
    assert comfy.utils.common_upscale(x, 3, 2, "bilinear", "disabled").shape == (3, 2, 2, 3)
    assert comfy.utils.bislerp(x, 3, 2).shape == comfy.utils.lanczos(x, 3, 2).shape == (3, 2, 2, 3)
    assert comfy.utils.repeat_to_batch_size(x, 5)[:, 0, 0, 0].tolist() == [0, 1, 2, 0, 1]
    assert comfy.utils.repeat_to_batch_size(x, 2)[:, 0, 0, 0].tolist() == [0, 1]
    assert comfy.utils.resize_to_batch_size(x, 2)[:, 0, 0, 0].tolist() == [0, 2]
    assert comfy.utils.resize_to_batch_size(x, 6)[:, 0, 0, 0].tolist() == [0, 0, 1, 1, 2, 2]


def test_a_seed_from_a_text_is_its_checksum() -> None:
    assert comfy.utils.string_to_seed("abc") == zlib.crc32(b"abc") == comfy.utils.string_to_seed(b"abc")
    assert comfy.utils.string_to_seed("é") == zlib.crc32(b"\xe9"), "each letter is taken whole"


def test_the_wish_to_stop_is_seen_and_sent(running: RunningNode, desk: FrontDesk) -> None:
    memory.throw_exception_if_processing_interrupted()
    assert not memory.processing_interrupted()
    running.stopped = True
    assert memory.processing_interrupted()
    with pytest.raises(Cancelled):
        memory.throw_exception_if_processing_interrupted()
    assert issubclass(memory.InterruptProcessingException, Cancelled)
    memory.interrupt_current_processing()
    memory.interrupt_current_processing(False)
    assert desk.stops == 1


def test_devices_are_those_of_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "_weights", Weights(torch.device("cpu")))
    assert memory.get_torch_device() == memory.vae_device() == memory.text_encoder_device() == torch.device("cpu")
    assert memory.is_device_cpu(memory.intermediate_device()) and memory.cpu_mode()
    assert memory.vram_state is memory.VRAMState.DISABLED and memory.cpu_state is memory.CPUState.CPU
    assert not memory.should_use_fp16() and memory.unet_dtype() is torch.float32
    assert memory.should_use_fp16(torch.device("cuda"))
    assert 0 < memory.get_free_memory() <= memory.get_total_memory()
    assert memory.module_size(torch.nn.Linear(2, 3)) == 36
    assert memory.current_loaded_models == []
    memory.soft_empty_cache()
    memory.unload_all_models()


def test_what_packs_ask_of_attention_and_memory_has_an_answer() -> None:
    kinds = ("xformers", "sage_attention", "flash_attention", "pytorch_attention")
    assert [getattr(memory, f"{kind}_enabled")() for kind in kinds] == [False, False, False, True]
    assert not memory.pytorch_attention_flash_attention() and not memory.xformers_enabled_vae()
    assert (memory.loaded_models(), memory.debug_memory_summary()) == ([], "")
    assert memory.extra_reserved_memory() == memory.EXTRA_RESERVED_VRAM and not memory.FORCE_FP32
    assert not memory.force_channels_last() and not memory.device_should_use_non_blocking(torch.device("cpu"))


def test_options_are_read_when_they_are_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    words = ["--cpu", "--listen", "--port", "1", "--output-directory", str(tmp_path), "--disable-all-custom-nodes"]
    words += [
        "--preview-method",
        "none",
        "--preview-size",
        "256",
        "--max-upload-size",
        "7",
        "--multi-user",
        "--disable-metadata",
    ]
    monkeypatch.setattr(current, "_settings", parse(words))
    args = comfy.cli_args.args
    assert (args.cpu, args.port, args.listen) == (True, 1, "0.0.0.0,::")
    assert (args.output_directory, args.input_directory) == (str(tmp_path), None)
    assert args.disable_all_custom_nodes is True and args.disable_metadata is True
    assert args.preview_method is comfy.cli_args.LatentPreviewMethod.NoPreviews
    assert (args.preview_size, args.max_upload_size, args.multi_user) == (256, 7.0, True)
    assert args.lowvram is False and args.reserve_vram is None and not args.some_option_of_another_engine
    words = ["--novram", "--reserve-vram", "1.5", "--fp16-unet", "--force-fp32", "--cpu-vae", "--disable-mmap"]
    monkeypatch.setattr(current, "_settings", parse(words))
    assert args.novram and args.reserve_vram == 1.5 and args.fp16_unet and not args.fp8_e4m3fn_unet
    assert args.force_fp32 and not args.force_fp16 and args.cpu_vae and args.disable_mmap
    assert not args.disable_smart_memory and not args.gpu_only and memory.FORCE_FP32 and not memory.FORCE_FP16
    assert memory.extra_reserved_memory() == 1.5 * 2**30
    monkeypatch.setattr(current, "_settings", Settings())
    assert args.cpu is False


def test_names_of_samplers_are_ours() -> None:
    assert "euler" in comfy.samplers.KSampler.SAMPLERS and "karras" in comfy.samplers.SCHEDULER_NAMES


def test_wire_types_are_texts_that_differ_only_where_they_share_nothing() -> None:
    assert IO.IMAGE == "IMAGE" and f"{IO.INT}" == "INT" and "INT" in {IO.INT}
    assert not (IO.ANY != "MODEL") and not (IO.ANY != "*")  # noqa: SIM202 - packs compare this way
    assert not (IO.NUMBER != "INT") and IO.NUMBER != "STRING"  # noqa: SIM202
    assert CheckLazyMixin().check_lazy_status(a=None, b=1) == ["a"]


def test_a_callback_for_steps_reports_and_keeps_the_last_clean_guess(running: RunningNode) -> None:
    kept: dict[str, object] = {}
    callback = latent_preview.prepare_callback(None, 4, kept)
    callback(0, "clean", "noisy", 4)
    assert (running.told, kept) == ([(1, 4)], {"x0": "clean"})


def test_packs_scale_in_tiles_and_count_them() -> None:
    plane = torch.rand(2, 3, 40, 52, generator=torch.Generator().manual_seed(0))
    bar = comfy.utils.ProgressBar(comfy.utils.get_tiled_scale_steps(52, 40, 16, 24, 4) * 2)

    def enlarge(tile: torch.Tensor) -> torch.Tensor:
        assert tile.shape[-1] <= 16 and tile.shape[-2] <= 24
        return tile.repeat_interleave(2, -1).repeat_interleave(2, -2)

    made = comfy.utils.tiled_scale(plane, enlarge, 16, 24, 4, upscale_amount=2, pbar=bar)
    torch.testing.assert_close(made, plane.repeat_interleave(2, -1).repeat_interleave(2, -2))
    assert bar.current == bar.total == 16

    shrink = lambda tile: torch.nn.functional.avg_pool1d(tile, 4)  # noqa: E731
    line = torch.rand(1, 2, 100, generator=torch.Generator().manual_seed(1))
    made = comfy.utils.tiled_scale_multidim(line, shrink, (40,), (8,), 4, 2, downscale=True)
    torch.testing.assert_close(made, shrink(line))
    made = comfy.utils.tiled_scale_multidim(
        line, shrink, (40,), 8, lambda n: n / 4, 2, index_formulas=[lambda n: n / 4]
    )
    torch.testing.assert_close(made, shrink(line))
