"""What packs find in `import comfy`: each module passes on to a room of the house."""

from comfy._modules import __getattr__ as __getattr__
