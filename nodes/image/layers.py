"""Layers put onto a canvas, and the picture that they make."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Annotated, Any

from heddle.graph.context import Context
from heddle.graph.declare import Choice, Flag, Hidden, More, Number, Text, Wire, node
from heddle.graph.errors import GraphError
from heddle.graph.results import Shown
from heddle.graph.said import say
from heddle.numerics.batches import images_of, masks_of
from heddle.numerics.blend_modes import MODES
from heddle.numerics.boxes import read_entries
from heddle.numerics.compositing import join_alpha
from heddle.numerics.image_layers import Layer, Layers, compose
from heddle.numerics.layer_cutting import cut_layers
from heddle.numerics.layer_edits import edit_layers
from heddle.wires import Image, ImageLayers, Mask
from nodes.image.files import PASSING_LEVEL, write_images
from nodes.metadata import texts_for

SEARCH = ("layers", "composite", "collage", "photoshop")


def _place(tip: str) -> Number:
    return Number(low=-16384, high=16384, tip=tip)


def _side(tip: str) -> Number:
    return Number(low=0, high=16384, tip=tip)


def _layers_of(layers: Any) -> Layers:
    """Raises: GraphError, if they are none: a pack may have a type of this name, too."""
    if isinstance(layers, Layers | None):
        return layers or Layers()
    words = "the layers are of the type {found}; wanted are those of Add Layer or Layers From Bounding Boxes"
    found = type(layers).__name__
    raise GraphError(say(words, found=found), input_name="layers", found=found, wanted="LAYERS")


@node("AddLayer", category="image", name="Add Layer", experimental=True, search=SEARCH)
def add_layer(
    image: Annotated[Image, Wire("IMAGE", tip="What the layer shows; its alpha channel, if there is one, counts.")],
    *,
    layers: Annotated[
        ImageLayers | None, Wire("LAYERS", tip="The layers that this one is laid onto; nothing: it is the first.")
    ] = None,
    mask: Annotated[
        Mask | None, Wire("MASK", tip="Where the image shows: white fully, black not at all; stretched over it.")
    ] = None,
    name: Annotated[
        str, Text(tip="What the layer is called, for changes made in an editor."), More({"multiline": False})
    ] = "",
    x: Annotated[int, _place("Where the layer begins on the canvas, in pixels from the left.")] = 0,
    y: Annotated[int, _place("Where the layer begins on the canvas, in pixels from the top.")] = 0,
    opacity: Annotated[
        float, Number(low=0.0, high=1.0, step=0.01, tip="How much it covers what lies below; 0 shows nothing of it.")
    ] = 1.0,
    blend_mode: Annotated[
        str,
        Choice(*MODES, tip="What its colours do to those below: normal covers, multiply darkens, screen lightens ..."),
        More({"multiselect": False}),
    ] = "normal",
    rotation: Annotated[
        float,
        Number(low=-360.0, high=360.0, step=1.0, tip="Turned around its middle, in degrees; more than 0 is clockwise."),
    ] = 0.0,
    width: Annotated[int, _side("On the canvas, in pixels; 0 goes by the height, or is the image's own.")] = 0,
    height: Annotated[int, _side("On the canvas, in pixels; 0 goes by the width, or is the image's own.")] = 0,
    z_index: Annotated[
        int,
        Number(low=-1000, high=1000, tip="Layers with more lie further up; of equal ones those that were added later."),
    ] = 0,
    flip_h: Annotated[bool, Flag(tip="Mirror it left to right, before it is turned.")] = False,
    flip_v: Annotated[bool, Flag(tip="Mirror it top to bottom, before it is turned.")] = False,
) -> ImageLayers:
    """Lay an image onto others, at a place and in a way that can still be changed.

    Create Layered Image makes the picture. Its size is that of the canvas, else as far as the first layer reaches.
    """
    below = _layers_of(layers)
    seen = None if mask is None else masks_of(mask)
    added = Layer(images_of(image), seen, name, x, y, width, height, opacity, blend_mode, rotation, z_index,
                  flip_h, flip_v)  # fmt: skip
    return replace(below, layers=(*below.layers, added))


@node(
    "LayersFromBoundingBoxes", category="image", name="Layers From Bounding Boxes", experimental=True,
    search=(*SEARCH, "detection", "cut out"),
)  # fmt: skip
def layers_from_boxes(
    image: Annotated[Image, Wire("IMAGE", tip="The images that the boxes are cut out of.")],
    bboxes: Annotated[
        Any,
        Wire("BOUNDING_BOX,ARRAY,STRING", tip="The boxes: one list for all images or one for each; a text is JSON."),
    ],
    *,
    mask: Annotated[
        Mask | None, Wire("MASK", tip="Where the image shows: white fully, black not at all; stretched over it.")
    ] = None,
    layers: Annotated[
        ImageLayers | None, Wire("LAYERS", tip="The layers that these are laid onto; nothing: they are the first.")
    ] = None,
    crop_to_content: Annotated[bool, Flag(tip="Leave out what is transparent at the borders of a layer.")] = True,
    canvas_width: Annotated[int, _side("Of what the boxes lie on, in pixels; 0 is the image's own.")] = 0,
    canvas_height: Annotated[int, _side("Of what the boxes lie on, in pixels; 0 is the image's own.")] = 0,
    ctx: Context,
) -> ImageLayers:
    """Cut each box out of an image as a layer at its place, named by its label.

    Where the canvas has another size than the image, the image is thought stretched over it.
    """
    images = images_of(image)
    canvas = (canvas_width or images.shape[2], canvas_height or images.shape[1])
    entries = read_entries(bboxes)
    made = cut_layers(images, entries, mask, canvas=canvas, trims=crop_to_content)
    total = sum(map(len, entries))
    if len(made) < total:
        words = "{count} of {total} boxes lie outside of the image or hold nothing that shows, and make no layer"
        ctx.note(say(words, count=total - len(made), total=total))
    below = _layers_of(layers)
    return Layers((*below.layers, *made), below.canvas or (canvas if layers is None else None))


@node(
    "ImageCompositor", category="image", name="Create Layered Image", effects=True, experimental=True,
    search=(*SEARCH, "compositor", "flatten"),
)  # fmt: skip
def compose_layers(
    layers: Annotated[ImageLayers, Wire("LAYERS", tip="The layers, from Add Layer or Layers From Bounding Boxes.")],
    compositor: Annotated[
        Any,
        Wire("COMPOSITOR", tip="What was changed in an editor: canvas, background, and place and look of layers."),
        More({"default": {}, "socketless": True}),
    ],
    *,
    prompt: Annotated[Any, Hidden("PROMPT")] = None,
    extra_pnginfo: Annotated[Any, Hidden("EXTRA_PNGINFO")] = None,
    ctx: Context,
) -> Annotated[Shown, Wire("IMAGE"), Wire("MASK")]:
    """Make one picture of layers, and show it. The mask is white where the picture stays transparent.

    Programs may change layers here: {"width", "height", "background", "layers": [{"index" or "name", "x", "y",
    "opacity", "hidden", ...}]}. What is not understood is left out.
    """
    edited = edit_layers(_layers_of(layers), compositor)

    def tell(done: int, total: int) -> None:
        ctx.check_cancelled()
        ctx.progress(done, total)

    colours, alphas = compose(edited.layers, edited.width, edited.height, edited.background, tell)
    mask = 1 - alphas
    shown = join_alpha(colours, mask) if bool(mask.any()) else colours
    texts = texts_for(prompt, extra_pnginfo, ctx)
    files = write_images(shown, "temp", f"layers_{secrets.token_hex(4)}", texts, PASSING_LEVEL, ctx)
    return Shown((colours, mask), files.ui)
