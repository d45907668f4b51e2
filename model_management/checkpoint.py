"""From a file to handles: its header is read, its family told, its nets checked; no weight is touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from heddle.graph.errors import HeddleError, WeightsError
from heddle.networks.vae import Autoencoder
from heddle.samplers.predictions import Prediction
from model_management.family import Family, NetPart, TextPart, describe_names, recognise, recognise_network
from model_management.handles import Clip, Model, TextEncoder, Vae
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
    stored_vae = stored_net("vae", header, family.vae)
    vae = Vae(stored_vae, stored_vae.config)
    return OpenedCheckpoint(
        Model(network, family, network.config, predicted(header, family), vae),
        Clip(tuple(text_encoder(header, part) for part in family.text), family.join),
        vae,
    )


def open_network(path: Path | str, families: Sequence[Family]) -> Model:
    """The handle of a diffusion network, from a file of its own or from a full checkpoint.

    Raises: WeightsError, if the file is missing, damaged, or holds no network of a family among these.
    """
    header = read_header(path)
    family, prefix = recognise_network(header, families)
    network = stored_net("network", header, replace(family.network, prefix=prefix))
    return Model(network, family, network.config, family.told_prediction(header, prefix) or family.predicts)


def predicted(header: Header, family: Family) -> Prediction:
    """What the output of a file's network means."""
    return family.told_prediction(header, family.network.prefix) or family.predicts


def text_encoder(header: Header, part: TextPart) -> TextEncoder:
    """One text encoder of the file. Raises: WeightsError, see `stored_net`."""
    stored = stored_net("text", header, part)
    return TextEncoder(stored, part, stored.config, part.layer)


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
