import shutil
import threading
from math import prod

import pytest
import torch

from heddle.graph.errors import Cancelled, OutOfMemory
from model_management.adapter_files import open_adapter, put_adapter
from model_management.checkpoint import OpenedCheckpoint, open_checkpoint, open_network
from model_management.families.known import FAMILIES
from model_management.saving import model_part, net_pieces
from model_management.stored_net import StoredNet
from model_management.weights import Weights
from tests.model_management import tiny

CPU = torch.device("cpu")


@pytest.fixture
def opened(checkpoint) -> OpenedCheckpoint:
    return open_checkpoint(checkpoint, FAMILIES)


def size_of(handle) -> int:
    return 4 * handle.stored.numel


def roles(weights: Weights) -> list[str]:
    return [role for _file, role, _bytes in weights.residents]


def test_nothing_is_resident_before_it_is_held(opened):
    weights = Weights(CPU)
    assert weights.resident_bytes == 0
    with weights.hold(opened.vae):
        assert weights.resident_bytes == size_of(opened.vae)
    assert weights.resident_bytes == size_of(opened.vae)


def test_bytes_are_those_of_the_weights(opened):
    weights = Weights(CPU)
    with weights.hold(opened.clip.encoders[0]) as net:
        assert weights.resident_bytes == sum(weight.nbytes for weight in net.parameters())


def test_the_same_file_opened_twice_shares_its_weights(checkpoint, opened, tmp_path):
    link = tmp_path / "other name.safetensors"
    link.symlink_to(checkpoint)
    weights = Weights(CPU)
    with weights.hold(opened.model) as net, weights.hold(open_checkpoint(link, FAMILIES).model) as again:
        assert again is net
    assert weights.resident_bytes == size_of(opened.model)


def test_a_copy_of_a_handle_shares_its_weights(opened):
    weights = Weights(CPU)
    with (
        weights.hold(opened.clip.encoders[0]) as net,
        weights.hold(opened.clip.with_last_layer(-2).encoders[0]) as again,
    ):
        assert again is net


def test_a_replaced_file_is_another_model(tmp_path, checkpoint):
    path = tmp_path / "m.safetensors"
    shutil.copy(checkpoint, path)
    weights = Weights(CPU)
    with weights.hold(open_checkpoint(path, FAMILIES).vae) as old:
        tiny.write_checkpoint(path, tiny.tiny_tensors(torch.float32))
        with weights.hold(open_checkpoint(path, FAMILIES).vae) as new:
            assert new is not old


def test_what_was_used_longest_ago_leaves_first(opened):
    weights = Weights(
        CPU, limit_bytes=size_of(opened.model) + size_of(opened.vae) + size_of(opened.clip.encoders[0]) - 1
    )
    for handle in (opened.model, opened.vae, opened.model):
        with weights.hold(handle):
            pass
    with weights.hold(opened.clip.encoders[0]):
        assert roles(weights) == ["network", "text"]


def test_what_is_held_does_not_leave(opened):
    weights = Weights(CPU, limit_bytes=size_of(opened.model) + size_of(opened.vae))
    with weights.hold(opened.model):
        with weights.hold(opened.vae):
            pass
        with weights.hold(opened.clip.encoders[0]):
            assert roles(weights) == ["network", "text"]


def test_weights_of_which_not_one_fits_are_refused_with_both_sizes(opened):
    weights = Weights(CPU, limit_bytes=size_of(opened.model) + 10)
    with weights.hold(opened.model), pytest.raises(OutOfMemory) as refused, weights.hold(opened.vae):
        pass
    largest = max(4 * prod(shape) for shape in opened.vae.stored.shapes.values())
    assert (refused.value.asked, refused.value.free) == (largest, 10)
    assert roles(weights) == ["network"]


def test_working_memory_makes_others_leave_but_is_not_refused(opened):
    weights = Weights(CPU, limit_bytes=size_of(opened.model) + size_of(opened.vae))
    with weights.hold(opened.vae):
        pass
    with weights.hold(opened.model, working_bytes=10**12):
        assert roles(weights) == ["network"]


def test_working_memory_counts_only_while_it_is_used(opened):
    both = size_of(opened.model) + size_of(opened.vae)
    weights = Weights(CPU, limit_bytes=both)
    with weights.hold(opened.vae, working_bytes=both - size_of(opened.vae)):
        pass
    with weights.hold(opened.model):
        assert roles(weights) == ["vae", "network"]


def test_release_all_lets_go_of_what_nobody_holds(opened):
    weights = Weights(CPU)
    with weights.hold(opened.clip.encoders[0]):
        pass
    with weights.hold(opened.vae):
        assert weights.release_all() == size_of(opened.clip.encoders[0])
        assert roles(weights) == ["vae"]
    assert weights.release_all() == size_of(opened.vae)
    assert weights.resident_bytes == 0


def test_an_error_inside_the_block_gives_the_net_back(opened):
    weights = Weights(CPU)
    with pytest.raises(RuntimeError), weights.hold(opened.vae):
        raise RuntimeError
    assert weights.release_all() == size_of(opened.vae)


def test_progress_counts_up_to_all_bytes(opened):
    seen: list[tuple[int, int]] = []
    with Weights(CPU).hold(opened.vae, on_part=lambda done, total: seen.append((done, total))):
        pass
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (size_of(opened.vae), size_of(opened.vae))


def test_cancelling_while_weights_come_in_leaves_nothing_behind(opened):
    def cancel(done: int, total: int) -> None:
        if done > total / 2:
            raise Cancelled

    weights = Weights(CPU)
    with pytest.raises(Cancelled), weights.hold(opened.model, on_part=cancel):
        pass
    assert weights.resident_bytes == 0
    with weights.hold(opened.model):
        assert roles(weights) == ["network"]


def test_many_threads_load_a_net_once(opened, monkeypatch):
    loads: list[str] = []
    build = StoredNet.build

    def counted(self):
        loads.append(self.role)
        return build(self)

    monkeypatch.setattr(StoredNet, "build", counted)
    weights, nets, start = Weights(CPU), [], threading.Barrier(8)

    def use() -> None:
        start.wait()
        with weights.hold(opened.model) as net:
            nets.append(net)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loads == ["network"]
    assert len(nets) == 8 and len(set(map(id, nets))) == 1


@pytest.mark.parametrize(
    ("device", "has_bfloat16", "file_dtype", "wanted"),
    [
        ("cpu", True, torch.float16, {"network": "float32", "text": "float32", "vae": "float32"}),
        ("cuda", True, torch.float16, {"network": "float16", "text": "float32", "vae": "bfloat16"}),
        ("cuda", True, torch.bfloat16, {"network": "bfloat16", "text": "float32", "vae": "bfloat16"}),
        ("cuda", False, torch.bfloat16, {"network": "float32", "text": "float32", "vae": "float32"}),
        ("cuda", False, torch.float32, {"network": "float16", "text": "float32", "vae": "float32"}),
    ],
)
def test_each_net_is_computed_in_what_suits_it_and_the_device(tmp_path, device, has_bfloat16, file_dtype, wanted):
    path = tiny.write_checkpoint(tmp_path / "m.safetensors", tiny.tiny_tensors(file_dtype))
    weights = Weights(torch.device(device), has_bfloat16=has_bfloat16)
    opened = open_checkpoint(path, FAMILIES)
    found = {
        handle.stored.role: str(weights.compute_dtype(handle.stored)).removeprefix("torch.")
        for handle in (opened.model, *opened.clip.encoders, opened.vae)
    }
    assert found == wanted


def test_what_was_worked_out_from_a_file_is_kept_though_its_weights_leave(checkpoint, opened):
    weights = Weights(CPU)
    asked = []

    def width() -> int:
        asked.append("width")
        with weights.hold(opened.vae) as net:
            return net.config.widths[0]

    first = weights.worked_out(opened.vae, "width", width)
    weights.release_all()
    again = weights.worked_out(open_checkpoint(checkpoint, FAMILIES).vae, "width", width)
    assert first == again == tiny.VAE.widths[0] and asked == ["width"]
    assert weights.worked_out(opened.vae, "depth", lambda: 7) == 7
    assert weights.worked_out(opened.clip.encoders[0], "width", lambda: 64) == 64


def test_what_could_not_be_worked_out_is_tried_again(opened):
    weights = Weights(CPU)
    with pytest.raises(ZeroDivisionError):
        weights.worked_out(opened.vae, "x", lambda: 1 // 0)
    assert weights.worked_out(opened.vae, "x", lambda: 1) == 1


def test_the_files_of_resident_nets_are_known(checkpoint, opened):
    weights = Weights(CPU)
    assert weights.resident_files == set()
    with weights.hold(opened.vae), weights.hold(opened.clip.encoders[0]):
        assert weights.resident_files == {checkpoint}
    weights.release_all()
    assert weights.resident_files == set()


def test_a_net_that_is_to_be_on_the_cpu_is_there_wherever_the_others_are(opened):
    weights = Weights(torch.device("meta"), limit_bytes=size_of(opened.model))
    placed = opened.clip.placed(on_cpu=True).encoders[0]
    with weights.hold(opened.model) as net, weights.hold(placed) as beside:
        assert next(net.parameters()).device.type == "meta"
        assert next(beside.parameters()).device.type == "cpu"
        assert weights.resident_bytes == 2 * opened.model.stored.numel  # in half precision, and nothing else
        assert weights.resident_files == {opened.model.stored.header.path}
    assert weights.release_all() == 2 * opened.model.stored.numel + size_of(placed)
    with weights.hold(placed):
        assert weights.resident_bytes == 0
        assert weights.resident_files == {opened.model.stored.header.path}
    with weights.hold(opened.clip.placed(on_cpu=True).placed(on_cpu=False).encoders[0]) as net:
        assert next(net.parameters()).device.type == "meta"


def test_on_the_cpu_all_nets_are_in_one_ledger(opened):
    weights = Weights(CPU)
    with weights.hold(opened.model) as net, weights.hold(opened.model.placed(on_cpu=True)) as again:
        assert net is again


def test_what_is_rounded_is_rounded_before_an_adapter_and_in_a_saved_file(tmp_path, opened):
    model = opened.model.rounded(torch.float8_e5m2)
    with Weights(CPU).hold(model) as net:
        wanted = {name: weight.clone() for name, weight in net.state_dict().items()}
    path = tmp_path / "saved.safetensors"
    path.write_bytes(b"".join(net_pieces([model_part(model)], {})))
    with Weights(CPU).hold(open_network(path, FAMILIES)) as saved:
        assert all(torch.equal(weight, wanted[name]) for name, weight in saved.state_dict().items())
    name = "middle_block.1.proj_in.weight"
    adapter = tiny.write_checkpoint(
        tmp_path / "a.safetensors", {f"{name.removesuffix('weight')}diff": torch.ones(64, 64, 1, 1)}
    )
    adapted = put_adapter(open_adapter(adapter), model, None).model
    assert adapted is not None
    with Weights(CPU).hold(adapted) as net:
        assert torch.equal(net.get_parameter(name), wanted[name] + 1)


def test_what_a_file_has_with_a_scale_was_rounded_already(tmp_path):
    tensors = tiny.tiny_tensors()
    key = "model.diffusion_model.middle_block.1.proj_in.weight"
    narrow = tensors[key].to(torch.float8_e4m3fn)
    tensors |= {key: narrow, key.replace("weight", "scale_weight"): torch.tensor(0.37)}
    tensors["scaled_fp8"] = torch.empty(2, dtype=torch.float8_e4m3fn)
    model = open_network(tiny.write_checkpoint(tmp_path / "m.safetensors", tensors), FAMILIES).rounded(
        torch.float8_e5m2
    )
    with Weights(CPU).hold(model) as net:
        assert torch.equal(net.get_parameter("middle_block.1.proj_in.weight"), narrow.float() * 0.37)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("maps_files", [True, False])
def test_weights_can_be_trained_on_whoever_asked_for_them(tmp_path, dtype, maps_files):
    path = tiny.write_checkpoint(tmp_path / "m.safetensors", tiny.tiny_tensors(dtype))
    weights = Weights(CPU, maps_files=maps_files)
    with torch.inference_mode(), weights.hold(open_checkpoint(path, FAMILIES).vae) as net:
        assert not any(weight.is_inference() for weight in net.state_dict().values())
