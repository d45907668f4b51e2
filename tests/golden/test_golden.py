"""The runner of golden sets, on the slice in tests/data/golden and on sets made here."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import NoReturn

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.golden.__main__ import main
from tests.golden.checks import Check, NotCovered
from tests.golden.kinds import Kind
from tests.golden.notation import BadNotation, read_slice, read_tensor
from tests.golden.runner import run_folder
from tests.golden.sets import GoldenSet
from tests.golden.workshop import NoCheckpoint, Workshop

SLICE = Path(__file__).parent.parent / "data" / "golden"


def randn(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator("cpu").manual_seed(seed))


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SLICE, tmp_path / "golden"))


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.splitlines()[-1]


def test_every_number_of_the_slice_comes_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(SLICE), "--cache", str(tmp_path)]) == 0
    passed, failed = last_line(capsys).split(", ")
    assert failed == "0 failed"
    assert int(passed.split()[0]) >= 892  # were the kinds to say "not covered" of everything, nothing would be tested


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("a_schedules", "model.sd1_eps.timestep_of_probe"),
        ("a_schedules", "model.cascade_2.calculate_denoised"),
        ("a_schedules", "sched.sd1_eps.karras.10.sigmas"),
        ("a_schedules", "node.SplitSigmasDenoise.0.3.low_sigmas"),
        ("a_schedules_a1111", "beta.sd1.10.sigmas"),
        ("b_samplers", "eps.karras.6.euler.final"),
        ("b_samplers", "eps.karras.6.euler.denoised_steps"),
        ("b_samplers", "eps.karras.6.uni_pc.final"),
        ("b_samplers", "node_options.0.er_sde.final"),
        ("b_samplers", "denoiser.eps.0.4.denoised"),
        ("b2_nodes", "ksampler.batch3.euler.samples"),
    ],
)
def test_a_wrong_number_fails_and_is_named(
    copied: Path, capsys: pytest.CaptureFixture[str], name: str, key: str
) -> None:
    path = copied / f"{name}.safetensors"
    tensors = load_file(path)
    tensors[key].view(-1)[-1] += 1
    save_file(tensors, path)
    case = key.rpartition(".")[0]
    assert main([str(copied), "--cache", str(copied / "cache"), "--only", f"{name}/{case}"]) == 1
    out = capsys.readouterr().out
    (failure,) = [line for line in out.splitlines() if line.strip().startswith("FAILED")]
    assert f"{name}/{case}: {key.rpartition('.')[2]}: largest difference" in failure
    assert out.splitlines()[-1] == "0 passed, 1 failed"


@pytest.mark.parametrize("part", ["tokens", "weights", "word_ids"])
def test_a_wrong_token_weight_or_word_fails(copied: Path, capsys: pytest.CaptureFixture[str], part: str) -> None:
    path = copied / "c_tokens_comfy.json"
    content = json.loads(path.read_text())
    content["cases"]["p004"]["values"]["slow"]["g"][0][part][2] += 1
    path.write_text(json.dumps(content))
    assert main([str(copied), "--cache", str(copied / "cache"), "--only", "p004"]) == 1
    assert last_line(capsys) == "0 passed, 1 failed"


def test_a_missing_tensor_file_fails_each_case_that_needs_it(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copied / "b2_nodes.safetensors").unlink()
    needing = sum(bool(case.tensors) for case in GoldenSet(copied / "b2_nodes.json").cases)
    assert main([str(copied), "--cache", str(copied / "cache"), "--only", "b2_*"]) == 1
    assert last_line(capsys) == f"0 passed, {needing} failed"


def test_a_damaged_set_is_a_failure_and_the_others_still_run(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copied / "b_samplers.json").write_text("{")
    assert (
        main([str(copied), "--cache", str(copied / "cache"), "--only", "node.SplitSigmasDenoise.*", "--only", "b_*"])
        == 1
    )
    out = capsys.readouterr().out
    assert "b_samplers: FAILED" in out
    assert out.splitlines()[-1] == "3 passed, 1 failed"


def test_only_takes_case_ids_sets_and_both(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for pattern, count in (("cfg1.*", 6), ("b_samplers/cfg1.*", 6), ("a_schedules/cfg1.*", 0)):
        assert main([str(copied), "--cache", str(copied / "cache"), "--only", pattern]) == 0
        assert last_line(capsys) == f"{count} passed, 0 failed"


def test_a_folder_without_sets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as refused:
        main([str(tmp_path)])
    assert refused.value.code == 2


def toy_set(folder: Path, name: str = "toy", **case: object) -> Path:
    (folder / f"{name}.json").write_text(json.dumps({"cases": {"one": {"inputs": {}, **case}}}))
    return folder


def check_of(*checks: Check) -> Kind:
    return Kind(names=("toy",), check=lambda case, workshop: iter(checks))


def test_what_nothing_implements_is_not_covered_and_fails_nothing(tmp_path: Path) -> None:
    def not_yet(case: object, workshop: object) -> NoReturn:
        raise NotCovered("sampler of tomorrow")

    folder = toy_set(tmp_path)
    by_kind = run_folder(folder, folder, folder, kinds=[Kind(("toy",), not_yet)])
    by_name = run_folder(folder, folder, folder, kinds=[])
    assert by_kind.not_covered == {"sampler of tomorrow": 1}
    assert by_name.not_covered == {"nothing implements this kind of set": 1}
    assert by_kind.passed == by_name.passed == 0
    assert by_kind.failures == by_name.failures == []


def test_flagged_numbers_are_told_but_not_demanded(tmp_path: Path) -> None:
    folder = toy_set(tmp_path, flag="unstable")
    tally = run_folder(folder, folder, folder, kinds=[check_of(Check("number", 1, 2))])
    assert (tally.failures, tally.flagged) == ([], {"toy/one": False})


def test_a_case_whose_reference_raised_counts_as_flagged(tmp_path: Path) -> None:
    folder = toy_set(tmp_path, values={"error": "ValueError"})
    tally = run_folder(folder, folder, folder, kinds=[check_of(Check("number", 1, 2))])
    assert (tally.failures, tally.flagged) == ([], {"toy/one": False})


def test_a_kind_that_compares_nothing_does_not_pass(tmp_path: Path) -> None:
    folder = toy_set(tmp_path)
    assert run_folder(folder, folder, folder, kinds=[check_of()]).failures == ["toy/one: no number of it was compared"]


def test_a_kind_that_breaks_fails_its_case(tmp_path: Path) -> None:
    def break_down(case: object, workshop: object) -> NoReturn:
        raise ZeroDivisionError("oh")

    folder = toy_set(tmp_path)
    (failure,) = run_folder(folder, folder, folder, kinds=[Kind(("toy",), break_down)]).failures
    assert failure.startswith("toy/one: ZeroDivisionError: oh")


def test_numbers_that_are_none_never_agree() -> None:
    nan, one = torch.tensor([1.0, float("nan")]), torch.tensor([1.0, 1.0])
    assert Check("x", nan, one, atol=10).complaint() is not None
    assert Check("x", one, one[:1], atol=10).complaint() == "x: shape [2], but [1] is wanted"
    assert Check("x", one + 0.5, one, rtol=0.25, atol=0.25).complaint() is None
    assert "largest difference 0.5" in str(Check("x", one + 0.5, one, rtol=0.2, atol=0.25).complaint())


def test_inputs_are_read_whatever_numbers_they_hold() -> None:
    stored = {"latent8": torch.arange(3.0)}
    assert torch.equal(read_tensor("3*randn(seed 560, [1,4,8,8])"), 3 * randn(560, 1, 4, 8, 8))
    assert torch.equal(read_tensor("randn seed 11 shape [2,4,3,3]"), randn(11, 2, 4, 3, 3))
    assert torch.equal(read_tensor("randn seed 12", shape=[2, 3]), randn(12, 2, 3))
    scaled = read_tensor("(1+sigma) * randn(seed 43, [2,4])", variables={"sigma": 0.5})
    assert torch.equal(scaled, 1.5 * randn(43, 2, 4))
    of_class = read_tensor("0.9 * randn(seed 1000+10*class, shape [5,4])", variables={"class": 3})
    assert torch.equal(of_class, 0.9 * randn(1030, 5, 4))
    assert torch.equal(read_tensor("2*randn(seed 1, [3]) - 1"), 2 * randn(1, 3) - 1)
    assert torch.equal(
        read_tensor("rand(seed 600, [1,2,2,3]), values 0..1"),
        torch.rand(1, 2, 2, 3, generator=torch.Generator().manual_seed(600)),
    )
    assert torch.equal(read_tensor("zeros [1, 4, 8, 8]"), torch.zeros(1, 4, 8, 8))
    for text in ("tensor latent8, model latent scale factor 0.18215", "0.8*randn(seed 9) (tensor latent8)"):
        assert torch.equal(read_tensor(text, tensors=stored), stored["latent8"])
    assert torch.equal(read_tensor([500.0]), torch.tensor([500.0]))
    for wrong in ("randn(seed 1)", "tensor nothing", "some picture"):
        with pytest.raises(BadNotation):
            read_tensor(wrong)


def test_slices_are_read() -> None:
    whole = torch.arange(24).view(2, 3, 4)
    assert torch.equal(whole[read_slice("[:, 1:3, 0:2]")], whole[:, 1:3, 0:2])


class TestCheckpoints:
    SHAPES = {"a.weight": [8, 4], "b.bias": [8]}

    def workshop(self, folder: Path, sha256: str, options: str = "--jitter 0.05") -> Workshop:
        (folder / "formats").mkdir(exist_ok=True)
        (folder / "formats" / "tiny.json").write_text(json.dumps(self.SHAPES))
        recipe = {"command": f"synth_checkpoint.py shared/formats/tiny.json OUT {options}", "sha256": sha256}
        (folder / "d_tiny.json").write_text(json.dumps({"about": {"checkpoint": recipe}, "cases": {}}))
        return Workshop(GoldenSet(folder / "d_tiny.json"), folder / "formats", folder / "cache", {})

    def right_sha256(self, folder: Path) -> str:
        """What the script gives, learned from its refusal of a wrong sum."""
        with pytest.raises(NoCheckpoint, match="gives a checkpoint with sha256") as refusal:
            _ = self.workshop(folder, "0" * 64).checkpoint
        return str(refusal.value).split("sha256 ")[1].split(",")[0]

    def test_one_is_made_checked_and_kept(self, tmp_path: Path) -> None:
        sha256 = self.right_sha256(tmp_path)
        path = self.workshop(tmp_path, sha256).checkpoint
        assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
        assert {name: list(tensor.shape) for name, tensor in load_file(path).items()} == self.SHAPES
        made_at = path.stat().st_mtime_ns
        assert self.workshop(tmp_path, sha256).checkpoint.stat().st_mtime_ns == made_at

    def test_a_damaged_or_deleted_one_is_made_again(self, tmp_path: Path) -> None:
        sha256 = self.right_sha256(tmp_path)
        path = self.workshop(tmp_path, sha256).checkpoint
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + b"\0\0")
        assert self.workshop(tmp_path, sha256).checkpoint.read_bytes() == whole
        path.unlink()
        assert self.workshop(tmp_path, sha256).checkpoint.read_bytes() == whole

    def test_a_wrong_sum_leaves_no_file_behind(self, tmp_path: Path) -> None:
        self.right_sha256(tmp_path)
        assert list((tmp_path / "cache").iterdir()) == []

    def test_a_missing_list_of_shapes_says_where_to_put_it(self, tmp_path: Path) -> None:
        workshop = self.workshop(tmp_path, "0" * 64)
        (tmp_path / "formats" / "tiny.json").unlink()
        with pytest.raises(NoCheckpoint, match="--formats"):
            _ = workshop.checkpoint
