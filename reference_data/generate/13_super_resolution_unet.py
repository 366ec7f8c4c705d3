"""Chapter 13: the UNet of the DDPM paper, from which the UNet of chapter 07 comes."""
import cases
import numpy as np
from cases import module_case, normal
from originals import vae

cases.CHAPTER = "13_super_resolution"


def unet(situation, note, shape, **settings):
    settings = {
        "ch": 32,
        "out_ch": 3,
        "ch_mult": [1, 2],
        "num_res_blocks": 1,
        "attn_resolutions": [4],
        "in_channels": shape[1],
        "resolution": 8,
    } | settings
    inputs = {"x": normal(*shape)}
    if settings.get("use_timestep", True):
        inputs["t"] = np.array([999, 17][: shape[0]])
    module_case(
        f"Model.{situation}",
        lambda ch_mult, **more: vae.Model(ch_mult=tuple(ch_mult), **more),
        settings,
        inputs,
        lambda module, x, t=None: {"out": module(x, t)},
        gradients="inputs",
        note=note,
        source="ldm.modules.diffusionmodules.model.Model",
    )


unet("attention_below", "Attention at the nominal 4 of a picture of another size.", (2, 3, 12, 8))
unet(
    "pooling",
    "Three levels that are halved by means, two blocks in each, attention in none but the middle.",
    (1, 2, 8, 16),
    ch_mult=[1, 1, 2],
    num_res_blocks=2,
    attn_resolutions=[],
    resamp_with_conv=False,
    out_ch=2,
)
