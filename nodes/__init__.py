"""The built-in nodes, one folder per menu; `catalogue.py` gathers them. The names here are those that packs import."""

from nodes.door import EXTENSION_WEB_DIRS as EXTENSION_WEB_DIRS
from nodes.door import LOADED_MODULE_DIRS as LOADED_MODULE_DIRS
from nodes.door import MAX_RESOLUTION as MAX_RESOLUTION
from nodes.door import NODE_CLASS_MAPPINGS as NODE_CLASS_MAPPINGS
from nodes.door import NODE_DISPLAY_NAME_MAPPINGS as NODE_DISPLAY_NAME_MAPPINGS
from nodes.door import __getattr__ as __getattr__
from nodes.door import before_node_execution as before_node_execution
from nodes.door import interrupt_processing as interrupt_processing
