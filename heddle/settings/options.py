"""What was asked for, one frozen `Settings`, and what holds where nothing is said.

How it is written on the command line stands in `command_line.py`. What the folders hold is the business of
`folders.py`; what a command does, that of `main.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from heddle.settings.memory import MemorySettings

HOUSE = Path(__file__).resolve().parents[2]
"""The folder that holds main.py: the base directory unless told otherwise, and where shipped models lie."""

LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0,::"  # what a bare --listen means to users of this ecosystem
PORT = 8188
DURABILITIES = ("full", "normal")
MOST_WORKERS = 64
HEDDLE_VERSION = "0.1.0"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
CACHE_BYTES = 1 << 30
DISK_CACHE_BYTES = 4 << 30
DISK_CACHE_WORTH_S = 1.0
HEADROOM_GB = 4
UPLOAD_BYTES = 100 << 20
VERSIONS_EACH = 200
VERSIONS_BYTES = 1 << 30
PREVIEW_METHODS = ("none", "auto", "latent2rgb", "taesd")
PREVIEW_PX = 512

COMMANDS = {
    "serve": "start the server (also without any command)",
    "run": "run one workflow without a server and print the files it made",
    "replay": "make a file again from what it carries and compare the two",
    "check": "check one workflow against the nodes that exist, without running it",
    "convert": "print the API form of one workflow as JSON",
    "nodes": "list the nodes",
    "docs": "write the help of all nodes as Markdown pages",
    "train-demo": "train the demo model",
}

PAGES = "node-pages"

#: What `--language` takes, and how the files of `web/locales` call it.
LANGUAGES = {"en": "en", "zh": "zh-CN"}

ATTENTION = "pytorch attention"


@dataclass(frozen=True)
class AttentionFlag:
    """An option that chooses how attention is computed.

    kernel: one of `heddle.numerics.attention_kernels.KERNELS`. package: what it needs, by the name that one installs,
        and the name of its module.
    """

    kernel: str
    words: str
    package: str = ""
    module: str = ""


ATTENTION_FLAGS = {
    "--use-pytorch-cross-attention": AttentionFlag(ATTENTION, "torch's own kernels, the default"),
    "--use-quad-cross-attention": AttentionFlag("sub-quadratic attention", "parts of queries and keys: least memory"),
    "--use-split-cross-attention": AttentionFlag("split attention", "parts of the queries: less memory"),
    "--use-sage-attention": AttentionFlag("sage attention", "sageattention", "sageattention", "sageattention"),
    "--use-flash-attention": AttentionFlag("flash attention", "flash-attn", "flash-attn", "flash_attn"),
    "--xformers": AttentionFlag("xformers attention", "xformers", "xformers", "xformers"),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What was asked for on the command line. Paths are absolute; None means: below the base directory."""

    command: str = "serve"
    listen: tuple[str, ...] = (LOOPBACK,)
    port: int = PORT
    tls: tuple[Path, Path] | None = None  # certificate and key: HTTPS
    cors_origin: str | None = None  # whose pages may use the server as well; * for all
    upload_bytes: int = UPLOAD_BYTES
    front_end: Path | None = None  # None: our own page
    multi_user: bool = False  # several people, each with files and settings of their own
    versions_each: int = VERSIONS_EACH  # of one workflow
    versions_days: int = 0  # how old they grow; 0: however old
    versions_bytes: int = VERSIONS_BYTES  # of all of a person's workflows
    base_directory: Path = HOUSE
    input_directory: Path | None = None
    output_directory: Path | None = None
    temp_directory: Path | None = None
    user_directory: Path | None = None
    extra_model_paths: tuple[Path, ...] = ()
    cpu: bool = False
    memory: MemorySettings = field(default_factory=MemorySettings)
    attention: str = ATTENTION  # the kernel that computes it where a model asks for no other
    log_level: str = "INFO"
    cache_bytes: int = CACHE_BYTES
    cache_results: int | None = None  # at most so many results, whatever their size up to cache_bytes
    cache_headroom: int | None = None  # bytes of free memory that the cache leaves; then cache_bytes does not count
    disk_cache_bytes: int = DISK_CACHE_BYTES
    disk_cache_worth_s: float = DISK_CACHE_WORTH_S  # what a result took that is worth a file
    no_packs: bool = False
    packs_only: tuple[str, ...] = ()  # packs to load, all others left alone; also with no_packs
    preview_method: str = "auto"
    previews_were_asked_for: bool = False  # on the command line; else they are for clients that say they read them
    preview_px: int = PREVIEW_PX  # the longer side
    worker_devices: tuple[str, ...] = ("",)  # one worker each: "cpu", "cuda:1"; "": the first accelerator, else the CPU
    job_durability: str = "full"
    keep_events_of: int = 1000
    cancel_patience_s: float = 5.0
    node_timeout_s: float | None = None
    worker_memory_bytes: int | None = None
    webhook_secret: str | None = field(default=None, repr=False)  # signs what other programs are told of jobs
    private_webhooks: bool = False  # they may be on this machine or a private network, although others can reach us
    no_metadata: bool = False  # files carry nothing of what made them
    earlier_output: Path | None = None  # results of earlier runs, read where the output folder has none of the name
    workflow: Path | None = None  # run, replay, check, convert
    changes: tuple[str, ...] = ()  # run: the texts of --set, for `read_change`
    catalogue: Path | None = None  # convert: nodes that are not here, as /object_info answers
    seed: int | None = None  # run, replay, check, convert: chooses among {a|b} in texts
    as_json: bool = False  # nodes
    pages: Path = Path(PAGES)  # docs: the folder to write to
    language: str = "en"  # docs
    only_packs: bool = False  # serve: load the packs, then end
    left_out: tuple[str, ...] = ()  # options of other engines that say nothing here
    rest: tuple[str, ...] = ()  # train-demo: what its own reader gets

    @property
    def is_private(self) -> bool:
        """True if only this machine can reach the server."""
        return all(address in ("localhost", "::1") or address.startswith("127.") for address in self.listen)
