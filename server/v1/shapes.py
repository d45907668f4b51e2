"""The bodies that /api/v1 takes and the answers it gives, as models; imported when the first of them is needed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from server.v1 import memory_shapes

State = Literal["queued", "running", "partial", "done", "failed", "cancelled"]
Word = Annotated[str, Field(min_length=1, max_length=200)]
Seed = Annotated[int, Field(ge=0, lt=2**64)]
MOST_JOBS = 1000  # of one request

Memory = memory_shapes.Memory


class Taken(BaseModel):
    """A body: names that are not known are refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Options(Taken):
    """How a job runs."""

    stop_at_first_error: bool = Field(False, description="End with the first failed node instead of the other branches")
    cache: bool = Field(True, description="Take kept results, and keep new ones")


class Webhook(Taken):
    """Whom to tell of a job."""

    url: str = Field(max_length=2000, description="http or https; redirects are not followed")
    secret: str | None = Field(None, min_length=1, max_length=200, description="Signs what is sent; never shown again")
    events: list[State] | None = Field(None, min_length=1, description="States to be told of; the ends if not given")


class Submission(Taken):
    """A job, or several that differ in some inputs."""

    workflow: dict[str, Any] | None = Field(None, description="The graph, in the API form or as an editor saves it")
    prompt: dict[str, Any] | None = Field(None, description="The same as `workflow`, as POST /prompt names it")
    client_id: Word | None = None
    label: Word | None = Field(None, description="A name for people")
    priority: int = Field(0, ge=-1000, le=1000, description="Higher runs first")
    background: bool = Field(False, description="Runs only while nothing else waits")
    front: bool = Field(False, description="Before all that wait with this priority")
    targets: list[str] | None = Field(None, description="Output nodes to run; all if not given")
    options: Options | None = None
    webhook: Webhook | None = None
    idempotency_key: Word | None = Field(None, description="As the header Idempotency-Key")
    extra_data: dict[str, Any] | None = None
    seed: int | None = Field(None, description="Chooses among {a|b} in texts of the saved form, and with `count`")
    batch: list[dict[str, Any]] | None = Field(
        None, min_length=1, max_length=MOST_JOBS, description="One job for each: {NODE.INPUT: value}"
    )
    seeds: list[Seed] | None = Field(
        None, min_length=1, max_length=MOST_JOBS, description="One job for each, with it in every seed input"
    )
    count: int | None = Field(None, ge=1, le=MOST_JOBS, description="So many jobs, with seeds by chance")


class Move(Taken):
    """A new place for a waiting job: one of the first three, or another class."""

    to: Literal["front", "back"] | None = None
    before: Word | None = Field(None, description="The job that it shall run right before")
    after: Word | None = Field(None, description="The job that it shall run right after")
    priority: int | None = Field(None, ge=-1000, le=1000)
    background: bool | None = None


class Retry(Taken):
    """How a job runs again where it differs from the first time."""

    client_id: Word | None = Field(None, description="Who hears of it; the first one's if not given")
    front: bool = Field(False, description="Before all that wait with its priority")
    priority: int | None = Field(None, ge=-1000, le=1000)


class JobError(BaseModel):
    """The first thing that went wrong."""

    node_id: str | None
    class_type: str | None
    kind: str | None
    reason: str


class Output(BaseModel):
    """A file or a text that a node showed."""

    node_id: str
    kind: str = Field(description="The name under which the node lists it, such as images")
    text: str | None = None
    filename: str | None = None
    subfolder: str | None = None
    type: str | None = None
    url: str | None = None
    media_type: str | None = None
    data: str | None = Field(None, description="Base64, where outputs=inline was asked")


class WebhookShown(BaseModel):
    """Whom a job tells, without what only both sides know."""

    host: str
    events: list[State]


class JobRecord(BaseModel):
    """A job. Times in milliseconds since 1970."""

    id: str
    label: str | None
    state: State
    client_id: str | None
    priority: int
    background: bool
    created_ms: int
    started_ms: int | None
    ended_ms: int | None
    progress_percent: float
    position: int | None = Field(description="How many waiting jobs go before it")
    seconds_left: float | None
    worker: str | None
    worker_deaths: int
    error: JobError | None
    options: dict[str, bool]
    webhook: WebhookShown | None
    workflow_id: str | None
    outputs: list[Output]
    text_choices: dict[str, Any] | None = Field(None, description="The seed, and which words were chosen with it")
    conversion_notes: list[Any] | None = Field(None, description="What was left out of a saved workflow")


class NodeAtWork(BaseModel):
    """The node that runs, and how far it is: `value` of `max`."""

    node_id: str
    class_type: str | None
    value: float
    max: float


class OutputInQueue(Output):
    thumbnail: str | None = Field(description="The address of a small picture, if there is one")


class JobInQueue(BaseModel):
    """A job as a panel shows it. Times in milliseconds since 1970."""

    id: str
    label: str | None
    state: State
    client_id: str | None
    priority: int
    background: bool
    created_ms: int
    started_ms: int | None
    ended_ms: int | None
    progress_percent: float
    position: int | None
    seconds_left: float | None
    worker: str | None
    node: NodeAtWork | None
    error: JobError | None
    workflow_id: str | None
    outputs: list[OutputInQueue] = Field(description="The first few files, what was saved before the rest")
    outputs_count: int


class QueuePanel(BaseModel):
    """Jobs that run, wait and ended."""

    version: str = Field(description="The websocket's heddle_queue names another when this is out of date")
    running: list[JobInQueue]
    waiting: list[JobInQueue]
    waiting_total: int
    ended: list[JobInQueue]
    ended_total: int
    ended_cursor: str | None


class Queued(BaseModel):
    """A job that was accepted."""

    id: str
    state: State
    position: int | None
    url: str


class Submitted(BaseModel):
    """What was accepted, in the order in which it was asked for."""

    jobs: list[Queued]
    node_errors: dict[str, Any]


class JobList(BaseModel):
    """A page of jobs."""

    jobs: list[JobRecord]
    total: int
    limit: int
    offset: int
    next_cursor: str | None


class Event(BaseModel):
    """Something that happened to a job."""

    seq: int = Field(description="Its number over all jobs, rising, with gaps")
    job_id: str
    number: int = Field(description="Its number within the job, from 1")
    at_ms: int
    event: dict[str, Any]


class Events(BaseModel):
    """Events in their order, and the number to go on from."""

    events: list[Event]
    last: int


class NodeExplained(BaseModel):
    """What became of a node, and why."""

    how: str | None
    why: list[Any]
    seconds: float | None
    finished_ms: int | None


class Explained(BaseModel):
    """For each node: ran, kept in memory or on disk, skipped; and what differed from last time."""

    nodes: dict[str, NodeExplained]


class LogLine(BaseModel):
    """A line about a job; `said` is what its text was made of, where that is known."""

    at_ms: int | None
    node_id: str | None
    level: str
    text: str
    said: dict[str, Any] | None = None


class Logs(BaseModel):
    """What was said about a job, oldest first."""

    lines: list[LogLine]


class Waited(BaseModel):
    """A job after a wait, and whether it has ended."""

    ended: bool
    job: JobRecord


class Cancelled(BaseModel):
    """Whether the job waited or ran."""

    cancelled: bool


class Removed(BaseModel):
    """Whether there was an entry."""

    removed: bool


class Moved(BaseModel):
    """The place that a job has now: how many go before it."""

    position: int | None


Place = Literal["output", "input", "temp"]
FileName = Annotated[str, Field(min_length=1, max_length=1000)]
FolderName = Annotated[str, Field(max_length=4000)]
MOST_FILES = 10_000  # of one request


class FileTaken(Taken):
    """A file of the folders of results."""

    filename: FileName
    subfolder: FolderName = ""
    type: Place = "output"


class UseAsInput(FileTaken):
    """A result that nodes shall load."""

    folder: FolderName = Field("", description="The folder below the input folder that it goes to")


class DeleteOutputs(Taken):
    """Results to take away."""

    files: list[FileTaken] = Field(min_length=1, max_length=MOST_FILES)
    forever: bool = Field(False, description="Not into the trash")


class RestoreOutputs(Taken):
    """What was deleted together, by the name that the answer gave it."""

    trash: Word


class EmptyTrash(Taken):
    """One heap of the trash; all of them if not given."""

    trash: Word | None = None


class FileShown(BaseModel):
    """A file of the folders of results."""

    filename: str
    subfolder: str
    type: Place


class OutputEntry(FileShown):
    """A result. Sizes in pixels; what is null is not known, or not yet."""

    kind: Literal["image", "video", "audio", "text", "3d", "other"]
    width: int | None
    height: int | None
    duration_s: float | None
    bytes: int
    modified_ms: int
    job_id: str | None
    node_id: str | None
    has_workflow: bool | None = Field(description="Whether it carries something that an editor can open")
    url: str
    thumbnail: str | None


class OutputPage(BaseModel):
    """A page of results, and the cursors to go on from."""

    entries: list[OutputEntry]
    total: int
    total_bytes: int | None = Field(description="Null where files are chosen by text, job or time")
    next_cursor: str | None = Field(description="For `after`; null at the end")
    prev_cursor: str | None = Field(description="For `before`, also to hear of newer ones later")
    has_prev: bool
    scanning: bool = Field(description="The folder is being read for the first time in this run; more may come")


class OutputFolder(BaseModel):
    """A folder with files right in it."""

    subfolder: str
    kinds: dict[str, int]
    bytes: int


class OutputFolders(BaseModel):
    """The folders that hold results."""

    folders: list[OutputFolder]


class Infotext(BaseModel):
    """A1111's text of settings, taken apart."""

    prompt: str
    negative: str
    settings: dict[str, str]


class OutputMetadata(OutputEntry):
    """What is in a file."""

    format: str | None
    media_type: str
    mode: str | None = Field(description="The colours of a picture as Pillow names them, such as RGBA")
    frames: int | None
    frame_rate: float | None = Field(description="Of a video, frames in a second")
    video_codec: str | None = Field(description="As FFmpeg names it, such as h264")
    audio_codec: str | None
    sample_rate: int | None = Field(description="Of a sound, in Hz")
    channels: int | None
    workflow: dict[str, Any] | None
    prompt: dict[str, Any] | None
    parameters: str | None
    infotext: Infotext | None = Field(description="The parameters taken apart")
    other_texts: list[str]
    notes: list[str]
    notes_said: list[dict[str, Any] | None] | None = Field(None, description="What each note was made of")


class UsedAsInput(BaseModel):
    """Where the copy lies; `value` is its name for nodes such as LoadImage."""

    name: str
    subfolder: str
    type: str
    value: str


class FileKept(FileShown):
    """A file that could not be taken away; `said` is what the reason was made of, where that is known."""

    reason: str
    said: dict[str, Any] | None = None


class DeletedOutputs(BaseModel):
    """What was taken away, and under which name it comes back; null where it does not."""

    deleted: list[FileShown]
    failed: list[FileKept]
    trash: str | None


class FileInTrash(FileShown):
    bytes: int


class Heap(BaseModel):
    """What was deleted together."""

    trash: str
    deleted_ms: int
    until_ms: int
    files: list[FileInTrash]


class Trash(BaseModel):
    """What can be brought back, the latest first."""

    heaps: list[Heap]


class FileRestored(FileShown):
    """A file that is back; `was` is the name that it had."""

    was: str


class RestoredOutputs(BaseModel):
    restored: list[FileRestored]


class EmptiedTrash(BaseModel):
    """How many heaps were given up."""

    emptied: int


class ModelNamed(Taken):
    """A model file, by its kind and the name that lists give it."""

    folder: Word
    name: FileName


class HashModels(Taken):
    """Model files whose hash is wanted."""

    models: list[ModelNamed] = Field(min_length=1, max_length=1000)


class ModelHash(BaseModel):
    """Where a hash stands."""

    folder: str
    name: str
    state: Literal["waiting", "hashing", "known", "failed"]
    percent: float
    sha256: str | None
    autov2: str | None = Field(description="Its first ten digits, as A1111 writes them into pictures")
    reason: str | None
    said: dict[str, Any] | None = Field(None, description="What the reason was made of, where that is known")


class ModelHashes(BaseModel):
    models: list[ModelHash]


class ModelSummary(BaseModel):
    """What the header of a model file says of it; null or empty where it says nothing."""

    title: str | None
    base_model: str | None
    trigger_words: list[str]
    tags: list[str] = Field(description="Its own, else those that it was trained with most")
    resolution: str | None
    description: str | None
    author: str | None
    license: str | None
    usage_hint: str | None
    network_dim: str | None


class ModelShown(BaseModel):
    """A model file. `folder` is its kind, `path_index` says in which of the kind's folders it lies."""

    folder: str
    name: str
    path_index: int
    bytes: int
    modified_ms: int
    created_ms: int
    preview: str | None
    metadata: ModelSummary | None
    problem: str | None
    sha256: str | None
    autov2: str | None


class ModelPage(BaseModel):
    models: list[ModelShown]
    total: int


class ErrorWords(BaseModel):
    """What was wrong."""

    type: str
    message: str
    details: Any
    extra_info: Any


class Error(BaseModel):
    """The one shape of everything that goes wrong."""

    error: ErrorWords
    node_errors: dict[str, Any]
