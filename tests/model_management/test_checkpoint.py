import shutil

import pytest
import torch

from heddle.graph.errors import WeightsError
from model_management.checkpoint import open_checkpoint, open_vae
from model_management.families.known import FAMILIES
from model_management.weights import Weights
from tests.model_management import tiny
from tests.model_management.pickle_files import BOTH, save

CPU = torch.device("cpu")
TO_K = "model.diffusion_model.middle_block.1.transformer_blocks.0.attn1.to_k.weight"


def test_every_weight_arrives_widened_to_float32(checkpoint):
    opened, weights = open_checkpoint(checkpoint, FAMILIES), Weights(CPU)
    tensors = tiny.tiny_tensors()
    for handle, part in ((opened.model, "unet"), (opened.clip.encoders[0], "text"), (opened.vae, "vae")):
        with weights.hold(handle) as net:
            found = net.state_dict()
            wanted = tiny.part_of(tensors, part)
            assert found.keys() == wanted.keys()
            for name, tensor in found.items():
                assert tensor.dtype == (torch.int64 if name.endswith("position_ids") else torch.float32)
                assert torch.equal(tensor.float(), wanted[name]), name
            assert not net.training


@BOTH
def test_a_file_of_torch_save_is_the_same_checkpoint(tmp_path, checkpoint, is_zip):
    wanted, weights = open_checkpoint(checkpoint, FAMILIES), Weights(CPU)
    content = {"epoch": 3, "state_dict": tiny.tiny_tensors(), "optimizer_states": [{"state": {0: torch.ones(2)}}]}
    got = open_checkpoint(save(tmp_path / "m.ckpt", content, is_zip), FAMILIES)
    handles = ((opened.model, *opened.clip.encoders, opened.vae) for opened in (got, wanted))
    for ours, other in zip(*handles, strict=True):
        with weights.hold(ours) as net, weights.hold(other) as expected:
            found, tensors = net.state_dict(), expected.state_dict()
            assert found.keys() == tensors.keys()
            assert all(torch.equal(found[name], tensors[name]) for name in tensors)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_files_of_other_precision_load(tmp_path, dtype):
    path = tiny.write_checkpoint(tmp_path / "m.safetensors", tiny.tiny_tensors(dtype))
    with Weights(CPU).hold(open_checkpoint(path, FAMILIES).model) as net:
        assert {weight.dtype for weight in net.parameters()} == {torch.float32}


def test_opening_reads_no_weight(checkpoint, tmp_path):
    path = tmp_path / "zeros.safetensors"
    shutil.copy(checkpoint, path)
    opened = open_checkpoint(path, FAMILIES)
    assert all(weight.is_meta for weight in opened.model.stored.build().parameters())
    assert opened.model.config == tiny.UNET
    assert opened.vae.px_per_cell == 8
    assert opened.model.latent.scale == 0.18215
    assert opened.model.predicts.schedule.sigma_max == pytest.approx(14.6146, abs=1e-4)


def test_weights_can_be_trained_on_though_a_node_held_them_in_inference_mode(checkpoint):
    weights, model = Weights(CPU), open_checkpoint(checkpoint, FAMILIES).model
    with torch.inference_mode(), weights.hold(model):
        pass
    with weights.hold(model) as net:
        x = torch.randn(1, 4, 4, 4, requires_grad=True)
        net(x, torch.tensor([5.0]), torch.randn(1, 3, 64)).sum().backward()
        assert x.grad is not None and x.grad.any()


def test_leftovers_of_training_are_left_alone(tmp_path):
    tensors = tiny.tiny_tensors()
    tensors["model_ema.diffusion_modelinput_blocks00weight"] = torch.zeros(32, 4, 3, 3)
    tensors["optimizer.state.0"] = torch.zeros(7, dtype=torch.int32)
    opened = open_checkpoint(tiny.write_checkpoint(tmp_path / "m.safetensors", tensors), FAMILIES)
    with Weights(CPU).hold(opened.model) as net:
        assert len(list(net.parameters())) > 0


@pytest.mark.parametrize("row", [None, torch.full((1, 10), 0.98, dtype=torch.float16)])
def test_damaged_or_missing_position_numbers_do_no_harm(tmp_path, row):
    key = "cond_stage_model.transformer.text_model.embeddings.position_ids"
    tensors = tiny.tiny_tensors()
    del tensors[key]
    if row is not None:
        tensors[key] = row
    clip = open_checkpoint(tiny.write_checkpoint(tmp_path / "m.safetensors", tensors), FAMILIES).clip
    with Weights(CPU).hold(clip.encoders[0]) as net:
        assert net.text_model.embeddings.position_ids.tolist() == [list(range(10))]


def test_a_missing_tensor_is_named_with_its_file(tmp_path):
    tensors = tiny.tiny_tensors()
    del tensors[TO_K]
    path = tiny.write_checkpoint(tmp_path / "m.safetensors", tensors)
    with pytest.raises(
        WeightsError, match=rf"m\.safetensors: the tensor {TO_K} is missing.*download it again"
    ) as refused:
        open_checkpoint(path, FAMILIES)
    assert (refused.value.file, refused.value.key) == (str(path), TO_K)


def test_a_wrong_shape_is_named_with_what_was_found_and_wanted(tmp_path):
    tensors = tiny.tiny_tensors()
    tensors[TO_K] = torch.zeros(64, 32)
    path = tiny.write_checkpoint(tmp_path / "m.safetensors", tensors)
    with pytest.raises(WeightsError, match=r"has shape \[64, 32\].*wants \[64, 64\]") as refused:
        open_checkpoint(path, FAMILIES)
    assert refused.value.key == TO_K


def test_quantised_weights_are_refused(tmp_path):
    tensors = tiny.tiny_tensors()
    tensors[TO_K] = tensors[TO_K].to(torch.int8)
    with pytest.raises(WeightsError, match=r"stored as I8, but .* choose another file"):
        open_checkpoint(tiny.write_checkpoint(tmp_path / "m.safetensors", tensors), FAMILIES)


def test_widths_that_make_no_net_are_refused_with_the_file(tmp_path):
    tensors = tiny.tiny_tensors()
    for name, tensor in list(tensors.items()):
        if name.startswith("first_stage_model.encoder.down.0."):
            tensors[name] = torch.zeros([40 if size == 32 else size for size in tensor.shape])
    with pytest.raises(WeightsError, match=r"m\.safetensors: the sizes below first_stage_model\. make no net.*40"):
        open_checkpoint(tiny.write_checkpoint(tmp_path / "m.safetensors", tensors), FAMILIES)


@pytest.mark.parametrize("prefix", ["", "first_stage_model."])
def test_a_vae_alone_opens_with_bare_names_or_the_checkpoints(tmp_path, prefix):
    tensors = tiny.tiny_tensors()
    alone = {prefix + name: tensor.half() for name, tensor in tiny.part_of(tensors, "vae").items()}
    vae = open_vae(tiny.write_checkpoint(tmp_path / "vae.safetensors", alone))
    assert vae.config == tiny.VAE
    with Weights(CPU).hold(vae) as net:
        assert torch.equal(net.quant_conv.weight, tensors["first_stage_model.quant_conv.weight"].float())


def test_a_vae_can_be_taken_from_a_full_checkpoint(checkpoint):
    assert open_vae(checkpoint).config == tiny.VAE


def test_a_file_without_a_vae_is_refused(tmp_path):
    text = {name: tensor for name, tensor in tiny.tiny_tensors().items() if name.startswith("cond_stage")}
    with pytest.raises(WeightsError, match=r"holds no VAE known here.*choose another"):
        open_vae(tiny.write_checkpoint(tmp_path / "m.safetensors", text))


def test_a_vae_without_one_of_its_tensors_is_refused(tmp_path):
    vae = tiny.part_of(tiny.tiny_tensors(), "vae")
    del vae["decoder.mid.attn_1.q.weight"]
    with pytest.raises(WeightsError, match=r"decoder\.mid\.attn_1\.q\.weight is missing"):
        open_vae(tiny.write_checkpoint(tmp_path / "m.safetensors", vae))


def test_a_file_that_changed_since_it_was_opened_is_not_read(tmp_path, checkpoint):
    path = tmp_path / "m.safetensors"
    shutil.copy(checkpoint, path)
    model = open_checkpoint(path, FAMILIES).model
    tiny.write_checkpoint(path, tiny.tiny_tensors(torch.float32))
    with pytest.raises(WeightsError, match="has changed since it was opened"), Weights(CPU).hold(model):
        pass


def test_weights_stay_when_the_file_goes(tmp_path, checkpoint):
    path = tmp_path / "m.safetensors"
    shutil.copy(checkpoint, path)
    weights, opened = Weights(CPU), open_checkpoint(path, FAMILIES)
    with weights.hold(opened.vae):
        pass
    path.unlink()
    with weights.hold(opened.vae) as net:
        assert net.decode(torch.zeros(1, 4, 1, 1)).shape == (1, 3, 8, 8)
