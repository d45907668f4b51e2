"""The families that run. Adding one adds its folder and its name here."""

from __future__ import annotations

from model_management.families.sd15.family import SD15
from model_management.family import Family

FAMILIES: tuple[Family, ...] = (SD15,)
