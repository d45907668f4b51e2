"""c_infotext sets: the settings that a picture of A1111's web UI carries, as fields."""

from __future__ import annotations

from collections.abc import Iterator

from heddle.prompts.infotext import fields_of, quoted, read_infotext, unquoted
from tests.golden.checks import Check
from tests.golden.kinds.kind import Kind
from tests.golden.sets import Case
from tests.golden.workshop import Workshop

# One fork keeps a VAE under these, as a list of files.
OF_A_FORK = ("VAE/TE", "Hires VAE/TE")


def check(case: Case, workshop: Workshop) -> Iterator[Check]:
    if "texts" in case.inputs:
        got = [quoted(text) for text in case.inputs["texts"]]
        yield Check("quoted", got, case.values["quoted"])
        yield Check("back", [unquoted(text) for text in got], case.values["back"])
        return
    got, want = fields_of(read_infotext(case.inputs["text"])), dict(case.values["fields"])
    moved = want.pop(OF_A_FORK[0], None)
    want.pop(OF_A_FORK[1], None)
    if moved is not None:
        yield Check("VAE", [got.pop("VAE", None)], moved)
    for name in sorted(got.keys() | want.keys()):
        yield Check(name, got.get(name), want.get(name))


INFOTEXT = Kind(names=("c_infotext*",), check=check)
