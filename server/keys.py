"""Under which typed key the app holds each part of the front desk."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from heddle.settings.folders import Folders
from server.catalogue import Catalogue
from server.clients import Clients
from server.intake import Intake
from server.kept import DraftLimits, VersionLimits
from server.logbook import LogBook
from server.model_shelf import ModelShelf
from server.outputs.gallery import Gallery
from server.own_page import OwnPage
from server.people import People
from server.queue_news import QueueNews
from server.readiness import Readiness
from server.store import Store
from server.supervisor import Supervisor
from server.webhooks import Webhooks
from server.workflows import WorkflowShelf


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may be. Sizes in bytes."""

    json_bytes: int = 64 * 2**20  # a workflow of a thousand nodes takes 0.7 MB, one with pictures inside tens
    # Of one that is kept and not run: the page opens files of 64 MB and saves values twice, in order and by name.
    workflow_bytes: int = 160 * 2**20
    upload_bytes: int = 100 * 2**20
    settings_bytes: int = 4 * 2**20  # all that a front end remembers
    thumbnail_bytes: int = 2**20
    versions: VersionLimits = field(default_factory=VersionLimits)
    drafts: DraftLimits = field(default_factory=DraftLimits)


FOLDERS = web.AppKey("folders", Folders)
STORE = web.AppKey("store", Store)
CATALOGUE = web.AppKey("catalogue", Catalogue)
CLIENTS = web.AppKey("clients", Clients)
SUPERVISOR = web.AppKey("supervisor", Supervisor)
LOGBOOK = web.AppKey("logbook", LogBook)
GALLERY = web.AppKey("gallery", Gallery)
QUEUE_NEWS = web.AppKey("queue_news", QueueNews)
MODELS = web.AppKey("models", ModelShelf)
INTAKE = web.AppKey("intake", Intake)
WEBHOOKS = web.AppKey("webhooks", Webhooks)
READINESS = web.AppKey("readiness", Readiness)
WORKFLOWS = web.AppKey("workflows", WorkflowShelf)
PEOPLE = web.AppKey("people", People)
PAGE = web.AppKey("page", Path)  # the folder of our own page, or of the front end in its place
OWN_PAGE = web.AppKey("own_page", OwnPage)  # absent, if it is a front end that was built elsewhere
LIMITS = web.AppKey("limits", Limits)
UPLOADING = web.AppKey("uploading", asyncio.Lock)  # two uploads of one name must not take the same free number
