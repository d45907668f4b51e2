"""What packs find in `comfy.options`: whether the command line was read, which `main.py` does."""

args_parsing = True


def enable_args_parsing(enable: bool = True) -> None:
    """Nothing to switch: the command line is read once, before any pack is there."""
