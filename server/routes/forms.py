"""How routes read multipart forms with one file: streamed to disk under a limit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import BodyPartReader, web

from server.files import unfinished
from server.intake import Refused
from server.keys import LIMITS
from server.routes.bodies import too_large

LONGEST_FIELD_BYTES = 64 * 1024
MOST_FIELDS = 32


@dataclass
class Form:
    """A form with one file."""

    draft: Path  # what arrived, under a temporary name
    filename: str | None = None
    fields: dict[str, str] = field(default_factory=dict)


@asynccontextmanager
async def received_form(
    request: web.Request, file_field: str, folder: Path, *, longest_field_bytes: int = LONGEST_FIELD_BYTES
) -> AsyncIterator[Form]:
    """The form of a request, its file in a draft in `folder` that is gone at the end unless it was put in place.

    Raises: Refused, if it is no such form or the file is missing; HTTPRequestEntityTooLarge.
    """
    if request.content_type != "multipart/form-data":
        raise Refused(
            "invalid_request", f"an upload is a multipart/form-data form with the file in the field `{file_field}`"
        )
    limit = request.app[LIMITS].upload_bytes
    # Some clients announce the length: then a file that is too large is refused before it is sent.
    if (request.content_length or 0) > limit + longest_field_bytes * MOST_FIELDS:
        raise too_large(limit)
    with unfinished(folder) as draft:
        form = Form(draft)
        try:
            reader = await request.multipart()
            for _ in range(MOST_FIELDS):
                part = await reader.next()
                if part is None:
                    break
                if not isinstance(part, BodyPartReader):
                    raise Refused("invalid_request", "a form inside a form cannot be read")
                if part.filename is None:
                    form.fields[part.name or ""] = await _read_field(part, longest_field_bytes)
                elif part.name == file_field and form.filename is None:
                    form.filename = part.filename
                    await _read_file(part, draft, limit)
                else:
                    raise Refused("invalid_request", f"one file, in the field `{file_field}`; found also {part.name!r}")
        except ValueError as error:  # what aiohttp says of a form that is cut short or malformed
            raise Refused("invalid_request", "the form is damaged or cut short", str(error)[:300]) from error
        if form.filename is None:
            raise Refused("invalid_request", f"the form has no file in the field `{file_field}`")
        yield form


async def _read_field(part: BodyPartReader, longest_bytes: int) -> str:
    data = bytearray()
    while chunk := await part.read_chunk():
        data += chunk
        if len(data) > longest_bytes:
            raise Refused("invalid_request", f"the field {part.name!r} is longer than {longest_bytes} bytes")
    return bytes(data).decode("utf-8", "replace")


async def _read_file(part: BodyPartReader, draft: Path, limit: int) -> None:
    size = 0
    with draft.open("wb") as file:
        while chunk := await part.read_chunk(256 * 1024):
            size += len(chunk)
            if size > limit:
                raise too_large(limit)
            await asyncio.to_thread(file.write, chunk)
    if size == 0:
        raise Refused("invalid_request", "the file is empty")
