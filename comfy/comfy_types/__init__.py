"""What packs find in `comfy.comfy_types`: names of types, and classes for type checkers."""

from comfy.comfy_types.node_typing import IO as IO
from comfy.comfy_types.node_typing import CheckLazyMixin as CheckLazyMixin
from comfy.comfy_types.node_typing import ComfyNodeABC as ComfyNodeABC
from comfy.comfy_types.node_typing import FileLocator as FileLocator
from comfy.comfy_types.node_typing import InputTypeDict as InputTypeDict
from comfy.comfy_types.node_typing import InputTypeOptions as InputTypeOptions
from comfy.comfy_types.node_typing import RemoteInputOptions as RemoteInputOptions
from comfy.comfy_types.node_typing import UnetApplyConds as UnetApplyConds
from comfy.comfy_types.node_typing import UnetApplyFunction as UnetApplyFunction
from comfy.comfy_types.node_typing import UnetParams as UnetParams
from comfy.comfy_types.node_typing import UnetWrapperFunction as UnetWrapperFunction
