"""What stands before every route: who may ask at all, and words instead of tracebacks."""

from __future__ import annotations

import errno
import ipaddress
import logging
import socket
from collections.abc import Awaitable, Callable, Collection
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware

from execution.checks.report import error_record, node_errors_of
from heddle.graph.errors import FileProblem, GraphError, HeddleError, WeightsError
from heddle.graph.said import said_in
from server.intake import NotReady, Refused
from server.kept import Changed, DraftsFull
from server.people import HEADER, UnknownPerson
from server.store import DuplicateJob, StoreDamaged, StoreTrouble
from server.user_files import Absent, Taken

log = logging.getLogger("heddle.server")

_FULL = (507, "disk_full", "the server's disk is full; free some space there and try again")
_IN_THE_WAY = (400, "bad_file", "a file stands where a folder is needed, or the other way round; choose another name")
_READ_ONLY = (403, "read_only", "the server may not write or read there; change the permissions of its folders")
_FILE_TROUBLES = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.ENAMETOOLONG: (400, "bad_file", "the name is too long for the server's disk; shorten it"),
    errno.EEXIST: _IN_THE_WAY,
    errno.ENOTDIR: _IN_THE_WAY,
    errno.EISDIR: _IN_THE_WAY,
    errno.EROFS: _READ_ONLY,
    errno.EACCES: _READ_ONLY,
}
_DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


def answer_error(status: int, kind: str, message: str, *, details: str = "", **more: Any) -> web.Response:
    """An error in the one shape that clients read."""
    error = {"type": kind, "message": message, "details": details, "extra_info": said_in(message)}
    return web.json_response({"error": error, "node_errors": {}, **more}, status=status)


def own_names(listen: Collection[str]) -> frozenset[str]:
    """The names under which a server that only this machine can reach may be addressed."""
    names = {"localhost", socket.gethostname().lower(), *(address.lower().strip("[]") for address in listen)}
    return frozenset(names)


def foreign_guard(private_names: Collection[str] | None, cors_origin: str | None = None) -> Middleware:
    """Refuse what other web sites make a visitor's browser ask of us.

    Args:
        private_names: if only this machine can reach us, the names it may use for us: another name in `Host` means
            that somebody's domain was pointed at this machine. None: reachable by others, under names unknown here.
        cors_origin: the one other site whose pages may ask as ours do; `*` for all.
    """

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        host = request.headers.get("Host", "")
        if private_names is not None and host and not _is_private(_split(f"//{host}")[0], private_names):
            return answer_error(
                403, "foreign_host", f"this server is not {host}; open it under localhost, or start it with --listen"
            )
        origin = request.headers.get("Origin")
        is_guest = cors_origin is not None and _is_guest(request, origin, cors_origin)
        if origin is not None and not is_guest and not _is_same(origin, host):
            return answer_error(403, "foreign_origin", f"requests from pages of {origin[:200]} are not answered")
        # Pictures and scripts are asked for without an Origin; browsers tell by this header where the page is from.
        if (
            not is_guest
            and request.headers.get("Sec-Fetch-Site") == "cross-site"
            and request.headers.get("Sec-Fetch-Mode") != "navigate"
        ):
            return answer_error(403, "foreign_origin", "requests from pages of other sites are not answered")
        if is_guest and request.method == "OPTIONS":  # a browser asks first whether it may ask
            return web.Response()
        return await handler(request)

    return guard


def allow_origin(cors_origin: str) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Puts onto every answer that pages of this origin may read it, files and errors included."""

    async def tell(request: web.Request, response: web.StreamResponse) -> None:
        headers = response.headers
        headers["Access-Control-Allow-Origin"] = cors_origin
        headers["Access-Control-Allow-Methods"] = "POST, GET, DELETE, PUT, OPTIONS, PATCH"
        headers["Access-Control-Allow-Headers"] = f"Content-Type, Authorization, If-Match, If-None-Match, {HEADER}"
        headers["Access-Control-Expose-Headers"] = "ETag"
        if cors_origin != "*":
            headers["Access-Control-Allow-Credentials"] = "true"
            headers.add("Vary", "Origin")

    return tell


@web.middleware
async def error_words(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns whatever goes wrong into a status and a sentence."""
    try:
        return await handler(request)
    except Refused as error:
        return web.json_response({"error": error.error, "node_errors": error.node_errors}, status=400)
    except GraphError as error:
        return web.json_response({"error": error_record(error), "node_errors": node_errors_of(error)}, status=400)
    except NotReady as error:
        response = answer_error(503, "not_ready", error.message)
        response.headers["Retry-After"] = "2"
        return response
    except StoreDamaged as error:
        log.error("%s %s: %s", request.method, request.path, error.message)
        return answer_error(503, "store_damaged", "the server's job database is damaged; its log says what to do")
    except StoreTrouble as error:
        response = answer_error(507 if error.full else 503, "disk_full" if error.full else "store_busy", error.message)
        response.headers["Retry-After"] = "2"
        return response
    except Absent as error:
        return answer_error(404, "not_found", error.message)
    except UnknownPerson as error:
        return answer_error(401, "unknown_person", error.message)
    except Taken as error:
        return answer_error(409, "name_taken", error.message)
    except Changed as error:
        return answer_error(409, "changed_meanwhile", error.message, current=error.current)
    except DraftsFull as error:
        return answer_error(507, "drafts_full", error.message)
    except DuplicateJob as error:
        return answer_error(409, "duplicate_prompt_id", error.message)
    except (FileProblem, WeightsError) as error:
        why = error.__cause__
        if isinstance(why, OSError) and why.errno in _FILE_TROUBLES:  # said without the path of our folders
            return answer_error(*_FILE_TROUBLES[why.errno])
        return answer_error(400, "bad_file", error.message)
    except HeddleError as error:
        return answer_error(400, "refused", error.message)
    except web.HTTPException as error:
        if error.status < 400 or error.content_type == "application/json":
            raise
        response = answer_error(error.status, error.reason.lower().replace(" ", "_"), error.text or error.reason)
        response.headers.update({k: v for k, v in error.headers.items() if k in ("Allow", "Retry-After")})
        return response
    except (web.RequestPayloadError, HttpProcessingError) as error:  # aiohttp, of a body it cannot take apart
        words = " ".join(str(error).split())[:300]
        response = answer_error(400, "invalid_request", "the body is damaged or cut short", details=words)
        response.force_close()  # what follows on this connection is the rest of that body
        return response
    except RecursionError:
        return answer_error(400, "invalid_json", "the request is nested too deeply; no workflow is")
    except ConnectionError:
        if request.transport is not None and not request.transport.is_closing():
            raise
        return web.Response(status=400)  # the client is gone: nobody reads this, and no log needs to know
    except OSError as error:
        unknown = (500, "file_error", f"the server's disk refused ({error.strerror or error}); its log has the details")
        answer = _FILE_TROUBLES.get(error.errno or 0, unknown)
        if answer[0] != 400:
            log.exception("%s %s failed", request.method, request.path)
        return answer_error(*answer)
    except Exception as error:
        log.exception("%s %s failed", request.method, request.path)
        message = f"the server failed at this request ({type(error).__name__}: {error}); its log has the details"
        return answer_error(500, "internal_error", message)


def _is_guest(request: web.Request, origin: str | None, cors_origin: str) -> bool:
    if cors_origin == "*":
        return True
    if origin is not None:
        return origin.lower() == cors_origin
    # A picture that the guest's page shows: browsers let no page write this header itself.
    return f"{request.headers.get('Referer', '').lower()}/".startswith(f"{cors_origin}/")


def _is_private(name: str, private_names: Collection[str]) -> bool:
    if name in private_names or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _is_same(origin: str, host: str) -> bool:
    """Whether a page of this origin came from us. `null`, which sandboxed pages and files send, is nobody."""
    scheme = origin.partition(":")[0].lower()
    if scheme not in _DEFAULT_PORTS:
        return False
    name, port = _split(origin[len(scheme) + 1 :])
    own_name, own_port = _split(f"//{host}")
    default = _DEFAULT_PORTS[scheme]
    return bool(name) and (name, port or default) == (own_name, own_port or default)


def _split(address: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(address)
        return (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return "", None
