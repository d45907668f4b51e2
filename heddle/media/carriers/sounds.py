"""Sounds: FLAC and Ogg (Opus, Vorbis, FLAC, Theora) keep texts in a Vorbis comment, MP3 in TXXX frames of an ID3 tag.

Sources: RFC 9639 (FLAC), RFC 3533 (Ogg pages), the Vorbis I specification, section 5, RFC 7845 (OpusTags); ID3v2.2.0,
2.3.0 and 2.4.0.
"""

from __future__ import annotations

from heddle.graph.said import say
from heddle.media.carriers.spans import Damage, Span, Texts
from heddle.media.carriers.texts import decode, decode_utf16

_MAX_KEY_BYTES = 4096
_COMMENT_HEADS = (b"OpusTags", b"\x03vorbis", b"\x81theora")


def read_flac(file: Span, at: int = 0) -> Texts:
    """Metadata blocks, which stand before the sound. Raises: Damage."""
    at += 4
    last = False
    while not last:
        head = file.read(at, 4)
        last, kind, length = bool(head[0] & 0x80), head[0] & 0x7F, int.from_bytes(head[1:], "big")
        if kind == 4:
            yield from _vorbis_comment(file.part(at + 4, length))
        at += 4 + length


def _vorbis_comment(span: Span) -> Texts:
    at = 4 + span.number(0, 4, "little")  # past the writer's name
    count = span.number(at, 4, "little")
    at += 4
    for _ in range(count):
        length = span.number(at, 4, "little")
        key, found, text = decode(span.read(at + 4, length)).partition("=")
        if found:
            yield key.lower(), text  # keys have no case
        at += 4 + length


def read_ogg(file: Span) -> Texts:
    """The second packet of each stream. Raises: Damage.

    Packets are put together across pages until the first page that holds sound: its granule position is above 0, and
    no header page's is.
    """
    packets: dict[bytes, int] = {}  # by stream: how many are complete
    begun: dict[bytes, list[bytes]] = {}
    at = 0
    while at < file.size:
        head = file.read(at, 27)
        if head[:4] != b"OggS":
            raise Damage(say("its {parts} do not follow each other", parts=say("Ogg pages")))
        if int.from_bytes(head[6:14], "little", signed=True) > 0:
            return
        stream = head[14:18]
        lengths = file.read(at + 27, head[26])
        at += 27 + len(lengths)
        file.part(at, sum(lengths))
        for length in lengths:
            if packets.get(stream, 0) == 1:
                begun.setdefault(stream, []).append(file.read(at, length))
            at += length
            if length == 255:  # goes on
                continue
            packets[stream] = packets.get(stream, 0) + 1
            if packets[stream] == 2:
                yield from _comment_packet(file.over(b"".join(begun.pop(stream))))


def _comment_packet(packet: Span) -> Texts:
    head = packet.read(0, min(8, packet.size))
    for mark in _COMMENT_HEADS:
        if head.startswith(mark):
            yield from _vorbis_comment(packet.part(len(mark)))
            return
    if head[:1] in (b"\x04", b"\x84"):  # FLAC inside Ogg: a metadata block
        yield from _vorbis_comment(packet.part(4))


def read_mp3(file: Span) -> Texts:
    """The ID3v2 tag at the start. Raises: Damage."""
    head = file.read(0, 10)
    if head[:3] != b"ID3":
        return  # sound from the first byte on
    version, flags, size = head[3], head[5], _seven_bits(head[6:10])
    body = file.part(10, min(size, file.size - 10))  # of one that is cut off, the frames that are there
    if flags & 0x80 and version < 4:  # later ones say so for each frame
        body = file.over(_synchronised(body.read()))
    at = 0
    if flags & 0x40 and version == 3:
        at = 4 + body.number(0, 4)
    elif flags & 0x40 and version == 4:
        at = _seven_bits(body.read(0, 4))
    yield from _frames(body.part(at), version)
    after = 10 + size + (10 if flags & 0x10 else 0)
    if file.size - after >= 4 and file.read(after, 4) == b"fLaC":
        yield from read_flac(file, after)


def _frames(body: Span, version: int) -> Texts:
    at = 0
    head_size = 6 if version == 2 else 10
    while body.size - at > head_size:
        head = body.read(at, head_size)
        if head[0] == 0:  # padding up to the end
            return
        if version == 2:
            size, wanted = int.from_bytes(head[3:6], "big"), head[:3] == b"TXX"
        else:
            # Some writers of 2.4 give sizes as 2.3 had them; a high bit tells.
            plain = version == 3 or max(head[4:8]) > 0x7F
            size = int.from_bytes(head[4:8], "big") if plain else _seven_bits(head[4:8])
            wanted = head[:4] == b"TXXX"
        frame = body.part(at + head_size, size)
        at += head_size + size
        if not wanted:
            continue
        try:
            text = frame.read() if version == 2 else _plain_frame(frame, version, head[9])
        except Damage as damage:
            body.note(say("{part}: {why}", part=say("a text of its ID3 tag"), why=damage.words))
            continue
        if text:
            yield from _user_text(text)


def _plain_frame(frame: Span, version: int, flags: int) -> bytes:
    """A frame's bytes as its format flags say; nothing if it is encrypted. Raises: Damage."""
    if version == 3:
        packed, secret, grouped, extra_size, spread = flags & 0x80, flags & 0x40, flags & 0x20, flags & 0x80, 0
    else:
        packed, secret, grouped, extra_size, spread = flags & 8, flags & 4, flags & 0x40, flags & 1, flags & 2
    if secret:
        return b""
    data = frame.read()
    if spread:
        data = _synchronised(data)
    data = data[(4 if extra_size else 0) + (1 if grouped else 0) :]
    return frame.unpack(data) if packed else data


def _user_text(data: bytes) -> Texts:
    """A TXXX frame: which letters, the key, NUL, the text."""
    letters, data = data[0], data[1:]
    if letters in (1, 2):
        longest = min(len(data) - 1, _MAX_KEY_BYTES)
        end = next((i for i in range(0, longest, 2) if data[i : i + 2] == b"\0\0"), len(data))
        key, text = (decode_utf16(part, "big").rstrip("\0") for part in (data[:end], data[end + 2 :]))
    else:
        key, _, text = decode(data.rstrip(b"\0")).partition("\0")
    if key:
        yield key, text


def _seven_bits(data: bytes) -> int:
    """A number written with seven bits in each byte."""
    number = 0
    for byte in data:
        number = number << 7 | byte & 0x7F
    return number


def _synchronised(data: bytes) -> bytes:
    """Without the zeros that were put after 0xFF so that nothing looks like sound."""
    return data.replace(b"\xff\x00", b"\xff")
