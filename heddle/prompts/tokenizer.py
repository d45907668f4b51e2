"""CLIP's tokenizer: text to the ids of its 49,408-entry vocabulary.

The vocabulary is not part of this repository: it is read from the installed open_clip_torch, as a file, or from a
folder that the user keeps under models/tokenizers/. Text is cut up the way the fast tokenizers (transformers 5) do it.
"""

from __future__ import annotations

import gzip
import threading
from functools import cache
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from heddle.graph.errors import FileProblem
from heddle.graph.said import say

if TYPE_CHECKING:
    from tokenizers import Tokenizer

START = 49406
"""Id of <|startoftext|>."""
END = 49407
"""Id of <|endoftext|>."""

_MERGES_FILE = "bpe_simple_vocab_16e6.txt.gz"
# 256 bytes, 256 bytes at a word's end and 2 specials make up the rest of the 49,408; the file goes on with unused
# merges.
_MERGES = 49408 - 512 - 2
# Where a word ends before its pairs are merged: contractions, runs of letters, single digits, runs of signs.
_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


class ClipTokenizer:
    """Made at its first use, once, whichever thread asks first.

    Args:
        folder: a folder with tokenizer.json, or vocab.json and merges.txt, or the merges file; None for the one that
            comes with open_clip_torch.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self._built: Tokenizer | None = None
        self._lock = threading.Lock()

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without start and end."""
        # Half a surrogate pair is no character, and the tokenizer takes none; it counts as one that nobody knows.
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return self._tokenizer().encode(text, add_special_tokens=False).ids

    def decode(self, ids: list[int]) -> str:
        return self._tokenizer().decode(ids, skip_special_tokens=False)

    def _tokenizer(self) -> Tokenizer:
        with self._lock:
            if self._built is None:
                self._built = _from_folder(self.folder) if self.folder is not None else _from_merges(find_merges_file())
            return self._built


@cache
def clip_tokenizer(folder: Path | None = None) -> ClipTokenizer:
    """The process's tokenizer for a folder: building one takes a tenth of a second, and all prompts share it."""
    return ClipTokenizer(folder)


def find_merges_file() -> Path:
    """The merges file inside the installed open_clip_torch.

    The package is found, not imported: importing it would import torchvision and take seconds.
    """
    spec = find_spec("open_clip")
    for place in (spec.submodule_search_locations or []) if spec else []:
        path = Path(place) / _MERGES_FILE
        if path.is_file():
            return path
    raise FileProblem(
        say(
            "the CLIP vocabulary ({merges_file}) is not there: it comes with the package "
            "open_clip_torch. Install that (pip install open_clip_torch), or put vocab.json and "
            "merges.txt into models/tokenizers/clip/",
            merges_file=_MERGES_FILE,
        ),
        path=_MERGES_FILE,
    )


def _from_folder(folder: Path) -> Tokenizer:
    if (folder / "tokenizer.json").is_file():
        from tokenizers import Tokenizer  # a compiled package that only prompts need

        try:
            return Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # the package raises bare Exceptions
            raise FileProblem(
                say("{path} is no tokenizer: {why}", path=folder / "tokenizer.json", why=error), path=folder
            ) from error
    if (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
        import json

        vocabulary = json.loads((folder / "vocab.json").read_text("utf-8"))
        return _build(vocabulary, _read_merges((folder / "merges.txt").read_text("utf-8")))
    if (folder / _MERGES_FILE).is_file():
        return _from_merges(folder / _MERGES_FILE)
    raise FileProblem(
        say(
            "{folder} holds no tokenizer: it needs tokenizer.json, or vocab.json and merges.txt, or {merges_file}",
            folder=folder,
            merges_file=_MERGES_FILE,
        ),
        path=folder,
    )


def _from_merges(path: Path) -> Tokenizer:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            merges = _read_merges("".join(islice(lines, _MERGES + 1)))
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise FileProblem(
            say(
                "{path} cannot be read as the CLIP vocabulary ({why}); reinstall open_clip_torch", path=path, why=error
            ),
            path=path,
        ) from error
    if len(merges) < _MERGES:
        raise FileProblem(
            say(
                "{path}: {count} merges, but CLIP's vocabulary has {merges}; reinstall open_clip_torch",
                path=path,
                count=len(merges),
                merges=_MERGES,
            ),
            path=path,
        )
    letters = _byte_letters()
    entries = [*letters, *(letter + "</w>" for letter in letters), *("".join(pair) for pair in merges)]
    return _build({entry: i for i, entry in enumerate([*entries, "<|startoftext|>", "<|endoftext|>"])}, merges)


def _read_merges(text: str) -> list[tuple[str, str]]:
    """Pairs of entries that become one, strongest first. The first line is a title."""
    pairs = (line.split() for line in text.split("\n")[1:])
    return [(pair[0], pair[1]) for pair in pairs if len(pair) == 2]


def _byte_letters() -> list[str]:
    """A visible letter for each byte, in the vocabulary's order: printable bytes first, as themselves."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = 256 - len(printable)
    return [chr(byte) for byte in printable] + [chr(256 + i) for i in range(others)]


def _build(vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> Tokenizer:
    # Imported here, since it is a compiled package that only prompts need.
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

    tokenizer = Tokenizer(
        models.BPE(
            vocabulary, merges, unk_token="<|endoftext|>", continuing_subword_prefix="", end_of_word_suffix="</w>"
        )
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(_WORDS), "removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    # People write them into prompts, and get the special entries.
    tokenizer.add_special_tokens(
        [AddedToken("<|startoftext|>", normalized=False), AddedToken("<|endoftext|>", normalized=False)]
    )
    return tokenizer
