"""A job that is tried again after a crash writes its files once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from heddle.media.claims import Claims, claims_path, forget_claims, forget_other_claims
from heddle.media.output_names import OutputName


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def out(tmp_path: Path) -> OutputName:
    (tmp_path / "out").mkdir()
    return OutputName("output", "", tmp_path / "out", "cat")


def a_try(tmp_path: Path, job_id: str = "job") -> Claims:
    return Claims(tmp_path, job_id)


def test_a_second_try_writes_over_the_file_of_the_first(tmp_path: Path, out: OutputName) -> None:
    first = a_try(tmp_path)
    paths = [out.save(b"one", claim=first.next_of("9")), out.save(b"two", claim=first.next_of("9"))]
    again = a_try(tmp_path)
    assert [out.save(b"uno", claim=again.next_of("9")), out.save(b"two", claim=again.next_of("9"))] == paths
    assert names(out.folder) == ["cat_00001_.png", "cat_00002_.png"]
    assert paths[0].read_bytes() == b"uno"
    third = a_try(tmp_path)
    assert out.save(b"!", claim=third.next_of("9")) == paths[0]


def test_a_name_that_was_claimed_but_never_written_is_no_file_of_ours(tmp_path: Path, out: OutputName) -> None:
    a_try(tmp_path).next_of("9").take(out.folder / "cat_00001_.png", b"one")
    (out.folder / "cat_00001_.png").write_bytes(b"another's")
    assert out.save(b"one", claim=a_try(tmp_path).next_of("9")).name == "cat_00002_.png"
    assert (out.folder / "cat_00001_.png").read_bytes() == b"another's"


def test_other_jobs_and_other_nodes_have_files_of_their_own(tmp_path: Path, out: OutputName) -> None:
    out.save(b"one", claim=a_try(tmp_path).next_of("9"))
    out.save(b"one", claim=a_try(tmp_path).next_of("8"))
    out.save(b"one", claim=a_try(tmp_path, "../other").next_of("9"))
    assert len(names(out.folder)) == 3


def test_claims_that_were_cut_short_are_passed_over(tmp_path: Path, out: OutputName) -> None:
    path = out.save(b"one", claim=a_try(tmp_path).next_of("9"))
    with claims_path(tmp_path, "job").open("ab") as file:
        file.write(b'["9", 1, "/somewh\xff')
    assert out.save(b"one", claim=a_try(tmp_path).next_of("9")) == path


def test_a_job_that_has_ended_leaves_no_claims(tmp_path: Path, out: OutputName) -> None:
    out.save(b"one", claim=a_try(tmp_path).next_of("9"))
    forget_claims(tmp_path, "job")
    forget_claims(tmp_path, "job")
    assert names(tmp_path / "unfinished") == []
    assert out.save(b"one", claim=a_try(tmp_path).next_of("9")).name == "cat_00002_.png"


class Killed(BaseException):
    pass


def killed_before_the_name(tmp_path: Path, out: OutputName, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that ends between the last byte and the name leaves the half where it is."""
    with monkeypatch.context() as patched:
        patched.setattr("heddle.media.whole_files._place_new", lambda *_: (_ for _ in ()).throw(Killed))
        patched.setattr("heddle.media.whole_files.os.unlink", lambda path: None)
        with pytest.raises(Killed):
            out.save(b"one", claim=a_try(tmp_path).next_of("9"))
    assert [Path(name).suffix for name in names(out.folder)] == [".part"]


def test_the_next_try_takes_away_what_was_left_half_written(
    tmp_path: Path, out: OutputName, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_before_the_name(tmp_path, out, monkeypatch)
    out.save(b"one", claim=a_try(tmp_path).next_of("9"))
    assert names(out.folder) == ["cat_00001_.png"]


def test_a_job_that_is_given_up_leaves_no_half(
    tmp_path: Path, out: OutputName, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_before_the_name(tmp_path, out, monkeypatch)
    forget_claims(tmp_path, "job")
    assert names(out.folder) == [] and names(tmp_path / "unfinished") == []


def test_only_jobs_that_will_be_tried_again_keep_their_claims(tmp_path: Path, out: OutputName) -> None:
    kept = out.save(b"one", claim=a_try(tmp_path, "waits").next_of("9"))
    out.save(b"two", claim=a_try(tmp_path, "gone").next_of("9"))
    forget_other_claims(tmp_path, {"waits", "never wrote"})
    assert names(tmp_path / "unfinished") == [claims_path(tmp_path, "waits").name]
    assert out.save(b"one", claim=a_try(tmp_path, "waits").next_of("9")) == kept
    forget_other_claims(tmp_path, ())
    assert names(tmp_path / "unfinished") == []
    forget_other_claims(tmp_path / "nothing here", ())


def test_what_lies_in_the_temp_folder_needs_no_claim(tmp_path: Path) -> None:
    (tmp_path / "temp").mkdir()
    passing = OutputName("temp", "", tmp_path / "temp", "preview_ab")
    claims = a_try(tmp_path)
    for number in range(3):
        passing.save(b"x", batch_number=number, claim=claims.next_of("9"))
    passing.save(b"x", claim=claims.next_of("9"))
    assert names(passing.folder) == [f"preview_ab_{number:05}_.png" for number in (1, 2, 3, 4)]
    assert not (tmp_path / "unfinished").exists()


def test_a_file_that_was_finished_piece_by_piece_is_not_made_again(tmp_path: Path, out: OutputName) -> None:
    made: list[bytes] = []

    def pieces() -> Iterator[bytes]:
        for piece in (b"on", b"e"):
            made.append(piece)
            yield piece

    path = out.save_pieces(pieces(), ".bin", a_try(tmp_path).next_of("9"))
    assert path.read_bytes() == b"one" and made == [b"on", b"e"]
    assert out.save_pieces(pieces(), ".bin", a_try(tmp_path).next_of("9")) == path
    assert len(made) == 2
    path.write_bytes(b"another's")
    assert out.save_pieces(pieces(), ".bin", a_try(tmp_path).next_of("9")) != path


def test_what_fails_while_a_piece_is_made_leaves_nothing(tmp_path: Path, out: OutputName) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise ValueError

    for claim in (a_try(tmp_path).next_of("9"), None):
        with pytest.raises(ValueError):
            out.save_pieces(pieces(), ".bin", claim)
    assert names(out.folder) == []
