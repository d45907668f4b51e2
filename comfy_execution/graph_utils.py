"""What packs find in `comfy_execution.graph_utils`."""

from heddle.graph.graph_builder import GraphBuilder as GraphBuilder
from heddle.graph.graph_builder import Node as Node
from heddle.graph.graph_builder import add_graph_prefix as add_graph_prefix
from heddle.graph.results import ExecutionBlocker as ExecutionBlocker
from heddle.graph.workflow import is_link as is_link
