"""Images blurred, sharpened, blended, and changed in other ways that look at pixels alone."""

from __future__ import annotations

from typing import Annotated

import torch

from heddle.graph.declare import Choice, More, Number, Wire, node
from heddle.numerics.batches import images_of
from heddle.numerics.blending import MODES, blend
from heddle.numerics.blurring import blur, sharpen
from heddle.numerics.colours import luma
from heddle.numerics.edges import canny
from heddle.numerics.morphology import OPERATIONS, morph
from heddle.numerics.quantizing import DITHERS, quantize
from heddle.wires import Image

CATEGORY = "image/filters"
SINGLE = More({"multiselect": False})

AnyImage = Annotated[Image, Wire("IMAGE", tip="The images; each is changed for itself.")]
_RADIUS_TIP = "Half width of the window, in pixels."
_SIGMA_TIP = "How evenly the window counts, in radii: small values look at the middle alone."


def _threshold(default: float, tip: str) -> Number:
    return Number(default=default, low=0.01, high=0.99, step=0.01, tip=tip)


@node("ImageBlend", category=CATEGORY, name="Blend Images", search=("mix", "overlay", "multiply"))
def blend_images(
    image1: Annotated[Image, Wire("IMAGE", tip="The images below; they give the size.")],
    image2: Annotated[Image, Wire("IMAGE", tip="The images above; cut and resized to the others' size.")],
    blend_factor: Annotated[
        float, Number(default=0.5, low=0.0, high=1.0, step=0.01, tip="0 is the first image alone, 1 the blend alone.")
    ],
    blend_mode: Annotated[
        str,
        Choice(*MODES, tip="How both are mixed: normal is the second, multiply darkens, screen brightens."),
        SINGLE,
    ],
) -> Image:
    """Mix two images. Of batches of different length the shorter one is repeated."""
    return blend(images_of(image1, "image1"), images_of(image2, "image2"), blend_factor, blend_mode)


@node("ImageBlur", category=CATEGORY, name="Blur Image", search=("gaussian", "soft"))
def blur_image(
    image: AnyImage,
    blur_radius: Annotated[int, Number(default=1, low=1, high=31, step=1, tip=_RADIUS_TIP)],
    sigma: Annotated[float, Number(default=1.0, low=0.1, high=10.0, step=0.1, tip=_SIGMA_TIP)],
) -> Image:
    """Make images soft with a Gauss curve."""
    return blur(images_of(image), blur_radius, sigma)


@node("ImageSharpen", category=CATEGORY, name="Sharpen Image", search=("unsharp", "crisp"))
def sharpen_image(
    image: AnyImage,
    sharpen_radius: Annotated[int, Number(default=1, low=1, high=31, step=1, advanced=True, tip=_RADIUS_TIP)],
    sigma: Annotated[float, Number(default=1.0, low=0.1, high=10.0, step=0.01, advanced=True, tip=_SIGMA_TIP)],
    alpha: Annotated[
        float, Number(default=1.0, low=0.0, high=5.0, step=0.01, advanced=True, tip="How strongly; 0 changes nothing.")
    ],
) -> Image:
    """Make images sharper by adding what a blur would take away."""
    return sharpen(images_of(image), sharpen_radius, sigma, alpha)


@node("ImageQuantize", category=CATEGORY, name="Quantize Image", search=("palette", "reduce colors", "dither"))
def quantize_image(
    image: AnyImage,
    colors: Annotated[int, Number(default=256, low=1, high=256, step=1, tip="How many colours are left at most.")],
    dither: Annotated[
        str,
        Choice(*DITHERS, tip="How colours between those are shown: none in flat areas, the others by dots."),
        SINGLE,
    ],
) -> Image:
    """Bring each image to a palette of few colours of its own."""
    return quantize(images_of(image), colors, dither)


@node("ImageAddNoise", category=CATEGORY, name="Add Noise to Image", search=("grain",))
def add_noise(
    image: AnyImage,
    seed: Annotated[
        int, Number(default=0, low=0, high=2**64 - 1, control=True, tip="The same seed gives the same noise.")
    ],
    strength: Annotated[
        float, Number(default=0.5, low=0.0, high=1.0, step=0.01, tip="The noise's standard deviation.")
    ],
) -> Image:
    """Add noise to images, as fine as their pixels."""
    noise = torch.randn(images_of(image).shape, generator=torch.Generator("cpu").manual_seed(seed))
    return (image + strength * noise.to(image)).clamp(0, 1)


@node("Morphology", category=CATEGORY, name="Apply Morphology", search=("erode", "dilate", "open", "close"))
def morphology(
    image: AnyImage,
    operation: Annotated[
        str,
        Choice(
            *OPERATIONS,
            tip="erode thins what is bright, dilate thickens it, open takes specks away, close fills holes; gradient "
            "leaves outlines, top_hat and bottom_hat what open and close change.",
        ),
        SINGLE,
    ],
    kernel_size: Annotated[int, Number(default=3, low=3, high=999, step=1, tip="Side of the window, in pixels.")],
) -> Image:
    """Let what is bright grow or shrink, seen through a square window."""
    return morph(images_of(image), operation, kernel_size)


@node("Canny", category=CATEGORY, name="Detect Edges (Canny)", search=("outline", "lineart", "controlnet"))
def detect_edges(
    image: AnyImage,
    low_threshold: Annotated[float, _threshold(0.4, "Weaker edges are left out even beside strong ones.")],
    high_threshold: Annotated[float, _threshold(0.8, "Edges from here on are always drawn.")],
) -> Image:
    """Draw the edges of images as thin white lines on black, such as a canny ControlNet follows."""
    return canny(luma(images_of(image)), low_threshold, high_threshold).unsqueeze(-1).expand(-1, -1, -1, 3)
