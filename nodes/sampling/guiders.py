"""What guides a run: one text, a positive and a negative, or more."""

from __future__ import annotations

from typing import Annotated

from heddle.graph.declare import Choice, More, Number, node
from heddle.samplers import guiders
from heddle.samplers.guidance_changes import override_cfg
from heddle.wires import Conditioning, Guider, Model
from model_management.guider import Guider as Guide
from model_management.patches import GuidancePatch

_SCALE_TIP = "How far to go from what the negative asks for, through what the positive does; 1 is no guidance."
Cfg = Annotated[float, Number(default=8.0, low=0.0, high=100.0, step=0.1, round=0.01, tip=_SCALE_TIP)]


def guide_by_cfg(model: Model, positive: Conditioning, negative: Conditioning, cfg: float) -> Guide:
    """Classifier-free guidance."""
    return Guide(
        model,
        {"positive": positive, "negative": negative},
        lambda guess, prediction, changes: guiders.cfg(guess, cfg, prediction, changes),
    )


@node("CFGGuider", category="model/sampling/guiders", name="CFG Guider", outputs=("GUIDER",))
def cfg_guider(model: Model, positive: Conditioning, negative: Conditioning, cfg: Cfg) -> Guider:
    """Guide towards the positive and away from the negative."""
    return guide_by_cfg(model, positive, negative, cfg)


@node("BasicGuider", category="model/sampling/guiders", name="Basic Guider", outputs=("GUIDER",))
def basic_guider(model: Model, conditioning: Conditioning) -> Guider:
    """Follow one conditioning, without a negative: for distilled models, which are guided within."""
    return Guide(
        model,
        {"positive": conditioning},
        lambda guess, prediction, changes: guiders.cfg(guess, 1.0, prediction, changes, negative=None),
    )


@node("DualCFGGuider", category="model/sampling/guiders", name="Dual CFG Guider", outputs=("GUIDER",))
def dual_cfg_guider(
    model: Model,
    cond1: Conditioning,
    cond2: Conditioning,
    negative: Conditioning,
    cfg_conds: Annotated[
        float,
        Number(default=8.0, low=0.0, high=100.0, step=0.1, round=0.01, tip="How far to go from cond2 to cond1."),
    ],
    cfg_cond2_negative: Annotated[
        float,
        Number(default=8.0, low=0.0, high=100.0, step=0.1, round=0.01, tip="How far to go from the negative on."),
    ],
    style: Annotated[
        str,
        Choice("regular", "nested", tip="Nested guides from the negative to where the first guidance ends."),
        More({"multiselect": False}),
    ],
) -> Guider:
    """Guide by two conditionings with a strength for each, as picture editing models want (picture and text)."""
    return Guide(
        model,
        {"positive": cond1, "middle": cond2, "negative": negative},
        lambda guess, prediction, changes: guiders.dual_cfg(
            guess, cfg_conds, cfg_cond2_negative, prediction, changes, nested=style == "nested"
        ),
    )


@node(
    "DualModelGuider", category="model/sampling/guiders", name="Dual Model CFG Guider", outputs=("GUIDER",),
    experimental=True,
)  # fmt: skip
def dual_model_guider(
    model: Model,
    positive: Conditioning,
    cfg: Annotated[float, Number(default=4.0, low=0.0, high=100.0, step=0.1, round=0.01, tip=_SCALE_TIP)] = 4.0,
    *,
    model_negative: Model | None = None,
    negative: Conditioning | None = None,
) -> Guider:
    """Guide away from what another model says; the negative is the positive where none is connected."""
    return Guide(
        model,
        {"positive": positive, "negative": positive if negative is None else negative},
        lambda guess, prediction, changes: guiders.cfg(guess, cfg, prediction, changes),
        {} if model_negative is None else {"negative": model_negative},
    )


@node("PerpNegGuider", category="experimental", name="Perp-Neg Guider", outputs=("GUIDER",), experimental=True)
def perp_neg_guider(
    model: Model,
    positive: Conditioning,
    negative: Conditioning,
    empty_conditioning: Conditioning,
    cfg: Cfg,
    neg_scale: Annotated[
        float, Number(default=1.0, low=0.0, high=100.0, step=0.01, advanced=True, tip="How strongly to keep away.")
    ],
) -> Guider:
    """Keep away from what the negative shows and the positive does not ask for; wants an empty text as well."""
    return Guide(
        model,
        {"positive": positive, "negative": negative, "empty": empty_conditioning},
        lambda guess, prediction, changes: guiders.perp_neg(guess, cfg, neg_scale, prediction, changes),
    )


@node("CFGOverride", category="model/sampling/guiders", name="CFG Override")
def override(
    model: Model,
    cfg: Annotated[float, Number(default=1.0, low=0.0, high=100.0, step=0.1, round=0.01, tip=_SCALE_TIP)],
    start_percent: Annotated[
        float, Number(default=0.0, low=0.0, high=1.0, step=0.001, tip="Where in the run it begins, 0 to 1.")
    ],
    end_percent: Annotated[
        float, Number(default=1.0, low=0.0, high=1.0, step=0.001, tip="Where in the run it ends, 0 to 1.")
    ],
) -> Model:
    """Guide with another strength during a part of the run. Guiders with several strengths keep theirs."""
    schedule = model.predicts.schedule
    change = override_cfg(cfg, schedule.percent_to_sigma(start_percent), schedule.percent_to_sigma(end_percent))
    return model.with_patch("CFGOverride", GuidancePatch(change))
