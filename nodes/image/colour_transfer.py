"""The colours of one image given to another."""

from __future__ import annotations

from typing import Annotated, Any

from heddle.graph.declare import Choice, Number, Wire, node
from heddle.graph.declare_dynamic import Brings
from heddle.numerics.batches import images_of
from heddle.numerics.colour_transfer import METHODS, transfer
from heddle.wires import Image
from nodes.image.filters import CATEGORY, SINGLE


@node(
    "ColorTransfer",
    category=CATEGORY,
    name="Transfer Color",
    outputs=("image",),
    search=("color match", "grade", "reinhard"),
)
def transfer_colours(
    image_target: Annotated[Image, Wire("IMAGE", tip="The images that get other colours.")],
    image_ref: Annotated[Image, Wire("IMAGE", tip="The images whose colours they get.")],
    method: Annotated[
        str,
        Choice(
            *METHODS,
            tip="reinhard_lab matches mean and spread, mkl_lab also how colours go together, histogram how many pixels "
            "have each brightness of red, green and blue.",
        ),
        SINGLE,
    ],
    source_stats: Annotated[
        dict[str, Any],
        Brings(
            {
                "per_frame": {},
                "uniform": {},
                "target_frame": {
                    "target_index": Annotated[
                        int, Number(default=0, low=0, high=10000, tip="Which image of the target, counted from 0.")
                    ]
                },
            },
            tip="Which images of the target are compared: per_frame each for itself, uniform all of them together, "
            "target_frame one for all, so that a film does not flicker.",
        ),
    ],
    strength: Annotated[
        float, Number(default=1.0, low=0.0, high=10.0, step=0.01, tip="0 changes nothing, 1 is all the way.")
    ],
) -> Image:
    """Give images the colours of others, such as those of a photograph in another light."""
    target, reference = images_of(image_target, "image_target"), images_of(image_ref, "image_ref")
    index = source_stats.get("target_index", 0)
    return transfer(target, reference, method, source_stats["source_stats"], index, strength)
