"""Pictures that come in: streamed to disk under a limit, then put under a clean name in one step."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import BodyPartReader, web

from heddle.graph.errors import FileProblem
from server.files import clean_filename, put_in_place, unfinished
from server.intake import Refused
from server.keys import FOLDERS, LIMITS, UPLOADING
from server.previews import apply_mask
from server.routes.view import find_file

routes = web.RouteTableDef()

PLACES = ("input", "temp", "output")
LONGEST_FIELD_BYTES = 64 * 1024
MOST_FIELDS = 32


_REFERENCE = (("type", "output"), ("subfolder", ""), ("filename", ""))


@dataclass
class Upload:
    """A form with one file."""

    draft: Path  # what arrived, under a temporary name
    filename: str | None = None
    fields: dict[str, str] = field(default_factory=dict)


@routes.post("/upload/image")
async def upload_image(request: web.Request) -> web.Response:
    """Store `image` in the folder `type` (input), below `subfolder`. Returns: the name that it got."""
    async with _received(request) as upload:
        return await _store(request, upload)


@routes.post("/upload/mask")
async def upload_mask(request: web.Request) -> web.Response:
    """Store the picture `original_ref` with the alpha of `image` as its own."""
    async with _received(request) as upload:
        try:
            wanted = json.loads(upload.fields.get("original_ref", ""))
            names = [str(wanted.get(key) or default) for key, default in _REFERENCE]
        except (ValueError, AttributeError, RecursionError) as error:
            raise Refused("invalid_request", "original_ref must be JSON: {filename, subfolder, type}") from error
        if names[0] not in PLACES:
            raise Refused("invalid_request", f"original_ref: type must be one of {', '.join(PLACES)}")
        original = await asyncio.to_thread(find_file, request.app[FOLDERS], *names)
        await asyncio.to_thread(apply_mask, original, upload.draft)
        return await _store(request, upload)


@asynccontextmanager
async def _received(request: web.Request) -> AsyncIterator[Upload]:
    """The form of a request, its file in a draft that is gone at the end unless it was put in place."""
    if request.content_type != "multipart/form-data":
        raise Refused("invalid_request", "an upload is a multipart/form-data form with the file in the field `image`")
    limit = request.app[LIMITS].upload_bytes
    # Some clients announce the length: then a file that is too large is refused before it is sent.
    if (request.content_length or 0) > limit + LONGEST_FIELD_BYTES * MOST_FIELDS:
        raise _too_large(limit)
    with unfinished(request.app[FOLDERS].input) as draft:
        upload = Upload(draft)
        try:
            reader = await request.multipart()
            for _ in range(MOST_FIELDS):
                part = await reader.next()
                if part is None:
                    break
                if not isinstance(part, BodyPartReader):
                    raise Refused("invalid_request", "a form inside a form cannot be read")
                if part.filename is None:
                    upload.fields[part.name or ""] = await _read_field(part)
                elif part.name == "image" and upload.filename is None:
                    upload.filename = part.filename
                    await _read_file(part, draft, limit)
                else:
                    raise Refused("invalid_request", f"one file, in the field `image`; found also {part.name!r}")
        except ValueError as error:  # what aiohttp says of a form that is cut short or malformed
            raise Refused("invalid_request", "the form is damaged or cut short", str(error)[:300]) from error
        if upload.filename is None:
            raise Refused("invalid_request", "the form has no file in the field `image`")
        yield upload


async def _read_field(part: BodyPartReader) -> str:
    data = bytearray()
    while chunk := await part.read_chunk():
        data += chunk
        if len(data) > LONGEST_FIELD_BYTES:
            raise Refused("invalid_request", f"the field {part.name!r} is longer than {LONGEST_FIELD_BYTES} bytes")
    return bytes(data).decode("utf-8", "replace")


async def _read_file(part: BodyPartReader, draft: Path, limit: int) -> None:
    size = 0
    with draft.open("wb") as file:
        while chunk := await part.read_chunk(256 * 1024):
            size += len(chunk)
            if size > limit:
                raise _too_large(limit)
            await asyncio.to_thread(file.write, chunk)
    if size == 0:
        raise Refused("invalid_request", "the file is empty")


async def _store(request: web.Request, upload: Upload) -> web.Response:
    place, subfolder = upload.fields.get("type") or "input", upload.fields.get("subfolder", "")
    if place not in PLACES:
        raise Refused("invalid_request", f"type must be one of {', '.join(PLACES)}, found {place[:40]!r}")
    folders = request.app[FOLDERS]
    overwrite = upload.fields.get("overwrite", "").lower() in ("true", "1")
    name = clean_filename(upload.filename or "")
    target = folders.resolve(place, subfolder, name)
    if target.is_dir():
        raise FileProblem(f"{name!r} is a folder there; choose another name", path=target)
    async with request.app[UPLOADING]:
        stored = await asyncio.to_thread(put_in_place, upload.draft, target, overwrite=overwrite)
    below = stored.parent.relative_to(folders.root(place)).as_posix()
    return web.json_response({"name": stored.name, "subfolder": "" if below == "." else below, "type": place})


def _too_large(limit: int) -> web.HTTPRequestEntityTooLarge:
    return web.HTTPRequestEntityTooLarge(
        max_size=limit, actual_size=limit + 1, text=f"the file is larger than {limit >> 20} MB, the most that is taken"
    )
