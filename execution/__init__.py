"""A graph in, events out: convert, plan, cache, run, cancel; the worker. The names here are those that packs import."""

from heddle.graph.dynamic_prompt import DynamicPrompt as DynamicPrompt
from heddle.graph.results import ExecutionBlocker as ExecutionBlocker
