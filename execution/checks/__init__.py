"""What is asked of a graph's inputs: values, sockets, node types; `execution.check` is the door."""
