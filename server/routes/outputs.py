"""The gallery: pages of results, small pictures of them, what is in them, deleting and bringing back."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from aiohttp import web

from heddle.graph.errors import FileProblem
from heddle.graph.said import said_in, say
from server.files import clean_filename, put_in_place, unfinished
from server.keys import FOLDERS, GALLERY, STORE, UPLOADING
from server.opening import told_notes
from server.outputs import KINDS, PLACES, SHOWN, Cursor, Entry, Wish, key_of, kind_of
from server.outputs.headers import look_at, read_metadata
from server.outputs.index import Look
from server.outputs.poster import make_poster
from server.outputs.probe import probe
from server.outputs.trash import KEPT_DAYS, Named, deleted_ms, find
from server.previews import render_preview
from server.refused import Refused
from server.routes.bodies import LARGEST, answer_json, flag, number
from server.routes.described import TEXT, described, one_of, whole
from server.routes.pictures import answer_picture, in_a_thread
from server.routes.view import find_file
from server.v1.reading import read_model

routes = web.RouteTableDef()

LONGEST_PAGE = 1000
USUAL_PAGE = 100
LONGEST_TEXT = 200
SIDES_PX = (256, 512)
QUALITY = 80
DAY_MS = 86_400_000
WORDS = {"video": say("video"), "audio": say("sound")}
_PLAYED = ("frame_rate", "video_codec", "audio_codec", "sample_rate", "channels")

_PLACE = one_of(*PLACES)
_FLAG = one_of("true", "false")
_FILE = {"filename": TEXT, "subfolder": TEXT, "type": _PLACE}


@routes.get("/heddle/outputs")
@described(
    query={
        "type": _PLACE,
        "folder": TEXT,
        "deep": _FLAG,
        "kind": {"type": "string", "description": f"Some of {', '.join(KINDS)}, with commas between"},
        "text": {"type": "string", "maxLength": LONGEST_TEXT},
        "job_id": TEXT,
        "workflow_id": TEXT,
        "since_ms": whole(),
        "until_ms": whole(),
        "order": one_of("newest", "oldest"),
        "limit": whole(0, LONGEST_PAGE),
        "offset": whole(0),
        "after": {"type": "string", "description": "`next_cursor` of a page: what follows it"},
        "before": {"type": "string", "description": "`prev_cursor` of a page: what goes before it"},
    },
    answer="OutputPage",
)
async def list_outputs(request: web.Request) -> web.Response:
    """A page of results, the newest first."""
    wish = _read_wish(request)
    if workflow_id := request.query.get("workflow_id"):
        jobs = await request.app[STORE].jobs_of_workflow(_storable(workflow_id))
        wish = replace(wish, job_ids=tuple(jobs))
    page, is_scanning = await request.app[GALLERY].page(wish)
    first, last = (page.entries[0].cursor, page.entries[-1].cursor) if page.entries else (wish.beyond, wish.beyond)
    has_next = bool(page.entries) if wish.backwards else page.has_more
    answer = {
        "entries": [_told(each) for each in page.entries],
        "total": page.total,
        "total_bytes": page.total_bytes,
        "next_cursor": _cursor_text(last) if has_next else None,
        "prev_cursor": _cursor_text(first),
        "has_prev": page.has_more if wish.backwards else wish.beyond is not None or wish.offset > 0,
        "scanning": is_scanning,
    }
    return await answer_json(answer)


@routes.get("/heddle/outputs/folders")
@described(query={"type": _PLACE}, answer="OutputFolders")
async def list_folders(request: web.Request) -> web.Response:
    """The folders that hold results, with how many files of each kind are right in them, and their bytes."""
    place = _read_place(request.query.get("type") or "output")
    found = await request.app[GALLERY].folders(place)
    folders = [{"subfolder": subfolder, **each} for subfolder, each in found.items()]
    return await answer_json({"folders": folders})


@routes.get("/heddle/outputs/metadata")
@described(query=_FILE, answer="OutputMetadata")
async def get_metadata(request: web.Request) -> web.Response:
    """What is in a file: workflow, prompt, A1111's parameters as text; format, colour mode and size."""
    path, named = await _find(request, request.query)
    gallery = request.app[GALLERY]
    kind = kind_of(named.filename)
    told: dict[str, Any] = dict.fromkeys(_PLAYED) | await asyncio.to_thread(read_metadata, path, kind)
    entry = await gallery.entry(named.place, named.subfolder, named.filename)
    if entry is None:
        raise web.HTTPNotFound(text=f"{named.filename[:200]!r} has just gone")
    if kind in ("video", "audio"):
        (found,) = await probe([path])
        if found is None:
            told["notes"].append(
                say("{file} cannot be read as a {kind}; download the file", file=path.name, kind=WORDS[kind])
            )
        else:
            told |= {name: getattr(found, name) for name in _PLAYED}
            look = Look(found.width, found.height, found.duration_s, told["has_workflow"])
            await gallery.keep_look(entry, look)
            entry = replace(entry, look=look)
    for name in ("width", "height"):
        told[name] = getattr(entry.look, name) if told[name] is None else told[name]
    return await answer_json({**_told(entry), **told, **told_notes(told["notes"])})


@routes.post("/heddle/outputs/use-as-input")
@described(body="UseAsInput", answer="UsedAsInput")
async def use_as_input(request: web.Request) -> web.Response:
    """Copy a result into the input folder under a name that is free; the same bytes are not stored twice."""
    wish = await read_model(request, "UseAsInput")
    path, _ = await _find(request, {"filename": wish.filename, "subfolder": wish.subfolder, "type": wish.type})
    folders = request.app[FOLDERS]
    target = folders.resolve("input", wish.folder, clean_filename(path.name))
    if target.is_dir():
        words = "{name!r} is a folder there; choose another folder"
        raise FileProblem(say(words, name=target.name), path=target)

    with unfinished(folders.input) as draft:
        await asyncio.to_thread(shutil.copyfile, path, draft)
        async with request.app[UPLOADING]:
            stored = await asyncio.to_thread(put_in_place, draft, target, overwrite=False)
    below = stored.parent.relative_to(folders.input).as_posix()
    subfolder = "" if below == "." else below
    value = f"{subfolder}/{stored.name}" if subfolder else stored.name
    return web.json_response({"name": stored.name, "subfolder": subfolder, "type": "input", "value": value})


@routes.delete("/heddle/outputs")
@described(body="DeleteOutputs", answer="DeletedOutputs")
async def delete_outputs(request: web.Request) -> web.Response:
    """Take results away: into the trash, from where they come back for 30 days, or with `forever` at once for good."""
    wish = await read_model(request, "DeleteOutputs")
    files = [Named(each.type, each.subfolder, each.filename) for each in wish.files]
    gone, kept, trash_id = await request.app[GALLERY].delete(files, forever=wish.forever)
    answer = {
        "deleted": [each.told() for each in gone],
        "failed": [{**each.told(), "reason": reason, **said_in(reason)} for each, reason in kept],
        "trash": trash_id,
    }
    return await answer_json(answer)


@routes.get("/heddle/outputs/trash")
@described(answer="Trash")
async def list_trash(request: web.Request) -> web.Response:
    """What can be brought back, the latest first."""
    heaps = await request.app[GALLERY].trash()
    told = [
        {
            "trash": trash_id,
            "deleted_ms": deleted_ms(trash_id),
            "until_ms": deleted_ms(trash_id) + KEPT_DAYS * DAY_MS,
            "files": [{**each.told(), "bytes": size} for each, size in files],
        }
        for trash_id, files in heaps
    ]
    return await answer_json({"heaps": told})


@routes.post("/heddle/outputs/restore")
@described(body="RestoreOutputs", answer="RestoredOutputs")
async def restore_outputs(request: web.Request) -> web.Response:
    """Bring back what was deleted together."""
    wish = await read_model(request, "RestoreOutputs")
    back = await request.app[GALLERY].restore(wish.trash)
    return await answer_json({"restored": [{**now.told(), "was": before.filename} for before, now in back]})


@routes.delete("/heddle/outputs/trash")
@described(body="EmptyTrash", body_may_be_left_out=True, answer="EmptiedTrash")
async def empty_trash(request: web.Request) -> web.Response:
    """Give up what was deleted: all of it, or one heap."""
    trash_id = (await read_model(request, "EmptyTrash", default={})).trash
    return web.json_response({"emptied": await request.app[GALLERY].empty_trash(trash_id)})


@routes.get("/heddle/thumbnails/{type}/{file:.+}")
@described(
    query={"v": TEXT, "px": {"type": "integer", "enum": list(SIDES_PX)}},
    answer_types=("image/webp",),
    statuses=(200, 304),
)
async def get_thumbnail(request: web.Request) -> web.Response:
    """A small WebP picture of a picture, or of a video's first frame; 404 for what has none."""
    place, name = _read_place(request.match_info["type"]), request.match_info["file"]
    px = number(request, "px", SIDES_PX[0])
    if px not in SIDES_PX:
        raise Refused("invalid_request", f"px must be {' or '.join(map(str, SIDES_PX))}, found {px}")
    subfolder, _, filename = name.rpartition("/")
    path = await asyncio.to_thread(find_file, request.app[FOLDERS], place, subfolder, filename)
    kind = kind_of(path.name)
    if kind == "video":
        return await _video_poster(request, path, px)
    if kind != "image":
        raise web.HTTPNotFound(text=f"there is no picture of {filename[:200]!r}")
    key, version = await asyncio.to_thread(_key_and_version, path, px)
    make = in_a_thread(partial(render_preview, path, "webp", QUALITY, px))
    return await answer_picture(request, key, make, "image/webp", is_for_good=request.query.get("v") == version)


async def _video_poster(request: web.Request, path: Path, px: int) -> web.Response:
    gallery, folders = request.app[GALLERY], request.app[FOLDERS]
    key, version = await asyncio.to_thread(_key_and_version, path, px)

    async def make() -> bytes:
        poster = await make_poster(path, px)
        place = next((each for each in PLACES if path.is_relative_to(folders.root(each))), None)
        if place is not None:
            *above, filename = path.relative_to(folders.root(place)).parts
            if (entry := await gallery.entry(place, "/".join(above), filename)) is not None:
                look = await asyncio.to_thread(look_at, path, "video")
                sizes = {"width": poster.width, "height": poster.height, "duration_s": poster.duration_s}
                await gallery.keep_look(entry, replace(look, **sizes))
        return poster.picture

    return await answer_picture(request, key, make, "image/webp", is_for_good=request.query.get("v") == version)


def _key_and_version(path: Path, px: int) -> tuple[str, str]:
    return key_of(path, f"thumbnail {px}"), version_of(path.stat().st_mtime_ns)


def version_of(modified_ns: int) -> str:
    """The version of a file as addresses of its thumbnail name it."""
    return f"{modified_ns:x}"


def thumbnail_url(place: str, subfolder: str, filename: str, modified_ns: int | None = None) -> str | None:
    """The address of a file's thumbnail; None, if there can be none."""
    if kind_of(filename) not in ("image", "video"):
        return None
    name = quote(f"{subfolder}/{filename}" if subfolder else filename, safe="/", errors="replace")
    version = "" if modified_ns is None else f"?v={version_of(modified_ns)}"
    return f"/heddle/thumbnails/{place}/{name}{version}"


async def _find(request: web.Request, file: Any) -> tuple[Path, Named]:
    named = Named(_read_place(file.get("type") or "output"), file.get("subfolder") or "", file.get("filename") or "")
    if not named.filename:
        raise Refused("invalid_request", "name a file: filename, subfolder, type")
    return await asyncio.to_thread(find, request.app[FOLDERS], named)


def _told(entry: Entry) -> dict[str, Any]:
    place = {"filename": entry.filename, "subfolder": entry.subfolder, "type": entry.place}
    return {
        **place,
        "kind": entry.kind,
        "width": entry.look.width,
        "height": entry.look.height,
        "duration_s": entry.look.duration_s,
        "bytes": entry.bytes,
        "modified_ms": entry.modified_ns // 1_000_000,
        "job_id": entry.job_id,
        "node_id": entry.node_id,
        "has_workflow": entry.look.has_workflow,
        "url": f"/view?{urlencode(place, errors='replace')}",
        "thumbnail": thumbnail_url(entry.place, entry.subfolder, entry.filename, entry.modified_ns),
    }


def _read_wish(request: web.Request) -> Wish:
    query = request.query
    limit, offset = number(request, "limit", USUAL_PAGE), number(request, "offset", 0)
    if limit is None or offset is None or limit < 0 or offset < 0:
        raise Refused("invalid_request", "limit and offset must not be negative")
    order = query.get("order") or "newest"
    if order not in ("newest", "oldest"):
        raise Refused("invalid_request", f"order must be newest or oldest, found {order[:40]!r}")
    after, before = query.get("after") or None, query.get("before") or None
    if after and before:
        raise Refused("invalid_request", "give one of `after` and `before`")
    text = query.get("text", "")
    if len(text) > LONGEST_TEXT:
        raise Refused("invalid_request", f"text must have at most {LONGEST_TEXT} characters")
    folder = query.get("folder")
    return Wish(
        place=_read_place(query.get("type") or "output"),
        folder=None if folder is None else _storable(folder.replace("\\", "/").strip("/")),
        is_deep=flag(request, "deep", default=True),
        kinds=_read_kinds(query.get("kind", "")),
        text=_storable(text),
        job_id=_storable(query["job_id"]) if query.get("job_id") else None,
        since_ms=number(request, "since_ms", None),
        until_ms=number(request, "until_ms", None),
        newest_first=order == "newest",
        limit=min(limit, LONGEST_PAGE),
        offset=offset,
        beyond=_read_cursor(after or before) if after or before else None,
        backwards=before is not None,
    )


def _read_place(text: str) -> str:
    if text not in PLACES:
        raise Refused("invalid_request", f"type must be one of {', '.join(PLACES)}, found {text[:40]!r}")
    return text


def _read_kinds(text: str) -> tuple[str, ...]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if unknown := [name for name in names if name not in KINDS]:
        raise Refused("invalid_request", f"kind must be among {', '.join(KINDS)}, found {unknown[0][:40]!r}")
    return tuple(dict.fromkeys(names)) or SHOWN


def _cursor_text(cursor: Cursor | None) -> str | None:
    return None if cursor is None else f"{cursor.modified_ns}.{cursor.id}"


def _read_cursor(text: str | None) -> Cursor:
    modified_ns, _, file_id = (text or "").partition(".")
    try:
        if not (modified_ns.isascii() and file_id.isascii() and len(modified_ns) < 21 and len(file_id) < 20):
            raise ValueError
        cursor = Cursor(int(modified_ns), int(file_id))
    except ValueError as error:
        raise Refused("invalid_request", f"{(text or '')[:40]!r} is no cursor; take one from a page") from error
    if abs(cursor.modified_ns) >= 2**63 or abs(cursor.id) >= LARGEST:
        raise Refused("invalid_request", f"{(text or '')[:40]!r} is no cursor; take one from a page")
    return cursor


def _storable(text: str) -> str:
    """A text as SQLite takes it."""
    return text.encode("utf-8", "replace").decode("utf-8")
