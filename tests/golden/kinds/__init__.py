"""The kinds of golden sets that are known, one module each."""

from tests.golden.kinds.adapter_names import ADAPTER_NAMES
from tests.golden.kinds.adapters import ADAPTERS
from tests.golden.kinds.autoencoder import AUTOENCODER
from tests.golden.kinds.causal_text import CAUSAL_TEXT
from tests.golden.kinds.chains import CHAINS
from tests.golden.kinds.control_nets import CONTROL_NETS
from tests.golden.kinds.hypernetworks import HYPERNETWORKS
from tests.golden.kinds.infotext import INFOTEXT
from tests.golden.kinds.kind import Kind
from tests.golden.kinds.menu_schedules import MENU_SCHEDULES
from tests.golden.kinds.node_sampling import NODE_SAMPLING
from tests.golden.kinds.noise_a1111 import NOISE_A1111
from tests.golden.kinds.noise_levels import NOISE_LEVELS
from tests.golden.kinds.operations import OPERATIONS
from tests.golden.kinds.prompts_a1111 import PROMPTS_A1111
from tests.golden.kinds.sampling import SAMPLING
from tests.golden.kinds.small_autoencoders import SMALL_AUTOENCODERS
from tests.golden.kinds.stable_diffusion import STABLE_DIFFUSION
from tests.golden.kinds.t5 import T5_ENCODERS
from tests.golden.kinds.text_inversion import TEXT_INVERSION
from tests.golden.kinds.tokens import TOKENS
from tests.golden.kinds.tokens_other import TOKENS_OTHER
from tests.golden.kinds.transformers import TRANSFORMERS
from tests.golden.kinds.upscalers import UPSCALERS
from tests.golden.kinds.vision import VISION

KINDS = (
    NOISE_LEVELS,
    MENU_SCHEDULES,
    SAMPLING,
    NODE_SAMPLING,
    TOKENS_OTHER,
    TOKENS,
    STABLE_DIFFUSION,
    CONTROL_NETS,
    SMALL_AUTOENCODERS,
    VISION,
    UPSCALERS,
    TEXT_INVERSION,
    OPERATIONS,
    CHAINS,
    ADAPTERS,
    HYPERNETWORKS,
    ADAPTER_NAMES,
    INFOTEXT,
    PROMPTS_A1111,
    NOISE_A1111,
    TRANSFORMERS,
    T5_ENCODERS,
    CAUSAL_TEXT,
    AUTOENCODER,
)

__all__ = ["KINDS", "Kind"]
