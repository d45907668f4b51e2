"""How much of a file the nets that were opened from it take."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from model_management.adapter_files import MatchReport
from model_management.stored_net import StoredNet

#: What published files hold beside weights: the tables and averages of the training, numbered positions, scales,
#: tokenizers, marks, the scale of CLIP's training, and its projection, which some families do without; a norm of Lumina
#: Image 2 that is published with the others, but never used; of Stable Video Diffusion what is left of the text encoder
#: beside the vision encoder, and a copy of the autoencoder's first half.
_LEFTOVERS = re.compile(
    r"noise_augmentor\..*"
    r"|(?:.*_)?(?:betas|alphas_cumprod|alphas_cumprod_prev)|posterior_\w+|logvar|scale_factor|denoiser\.sigmas|model_ema\..*"
    r"|(?:.*\.)?(?:position_ids|logit_scale|text_projection(?:\.weight)?|num_batches_tracked"
    r"|scale_weight|scale_input|weight_scale|input_scale|comfy_quant|scaled_fp8"
    r"|norm_final\.weight"
    r"|conditioner\.embedders\.\d+\.(?:encoder|open_clip\.model\.(?!visual\.)).*"
    r"|spiece_model|tekken_model|v_pred|ztsnr|edm_mean|edm_std)|edm_vpred\..*"
)


def report_match(nets: Iterable[StoredNet], *, is_whole: bool = False) -> MatchReport:
    """What of their file the nets take, and what of it nobody takes though it looks like weights.

    Args:
        nets: of one file.
        is_whole: the file holds nothing but these; else only what stands behind their prefixes counts.
    """
    nets = list(nets)
    header = nets[0].header
    used = {key for net in nets for key in net.used_keys}
    prefixes = ("",) if is_whole else tuple(net.part.prefix for net in nets)
    unmatched = [
        key for key in header.tensors if key not in used and key.startswith(prefixes) and not _LEFTOVERS.fullmatch(key)
    ]
    return MatchReport(header.path.name, len(used), tuple(unmatched))


def note_unmatched(nets: Iterable[StoredNet], note: Callable[[str], None], *, is_whole: bool = False) -> None:
    """Note how much was taken, if something was not; see `report_match`."""
    report = report_match(nets, is_whole=is_whole)
    if report.unmatched:
        note(str(report))
