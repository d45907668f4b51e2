"""What is kept for a person beside the files: versions of workflows, drafts of open tabs, thumbnails."""

from server.kept.drafts import DraftLimits, Drafts, DraftsFull
from server.kept.workflows import Changed, Expected, VersionLimits, WorkflowFiles

__all__ = ["Changed", "DraftLimits", "Drafts", "DraftsFull", "Expected", "VersionLimits", "WorkflowFiles"]
