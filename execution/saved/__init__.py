"""The saved form of a workflow, taken apart: its graphs, widgets, subgraphs, links and texts; `convert` is the door."""
