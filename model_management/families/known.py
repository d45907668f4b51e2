"""The families that run. Adding one adds its folder and its name here."""

from __future__ import annotations

from model_management.families.auraflow.family import AURAFLOW
from model_management.families.chroma.family import CHROMA
from model_management.families.flux.family import FLUX
from model_management.families.flux_control.family import FLUX_CONTROL
from model_management.families.flux_fill.family import FLUX_FILL
from model_management.families.lumina2.family import LUMINA2
from model_management.families.sd3.family import SD3
from model_management.families.sd15.family import SD15
from model_management.families.sd15_edit.family import SD15_EDIT
from model_management.families.sd15_inpainting.family import SD15_INPAINTING
from model_management.families.sd21.family import SD21
from model_management.families.sd21_inpainting.family import SD21_INPAINTING
from model_management.families.sd21_unclip.family import SD21_UNCLIP
from model_management.families.sd_upscaler.family import SD_UPSCALER
from model_management.families.sdxl.family import SDXL
from model_management.families.sdxl_edit.family import SDXL_EDIT
from model_management.families.sdxl_inpainting.family import SDXL_INPAINTING
from model_management.families.sdxl_refiner.family import SDXL_REFINER
from model_management.families.svd.family import SVD
from model_management.family import Family

FAMILIES: tuple[Family, ...] = (
    SD15,
    SD15_INPAINTING,
    SD15_EDIT,
    SD21,
    SD21_INPAINTING,
    SD21_UNCLIP,
    SD_UPSCALER,
    SDXL,
    SDXL_INPAINTING,
    SDXL_EDIT,
    SDXL_REFINER,
    SD3,
    FLUX,
    FLUX_FILL,
    FLUX_CONTROL,
    CHROMA,
    AURAFLOW,
    LUMINA2,
    SVD,
)
