"""From a file to handles: its header is read, its family told, its nets checked; no weight is touched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from heddle.graph.errors import HeddleError, WeightsError
from heddle.networks.vae import Autoencoder
from model_management.family import Family, NetPart, describe_names, recognise
from model_management.handles import Clip, Model, Vae
from model_management.header import Header, read_header
from model_management.net_sizes import vae_config
from model_management.stored_net import StoredNet

#: What a VAE's names begin with: nothing in a file of its own, the checkpoint's prefix in one that was cut out of it.
VAE_PREFIXES = ("", "first_stage_model.")


class OpenedCheckpoint(NamedTuple):
    model: Model
    clip: Clip
    vae: Vae


def open_checkpoint(path: Path | str, families: Sequence[Family]) -> OpenedCheckpoint:
    """The handles of a full checkpoint.

    Raises: WeightsError, if the file is missing, damaged, of no family among these, or lacks a tensor.
    """
    header = read_header(path)
    family = recognise(header, families)
    network = stored_net("network", header, family.network)
    text = stored_net("text", header, family.text[0])
    stored_vae = stored_net("vae", header, family.vae)
    vae = Vae(stored_vae, stored_vae.config)
    return OpenedCheckpoint(
        Model(network, family, network.config, family.predicts, vae),
        Clip(text, text.config, family.text[0].layer, family.text[0].with_norm),
        vae,
    )


def open_vae(path: Path | str) -> Vae:
    """The handle of a VAE, from a file of its own or from a full checkpoint.

    Raises: WeightsError, if the file is missing, damaged, or holds no VAE of this layout.
    """
    header = read_header(path)
    for prefix in VAE_PREFIXES:
        if f"{prefix}decoder.conv_in.weight" in header and f"{prefix}encoder.conv_in.weight" in header:
            stored = stored_net("vae", header, NetPart(prefix, vae_config, Autoencoder))
            return Vae(stored, stored.config)
    raise WeightsError(
        f"{header.path.name} holds no VAE known here: encoder.conv_in.weight and decoder.conv_in.weight are wanted, "
        f"bare or behind first_stage_model., but found were {describe_names(header)}; choose another file",
        file=header.path,
    )


def stored_net(role: str, header: Header, part: NetPart) -> StoredNet:
    """One net of the file, its sizes read and its tensors checked.

    Raises: WeightsError, if a tensor is missing or has another shape than the rest of the net asks for.
    """
    try:
        config = part.config(header, part.prefix)
    except WeightsError:
        raise
    except (HeddleError, ValueError, IndexError) as problem:
        raise WeightsError(
            f"{header.path.name}: the sizes below {part.prefix or 'its names'} make no net: {problem}; "
            "the file is damaged or of another kind: choose another",
            file=header.path,
        ) from problem
    stored = StoredNet(role, header, part, config)
    stored.check()
    return stored
