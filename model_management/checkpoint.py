"""From a file to handles: its header is read, its family told, its nets checked; no weight is touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from heddle.graph.errors import HeddleError, WeightsError
from heddle.graph.said import say
from heddle.networks.vae import Autoencoder
from heddle.samplers.predictions import Epsilon, Velocity
from model_management import diffusers_transformers, diffusers_unet, diffusers_vae
from model_management.absent import AbsentClip, AbsentVae
from model_management.averages import PREFIX as AVERAGES
from model_management.averages import averages_of
from model_management.family import (
    Family,
    NetPart,
    TextPart,
    describe_names,
    has_its_texts,
    recognise,
    recognise_network,
)
from model_management.handles import Clip, Model, TextEncoder, Vae
from model_management.header import Header, read_header
from model_management.net_sizes import vae_config
from model_management.places import Place, placed
from model_management.stored_net import StoredNet
from model_management.training_config import TrainingConfig, config_beside

#: What a VAE's names begin with: nothing in a file of its own, the checkpoint's prefix in one that was cut out of it.
VAE_PREFIXES = ("", "first_stage_model.", "vae.")


class OpenedCheckpoint(NamedTuple):
    model: Model
    clip: Clip
    vae: Vae

    @property
    def nets(self) -> list[StoredNet]:
        """Those that are there."""
        texts = () if isinstance(self.clip, AbsentClip) else self.clip.encoders
        vaes = () if isinstance(self.vae, AbsentVae) else (self.vae,)
        return [each.stored for each in (self.model, *texts, *vaes)]


def open_checkpoint(
    path: Path | str,
    families: Sequence[Family],
    config: TrainingConfig | None = None,
    *,
    with_averages: bool = False,
) -> OpenedCheckpoint:
    """The handles of a checkpoint. Text encoders and VAE that the file does not hold raise when they are used.

    Args:
        config: what is known of the model's training, before all that the file says, and what lies beside it.
        with_averages: the network has the averages of its training as weights. A configuration may ask for that, too:
            then only where there are any.
    Raises: WeightsError, if the file is missing, damaged, holds no network of a family among these, or lacks a tensor;
        or if averages are wanted, and it has none.
    """
    header = read_header(path)
    beside = config_beside(header)
    if is_diffusers_network(header):
        model = _open_diffusers(header, families)
        return OpenedCheckpoint(model, AbsentClip(header.path, len(model.family.text)), AbsentVae(header.path))
    family, prefix = recognise(header, families)
    part = replace(family.network, prefix=prefix)
    if with_averages or (config or beside).uses_averages:
        averages = averages_of(part, header)
        if averages is None and with_averages:
            raise WeightsError(
                say(
                    "{file} holds no averages of its weights (EMA): names that begin with {averages} are "
                    "wanted; load it with CheckpointLoaderSimple",
                    file=header.path.name,
                    averages=AVERAGES,
                ),
                file=header.path,
            )
        part = averages or part
    clip, vae = _clip_of(header, family), _vae_of(header, family)
    model = model_of(stored_net("network", header, part), family, None if isinstance(vae, AbsentVae) else vae)
    latent_scale = (config or beside).latent_scale
    if latent_scale is not None:
        model = replace(model, own_latent=replace(model.latent, scale=latent_scale))
    # What lies beside the file the family has asked itself.
    if config is not None and config.predicts is not None and isinstance(model.predicts, Epsilon):
        kind = Velocity if config.predicts == "v" else Epsilon
        model = replace(model, predicts=kind(model.predicts.schedule))
    return OpenedCheckpoint(model, clip, vae)


def _clip_of(header: Header, family: Family) -> Clip:
    there = [part for part in family.text if header.has_prefix(part.prefix)]
    if not there or not has_its_texts(header, family):
        return AbsentClip(header.path, len(family.text))
    return Clip(tuple(text_encoder(header, part) for part in there), family.join)


def _vae_of(header: Header, family: Family) -> Vae:
    if f"{family.vae.prefix}decoder.conv_in.weight" not in header:
        return AbsentVae(header.path)
    stored = stored_net("vae", header, family.vae)
    return Vae(stored, stored.config)


def open_network(path: Path | str, families: Sequence[Family]) -> Model:
    """The handle of a diffusion network, from a file of its own (diffusers' too) or from a full checkpoint.

    Raises: WeightsError, if the file is missing, damaged, or holds no network of a family among these.
    """
    header = read_header(path)
    if is_diffusers_network(header):
        return _open_diffusers(header, families)
    family, prefix = recognise_network(header, families)
    network = stored_net("network", header, replace(family.network, prefix=prefix))
    return model_of(network, family)


def is_diffusers_network(header: Header) -> bool:
    return diffusers_unet.is_diffusers_unet(header) or diffusers_transformers.is_diffusers_transformer(header)


def _open_diffusers(header: Header, families: Sequence[Family]) -> Model:
    if diffusers_unet.is_diffusers_unet(header):
        places = {ours: Place(theirs) for ours, theirs in diffusers_unet.names_in_diffusers(header).items()}
    else:
        places = diffusers_transformers.places_in_diffusers(header)
    family, _ = recognise_network(placed(header, places), families)
    return model_of(stored_net("network", header, in_diffusers(family.network, places)), family)


def in_diffusers(part: NetPart, places: Mapping[str, Place]) -> NetPart:
    """A net of a file that has other names: ours, and where each lies."""
    return replace(
        part,
        prefix="",
        config=lambda file, prefix: part.config(placed(file, places), ""),
        place=lambda name: places.get(name, Place(name)),
    )


def model_of(network: StoredNet, family: Family, vae: Vae | None = None) -> Model:
    """The handle of a family's network, which predicts what its file says."""
    predicts = family.told_prediction(network.header, network.key_of) or family.predicts
    return Model(network, family, network.config, predicts, vae, own_latent=family.told_latent(network.header))


def text_encoder(header: Header, part: TextPart) -> TextEncoder:
    """One text encoder of the file. Raises: WeightsError, see `stored_net`."""
    stored = stored_net("text", header, part)
    return TextEncoder(stored, part, stored.config, part.layer)


def open_vae(path: Path | str) -> Vae:
    """The handle of a VAE, from a file of its own (diffusers' too) or from a full checkpoint.

    Raises: WeightsError, if the file is missing, damaged, or holds no VAE of this layout.
    """
    header = read_header(path)
    if diffusers_vae.is_diffusers_vae(header):
        places = diffusers_vae.places_in_diffusers(header)
        stored = stored_net("vae", header, in_diffusers(NetPart("", vae_config, Autoencoder), places))
        return Vae(stored, stored.config)
    for prefix in VAE_PREFIXES:
        if f"{prefix}decoder.conv_in.weight" in header and f"{prefix}encoder.conv_in.weight" in header:
            stored = stored_net("vae", header, NetPart(prefix, vae_config, Autoencoder))
            return Vae(stored, stored.config)
    raise WeightsError(
        say(
            "{file} holds no VAE known here: encoder.conv_in.weight and decoder.conv_in.weight are "
            "wanted, bare or behind first_stage_model. or vae., but found were {found}; choose another "
            "file",
            file=header.path.name,
            found=describe_names(header),
        ),
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
            say(
                "{file}: the sizes below {place} make no net: {why}; the file is damaged or of another "
                "kind: choose another",
                file=header.path.name,
                place=part.prefix or say("its names"),
                why=problem,
            ),
            file=header.path,
        ) from problem
    stored = StoredNet(role, header, part, config)
    stored.check()
    return stored
