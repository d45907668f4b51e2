import io
import json
import math
import os
import struct
import threading
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from heddle.graph.errors import FileProblem
from heddle.media.carriers import Carried, document_of, files, read_carried, read_remaking
from tests.heddle.media.carrier_files import (
    COMMENTS,
    EXAMPLES,
    PROMPT,
    SETTINGS,
    SVG_DATA,
    TAGS,
    TEXTS,
    UNKNOWN_SIZE,
    WORKFLOW,
    avif,
    box,
    element,
    exif,
    flac,
    gif,
    glb,
    id3,
    id3_frame,
    jpeg,
    matroska,
    movie_metadata,
    mp4,
    ogg_page,
    own_text,
    packed_text,
    plain_text,
    png,
    png_chunk,
    riff,
    safetensors,
    segment,
    simple_tag,
    svg,
    tags,
    user_text,
    vorbis_comment,
    webp,
)

SAVED, API = {"workflow": TEXTS["workflow"]}, {"prompt": TEXTS["prompt"]}


class Sparse:
    """A file of many gigabytes, zeros but for a few places, which counts what is read of it."""

    def __init__(self, size: int, **places: tuple[int, bytes]) -> None:
        self.size, self.places, self.at, self.bytes_read = size, places.values(), 0, 0

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self.at = offset + (0, self.at, self.size)[whence]
        return self.at

    def read(self, size: int, /) -> bytes:
        size = max(0, min(size, self.size - self.at))
        assert size < 1 << 20, "reads the media data"
        found = bytearray(size)
        for start, data in self.places:
            first, last = max(start, self.at), min(start + len(data), self.at + size)
            if first < last:
                found[first - self.at : last - self.at] = data[first - start : last - start]
        self.at += size
        self.bytes_read += size
        return bytes(found)


def assert_both(carried: Carried) -> None:
    assert carried.values["workflow"] == WORKFLOW and carried.values["prompt"] == PROMPT
    assert carried.best() == ("workflow", WORKFLOW)
    assert carried.notes == ()


class TestEveryCarrier:
    @pytest.mark.parametrize("example", EXAMPLES)
    def test_both_documents_are_read(self, example: str):
        kind, data = EXAMPLES[example]
        carried = read_carried(data)
        assert carried.kind == kind
        assert_both(carried)
        assert document_of(data) == WORKFLOW
        graph, extra = read_remaking(data)
        assert graph == PROMPT and extra["workflow"] == WORKFLOW and "prompt" not in extra

    @pytest.mark.parametrize("example", EXAMPLES)
    def test_the_content_tells_the_kind_and_not_the_name(self, tmp_path: Path, example: str):
        kind, data = EXAMPLES[example]
        (tmp_path / "a.txt").write_bytes(data)
        carried = read_carried(tmp_path / "a.txt")
        assert carried.kind == kind and carried.name == str(tmp_path / "a.txt")
        assert_both(carried)

    @pytest.mark.parametrize("example", EXAMPLES)
    def test_a_file_cut_off_anywhere_is_no_crash_and_gives_nothing_wrong(self, example: str):
        data = EXAMPLES[example][1]
        for length in range(1, len(data)):
            carried = read_carried(data[:length])
            assert carried.values.get("workflow", WORKFLOW) == WORKFLOW
            assert carried.values.get("prompt", PROMPT) == PROMPT

    @given(
        st.sampled_from(sorted(EXAMPLES)),
        st.lists(
            st.tuples(
                st.floats(0, 1),
                st.one_of(st.binary(min_size=1, max_size=9), st.sampled_from([b"\xff" * 4, b"\0" * 8, b"\xff" * 8])),
                st.booleans(),
            ),
            min_size=1,
            max_size=6,
        ),
    )
    @settings(max_examples=150)
    def test_a_file_with_random_damage_is_no_crash(self, example: str, changes: list[tuple[float, bytes, bool]]):
        data = bytearray(EXAMPLES[example][1])
        for place, new, insert in changes:
            at = int(place * len(data))
            data[at : at + (0 if insert else len(new))] = new
        read_carried(bytes(data))
        try:
            document_of(bytes(data), "x")
        except FileProblem as problem:
            assert problem.message.startswith("x: ")

    @given(st.sampled_from([data[:12] for _, data in EXAMPLES.values()]), st.binary(max_size=80))
    @settings(max_examples=150)
    def test_noise_behind_a_true_beginning_is_no_crash(self, head: bytes, noise: bytes):
        read_carried(head + noise)

    @pytest.mark.parametrize("example", EXAMPLES)
    def test_every_byte_may_be_the_highest_or_zero(self, example: str):
        data = EXAMPLES[example][1]
        for at in range(0, len(data), 3):
            for new in (b"\xff\xff\xff\xff", b"\0\0\0\0"):
                read_carried(data[:at] + new + data[at + 4 :])


class TestPng:
    def test_texts_are_utf8_or_latin1(self):
        chunks = [
            png_chunk(b"tEXt", b"utf8\0" + "Grüße".encode()),
            png_chunk(b"tEXt", b"latin\0" + "Grüße".encode("latin-1")),
            own_text("own", "Grüße"),
            png_chunk(b"tEXt", b"no zero"),
        ]
        assert read_carried(png(*chunks)).texts == {"utf8": "Grüße", "latin": "Grüße", "own": "Grüße"}

    def test_what_pillow_writes_is_read(self):
        info = PngInfo()
        info.add_text("packed", "zip " * 50, zip=True)
        info.add_itxt("plain", "日本")
        info.add_itxt("both", "日本" * 50, zip=True)
        info.add_text("parameters", SETTINGS)
        target = io.BytesIO()
        frames = [Image.new("L", (4, 4), shade) for shade in (0, 99)]
        frames[0].save(target, "PNG", save_all=True, append_images=frames[1:], pnginfo=info)
        carried = read_carried(target.getvalue())
        assert carried.texts == {"packed": "zip " * 50, "plain": "日本", "both": "日本" * 50, "parameters": SETTINGS}
        assert carried.best() == ("parameters", SETTINGS)

    def test_a_damaged_text_does_not_hide_the_next_one(self):
        broken = png_chunk(b"zTXt", b"prompt\0\0" + b"no zlib")
        cut = png_chunk(b"zTXt", b"more\0\0" + zlib.compress(b"abc" * 99)[:-9])
        carried = read_carried(png(broken, cut, plain_text("workflow", TEXTS["workflow"])))
        assert carried.values == {"workflow": WORKFLOW}
        assert [note.partition(":")[0] for note in carried.notes] == ["prompt", "more"]

    def test_numbers_that_json_does_not_know_are_read(self):
        prompt = {"1": {"class_type": "X", "inputs": {"a": math.nan, "b": -math.inf}}}
        found = document_of(png(plain_text("prompt", json.dumps(prompt))))
        assert math.isnan(found["1"]["inputs"]["a"]) and found["1"]["inputs"]["b"] == -math.inf


class TestExif:
    @pytest.mark.parametrize("format", ["WEBP", "AVIF", "JPEG", "TIFF", "PNG"])
    def test_what_pillow_writes_is_read(self, format: str):
        data = Image.Exif()
        data[0x010F], data[0x0110] = (text.decode() for text in TAGS.values())
        target = io.BytesIO()
        Image.new("RGB", (8, 8)).save(target, format, exif=data)
        assert_both(read_carried(target.getvalue()))

    @pytest.mark.parametrize("format", ["WEBP", "AVIF", "JPEG"])
    @pytest.mark.parametrize("big", [True, False])
    def test_a1111_writes_into_the_user_comment(self, format: str, big: bool):
        comment = b"UNICODE\0" + SETTINGS.encode("utf-16-be" if big else "utf-16-le")
        target = io.BytesIO()
        Image.new("RGB", (8, 8)).save(target, format, exif=b"Exif\0\0" + exif({}, comment))
        assert read_carried(target.getvalue()).texts == {"parameters": SETTINGS}

    @pytest.mark.parametrize(
        "comment",
        [
            b"ASCII\0\0\0" + SETTINGS.encode(),
            b"\0" * 8 + SETTINGS.encode(),
            SETTINGS.encode(),
            b"UNICODE\0" + SETTINGS.encode("utf-16"),
            b"UNICODE\0\xfe\xff" + SETTINGS.encode("utf-16-be"),
        ],
    )
    def test_a_comment_says_in_many_ways_what_letters_it_has(self, comment: bytes):
        data = jpeg(segment(0xE0, b"JFIF\0"), b"\xff", segment(0xE1, b"Exif\0\0" + exif({}, comment)))
        assert read_carried(data).texts == {"parameters": SETTINGS}

    def test_a_comment_may_be_a_document_or_both_or_just_a_comment(self):
        def found(text: str) -> Any:
            return dict(read_carried(jpeg(segment(0xFE, text.encode()))).texts)

        assert found(TEXTS["workflow"]) == SAVED
        assert found(TEXTS["prompt"]) == API
        assert found(json.dumps(TEXTS)) == TEXTS
        assert found('{"prompt": "a cat"}') == {"comment": '{"prompt": "a cat"}'}
        assert found("{not JSON}") == {"comment": "{not JSON}"}
        assert found("taken at noon: sunny") == {"comment": "taken at noon: sunny"}
        assert found(" \0 ") == {}

    def test_cameras_tags_are_left_out_and_short_ones_lie_in_their_row(self):
        carried = read_carried(exif({0x010F: b"Canon", 0x0110: b"a:1", 0x010E: b"http://x", 0x0131: b"1:2 \xff"}))
        assert carried.texts == {"a": "1"}

    def test_one_tag_out_of_place_does_not_hide_the_others(self):
        data = bytearray(exif({0x010E: b"note:" + b'"long enough"', **TAGS}))
        data[18:22] = b"\xff\xff\xff\x7f"
        carried = read_carried(bytes(data))
        assert carried.values["workflow"] == WORKFLOW and "0x010e" in carried.notes[0]

    def test_an_exif_directory_may_point_to_itself(self):
        data = exif({}, b"ASCII\0\0\0x")
        at = data.index(struct.pack("<HH", 0x8769, 4)) + 8
        assert read_carried(data[:at] + struct.pack("<I", 8) + data[at + 4 :]).texts == {}

    def test_heif_is_read_as_avif_is(self):
        carried = read_carried(avif(b"Exif\0\0" + exif(TAGS), brand=b"heic"))
        assert carried.kind == "HEIF"
        assert_both(carried)

    def test_a_webp_without_its_last_filler_is_whole(self):
        for blank in (b"", b" "):
            inner = exif({0x010F: b"workflow:" + TEXTS["workflow"].encode() + blank})
            data = webp(inner)
            assert document_of(data[:-1] if len(inner) % 2 else data) == WORKFLOW


class TestGifAndSvg:
    def test_what_pillow_writes_is_read(self):
        target = io.BytesIO()
        Image.new("P", (8, 8)).save(target, "GIF", comment=SETTINGS.encode())
        assert read_carried(target.getvalue()).texts == {"parameters": SETTINGS}

    def test_a_gif_without_palette_and_comment_carries_nothing(self):
        carried = read_carried(gif(b""))
        assert carried.kind == "GIF" and carried.texts == {} and carried.notes == ()

    @pytest.mark.parametrize(
        "metadata",
        [
            SVG_DATA,
            f'<metadata/><metadata id="a">\n{SVG_DATA[10:-11]}\n</metadata>',
            SVG_DATA.replace("<![CDATA[", "").replace("]]>", "").replace('"', "&quot;"),
            "<title>a</title>" + SVG_DATA.replace("Grüße", "</metadata>").replace("]]>", " ]]><![CDATA[ ]]>"),
        ],
    )
    def test_metadata_is_in_sections_or_escaped(self, metadata: str):
        assert document_of(svg(metadata))["version"] == 0.4
        assert document_of(svg(metadata).decode().encode("utf-16"))["version"] == 0.4

    @pytest.mark.parametrize(
        "metadata",
        [
            "",
            "<metadata>",
            "<metadata",
            "<metadata><![CDATA[{",
            "<metadata><rdf:RDF/></metadata>",
            "<metadata>{</metadata>",
        ],
    )
    def test_metadata_of_another_kind_is_left_out(self, metadata: str):
        assert read_carried(svg(metadata)).texts == {}

    @pytest.mark.parametrize(
        "piece", ["<metadata>", "<metadata><![CDATA[", "<metadata><![CDATA[]]>", "<metadata/>", "<"]
    )
    def test_a_hundred_thousand_starts_take_no_longer_than_their_letters(self, piece: str):
        assert read_carried(svg(piece * 100_000)).texts == {}


class TestMovies:
    def test_itunes_items_and_comments_are_read(self):
        named = box(b"----", box(b"mean", b"\0\0\0\0com.x"), box(b"name", b"\0\0\0\0prompt"))
        named = box(b"----", named[8:], box(b"data", struct.pack(">II", 1, 0), TEXTS["prompt"].encode()))
        comment = json.dumps({"workflow": WORKFLOW}).encode()
        cover = box(b"covr", box(b"data", struct.pack(">II", 13, 0), b"\xff\xd8\xff"))
        data = box(b"ilst", cover, named, box(b"\xa9cmt", box(b"data", struct.pack(">II", 1, 0), comment)))
        carried = read_carried(
            mp4(box(b"udta", box(b"meta", b"\0\0\0\0", box(b"hdlr", b"\0" * 25), data), b"\0\0\0\0"))
        )
        assert_both(carried)

    def test_quicktimes_own_comment_is_read(self):
        text = json.dumps(TEXTS).encode()
        assert_both(read_carried(mp4(box(b"udta", box(b"\xa9cmt", struct.pack(">HH", len(text), 0), text)))))

    def test_a_value_may_be_utf16(self):
        data = movie_metadata(API).replace(
            struct.pack(">II", 1, 0) + TEXTS["prompt"].encode(),
            struct.pack(">II", 2, 0) + TEXTS["prompt"].encode("utf-16-be"),
        )
        inner = data[data.index(b"ilst") + 12 :]
        value = box(b"data", inner[inner.index(b"data") + 4 :])
        keys = data[8 : data.index(b"ilst") - 4]
        assert document_of(mp4(box(b"meta", keys, box(b"ilst", box(b"\0\0\0\1", value))))) == PROMPT

    def test_an_old_movie_without_a_type_box_is_read(self):
        data = box(b"wide") + box(b"mdat", b"x" * 50) + box(b"moov", box(b"udta", movie_metadata(TEXTS)))
        assert read_carried(data).kind == "MOV"
        assert_both(read_carried(data))

    def test_clusters_of_unknown_size_are_passed(self):
        block = element(0xA3, b"\x81\0\0\x80pixels")
        clusters = element(0x1F43B675, element(0xE7, b"\0"), block, block, size=UNKNOWN_SIZE) * 3
        assert_both(read_carried(matroska(clusters, tags(TEXTS), size=UNKNOWN_SIZE)))

    def test_sizes_may_take_one_byte(self):
        short = b"\x67\xc8\x91\x45\xa3\x86prompt\x44\x87\x85" + b'"{}"\0'
        data = matroska(element(0x1254C367, element(0x7373, short)))
        assert read_carried(data).values == {"prompt": {}}

    def test_simple_tags_in_each_other_are_read_to_a_depth(self):
        tag = simple_tag("WORKFLOW", TEXTS["workflow"])
        for _ in range(3):
            tag = simple_tag("LIST", "", tag)
        assert document_of(matroska(element(0x1254C367, element(0x7373, tag)))) == WORKFLOW
        for _ in range(500):
            tag = simple_tag("LIST", "", tag)
        assert read_carried(matroska(element(0x1254C367, element(0x7373, tag)))).texts == {"list": ""}

    def test_comments_with_both_documents_are_read(self):
        assert_both(read_carried(matroska(tags({"COMMENT": json.dumps(TEXTS)}))))
        assert_both(read_carried(flac((4, vorbis_comment({"comment": json.dumps(TEXTS)})))))


def recorded(format: str, codec: str, options: dict[str, str], texts: dict[str, str]) -> bytes:
    """A short video or sound as ffmpeg writes it."""
    target = io.BytesIO()
    with av.open(target, "w", format=format, options=options) as container:
        container.metadata.update(texts)
        if codec in ("mpeg4", "libvpx"):
            video: Any = container.add_stream(codec, rate=4)
            video.width, video.height, video.pix_fmt = 16, 16, "yuv420p"
            for i in range(8):
                frame = av.VideoFrame.from_ndarray(np.full((16, 16, 3), i * 30, np.uint8), format="rgb24")
                container.mux(video.encode(frame))
            container.mux(video.encode(None))
        else:
            sound: Any = container.add_stream(codec, rate=48000)
            sample_format = {"flac": "s16", "libmp3lame": "s16p", "libopus": "s16"}[codec]
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.int16), format=sample_format, layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
            container.mux(sound.encode(frame))
            container.mux(sound.encode(None))
    return target.getvalue()


class TestWhatFfmpegWrites:
    @pytest.mark.parametrize(
        ("format", "codec", "options", "kind"),
        [
            ("mp4", "mpeg4", {"movflags": "use_metadata_tags"}, "MP4"),
            ("mp4", "mpeg4", {"movflags": "use_metadata_tags+frag_keyframe+empty_moov"}, "MP4"),
            ("mov", "mpeg4", {"movflags": "use_metadata_tags"}, "MOV"),
            ("webm", "libvpx", {}, "Matroska"),
            ("matroska", "mpeg4", {}, "Matroska"),
            ("webm", "libvpx", {"live": "1"}, "Matroska"),
            ("flac", "flac", {}, "FLAC"),
            ("ogg", "flac", {}, "Ogg"),
            ("ogg", "libopus", {}, "Ogg"),
            ("mp3", "libmp3lame", {}, "MP3"),
            ("mp3", "libmp3lame", {"id3v2_version": "3"}, "MP3"),
        ],
    )
    def test_it_is_read(self, format: str, codec: str, options: dict[str, str], kind: str):
        long = {"nodes": [{"text": "x" * 70_000}], "version": 0.4}  # past one page, past 16 bits
        carried = read_carried(recorded(format, codec, options, TEXTS))
        assert carried.kind == kind
        assert_both(carried)
        assert document_of(recorded(format, codec, options, {"workflow": json.dumps(long)})) == long

    @pytest.mark.parametrize(("format", "codec"), [("mp4", "mpeg4"), ("webm", "libvpx"), ("ogg", "libopus")])
    def test_a_comment_that_holds_both_is_read(self, format: str, codec: str):
        assert_both(read_carried(recorded(format, codec, {}, {"comment": json.dumps(TEXTS)})))


class TestSounds:
    def test_packed_spread_and_grouped_frames_are_read(self):
        text = user_text("prompt", TEXTS["prompt"])
        packed = struct.pack(">I", len(text)) + zlib.compress(text)
        spread = user_text("odd", '"ÿ\0"', letters=0).replace(b"\xff", b"\xff\0")
        assert document_of(id3(id3_frame(packed, 3, 0x80), version=3)) == PROMPT
        assert document_of(id3(id3_frame(struct.pack(">I", len(text)) + b"\7" + packed[4:], 4, 0x49))) == PROMPT
        assert document_of(id3(id3_frame(b"\7" + text, 3, 0x20), version=3)) == PROMPT
        assert read_carried(id3(id3_frame(spread, 4, 2))).texts == {"odd": '"ÿ\0"'}
        assert read_carried(id3(id3_frame(b"secret", 4, 4))).texts == {}

    def test_a_whole_tag_may_be_spread(self):
        frame = id3_frame(user_text("prompt", TEXTS["prompt"], letters=1), 3)
        assert document_of(id3(frame.replace(b"\xff", b"\xff\0"), version=3, flags=0x80)) == PROMPT

    def test_extended_heads_other_frames_and_padding_are_passed(self):
        frame = user_text("prompt", TEXTS["prompt"])
        picture = b"\0image/png\0\3\0" + b"\x89PNG" * 40
        for version, extended in ((3, struct.pack(">IHI", 6, 0, 0)), (4, b"\0\0\0\6\1\0")):
            frames = [id3_frame(picture, version, kind=b"APIC"), id3_frame(frame, version), b"\0" * 99]
            assert document_of(id3(*frames, version=version, flags=0x40, extended=extended)) == PROMPT

    def test_sizes_of_the_older_version_are_understood_in_the_newer(self):
        frame = id3_frame(user_text("prompt", TEXTS["prompt"] + " " * 200), 3)
        assert document_of(id3(frame, version=4)) == PROMPT

    def test_a_flac_file_may_start_with_an_id3_tag(self):
        tag = id3(id3_frame(user_text("title", "x"))).removesuffix(b"\xff\xfb sound")
        assert_both(read_carried(tag + flac((4, COMMENTS))))

    def test_a_sound_without_a_tag_carries_nothing(self):
        carried = read_carried(b"\xff\xfb\x90\x00" + b"\0" * 400)
        assert carried.kind == "MP3" and carried.texts == {}

    def test_an_ogg_file_is_read_up_to_the_sound(self):
        data = ogg_page([8], b"OpusHead") + ogg_page([4], b"noth", granule=1) + ogg_page([1], b"x") * 100
        assert read_carried(data).texts == {}


class TestHeaders:
    def test_a_json_file_is_the_document(self, tmp_path: Path):
        for mark in ("", "\ufeff", " \n"):
            assert document_of((mark + TEXTS["workflow"]).encode()) == WORKFLOW
        assert document_of(TEXTS["workflow"].encode("utf-16")) == WORKFLOW
        (tmp_path / "a.json").write_text(TEXTS["prompt"])
        assert read_remaking(tmp_path / "a.json") == (PROMPT, {})
        (tmp_path / "a.json").write_text(TEXTS["workflow"])
        assert read_remaking(tmp_path / "a.json") == (WORKFLOW, {"workflow": WORKFLOW})

    def test_templates_come_before_all_else_and_are_no_workflow(self):
        templates = [{"name": "a", "data": '{"nodes": []}'}]
        data = json.dumps({"templates": templates}).encode()
        assert read_carried(data).best() == ("templates", templates)
        with pytest.raises(FileProblem, match="node templates"):
            document_of(data)

    def test_a_model_of_a_glb_may_hold_text_or_json(self):
        for value in (WORKFLOW, TEXTS["workflow"]):
            assert document_of(glb({"asset": {"extras": {"workflow": value}}})) == WORKFLOW
        for document in ([], {"asset": 1}, {"asset": {"extras": []}}, {}):
            assert read_carried(glb(document)).texts == {}

    @pytest.mark.parametrize("metadata", [None, [], {"prompt": 5}, {"workflow": None}])
    def test_metadata_of_the_wrong_form_is_left_out(self, metadata: Any):
        carried = read_carried(safetensors(metadata))
        assert carried.kind == "safetensors" and carried.texts == {}


class TestDocuments:
    def test_the_saved_form_comes_first_to_open_and_the_api_form_to_run_again(self):
        data = EXAMPLES["webp"][1]
        assert document_of(data) == WORKFLOW and read_remaking(data)[0] == PROMPT
        for only, document in ((SAVED, WORKFLOW), (API, PROMPT)):
            alone = png(*(plain_text(key, text) for key, text in only.items()))
            assert document_of(alone) == document and read_remaking(alone)[0] == document

    def test_an_entry_of_another_program_does_not_hide_the_workflow(self):
        data = png(plain_text("prompt", "a red circle"), plain_text("workflow", TEXTS["workflow"]))
        assert read_remaking(data)[0] == WORKFLOW
        data = png(plain_text("workflow", '"upscale"'), plain_text("prompt", TEXTS["prompt"]))
        assert document_of(data) == PROMPT

    def test_further_entries_ride_along_but_no_numbers_of_the_container(self):
        texts = {**TEXTS, "pack": "[1]", "note": '"x"', "track": "3", "title": "plain"}
        _, extra = read_remaking(flac((4, vorbis_comment(texts))))
        assert extra == {"workflow": WORKFLOW, "pack": [1], "note": "x"}

    def test_a_text_that_was_packed_twice_is_unpacked(self):
        assert document_of(png(plain_text("workflow", json.dumps(TEXTS["workflow"])))) == WORKFLOW

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (b"", "the file is empty; .*get it again"),
            (b"hello", "not a file that can carry a workflow; give"),
            (b"<!DOCTYPE html>", "not a file that can carry a workflow; give"),
            (b"{", "not valid JSON .*; save the workflow again"),
            (b"[1]", "not a workflow: found neither"),
            (b'{"prompt": {"1": {}}}', "whole request"),
            (png(), "this PNG file carries no workflow; give one"),
            (png(plain_text("parameters", SETTINGS)), "settings as text .*build a workflow"),
            (png(plain_text("workflow", '{"nodes": [')), "no workflow that can be read .*`workflow` is not valid JSON"),
            (png(plain_text("prompt", '{"a": 1}')), "no workflow that can be read .its `prompt` is none"),
            (png(plain_text("workflow", "[" * 100_000)), "`workflow` is not valid JSON .nested too deeply"),
            (b"[" * 100_000, "nested too deeply"),
            (EXAMPLES["mp4"][1][:-20], "this MP4 file carries no workflow that can be read .*cut off"),
        ],
    )
    def test_a_file_without_a_workflow_is_explained(self, tmp_path: Path, data: bytes, words: str):
        path = tmp_path / "a b.x"
        path.write_bytes(data)
        for read in (document_of, read_remaking):
            with pytest.raises(FileProblem, match=words) as problem:
                read(path)
            assert problem.value.message.startswith(f"{path}: ") and problem.value.path == str(path)

    def test_a_missing_file_and_a_folder_are_named(self, tmp_path: Path):
        with pytest.raises(FileProblem, match=r"none\.png: no such file; give"):
            read_carried(tmp_path / "none.png")
        with pytest.raises(FileProblem, match="a folder, not a file"):
            read_carried(tmp_path)

    def test_a_disk_that_fails_is_explained(self):
        class Failing(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                raise OSError(5, "Input/output error")

        with pytest.raises(FileProblem, match=r"x\.png: cannot be read \(Input/output error\)"):
            read_carried(Failing(b"abc"), "x.png")

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system's files know no pipes")
    def test_a_pipe_is_read_to_its_end(self, tmp_path: Path):
        os.mkfifo(tmp_path / "pipe")
        writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=(TEXTS["workflow"],))
        writer.start()
        assert document_of(tmp_path / "pipe") == WORKFLOW
        writer.join()

    def test_a_stream_is_left_open_and_bytes_may_have_a_name(self):
        stream = io.BytesIO(EXAMPLES["flac"][1])
        assert document_of(stream) == WORKFLOW and not stream.closed
        with pytest.raises(FileProblem, match=r"^upload\.bin: "):
            document_of(b"abc", "upload.bin")


def megabytes(count: int) -> int:
    return count << 20


HUGE = 4 << 30


def huge_mp4() -> Sparse:
    head = box(b"ftyp", b"isom\0\0\2\0") + struct.pack(">I4sQ", 1, b"mdat", HUGE)
    moov = box(b"moov", box(b"trak", b"\0" * 9000), box(b"udta", movie_metadata(TEXTS)))
    return Sparse(len(head) - 16 + HUGE + len(moov), a=(0, head), b=(len(head) - 16 + HUGE, moov))


def huge_matroska() -> Sparse:
    cluster = element(0x1F43B675, size=megabytes(512))
    places, at = {}, len(start := matroska(size=UNKNOWN_SIZE))
    for i in range(8):
        places[f"c{i}"] = (at, cluster)
        at += len(cluster) + megabytes(512)
    end = tags(TEXTS)
    return Sparse(at + len(end), start=(0, start), end=(at, end), **places)


def huge_png() -> Sparse:
    head = png()[: -12 - len(png_chunk(b"IDAT", zlib.compress(b"\0\0")))]
    pixels = struct.pack(">I4s", (1 << 31) - 1, b"IDAT")
    second = len(head) + 8 + (1 << 31) - 1 + 4
    third = second + 8 + (1 << 31) - 1 + 4
    end = own_text("workflow", TEXTS["workflow"]) + own_text("prompt", TEXTS["prompt"]) + png_chunk(b"IEND", b"")
    return Sparse(third + len(end), a=(0, head + pixels), b=(second, pixels), c=(third, end))


def huge_webp() -> Sparse:
    head = riff()[:12] + b"VP8 " + struct.pack("<I", megabytes(3000))
    end = riff((b"EXIF", exif(TAGS)))[12:]
    return Sparse(len(head) + megabytes(3000) + len(end), a=(0, head), b=(len(head) + megabytes(3000), end))


def huge_safetensors() -> Sparse:
    head = safetensors(TEXTS)
    return Sparse(len(head) + HUGE, a=(0, head))


class TestLimits:
    @pytest.mark.parametrize("make", [huge_mp4, huge_matroska, huge_png, huge_webp, huge_safetensors])
    def test_of_a_file_of_gigabytes_only_the_texts_are_read(self, make: Callable[[], Sparse]):
        file = make()
        assert_both(read_carried(file))
        assert file.bytes_read < 8000 + 2 * len("".join(TEXTS.values()))

    def test_on_disk_as_well_nothing_is_read_around_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        path = tmp_path / "x.mp4"
        path.write_bytes(EXAMPLES["mp4"][1])
        asked: list[dict[str, Any]] = []
        opened = Path.open
        monkeypatch.setattr(
            Path, "open", lambda self, *a, **options: asked.append(options) or opened(self, *a, **options)
        )
        assert_both(read_carried(path))
        assert asked == [{"buffering": 0}]

    def test_a_packed_text_that_grows_past_every_workflow_is_not_unpacked(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(files, "MAX_BYTES", 1 << 20)
        bomb = packed_text("prompt", " " * (4 << 20))
        assert len(bomb) < 10_000
        carried = read_carried(png(bomb, plain_text("workflow", TEXTS["workflow"])))
        assert carried.values == {"workflow": WORKFLOW} and "more than any workflow" in carried.notes[0]
        frame = struct.pack(">I", 4 << 20) + zlib.compress(user_text("prompt", " " * (4 << 20)))
        carried = read_carried(id3(id3_frame(frame, 3, 0x80), version=3))
        assert carried.texts == {} and "more than any workflow" in carried.notes[0]

    def test_many_packed_texts_together_have_one_limit(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(files, "MAX_BYTES", 1 << 20)
        carried = read_carried(png(*(packed_text(f"t{i}", " " * 300_000) for i in range(20))))
        assert len(carried.texts) == 3

    def test_the_same_bytes_are_not_read_for_ever(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(files, "MAX_BYTES", 1 << 20)
        rows = struct.pack("<HHII", 0x010F, 2, 100_000, 8) * 60_000
        data = b"II*\0" + struct.pack("<IH", 8, 60_000) + rows
        assert "more than any workflow" in read_carried(data).notes[-1]

    def test_a_text_larger_than_any_workflow_is_refused_before_it_is_read(self):
        head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4s", megabytes(300), b"tEXt")
        file = Sparse(megabytes(400), a=(0, head))
        assert "more than any workflow" in read_carried(file).notes[0] and file.bytes_read < 5000

    def test_endless_small_parts_come_to_an_end(self):
        carried = read_carried(b"fLaC" + b"\1\0\0\0" * 400_000)
        assert carried.notes == ("it has more parts than any such file",)

    def test_endless_entries_come_to_an_end(self):
        carried = read_carried(safetensors({str(i): "x" for i in range(20_000)}))
        assert len(carried.texts) == 10_000 and "more entries" in carried.notes[0]

    @pytest.mark.parametrize(
        "data",
        [
            png(struct.pack(">I4s", 0xFFFFFFFF, b"tEXt")),
            png(struct.pack(">I4s", 0xFFFFFFFF, b"eXIf")),
            riff() + b"EXIF\xff\xff\xff\xff",
            jpeg(b"\xff\xfe\0\1"),
            b"\xff\xd8" + b"\xff" * 1000,
            mp4(b"\0\0\0\1udta" + b"\xff" * 8),
            mp4(b"\0\0\0\1udta" + b"\0" * 8),
            mp4(b"\0\0\0\7udta"),
            matroska(element(0x1254C367, size=UNKNOWN_SIZE - 1)),
            matroska(b"\0" * 40),
            flac((4, b"\xff" * 40)),
            flac((4, b"\0\0\0\0\xff\xff\xff\xff")),
            id3(b"TXXX\xff\xff\xff\xff\0\0\0"),
            id3(version=3, flags=0x40, extended=b"\xff\xff\xff\xff"),
            id3(version=4, flags=0x40, extended=b"\0"),
            struct.pack("<Q", 1 << 31) + b"{}",
            b"glTF\2\0\0\0" + b"\xff" * 8 + b"JSON",
            b"II*\0\xff\xff\xff\xff",
            avif(b"\xff" * 20),
            ogg_page([255] * 3, b"x"),
        ],
    )
    def test_a_length_that_cannot_be_is_noted(self, data: bytes):
        carried = read_carried(data)
        assert carried.texts == {} and carried.notes
