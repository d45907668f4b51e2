"""The front desk: HTTP, websocket, job store, worker supervisor, users' files. The names here are for packs."""

from aiohttp import web as web

from server.prompt_server import BinaryEventTypes as BinaryEventTypes
from server.prompt_server import PromptServer as PromptServer
