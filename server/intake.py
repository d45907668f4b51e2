"""From a client's wish to a job in the queue: read, checked against the catalogue, written down."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import math
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Protocol

from heddle.graph.errors import GraphError, HeddleError
from heddle.graph.quoting import short
from heddle.graph.said import each_of, say
from heddle.graph.workflow import form_of
from server.catalogue import Catalogue, Records
from server.clients import Clients
from server.messages import Status
from server.refused import Refused as Refused
from server.store import Job, NewJob, Store, key_in_batch
from server.supervisor import Supervisor
from server.translate import nodes_behind
from server.webhooks import read_webhook

log = logging.getLogger("heddle.server.intake")

# Keys of outside services: a job needs them while it runs, nobody should find them in the history.
SECRET_KEYS = ("auth_token_comfy_org", "api_key_comfy_org")
LONGEST_ID = 200
LARGEST_NUMBER = 2.0**53
LARGEST_PRIORITY = 1000
FEW_NODES = 20
MOST_BATCH_BYTES = 256 << 20  # of the jobs of one request together: each is checked and written with all of its graph
MOST_NODE_ERRORS = 1000  # that one answer tells; nobody reads as many
JOB_OPTIONS = ("stop_at_first_error", "cache")


class Check(Protocol):
    """Holds a prompt against the nodes that exist."""

    def __call__(
        self, prompt: dict[str, Any], catalogue: Records, targets: list[str] | None, /
    ) -> tuple[list[str], dict[str, Any] | None, dict[str, Any]]:
        """Returns: ids of the output nodes that can run; if there are none, what is wrong, as
        `{type, message, details, extra_info}`; and per node its errors, in the form that POST /prompt answers."""
        ...


class Convert(Protocol):
    """Turns a saved workflow into the API form."""

    def __call__(
        self, workflow: dict[str, Any], catalogue: Records, seed: int | None, /
    ) -> tuple[dict[str, Any], list[dict[str, Any]], list[str]]:
        """Args: seed: chooses among `{a|b}` in texts; they stay as they are if None.

        Returns: the API form, each text in which something was chosen, as `{node_id, input_name, text, chosen}`, and
        notes on what was left out.
        """
        ...


class Variants(Protocol):
    """Says how the jobs of a batch differ."""

    def __call__(
        self, prompt: dict[str, Any], catalogue: Records, seed: int, /
    ) -> Sequence[Mapping[tuple[str, str], Any]]:
        """Returns: for each job the inputs with other values than the prompt has, as (node id, input). Raises: Refused.

        Args: seed: for what is chosen by chance.
        """
        ...


class NotReady(HeddleError):
    """No worker has told yet which nodes there are."""


class Intake:
    """Accepts jobs."""

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        clients: Clients,
        supervisor: Supervisor,
        check: Check,
        convert: Convert | None,
        *,
        patience_s: float = 20.0,
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._clients = clients
        self._supervisor = supervisor
        self._check = check
        self._convert = convert
        self._patience_s = patience_s

    async def submit(self, body: Any) -> dict[str, Any]:
        """Queue what a `POST /prompt` brings. Returns: its answer. Raises: Refused, NotReady, GraphError.

        Beyond what the known interface has, `body` may hold `priority` (higher runs first), `background` (runs only
        while nothing else waits), `idempotency_key` (one job per client and key), `label`, `webhook` with `url`,
        `secret` and `events`, and `options` with `stop_at_first_error` and `cache`.
        """
        [job], node_errors = await self.submit_all(body)
        notes = job.extra_data.get("conversion_notes")
        told = {"notes": notes} if isinstance(notes, list) and notes else {}  # a client may have sent anything there
        return {"prompt_id": job.id, "number": job.number, "node_errors": node_errors, **told}

    async def submit_all(self, body: Any, variants: Variants | None = None) -> tuple[list[Job], dict[str, Any]]:
        """Queue one job, or one for each variant, all together or none. `body` is that of `submit`.

        Returns: the jobs, and the errors of nodes whose outputs were left out, for all jobs together.
        """
        if not isinstance(body, dict):
            raise Refused("invalid_prompt", f"the request must be a JSON object, found {_kind_of(body)}")
        body = await self._supervisor.packs.show_prompt(body)
        if not body.get("prompt"):
            raise Refused("no_prompt", "No prompt provided", "the request has no `prompt`, or an empty one")
        records = await self.records()
        common = _common_of(body)
        prompt, extra_data = body["prompt"], body.get("extra_data") or {}
        if not isinstance(extra_data, dict):
            raise Refused("invalid_prompt", f"extra_data must be a JSON object, found {_kind_of(extra_data)}")
        document = prompt if isinstance(prompt, dict) and isinstance(prompt.get("nodes"), list) else None
        seed, choices, notes = 0, [], []
        if document is not None or variants is not None:
            seed = _text_seed(extra_data, common.client_id, common.idempotency_key)
        if document is not None:
            # Pictures carry the workflow that made them; here the client has sent it as the prompt itself.
            extra = extra_data.get("extra_pnginfo")
            extra_data = {
                **extra_data,
                "extra_pnginfo": {"workflow": document, **(extra if isinstance(extra, dict) else {})},
            }
            prompt, choices, notes = await self._convert_document(document, seed)
        if not isinstance(prompt, dict):
            raise Refused("invalid_prompt", f"`prompt` must be a JSON object, found {_kind_of(prompt)}")
        for node_id in prompt:
            _as_id(node_id, "a node id")
        changes = [{}] if variants is None else variants(prompt, records, seed)
        if len(changes) > 1:
            await _refuse_heavy(len(changes), prompt, extra_data)
        batch: list[NewJob] = []
        node_errors: dict[str, Any] = {}
        for place, change in enumerate(changes):
            if place and document is not None and choices:  # every job chooses its own words
                prompt, choices, notes = await self._convert_document(document, seed + place)
            changed = with_changes(prompt, change)
            outputs, errors = await self._check_one(changed, records, common.targets)
            node_errors |= errors
            told = {"text_choices": {"seed": seed + place, "texts": choices}} if choices else {}
            told |= {"conversion_notes": notes} if notes else {}
            batch.append(
                replace(
                    common,
                    id=common.id if place == 0 else str(uuid.uuid4()),
                    prompt=changed,
                    outputs=outputs,
                    extra_data={k: v for k, v in extra_data.items() if k not in SECRET_KEYS}
                    | ({} if common.client_id is None else {"client_id": common.client_id})
                    | told,
                    secrets={k: v for k, v in extra_data.items() if k in SECRET_KEYS},
                    idempotency_key=key_in_batch(common.idempotency_key, place),
                )
            )
        jobs = await self._store.accept_all(batch)
        self._clients.tell_all(Status(self._store.waiting))
        return jobs, node_errors

    async def _check_one(
        self, prompt: dict[str, Any], records: Records, targets: list[str] | None
    ) -> tuple[list[str], dict[str, Any]]:
        """The outputs that can run, and what is wrong with the others. Raises: Refused, if none can."""
        if len(prompt) <= FEW_NODES:  # sooner done than handed to a thread
            outputs, error, node_errors = self._check(prompt, records, targets)
        else:
            outputs, error, node_errors = await asyncio.to_thread(self._check, prompt, records, targets)
        if error is not None or not outputs:
            error = error or {"type": "prompt_no_outputs", "message": "Prompt has no outputs"}
            first = dict(islice(node_errors.items(), MOST_NODE_ERRORS))
            more = f"; what is wrong is said of the first {len(first)} nodes of {len(node_errors)}"
            raise Refused(
                str(error.get("type", "invalid_prompt")),
                str(error.get("message", "")),
                str(error.get("details", "")) + (more if len(first) < len(node_errors) else ""),
                extra_info=error.get("extra_info"),
                node_errors=first,
            )
        node_errors = dict(islice(node_errors.items(), MOST_NODE_ERRORS))
        return await self._ask_nodes(prompt, records, outputs, node_errors)

    async def convert(self, workflow: Any) -> dict[str, Any]:
        """The API form of a workflow. Raises: Refused, NotReady, GraphError."""
        if not isinstance(workflow, dict):
            raise Refused("invalid_prompt", f"a workflow must be a JSON object, found {_kind_of(workflow)}")
        if form_of(workflow) == "api":
            return workflow
        return (await self._convert_document(workflow, None))[0]

    async def _convert_document(
        self, workflow: dict[str, Any], seed: int | None
    ) -> tuple[dict[str, Any], list[dict[str, Any]], list[str]]:
        if self._convert is None:
            raise Refused("invalid_prompt", "this server takes the API form of workflows only; export it as API")
        records = await self.records()
        try:
            return await asyncio.to_thread(self._convert, workflow, records, seed)
        except HeddleError:
            raise
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            # A workflow from anywhere may be broken in any way; the log has the place.
            log.warning("a workflow cannot be converted", exc_info=True)
            words = "the workflow is damaged ({why}); save it again"
            raise GraphError(say(words, why=f"{type(error).__name__}: {error}")) from error

    async def cancel(self, job_ids: list[str]) -> bool:
        """End waiting jobs as cancelled and interrupt running ones. Returns: whether any was one of these."""
        cancelled = await self._store.cancel_waiting(job_ids)
        if cancelled:
            self._clients.tell_all(Status(self._store.waiting))
        return await self._supervisor.interrupt(job_ids) or bool(cancelled)

    async def take_out(self, job_ids: list[str] | None = None) -> int:
        """Take these waiting jobs, or all of them, out of the queue. Returns: how many."""
        removed = await self._store.delete_pending(job_ids)
        self._clients.tell_all(Status(self._store.waiting))
        return removed

    async def _ask_nodes(
        self, prompt: dict[str, Any], records: Records, outputs: list[str], node_errors: dict[str, Any]
    ) -> tuple[list[str], dict[str, Any]]:
        """Hear the nodes that check their inputs themselves; outputs behind one that refuses do not run.

        Without a worker that answers, the job is accepted as it is, and the worker that runs it asks again.
        """
        asked = [each for each in prompt if _checks_itself(prompt[each], records)]
        problems = await self._supervisor.validate(prompt, asked) if asked else {}
        if not problems:
            return outputs, node_errors
        behind = {output: nodes_behind(prompt, [output]) for output in outputs}
        node_errors = dict(node_errors)
        for node_id, problem in problems.items():
            error = {
                "type": "custom_validation_failed",
                "message": "the node's own check refuses its inputs",
                "details": str(problem),
                "extra_info": {},
            }
            known = node_errors.get(node_id) or {
                "errors": [],
                "dependent_outputs": [output for output in outputs if node_id in behind[output]],
                "class_type": prompt.get(node_id, {}).get("class_type"),
            }
            node_errors[node_id] = {**known, "errors": [*known["errors"], error]}
        outputs = [output for output in outputs if behind[output].isdisjoint(problems)]
        if not outputs:
            details = "; ".join(f"node {node_id}: {problem}" for node_id, problem in problems.items())
            raise Refused("prompt_outputs_failed_validation", "no output can run", details, node_errors=node_errors)
        return outputs, node_errors

    async def records(self) -> Records:
        """The nodes that exist; waits for the first worker a while. Raises: NotReady."""
        records = await self._catalogue.wait(self._patience_s)
        if records is None:
            notes = each_of(each["note"] for each in self._supervisor.workers() if each["note"])
            more = say(" ({notes})", notes=notes) if notes else ""
            raise NotReady(say("no worker is ready yet; try again in a few seconds{more}", more=more))
        return records


async def _refuse_heavy(count: int, prompt: dict[str, Any], extra_data: dict[str, Any]) -> None:
    """Raises: Refused, if so many copies of a graph, and of what comes with it, are more than a request may ask for."""
    one = len(await asyncio.to_thread(json.dumps, [prompt, extra_data]))
    if one * count > MOST_BATCH_BYTES:
        fits = max(1, MOST_BATCH_BYTES // one)
        words = f"{count} jobs of {one / 1e6:.1f} MB each are too much for one request; ask for up to {fits} at a time"
        raise Refused("invalid_batch", words)


def with_changes(prompt: dict[str, Any], changes: Mapping[tuple[str, str], Any]) -> dict[str, Any]:
    """The prompt with other values for some inputs, given as (node id, input name); what does not change is shared."""
    changed = dict(prompt)
    for (node_id, name), value in changes.items():
        node = changed[node_id]
        changed[node_id] = {**node, "inputs": {**(node.get("inputs") or {}), name: value}}
    return changed


def _common_of(body: dict[str, Any]) -> NewJob:
    """What a request says of its job beside the graph. Raises: Refused."""
    client_id = body.get("client_id")
    webhook, webhook_secret = read_webhook(body.get("webhook"))
    return NewJob(
        id=_as_id(body.get("prompt_id") or str(uuid.uuid4()), "prompt_id"),
        prompt={},
        outputs=[],
        client_id=None if client_id is None else _as_id(client_id, "client_id"),
        targets=_as_targets(body.get("partial_execution_targets")),
        number=_as_number(body.get("number")),
        front=bool(body.get("front")),
        priority=_as_priority(body.get("priority")),
        background=bool(body.get("background")),
        idempotency_key=_as_id_or_none(body.get("idempotency_key"), "idempotency_key"),
        options=_as_options(body.get("options")),
        label=_as_id_or_none(body.get("label"), "label"),
        webhook=webhook,
        webhook_secret=webhook_secret,
    )


def _text_seed(extra_data: dict[str, Any], client_id: str | None, key: str | None) -> int:
    """What chooses among `{a|b}`: the client's own seed, else one by chance, the same when a request is sent again."""
    given = extra_data.get("seed")
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    if key is not None:
        return int.from_bytes(hashlib.sha256(f"{client_id or ''}\n{key}".encode()).digest()[:4])
    return secrets.randbits(32)


def _as_id(value: Any, name: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_ID or not value.isprintable():
        words = f"{name} must be a text of 1 to {LONGEST_ID} printable characters, found {short(value)}"
        raise Refused("invalid_prompt", words)
    return value


def _checks_itself(node: Any, records: Records) -> bool:
    kind = node.get("class_type") if isinstance(node, dict) else None
    return isinstance(kind, str) and bool(records.get(kind, {}).get("validates"))


def _as_id_or_none(value: Any, name: str) -> str | None:
    return None if value is None else _as_id(value, name)


def _as_priority(value: Any) -> int:
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > LARGEST_PRIORITY:
        raise Refused(
            "invalid_prompt",
            f"priority must be a whole number from -{LARGEST_PRIORITY} to {LARGEST_PRIORITY}, found {short(value)}",
        )
    return value


def _as_options(value: Any) -> dict[str, bool]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(each, bool) for each in value.values()):
        raise Refused("invalid_prompt", f"options must be a JSON object of true and false, found {short(value)}")
    if unknown := [name for name in value if name not in JOB_OPTIONS]:
        raise Refused("invalid_prompt", f"options knows {', '.join(JOB_OPTIONS)}, found {str(unknown[0])[:40]!r}")
    return dict(value)


def _as_targets(value: Any) -> list[str] | None:
    if value is None:
        return None
    if not isinstance(value, list):
        raise Refused("invalid_prompt", f"partial_execution_targets must be a list of node ids, found {short(value)}")
    for target in value:
        if not isinstance(target, str | int) or isinstance(target, bool):
            words = f"partial_execution_targets must hold ids of output nodes, found {short(target)}"
            raise Refused("invalid_prompt", words)
    if not value:
        words = "partial_execution_targets is empty; name output nodes in it or leave it out"
        raise Refused("prompt_no_outputs", words)
    return [str(target) for target in value]


def _as_number(value: Any) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not abs(number) <= LARGEST_NUMBER:
        raise Refused("invalid_prompt", f"number must be a number between -2^53 and 2^53, found {short(value)}")
    return number


def _kind_of(value: Any) -> str:
    return {dict: "an object", list: "a list", str: "a text", type(None): "nothing"}.get(type(value), "a number")
