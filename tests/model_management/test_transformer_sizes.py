import pytest
import torch
from torch import nn

from heddle.networks.auraflow import AuraFlow, AuraFlowConfig
from heddle.networks.causal_text import CausalText, CausalTextConfig, NearLayers
from heddle.networks.chroma import Chroma, ChromaConfig
from heddle.networks.flux import Flux, FluxConfig
from heddle.networks.lumina import Lumina, LuminaConfig
from heddle.networks.mmdit import Mmdit, MmditConfig
from heddle.networks.ops import PLAIN
from heddle.networks.t5 import T5, T5Config
from heddle.networks.vae import Autoencoder, VaeConfig
from model_management.net_sizes import vae_config
from model_management.transformer_sizes import (
    auraflow_config,
    chroma_config,
    flux_config,
    gemma2_config,
    lumina_config,
    mmdit_config,
    t5_config,
)
from tests.model_management.test_family import PUBLISHED, header_of


def shapes_of(net_class, config) -> dict[str, list[int]]:
    with torch.device("meta"):
        net: nn.Module = net_class(config, PLAIN)
    return {name: list(tensor.shape) for name, tensor in net.state_dict().items()}


FLUX = FluxConfig(3072, 128, 12288, 1, 1, 4096, 768)
GEMMA_2 = CausalTextConfig(
    48, 3, 4, 2, 256, 40, vocabulary=9, activation="gelu", is_gemma=True, near=NearLayers(2, 4096), score_cap=30.0
)
UNUSED = "norm_final.weight"  # of Lumina Image 2, published and never used
T5_RELU = T5Config(96, 2, 4, 64, 256, has_gate=False)


@pytest.mark.parametrize(
    ("layout", "read", "net_class", "wanted"),
    [
        ("flux_1_1", flux_config, Flux, FLUX),
        ("chroma_1_1", chroma_config, Chroma, ChromaConfig(3072, 128, 12288, 1, 1, 4096)),
        ("auraflow_1_1", auraflow_config, AuraFlow, AuraFlowConfig(3072, 8192, 1, 1, 2048, places=32)),
        ("lumina2_1", lumina_config, Lumina, LuminaConfig(2304, 96, 24, 8, 9216, 2, 1, 2304, 1024)),
        ("sd3_2", mmdit_config, Mmdit, MmditConfig(128, 512, (False, False), 4096, 2048, places=32)),
        ("t5_small_relu", t5_config, T5, T5_RELU),
        ("flux_ae", vae_config, Autoencoder, VaeConfig((128, 256, 512, 512), 2, latent_channels=16, has_quant=False)),
    ],
)
def test_published_layouts_give_their_sizes_and_the_nets_want_exactly_their_names(layout, read, net_class, wanted):
    config = read(header_of(PUBLISHED[layout]), "")
    assert config == wanted
    published = {name: shape for name, shape in PUBLISHED[layout].items() if name != UNUSED}
    assert shapes_of(net_class, config) == published


@pytest.mark.parametrize(
    ("read", "net_class", "config"),
    [
        (flux_config, Flux, FluxConfig(64, 32, 48, 3, 5, 24, 12, in_channels=96, out_channels=16, has_guidance=False)),
        (flux_config, Flux, FluxConfig(96, 96, 48, 1, 1, 8, 12, in_channels=32)),
        (chroma_config, Chroma, ChromaConfig(64, 32, 48, 2, 3, 24, in_channels=4, asking_width=40, asking_layers=3)),
        (mmdit_config, Mmdit, MmditConfig(128, 96, (True, True, False), 24, 12, places=7, has_qk_norm=True)),
        (mmdit_config, Mmdit, MmditConfig(64, 96, (False,), 8, 4, places=3, in_channels=8, out_channels=4, side=1)),
        (auraflow_config, AuraFlow, AuraFlowConfig(256, 48, 2, 3, 24, 5, registers=2, in_channels=16, out_channels=8)),
        (lumina_config, Lumina, LuminaConfig(48, 12, 8, 2, 40, 1, 3, 24, 32, in_channels=4, out_channels=8)),
        (gemma2_config, CausalText, GEMMA_2),
        (t5_config, T5, T5Config(24, 3, 4, 20, 40, vocabulary=9, bias_in_each_layer=True)),
        (t5_config, T5, T5Config(24, 1, 2, 6, 40, vocabulary=9, buckets=16, has_gate=False)),
        (vae_config, Autoencoder, VaeConfig((32, 64), 1, latent_channels=16, has_quant=False)),
        (vae_config, Autoencoder, VaeConfig((32, 64), 3, latent_channels=4)),
    ],
)
def test_any_sizes_are_read_behind_a_prefix(read, net_class, config):
    shapes = {f"some.{name}": shape for name, shape in shapes_of(net_class, config).items()}
    assert read(header_of(shapes), "some.") == config
