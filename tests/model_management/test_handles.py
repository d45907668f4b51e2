"""What is put into copies of a model."""

from typing import Any

from heddle.samplers.guiders import GuidanceChange
from model_management.handles import Model
from model_management.patches import GuidancePatch, MaskPatch

NOTHING: Any = None
MODEL = Model(NOTHING, NOTHING, NOTHING, NOTHING)


def test_patches_are_listed_in_order_and_taken_out_by_name() -> None:
    one, two = GuidancePatch(GuidanceChange), GuidancePatch(GuidanceChange)
    other = MaskPatch(lambda mask, sigma, sigmas, prediction: mask)
    model = MODEL.with_patch("a", one).with_patch("b", other).with_patch("a", two)
    assert model.patches_of(GuidancePatch) == [one, two]
    assert model.patches_of(MaskPatch) == [other]
    assert model.without_patch("a").patches == (("b", other),)


def test_the_model_that_a_patch_was_put_into_a_copy_of_stays_as_it_was() -> None:
    MODEL.with_patch("a", GuidancePatch(GuidanceChange))
    assert MODEL.patches == ()
