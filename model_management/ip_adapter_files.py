"""From a file to the handle of an IP-Adapter, and which vision encoder it wants.

Layouts: a table in tables (`image_proj`, `ip_adapter`) as torch.save writes it, and the same with joined names.
Source: the headers of the published files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from heddle.graph.errors import WeightsError
from heddle.graph.said import say
from heddle.networks.ip_adapter import IpAdapter as IpAdapterNet
from heddle.networks.ip_adapter import IpAdapterConfig
from model_management.adapter_files import MatchReport
from model_management.checkpoint import stored_net
from model_management.family import NetPart, describe_names
from model_management.header import Header, read_header
from model_management.stored_net import StoredNet
from model_management.weight_patches import WeightPatch

ROLE = "ip-adapter"
HEAD_WIDTH = 64  # of the resampler in all published files; it stands in no shape

#: What the nets of insightface say of a face. Files that read it want that library's nets, which are no CLIP.
FACE_WIDTH = 512

_LAYER = re.compile(r"ip_adapter\.\d+\.to_k_ip\.weight")

#: The published encoders, by what they give: of the picture as a whole, and of its patches.
_OF_THE_WHOLE = {768: "CLIP ViT-L", 1024: "CLIP ViT-H", 1280: "CLIP ViT-bigG"}
_OF_PATCHES = {1024: "CLIP ViT-L", 1280: "CLIP ViT-H", 1664: "CLIP ViT-bigG"}


@dataclass(frozen=True)
class IpAdapter:
    """An IP-Adapter. Held, it gives a `heddle.networks.ip_adapter.IpAdapter`.

    report: how much of the file is known.
    """

    stored: StoredNet
    config: IpAdapterConfig
    report: MatchReport
    weight_patches: tuple[WeightPatch, ...] = ()

    @property
    def name(self) -> str:
        return self.stored.header.path.name

    @property
    def wanted_encoder(self) -> str:
        """The vision encoder that it was trained with, in words."""
        width = self.config.in_width
        names = _OF_THE_WHOLE if self.config.reads_whole else _OF_PATCHES
        return say("{encoder} ({width} wide)", encoder=names.get(width, say("a vision encoder")), width=width)

    def __str__(self) -> str:
        tokens = say("{count} tokens an image", count=self.config.tokens or say("all"))
        return say(
            "{report}. It gives {tokens} to {count} cross-attentions of a text {width} wide, and wants {encoder}",
            report=self.report,
            tokens=tokens,
            count=len(self.config.layer_widths),
            width=self.config.context_width,
            encoder=self.wanted_encoder,
        )


def open_ip_adapter(path: Path | str) -> IpAdapter:
    """The handle of an IP-Adapter.

    Raises: WeightsError, if the file is missing, damaged, no IP-Adapter, or one that reads what insightface says of a
    face.
    """
    header = read_header(path)
    if not (header.has_prefix("image_proj.") and any(map(_LAYER.fullmatch, header.tensors))):
        raise WeightsError(
            say(
                "{file} holds no IP-Adapter known here: image_proj.* and ip_adapter.N.to_k_ip.weight are "
                "wanted, but found were {found}; choose another file",
                file=header.path.name,
                found=describe_names(header),
            ),
            file=header.path,
        )
    if _is_for_faces(header):
        raise WeightsError(
            say(
                "{file} is an IP-Adapter that reads what insightface says of a face (FaceID, InstantID), "
                "which is not supported; choose one that reads CLIP vision, such as plus-face or "
                "full-face",
                file=header.path.name,
            ),
            file=header.path,
        )
    stored = stored_net(ROLE, header, NetPart("", ip_adapter_config, IpAdapterNet))
    unknown = tuple(key for key in header.tensors if key not in stored.shapes)
    report = MatchReport(header.path.name, len(stored.shapes), unknown)
    return IpAdapter(stored, stored.config, report)


def _is_for_faces(header: Header) -> bool:
    if header.has_prefix("image_proj.perceiver_resampler.") or any("_lora." in key for key in header.tensors):
        return True
    if "image_proj.proj.0.weight" in header:
        return "image_proj.proj.3.weight" not in header
    return "image_proj.proj_in.weight" in header and header.shape("image_proj.proj_in.weight")[1] == FACE_WIDTH


def ip_adapter_config(header: Header, prefix: str) -> IpAdapterConfig:
    """Raises: WeightsError, if a tensor is missing that a size is read from."""
    layers = sum(1 for key in header.tensors if _LAYER.fullmatch(key))
    widths = tuple(header.shape(f"{prefix}ip_adapter.{2 * number + 1}.to_k_ip.weight")[0] for number in range(layers))
    proj = f"{prefix}image_proj."
    if f"{proj}proj.weight" in header:
        context_width = header.shape(f"{proj}norm.weight")[0]
        rows, in_width = header.shape(f"{proj}proj.weight")
        return IpAdapterConfig("linear", in_width, context_width, rows // context_width, widths)
    if f"{proj}proj.0.weight" in header:
        in_width, context_width = header.shape(f"{proj}proj.0.weight")[1], header.shape(f"{proj}proj.3.weight")[0]
        return IpAdapterConfig("mlp", in_width, context_width, 0, widths)
    width, in_width = header.shape(f"{proj}proj_in.weight")
    inner_width = header.shape(f"{proj}layers.0.0.to_q.weight")[0]
    return IpAdapterConfig(
        "resampler",
        in_width,
        context_width=header.shape(f"{proj}proj_out.weight")[0],
        tokens=header.shape(f"{proj}latents")[1],
        layer_widths=widths,
        width=width,
        depth=header.numbered(f"{proj}layers."),
        mlp_width=header.shape(f"{proj}layers.0.1.1.weight")[0],
        inner_width=inner_width,
        heads=max(1, inner_width // HEAD_WIDTH),
    )
