"""What models that draw videos are shown."""

from __future__ import annotations

from typing import Annotated

import torch

from heddle.graph.context import Context
from heddle.graph.declare import Number, Wire, node
from heddle.numerics.batches import images_of
from heddle.numerics.resize import resize_images
from heddle.wires import ClipVision, Conditioning, Image, Latent, Vae
from model_management.image_coding import encode_image
from model_management.vision import encode_for_vision

SEED = 0  # of the noise over the image: the node has no input for one, and the same inputs are to give the same


@node(
    "SVD_img2vid_Conditioning", category="model/conditioning/stable video", name="SVD_img2vid_Conditioning",
    outputs=("positive", "negative", "latent"), search=("svd", "image to video", "stable video diffusion"),
)  # fmt: skip
def from_image(
    clip_vision: Annotated[ClipVision, Wire("CLIP_VISION", tip="What reads the image, of the model's own checkpoint.")],
    init_image: Annotated[Image, Wire("IMAGE", tip="The image that the video begins with.")],
    vae: Annotated[Vae, Wire("VAE", tip="The autoencoder of the model's own checkpoint.")],
    width: Annotated[int, Number(default=1024, low=16, high=16384, step=8, tip="Of the video, in pixels.")],
    height: Annotated[int, Number(default=576, low=16, high=16384, step=8, tip="Of the video, in pixels.")],
    video_frames: Annotated[
        int, Number(default=14, low=1, high=4096, tip="How many; the models were trained for 14, or 25 (xt).")
    ],
    motion_bucket_id: Annotated[
        int, Number(default=127, low=1, high=1023, advanced=True, tip="The larger, the more there is to move.")
    ],
    fps: Annotated[int, Number(default=6, low=1, high=1024, tip="Frames a second that the motion is drawn for.")],
    augmentation_level: Annotated[
        float,
        Number(
            default=0.0, low=0.0, high=10.0, step=0.01, advanced=True,
            tip="Noise over the image: the more, the less the video keeps to it.",
        ),
    ],
    ctx: Context,
) -> tuple[Conditioning, Conditioning, Latent]:  # fmt: skip
    """Show Stable Video Diffusion the image that a video begins with, and begin from an empty latent of its frames.

    The image is cut and scaled to the video's size. The negative is shown nothing, so guidance leads to the image.
    """
    image = images_of(init_image)
    read = encode_for_vision(clip_vision, image, ctx.weights, is_cropped=True).image_embeds[None]
    pixels = resize_images(image[..., :3], width, height, "bilinear", "center")
    if augmentation_level > 0:
        noise = torch.randn(pixels.shape, generator=torch.Generator().manual_seed(SEED))
        pixels = pixels + noise.to(pixels) * augmentation_level
    shown = encode_image(vae, pixels, ctx.weights, ctx.progress, ctx.note)
    numbers = {"motion_bucket_id": motion_bucket_id, "fps": fps, "augmentation_level": augmentation_level}
    positive = [[read, {**numbers, "concat_latent_image": shown}]]
    negative = [[torch.zeros_like(read), {**numbers, "concat_latent_image": torch.zeros_like(shown)}]]
    cell = vae.px_per_cell
    latent: Latent = {"samples": torch.zeros(video_frames, vae.latent_channels, height // cell, width // cell)}
    return positive, negative, latent
