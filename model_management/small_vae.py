"""Small autoencoders from their files: whole, as a VAE, or the decoder alone, for previews."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import nn

from heddle.graph.errors import WeightsError
from heddle.graph.said import say
from heddle.networks.small_vae import SmallAutoencoder, SmallVaeConfig, small_decoder, small_encoder
from heddle.settings.folders import Folders
from heddle.settings.small_autoencoders import HALVES, half_of
from model_management.checkpoint import stored_net
from model_management.family import NetPart
from model_management.handles import Vae
from model_management.header import Header, read_header
from model_management.stored_net import OnPart, StoredNet, ignore_parts
from model_management.weight_patches import WeightPatch

#: scale and shift of the latents that each was trained to make, see `SmallVaeConfig`.
#: Those of the families: SD 1 / 2, SDXL, SD 3, FLUX.1, as their published configurations have them.
LATENTS = {"taesd": (0.18215, 0.0), "taesdxl": (0.13025, 0.0), "taesd3": (1.5305, 0.0609), "taef1": (0.3611, 0.1159)}


@dataclass(frozen=True)
class SmallDecoder:
    """The decoder alone. Held, it gives a net from latents [B, C, h, w] of the family's network to pixels, 0..1."""

    stored: StoredNet
    weight_patches: tuple[WeightPatch, ...] = ()


@dataclass(frozen=True)
class PairedNet(StoredNet):
    """An autoencoder in two files: this is the encoder's."""

    decoder: StoredNet

    @property
    def is_lendable(self) -> bool:
        return False  # small, and of two files

    @property
    def key(self) -> tuple[object, ...]:
        return (*super().key, *self.decoder.key)

    @cached_property
    def numel(self) -> int:
        return sum(each.numel for each in (self._encoder, self.decoder))

    @property
    def _encoder(self) -> StoredNet:
        return StoredNet(self.role, self.header, self.part, self.config)

    def load(self, device: torch.device, dtype: torch.dtype, on_part: OnPart = ignore_parts) -> nn.Module:
        halves = (each.load(device, dtype, on_part) for each in (self._encoder, self.decoder))
        return SmallAutoencoder(self.config, *halves).eval()


def open_small_vae(name: str, folders: Folders) -> Vae:
    """The handle of a published small autoencoder, by its name.

    Raises: WeightsError, if a half of it is not there, damaged, or does not fit the other.
    """
    encoder, decoder = (_stored_half(name, half, _path(name, half, folders)) for half in HALVES)
    if encoder.config != decoder.config:
        raise WeightsError(
            say(
                "{encoder} makes latents of {made} channels, but {decoder} reads {read}; they do not belong together",
                encoder=encoder.header.path.name,
                made=encoder.config.latent_channels,
                decoder=decoder.header.path.name,
                read=decoder.config.latent_channels,
            ),
            file=decoder.header.path,
        )
    return Vae(PairedNet(encoder.role, encoder.header, encoder.part, encoder.config, decoder), encoder.config)


def find_small_decoder(name: str, folders: Folders) -> SmallDecoder | None:
    """The decoder of a published small autoencoder, None if its file is not there.

    Raises: WeightsError, if it is damaged.
    """
    file = half_of(name, "decoder", folders.list_files("vae_approx"))
    return None if file is None else SmallDecoder(_stored_half(name, "decoder", folders.find("vae_approx", file)))


def _path(name: str, half: str, folders: Folders) -> Path:
    file = half_of(name, half, folders.list_files("vae_approx"))
    if file is None:
        wanted = " and ".join(f"{name}_{each}.safetensors" for each in HALVES)
        raise WeightsError(
            say(
                "{name}: its {half} is not there; put {wanted} into models/vae_approx",
                name=name,
                half=half,
                wanted=wanted,
            ),
            file=name,
        )
    return folders.find("vae_approx", file)


def _stored_half(name: str, half: str, path: Path) -> StoredNet:
    scale, shift = LATENTS[name]

    def config(header: Header, prefix: str) -> SmallVaeConfig:
        first, last = (f"{prefix}{number}.weight" for number in ((0, 14) if half == "encoder" else (1, 19)))
        outside, inside = (header.shape(key) for key in (first, last))
        width, channels = outside[0], (inside[0] if half == "encoder" else outside[1])
        pixels = outside[1] if half == "encoder" else inside[0]
        return SmallVaeConfig(channels, width, pixels, scale, shift)

    build = small_encoder if half == "encoder" else small_decoder
    return stored_net("vae", read_header(path), NetPart("", config, build))
