"""Stable Diffusion 1.5's networks at their real size, with weights by recipe. Wants 14 GB of memory and ten minutes."""
import gc

import numpy as np
from cases import module_case, normal
from originals import autoencoder, openaimodel
from stable_diffusion import FIRST_STAGE, TEXT, UNET, TextTower
from torch import nn

PROMPT = [
    49406,
    320,
    8853,
    539,
    550,
    18376,
    6765,
    320,
    4558,
]  # a photograph of an astronaut riding a horse


class Decoder(nn.Module):
    """The second half of AutoencoderKL, under its names."""

    def __init__(self, embed_dim, ddconfig, stride=1):
        super().__init__()
        whole = autoencoder.AutoencoderKL(ddconfig, {"target": "torch.nn.Identity"}, embed_dim)
        self.post_quant_conv, self.decoder, self.stride = (
            whole.post_quant_conv,
            whole.decoder,
            stride,
        )

    def forward(self, z):
        return {"dec": self.decoder(self.post_quant_conv(z))[:, :, :: self.stride, :: self.stride]}


def case(*arguments, **settings):
    module_case(*arguments, gradients=False, careful=False, **settings)
    gc.collect()


def text(tower, input_ids):
    found = tower(input_ids)
    return {name: found[name] for name in ("hidden_1", "last_hidden_state", "pooler_output")}


def unet(model, x, t, context):
    return model(x, t, context)


case(
    "CLIPTextModel.sd15",
    TextTower,
    TEXT,
    {"input_ids": np.array([PROMPT + [49407] * (77 - len(PROMPT))], np.int32)},
    text,
    source="transformers.CLIPTextModel",
    note="The text tower of Stable Diffusion 1.5 (123 million weights) on a prompt of 77 tokens.",
)
case(
    "Decoder.sd15_256",
    Decoder,
    {**FIRST_STAGE, "stride": 2},
    {"z": normal(1, 4, 32, 32)},
    source="ldm.models.autoencoder.AutoencoderKL.decode",
    note="The decoder of Stable Diffusion 1.5 draws 256x256; stride 2: every second pixel of every second row is stored.",
)
case(
    "Decoder.sd15_odd",
    Decoder,
    FIRST_STAGE,
    {"z": normal(1, 4, 15, 17)},
    source="ldm.models.autoencoder.AutoencoderKL.decode",
    note="120x136 pixels, all of them.",
)
case(
    "UNetModel.sd15_small_picture",
    openaimodel.UNetModel,
    UNET,
    {"x": normal(1, 4, 16, 16), "t": np.array([981], np.int32), "context": normal(1, 77, 768)},
    unet,
    acts=[
        "time_embed.2",
        "input_blocks.10.0",
        "input_blocks.11.0",
        "middle_block.?",
        "output_blocks.0.0",
        "output_blocks.1.0",
    ],
    source="ldm.modules.diffusionmodules.openaimodel.UNetModel",
    note="The UNet of Stable Diffusion 1.5 on a 16x16 latent, with the blocks at its bottom.",
)
case(
    "UNetModel.sd15",
    openaimodel.UNetModel,
    UNET,
    {"x": normal(1, 4, 64, 64), "t": np.array([501], np.int32), "context": normal(1, 77, 768)},
    unet,
    acts=["time_embed.2"],
    source="ldm.modules.diffusionmodules.openaimodel.UNetModel",
    note="The UNet of Stable Diffusion 1.5 (859,520,964 weights) on the 64x64 latent of a 512x512 picture.",
)
