"""What of a file a net has taken, for people who wonder whether it is the right one."""

from __future__ import annotations

from model_management.adapter_files import MatchReport
from model_management.stored_net import StoredNet


def key_report(*nets: StoredNet) -> MatchReport:
    """How many of a file's keys these nets of it use, and which they do not."""
    header = nets[0].header
    used = {net.key_of(name) for net in nets for name in net.shapes}
    return MatchReport(header.path.name, len(used), tuple(key for key in header.tensors if key not in used))
