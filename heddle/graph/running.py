"""Which node runs here and now, for code that is called by a node and gets no context handed in.

The executor sets both variables around every call of a node; they are contextvars, so nodes that run at the same time
(coroutines, threads) each see their own.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from heddle.graph.context import Context


@dataclass(slots=True)
class CallPlace:
    """One call of a node: a list at an input calls it several times.

    Attributes:
        job_id: the job, which clients call prompt id.
        node_id: the node, as the graph that runs names it.
        call_index: number of the call, from 0; None where the whole list is handed in at once.
        graphs_made: how many graphs this call has begun to build, for ids that are new each time.
    """

    job_id: str
    node_id: str
    call_index: int | None = 0
    graphs_made: int = 0


#: What the node that runs may ask of the house; None outside of any node.
current_context: ContextVar[Context | None] = ContextVar("current_context", default=None)

#: Where the call stands; None outside of any node.
call_place: ContextVar[CallPlace | None] = ContextVar("call_place", default=None)
