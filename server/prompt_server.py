"""What packs find in `from server import PromptServer`: a way to send messages, and a place to leave routes.

It stands in a worker, where packs live, and neither listens nor sends itself: messages go to the function that the
worker handed in (`heddle.graph.running.hand_in`), routes are collected and served by `pack_routes.py`.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import urllib.parse
from collections.abc import Callable
from typing import Any

from aiohttp import web

from heddle.graph.errors import FileProblem
from heddle.graph.running import call_place, current_context, worker_side
from heddle.settings.current import current_folders, current_settings
from server.people import HEADER, People, Person

log = logging.getLogger(__name__)


class BinaryEventTypes:
    """The kinds of binary frames on the websocket."""

    PREVIEW_IMAGE = 1
    UNENCODED_PREVIEW_IMAGE = 2
    TEXT = 3
    PREVIEW_IMAGE_WITH_METADATA = 4


class QueueView:
    """The queue as a worker sees it: the one job that runs. Waiting jobs are the front desk's business."""

    def __init__(self) -> None:
        self.mutex = threading.RLock()
        self.currently_running: dict[Any, Any] = {}
        self.history: dict[str, Any] = {}

    def get_tasks_remaining(self) -> int:
        return len(self.currently_running) or int(call_place.get() is not None)

    def get_current_queue(self) -> tuple[list[Any], list[Any]]:
        """Running and waiting items."""
        return list(self.currently_running.values()), []

    get_current_queue_volatile = get_current_queue

    def get_history(self, prompt_id: str | None = None, *_: Any, **__: Any) -> dict[str, Any]:
        return (
            dict(self.history)
            if prompt_id is None
            else {id: each for id, each in self.history.items() if id == prompt_id}
        )


class UserManager:
    """Whose files a request is about."""

    def get_request_user_id(self, request: web.Request) -> str:
        """Raises: UnknownPerson, for a request of somebody who was not added."""
        return _person_of(request).id

    def get_request_user_filepath(
        self, request: web.Request, file: str | None, type: str = "userdata", create_dir: bool = True
    ) -> str | None:
        """The path of a file of the person; of their folder without a name, None for a name that leads out of it.

        Args:
            create_dir: make the folder that it lies in.
        Raises: KeyError, for another type of files; UnknownPerson.
        """
        if type != "userdata":
            raise KeyError(f"type {type!r}: there are no such files; userdata is what a person has")
        files = _person_of(request).files
        try:
            path = files.root if file is None else files.path(urllib.parse.unquote(str(file)))
        except FileProblem:
            return None
        if create_dir:
            (path if file is None else path.parent).mkdir(parents=True, exist_ok=True)
        return str(path)


def _person_of(request: web.Request) -> Person:
    people = People(current_folders(), 0, several=current_settings().multi_user)
    people.load()  # anew each time: it is the front desk that adds persons
    return people.person(request.headers.get(HEADER))


class _TheOne:
    """`PromptServer.instance`: made when it is first asked for."""

    _made: PromptServer | None = None

    def __get__(self, instance: Any, owner: type[PromptServer]) -> PromptServer:
        if _TheOne._made is None:
            _TheOne._made = owner()
        return _TheOne._made


class PromptServer:
    """The server as packs know it."""

    instance = _TheOne()

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.routes = web.RouteTableDef()
        self.supports = ["custom_nodes_from_web"]
        self.sockets: dict[str, Any] = {}
        self.sockets_metadata: dict[str, Any] = {}
        self.prompt_queue = QueueView()
        self.user_manager = UserManager()
        self.on_prompt_handlers: list[Callable[[Any], Any]] = []
        self.number = 0
        self._loop = loop
        self._runs = loop is not None
        self._app: web.Application | None = None
        self._client_id: str | None = None
        self._last_node_id: str | None = None
        self._last_prompt_id: str | None = None

    @property
    def address(self) -> str:
        """Where the front desk listens, the first place of several."""
        return current_settings().listen[0]

    @property
    def port(self) -> int:
        return current_settings().port

    @property
    def app(self) -> web.Application:
        """An application that collects what packs add to it."""
        if self._app is None:
            self._app = web.Application(client_max_size=current_settings().upload_bytes)
        return self._app

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop of packs' routes and tasks, made when it is first asked for. It runs once all packs are loaded."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        if call_place.get() is not None:  # a pack that asks for the first time when its node runs
            self.run_loop()
        return self._loop

    def use_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hand in a loop that somebody else runs."""
        self._loop, self._runs = loop, True

    def run_loop(self) -> asyncio.AbstractEventLoop:
        """Begin to run the loop on a thread of its own; whatever packs left on it while they were loaded starts now."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        if not self._runs:
            self._runs = True
            threading.Thread(target=self._serve, args=(self._loop,), name="packs' loop", daemon=True).start()
        return self._loop

    @staticmethod
    def _serve(loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        loop.run_forever()

    # What runs now

    @property
    def last_node_id(self) -> str | None:
        """The node that runs, as an editor shows it, or what was set last: packs tell pages where to look."""
        place = call_place.get()
        return self._last_node_id if place is None else place.shown_at or place.node_id

    @last_node_id.setter
    def last_node_id(self, value: str | None) -> None:
        self._last_node_id = value

    @property
    def last_prompt_id(self) -> str | None:
        """The job that runs, or what was set last."""
        place = call_place.get()
        return place.job_id if place is not None else self._last_prompt_id

    @last_prompt_id.setter
    def last_prompt_id(self, value: str | None) -> None:
        self._last_prompt_id = value

    @property
    def client_id(self) -> str | None:
        """The client whose job runs; None if that is not known, and messages then go to all."""
        return getattr(current_context.get(), "client_id", None) or self._client_id

    @client_id.setter
    def client_id(self, value: str | None) -> None:
        self._client_id = value

    # Messages

    def send_sync(self, event: str | int, data: Any, sid: str | None = None) -> None:
        """Send a message from any thread.

        Args:
            event: a name, or one of `BinaryEventTypes`; an unencoded preview is (format, picture, longest side px).
            sid: one client; None = all.
        """
        if event == BinaryEventTypes.UNENCODED_PREVIEW_IMAGE:
            _show_preview(data, sid)
        elif event == BinaryEventTypes.PREVIEW_IMAGE_WITH_METADATA and isinstance(data, tuple):
            _show_preview(data[0], sid)  # whose picture it is, the running node says itself
        else:
            worker_side().send(event, data, sid)

    async def send(self, event: str | int, data: Any, sid: str | None = None) -> None:
        self.send_sync(event, data, sid)

    async def send_json(self, event: str, data: Any, sid: str | None = None) -> None:
        self.send_sync(event, data, sid)

    async def send_bytes(self, event: int, data: Any, sid: str | None = None) -> None:
        self.send_sync(event, data, sid)

    def send_progress_text(self, text: str | bytes, node_id: str, sid: str | None = None) -> None:
        """Show a line of text on a node."""
        shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
        worker_side().send(BinaryEventTypes.TEXT, {"node_id": str(node_id), "text": shown}, sid)

    def get_queue_info(self) -> dict[str, Any]:
        """How many jobs there are, as far as a worker knows."""
        return {"exec_info": {"queue_remaining": self.prompt_queue.get_tasks_remaining()}}

    def queue_updated(self) -> None:
        """The front desk says so by itself."""

    # Before a job is taken in

    def add_on_prompt_handler(self, handler: Callable[[Any], Any]) -> None:
        """Let a function see, and change, each request to POST /prompt."""
        self.on_prompt_handlers.append(handler)

    def trigger_on_prompt(self, json_data: Any) -> Any:
        """The request as the handlers leave it; one that fails is passed over."""
        for handler in self.on_prompt_handlers:
            try:
                json_data = handler(json_data)
            except (Exception, SystemExit):  # a pack's own code, which must not keep others' jobs out
                log.warning("a pack's prompt handler failed; the request goes on without it", exc_info=True)
        return json_data

    # What runs, as the worker says

    def follow(
        self, job_id: str | None, client_id: str | None, node_id: str | None, prompt: Any = None, extra_data: Any = None
    ) -> None:
        """Note which node of which job runs, for code outside of nodes; None where none does."""
        self._last_prompt_id, self._client_id, self._last_node_id = job_id, client_id, node_id
        if job_id is None:
            self.prompt_queue.currently_running = {}
        elif node_id is None:
            self.prompt_queue.currently_running = {0: (0, job_id, prompt, dict(extra_data or {}), [])}

    # Routes

    def add_routes(self) -> None:
        """Packs call it after adding routes late; they are found either way."""

    def collected_routes(self) -> list[web.AbstractRouteDef]:
        """Every route that packs left here."""
        return list(self.routes)


def _show_preview(data: Any, sid: str | None) -> None:
    """Encode a picture given as (format, Pillow image, longest side), and show it on the running node.

    Where no node runs it goes out as it is, with the number of its format before it.
    """
    from heddle.media.previews import encode_preview  # brings Pillow

    context = current_context.get()
    try:
        encoded, format = encode_preview(data)
    except Exception:  # a pack may hand over anything, and must not fail over a preview
        log.warning("a preview of a pack cannot be encoded, so it is dropped", exc_info=True)
        return
    if context is not None:
        context.show(encoded, format)
    else:
        number = 2 if format == "png" else 1
        worker_side().send(BinaryEventTypes.PREVIEW_IMAGE, number.to_bytes(4) + encoded, sid)
