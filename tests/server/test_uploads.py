"""Files that come in, and pictures that are looked at."""

from __future__ import annotations

import io
import json
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import FormData
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from heddle.media.pictures import encode_png
from server.keys import Limits
from tests.heddle.media.carrier_files import png_chunk
from tests.heddle.media.deep_files import random_deep, read_by_ffmpeg
from tests.server.fake_worker import PNG
from tests.server.front_desk import Desk, folders_at, front_desk


def form(data: bytes, name: str = "a.png", **fields: str) -> FormData:
    made = FormData()
    made.add_field("image", data, filename=name, content_type="image/png")
    for key, value in fields.items():
        made.add_field(key, value)
    return made


async def upload(desk: Desk, data: bytes = PNG, name: str = "a.png", **fields: str) -> Any:
    async with desk.post("/upload/image", data=form(data, name, **fields)) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def test_an_upload_can_be_seen_again(desk: Desk) -> None:
    answer = await upload(desk, subfolder="clips/one")
    assert answer == {"name": "a.png", "subfolder": "clips/one", "type": "input"}
    params = {"filename": answer["name"], "subfolder": answer["subfolder"], "type": "input"}
    async with desk.get("/view", params=params) as response:
        assert await response.read() == PNG
    async with desk.get("/view", params={"filename": "clips/one/a.png [input]"}) as response:
        assert await response.read() == PNG


async def test_a_taken_name_gets_a_number_unless_the_bytes_are_the_same(desk: Desk) -> None:
    assert (await upload(desk, b"one"))["name"] == "a.png"
    assert (await upload(desk, b"two"))["name"] == "a (1).png"
    assert (await upload(desk, b"two"))["name"] == "a (1).png"
    assert (await upload(desk, b"one"))["name"] == "a.png"
    assert (await upload(desk, b"three", overwrite="true"))["name"] == "a.png"
    folder = desk.parts.folders.input
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {"a.png": b"three", "a (1).png": b"two"}


@pytest.mark.parametrize(
    ("subfolder", "said"),
    [
        ("a.png", "a file stands where a folder is needed"),
        ("a.png/below", "a file stands where a folder is needed"),
        ("/".join("d" * 2000), "more than 63 folders inside each other"),
    ],
)
async def test_a_folder_that_cannot_be_is_refused_in_words(
    desk: Desk, subfolder: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    await upload(desk)
    async with desk.post("/upload/image", data=form(PNG, "b.png", subfolder=subfolder)) as response:
        assert response.status == 400
        told = (await response.json())["error"]["message"]
    assert said in told and str(desk.parts.folders.base) not in told
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize("name", ["page.html", "drawing.svg", "feed.xml", "script.js"])
async def test_an_uploaded_page_is_never_run(desk: Desk, name: str) -> None:
    await upload(desk, b"<script>alert(1)</script>", name)
    for query in (f"filename={name}&type=input", f"filename={name}&type=input&preview=webp;90"):
        async with desk.get(f"/view?{query}") as response:
            if "preview" in query:
                assert response.status == 400  # no picture to make smaller
                continue
            assert response.content_type == "application/octet-stream"
            assert response.headers["Content-Disposition"].startswith("attachment")
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert "sandbox" in response.headers["Content-Security-Policy"]


async def test_html_under_a_pictures_name_is_sent_as_a_picture(desk: Desk) -> None:
    await upload(desk, b"<html><script>alert(1)</script>", "a.png")
    async with desk.get("/view?filename=a.png&type=input") as response:
        assert response.content_type == "image/png" and response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "fields",
    [
        {"subfolder": "../outside"},
        {"subfolder": "/tmp"},
        {"subfolder": "C:\\x"},
        {"subfolder": "a\0b"},
        {"type": "user"},
        {"type": "../input"},
    ],
)
async def test_an_upload_cannot_leave_its_folder(desk: Desk, fields: dict[str, str], tmp_path: Path) -> None:
    def files() -> set[Path]:
        return {p for p in tmp_path.rglob("*") if p.is_file() and p.parent != desk.parts.folders.user}

    before = files()
    async with desk.post("/upload/image", data=form(PNG, **fields)) as response:
        assert response.status == 400
    assert files() == before


@pytest.mark.parametrize("announced", [True, False])
async def test_an_upload_over_the_limit_leaves_nothing_behind(tmp_path: Path, announced: bool) -> None:
    async with front_desk(tmp_path, limits=Limits(upload_bytes=100_000)) as desk:
        large = b"x" * (5_000_000 if announced else 150_000)
        async with desk.post("/upload/image", data=form(large)) as response:
            assert response.status == 413
            assert "larger than" in (await response.json())["error"]["message"]
        assert not list(desk.parts.folders.input.glob("*") if desk.parts.folders.input.exists() else ())


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (b"", "multipart/form-data; boundary=x"),
        (
            b"--x\r\nContent-Disposition: form-data; name=image; filename=a.png\r\n\r\nhalf",
            "multipart/form-data; boundary=x",
        ),
        (b"--y\r\n", "multipart/form-data; boundary=x"),
        (b"--x\r\n\r\n", "multipart/form-data"),
        (b"{}", "application/json"),
        (
            b"--x\r\nContent-Disposition: form-data; name=type\r\n\r\ninput\r\n--x--\r\n",
            "multipart/form-data; boundary=x",
        ),
    ],
    ids=["empty", "cut short", "another boundary", "no boundary", "json", "no file"],
)
async def test_a_damaged_form_is_refused_and_leaves_nothing_behind(desk: Desk, data: bytes, content_type: str) -> None:
    async with desk.post("/upload/image", data=data, headers={"Content-Type": content_type}) as response:
        assert response.status == 400
        assert (await response.json())["error"]["message"]
    assert not list(desk.parts.folders.input.glob("*") if desk.parts.folders.input.exists() else ())


def picture(size: tuple[int, int] = (8, 6), mode: str = "RGB", **save: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, (200, 100, 50, 128)[: len(mode)]).save(buffer, "PNG", **save)
    return buffer.getvalue()


async def test_a_mask_becomes_the_opacity_of_the_original(desk: Desk) -> None:
    told = PngInfo()
    told.add_text("workflow", "{}")
    await upload(desk, picture(pnginfo=told), "original.png")
    sent = form(picture(mode="RGBA"), "mask.png")
    sent.add_field("original_ref", json.dumps({"filename": "original.png", "type": "input"}))
    async with desk.post("/upload/mask", data=sent) as response:
        answer = await response.json()
    with Image.open(desk.parts.folders.input / answer["name"]) as masked:
        assert masked.convert("RGBA").getpixel((0, 0)) == (200, 100, 50, 128)
        assert masked.info["workflow"] == "{}"
    sent = form(picture((9, 9), mode="RGBA"), "mask.png")
    sent.add_field("original_ref", json.dumps({"filename": "original.png", "type": "input"}))
    async with desk.post("/upload/mask", data=sent) as response:
        assert response.status == 400 and "9x9" in (await response.json())["error"]["message"]
    for reference in ('{"filename": "../x", "type": "input"}', "{", "[]", '{"filename": "x", "type": "user"}'):
        sent = form(picture(), "mask.png")
        sent.add_field("original_ref", reference)
        async with desk.post("/upload/mask", data=sent) as response:
            assert response.status == 400


async def test_previews_and_channels(desk: Desk) -> None:
    await upload(desk, picture((2000, 1000), "RGBA"), "large.png")
    view = "/view?filename=large.png&type=input"
    async with desk.get(f"{view}&preview=webp;90") as response:
        assert response.content_type == "image/webp"
        assert Image.open(io.BytesIO(await response.read())).size == (512, 256)
    async with desk.get(f"{view}&preview=jpeg") as response:
        assert response.content_type == "image/jpeg"
    async with desk.get(f"{view}&channel=rgb") as response:
        assert Image.open(io.BytesIO(await response.read())).mode == "RGB"
    async with desk.get(f"{view}&channel=a") as response:
        assert Image.open(io.BytesIO(await response.read())).getpixel((0, 0)) == (0, 0, 0, 128)
    for wrong in ("preview=exe;90", "preview=webp;x", "preview=webp;٣", "channel=z"):
        async with desk.get(f"{view}&{wrong}") as response:
            assert response.status == 400


async def channel(desk: Desk, name: str, which: str) -> tuple[str, bytes]:
    async with desk.get(f"/view?filename={name}&type=input&channel={which}&quick=true") as response:
        assert response.status == 200, await response.text()
        return response.content_type, await response.read()


@pytest.mark.parametrize(
    ("form", "mode"), [("PNG", "RGB"), ("PNG", "L"), ("PNG", "P"), ("JPEG", "RGB"), ("WEBP", "RGB")]
)
async def test_what_a_browser_shows_is_sent_as_it_is(desk: Desk, form: str, mode: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6), (200, 100, 50)).convert(mode).save(buffer, form)
    await upload(desk, buffer.getvalue(), f"plain.{form.lower()}")
    assert await channel(desk, f"plain.{form.lower()}", "rgb") == (f"image/{form.lower()}", buffer.getvalue())
    assert await channel(desk, f"plain.{form.lower()}", "a") == ("application/octet-stream", b"")


async def test_colours_under_what_is_transparent_and_the_opacity_are_sent_apart(desk: Desk) -> None:
    values = np.zeros((6, 8, 4), np.uint8)
    values[:, :, :3] = (200, 100, 50)
    values[:, :, 3] = np.arange(48).reshape(6, 8)
    turned = Image.Exif()
    turned[0x0112] = 6
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG", exif=turned)
    await upload(desk, buffer.getvalue(), "holes.png")
    kind, colours = await channel(desk, "holes.png", "rgb")
    shown = np.asarray(Image.open(io.BytesIO(colours)))
    assert kind == "image/jpeg" and shown.shape == (8, 6, 3)
    np.testing.assert_allclose(shown, np.broadcast_to([200, 100, 50], shown.shape), atol=3)
    kind, opacity = await channel(desk, "holes.png", "a")
    assert kind == "application/octet-stream"
    np.testing.assert_array_equal(np.frombuffer(opacity, np.uint8).reshape(8, 6), np.rot90(values[:, :, 3], -1))


@pytest.mark.parametrize(
    ("form", "told", "is_as_it_is"),
    [
        ("JPEG", {"exif": 6}, True),
        ("PNG", {"exif": 6}, False),
        ("WEBP", {"exif": 6}, False),
        ("JPEG", {"xmp": b'<r tiff:Orientation="6"/>'}, False),
        ("JPEG", {"xmp": b"<r/>"}, True),
    ],
)
async def test_a_turned_picture_is_sent_as_it_is_where_every_browser_turns_it(
    desk: Desk, form: str, told: dict[str, Any], is_as_it_is: bool
) -> None:
    if "exif" in told:
        exif = Image.Exif()
        exif[0x0112] = told["exif"]
        told = {"exif": exif}
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6)).save(buffer, form, **told)
    await upload(desk, buffer.getvalue(), "turned.any")
    _, sent = await channel(desk, "turned.any", "rgb")
    assert (sent == buffer.getvalue()) == is_as_it_is
    if not is_as_it_is:
        assert Image.open(io.BytesIO(sent)).size == (6, 8)


async def test_a_palette_with_a_hole_is_sent_without_it(desk: Desk) -> None:
    buffer = io.BytesIO()
    Image.new("P", (8, 6), 0).save(buffer, "PNG", transparency=0)
    await upload(desk, buffer.getvalue(), "hole.png")
    assert (await channel(desk, "hole.png", "rgb"))[0] == "image/jpeg"
    assert (await channel(desk, "hole.png", "a"))[1] == bytes(48)


@pytest.mark.parametrize(("mode", "form"), [("RGB", "TIFF"), ("CMYK", "JPEG"), ("RGB", "BMP")])
async def test_what_browsers_do_not_show_or_not_rightly_becomes_a_jpeg(desk: Desk, mode: str, form: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6), (200, 100, 50)).convert(mode).save(buffer, form)
    await upload(desk, buffer.getvalue(), "other.any")
    kind, colours = await channel(desk, "other.any", "rgb")
    assert kind == "image/jpeg" and Image.open(io.BytesIO(colours)).mode == "RGB"


async def test_a_picture_that_would_fill_memory_is_not_decoded(desk: Desk) -> None:
    # 40,000 x 40,000 pixels in a header, no data behind it.
    bomb = bytearray(picture())
    bomb[16:24] = (40_000).to_bytes(4, "big") * 2
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    await upload(desk, bytes(bomb), "bomb.png")
    async with desk.get("/view?filename=bomb.png&type=input&preview=webp") as response:
        assert response.status == 400
        assert "download" in (await response.json())["error"]["message"]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
async def test_a_mask_on_sixteen_bits_leaves_all_of_them(desk: Desk, channels: int) -> None:
    values = random_deep(6, 8, channels)
    await upload(desk, encode_png(values, {"workflow": "{}"}), "deep.png")
    alpha = np.random.default_rng(0).integers(0, 256, (6, 8), np.uint8)
    sent = form(encode_png(np.dstack([np.zeros((6, 8, 3), np.uint8), alpha])), "mask.png")
    sent.add_field("original_ref", json.dumps({"filename": "deep.png", "type": "input"}))
    async with desk.post("/upload/mask", data=sent) as response:
        assert response.status == 200, await response.text()
        name = (await response.json())["name"]
    made = (desk.parts.folders.input / name).read_bytes()
    colours = values[:, :, : 1 if channels < 3 else 3]
    np.testing.assert_array_equal(read_by_ffmpeg(made), np.dstack([colours, alpha.astype(np.uint16) * 257]))
    assert Image.open(io.BytesIO(made)).info["workflow"] == "{}"
    async with desk.get(f"/view?filename={name}&type=input&channel=a") as response:  # as the page opens it again
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(await response.read())))[:, :, 3], alpha)


async def test_a_colour_of_sixteen_bits_that_is_transparent_is_shown_so(desk: Desk) -> None:
    values = random_deep(6, 8, 3)
    key = png_chunk(b"tRNS", np.ascontiguousarray(values[2, 3], ">u2").tobytes())
    await upload(desk, encode_png(values, chunks=key), "deep.png")
    async with desk.get("/view?filename=deep.png&type=input&channel=a") as response:
        alpha = np.asarray(Image.open(io.BytesIO(await response.read())))[:, :, 3]
    assert alpha[2, 3] == 0 and (alpha == 255).sum() == alpha.size - 1


async def test_a_picture_with_too_few_rows_gets_no_mask(desk: Desk) -> None:
    png = encode_png(random_deep(6, 8, 4))
    await upload(
        desk, png[:8] + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 7, 16, 6, 0, 0, 0)) + png[33:], "lie.png"
    )
    sent = form(picture((8, 7), mode="RGBA"), "mask.png")
    sent.add_field("original_ref", json.dumps({"filename": "lie.png", "type": "input"}))
    async with desk.post("/upload/mask", data=sent) as response:
        assert response.status == 400 and "rows are missing" in (await response.json())["error"]["message"]
    assert [each.name for each in desk.parts.folders.input.iterdir()] == ["lie.png"]


@pytest.mark.parametrize("pixels", [b"no such thing", zlib.compress(b"\0" * 99)[:-9], b""])
async def test_a_picture_whose_pixels_are_damaged_gets_no_mask(desk: Desk, pixels: bytes) -> None:
    png = encode_png(random_deep(6, 8, 4))
    await upload(desk, png[:33] + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b""), "damaged.png")
    sent = form(picture((8, 6), mode="RGBA"), "mask.png")
    sent.add_field("original_ref", json.dumps({"filename": "damaged.png", "type": "input"}))
    async with desk.post("/upload/mask", data=sent) as response:
        assert response.status == 400 and "damaged.png" in (await response.json())["error"]["message"]
    assert [each.name for each in desk.parts.folders.input.iterdir()] == ["damaged.png"]


async def test_a_part_of_a_file_can_be_asked_for(desk: Desk) -> None:
    await upload(desk, bytes(range(100)), "film.mp4")
    async with desk.get("/view?filename=film.mp4&type=input", headers={"Range": "bytes=10-19"}) as response:
        assert response.status == 206 and response.content_type == "video/mp4"
        assert await response.read() == bytes(range(10, 20))


async def test_a_rotated_photo_is_shown_and_masked_upright(desk: Desk) -> None:
    photo = Image.new("RGB", (8, 6))
    turned = photo.getexif()
    turned[0x0112] = 6  # a camera held upright
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG", exif=turned)
    await upload(desk, buffer.getvalue(), "photo.jpg")
    for wish in ("preview=webp", "channel=rgb", "channel=a"):
        async with desk.get(f"/view?filename=photo.jpg&type=input&{wish}") as response:
            assert Image.open(io.BytesIO(await response.read())).size == (6, 8)
    sent = form(picture((6, 8), mode="RGBA"), "mask.png")
    sent.add_field("original_ref", json.dumps({"filename": "photo.jpg", "type": "input"}))
    async with desk.post("/upload/mask", data=sent) as response:
        assert response.status == 200, await response.text()


@pytest.mark.parametrize("wish", ["preview=png", "channel=rgb"])
async def test_deep_grey_is_shown_in_its_own_brightness(desk: Desk, wish: str) -> None:
    buffer = io.BytesIO()
    Image.new("I;16", (800, 4), 128 * 257).save(buffer, "PNG")
    await upload(desk, buffer.getvalue(), "deep.png")
    async with desk.get(f"/view?filename=deep.png&type=input&{wish}") as response:
        shown = Image.open(io.BytesIO(await response.read()))
    assert shown.convert("RGB").getpixel((0, 0)) == (128, 128, 128)


async def test_no_message_tells_where_the_server_keeps_its_files(desk: Desk, tmp_path: Path) -> None:
    await upload(desk, b"no picture", "text.png")
    sent = form(picture(), "mask.png")
    sent.add_field("original_ref", json.dumps({"filename": "text.png", "type": "input"}))
    broken = form(b"no mask", "mask.png")
    broken.add_field("original_ref", json.dumps({"filename": "text.png", "type": "input"}))
    asks = (
        desk.get("/view?filename=text.png&type=input&preview=webp"),
        desk.post("/upload/mask", data=sent),
        desk.post("/upload/mask", data=broken),
    )
    for asked in asks:
        async with asked as response:
            assert response.status == 400
            text = await response.text()
            assert str(tmp_path) not in text and ".unfinished" not in text and "no picture" in text


async def test_a_mask_can_be_drawn_on_a_picture_that_ships(tmp_path: Path) -> None:
    folders = replace(folders_at(tmp_path), shipped_input=tmp_path / "shipped")
    folders.shipped_input.mkdir()
    (folders.shipped_input / "example.png").write_bytes(picture())
    async with front_desk(tmp_path, folders=folders) as desk:
        async with desk.get("/view?filename=example.png&type=input&preview=webp") as response:
            assert response.status == 200
        sent = form(picture(mode="RGBA"), "mask.png")
        sent.add_field("original_ref", json.dumps({"filename": "example.png", "type": "input"}))
        async with desk.post("/upload/mask", data=sent) as response:
            assert response.status == 200, await response.text()
