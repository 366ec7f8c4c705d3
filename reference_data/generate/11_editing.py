"""Chapter 11: what editing a picture is made of. Crops of a large picture and their blend, masks, and DDIM from the middle.

A tiny network (originals.TinyEps) stands in for the UNet. make_batch of scripts/inpaint.py is in no published package; it is
transcribed here.
"""
import numpy as np
import torch
from cases import function_case, module_case, normal
from originals import ddim, ddpm, latent_diffusion
from originals_taming import VQModelInterface

SD = {"beta_schedule": "linear", "timesteps": 1000, "linear_start": 0.00085, "linear_end": 0.012}
SHORT = {"beta_schedule": "linear", "timesteps": 120, "linear_start": 0.002, "linear_end": 0.03}
COSINE = {"beta_schedule": "cosine", "timesteps": 60}


# ---- DDIM from the middle
def img2img(situation, note, shape, S, strength, t_original, eps, schedule=SD):
    def encode_and_decode(z0, noise, t_original):
        model = latent_diffusion(eps, schedule)
        sampler = ddim.DDIMSampler(model)
        sampler.make_schedule(S, ddim_eta=0.0, verbose=False)
        t_enc = int(strength * S)
        t = torch.full((z0.shape[0],), t_enc)
        z_enc = sampler.stochastic_encode(z0, t, noise=noise)
        return {
            "t_enc": np.array(t_enc),
            "z_enc": z_enc,
            "z_enc_original": sampler.stochastic_encode(
                z0, t_original, use_original_steps=True, noise=noise
            ),
            "dec": sampler.decode(z_enc, None, t_enc),
        }

    function_case(
        f"DDIMImg2Img.{situation}",
        {"eps": eps, "schedule": schedule, "S": S, "strength": strength},
        {"z0": normal(*shape), "noise": normal(*shape), "t_original": np.array(t_original)},
        encode_and_decode,
        note,
        "ldm.models.diffusion.ddim.DDIMSampler.stochastic_encode, decode",
    )


img2img(
    "stable_diffusion",
    "The settings of scripts/img2img.py: 50 steps, strength 0.75.",
    (1, 4, 3, 5),
    50,
    0.75,
    [980],
    {"a": 0.5, "b": 0.4},
)
img2img(
    "weak",
    "0.29 * 100 is a little less than 29 in floating point, and 28 steps are made.",
    (2, 1, 5, 3),
    100,
    0.29,
    [0, 999],
    {"a": 0.7, "b": -0.3},
)
img2img(
    "nothing",
    "So little strength that no step is made.",
    (1, 2, 1, 7),
    10,
    0.09,
    [500],
    {"a": 0.5, "b": 0.4},
)
img2img(
    "long_table",
    "Nine steps asked for, ten in the table; a schedule of 120 steps.",
    (3, 2, 3, 1),
    9,
    0.95,
    [1, 60, 119],
    {"a": 0.8, "b": 0.3},
    SHORT,
)
img2img(
    "cosine",
    "A cosine schedule of 60 steps.",
    (1, 3, 2, 3),
    20,
    0.5,
    [59],
    {"a": 0.6, "b": 0.2},
    COSINE,
)


# ---- crops and their blend
def fold_unfold(situation, note, shape, variants, delta_border, crops, **limits):
    def blend(x, gain):
        model = latent_diffusion({"a": 0.5, "b": 0.4}, SD)
        found = {"delta_border": model.delta_border(*delta_border)}
        for name, v in variants.items():
            model.split_input_params = limits | {"tie_braker": v["tie_braker"]}
            uf, df = v.get("uf", 1), v.get("df", 1)
            fold, unfold, normalization, weighting = model.get_fold_unfold(
                x, tuple(v["kernel_size"]), tuple(v["stride"]), uf, df
            )
            columns = unfold(x)
            found |= {
                f"{name}.normalization": normalization,
                f"{name}.weighting": weighting,
                f"{name}.unfold": columns,
            }
            if uf == df == 1:
                weights = weighting.reshape(1, 1, -1, columns.shape[-1])
                cut = columns.reshape(x.shape[0], x.shape[1], -1, columns.shape[-1])
                weighted = (cut * weights * gain[: columns.shape[-1]]).reshape(columns.shape)
                found[f"{name}.stitched"] = fold(weighted) / normalization
        return found

    function_case(
        f"FoldUnfold.{situation}",
        {"variants": variants, "delta_border": delta_border, **limits},
        {"x": normal(*shape), "gain": normal(crops, mean=1.0, scale=0.3)},
        blend,
        note,
        "ldm.models.diffusion.ddpm.LatentDiffusion.get_fold_unfold, get_weighting, delta_border",
    )


SPLIT = {
    "clip_min_weight": 0.01,
    "clip_max_weight": 0.5,
    "clip_min_tie_weight": 0.01,
    "clip_max_tie_weight": 0.5,
}
fold_unfold(
    "odd_sizes",
    "Crops that are not square, at strides of their own; the limits of CompVis's settings.",
    (2, 3, 11, 9),
    {
        "overlap": {"kernel_size": [5, 3], "stride": [3, 2], "tie_braker": False},
        "tie": {"kernel_size": [5, 3], "stride": [2, 3], "tie_braker": True},
        "beside": {"kernel_size": [11, 3], "stride": [11, 3], "tie_braker": False},
    },
    [5, 8],
    12,
    **SPLIT,
)
fold_unfold(
    "other_sizes",
    "What becomes of a crop is larger or smaller than the crop.",
    (1, 2, 12, 8),
    {
        "twice": {"kernel_size": [4, 4], "stride": [4, 2], "uf": 2, "tie_braker": False},
        "four_times": {"kernel_size": [4, 4], "stride": [4, 2], "uf": 4, "tie_braker": True},
        "half": {"kernel_size": [4, 4], "stride": [2, 4], "df": 2, "tie_braker": True},
        "quarter": {"kernel_size": [8, 8], "stride": [4, 4], "df": 4, "tie_braker": False},
    },
    [2, 9],
    12,
    **SPLIT,
)
fold_unfold(
    "narrow_limits",
    "Weights between 0.1 and 0.3, those of crops between 0.2 and 0.4.",
    (1, 1, 10, 13),
    {
        "plain": {"kernel_size": [4, 5], "stride": [3, 4], "tie_braker": False},
        "tie": {"kernel_size": [4, 5], "stride": [3, 4], "tie_braker": True},
    },
    [7, 7],
    9,
    clip_min_weight=0.1,
    clip_max_weight=0.3,
    clip_min_tie_weight=0.2,
    clip_max_tie_weight=0.4,
)


# ---- masks
def make_batch(image, mask):
    """Transcribed from CompVis/latent-diffusion scripts/inpaint.py (MIT), from the bytes of the two pictures on."""
    image = image.to(torch.get_default_dtype()) / 255.0
    image = image[None].permute(0, 3, 1, 2)
    mask = mask.to(torch.get_default_dtype()) / 255.0
    mask = mask[None, None]
    mask[mask < 0.5] = 0
    mask[mask >= 0.5] = 1
    masked_image = (1 - mask) * image
    batch = {"image": image, "mask": mask, "masked_image": masked_image}
    return {k: v * 2.0 - 1.0 for k, v in batch.items()}


def inpaint_batch(situation, note, height, width, small_size):
    def run(image, mask):
        batch = make_batch(image, mask)
        small = torch.nn.functional.interpolate(batch["mask"], size=tuple(small_size))
        return {f"batch.{k}": v for k, v in batch.items()} | {"mask_small": small}

    y, x = np.indices((height, width))
    colors = np.stack([17 * y + 5 * x, 40 * x + y, 255 - 11 * y * x], -1) % 256
    function_case(
        f"InpaintBatch.{situation}",
        {"small_size": small_size},
        # all bytes around the threshold, and the ends
        {"image": colors, "mask": np.resize([0, 126, 127, 128, 129, 255], (height, width))},
        run,
        note,
        "scripts/inpaint.py of CompVis/latent-diffusion: make_batch",
    )


inpaint_batch("odd_sizes", "7 x 11 pixels, the mask at 3 x 4.", 7, 11, [3, 4])
inpaint_batch("larger_mask", "The mask at a size that is larger on one axis.", 6, 5, [4, 9])
inpaint_batch("latent", "As for a latent: an eighth of each side.", 16, 24, [2, 3])


# ---- latent diffusion's inpainting model
class LatentInpainting(torch.nn.Module):
    """A UNet that is shown the masked picture and the mask, around a vector-quantized autoencoder; no text."""

    def __init__(self, unet_config, first_stage_config, **_):
        super().__init__()
        unet = {
            "target": "ldm.modules.diffusionmodules.openaimodel.UNetModel",
            "params": unet_config,
        }
        self.model = ddpm.DiffusionWrapper(unet, "concat")
        self.first_stage_model = VQModelInterface(lossconfig=None, **first_stage_config)

    def draw(self, image, mask, x_T, steps, schedule):
        """scripts/inpaint.py, from its batch to the picture that is put into the masked part."""
        batch = make_batch(image, mask)
        c = self.first_stage_model.encode(batch["masked_image"].to(x_T.dtype))
        small = torch.nn.functional.interpolate(batch["mask"], size=c.shape[-2:])
        c = torch.cat((c, small.to(x_T.dtype)), dim=1)
        diffusion = latent_diffusion({"a": 0, "b": 0}, schedule)
        diffusion.apply_model = lambda x, t, cond: self.model(x, t, c_concat=[cond])
        sampler = ddim.DDIMSampler(diffusion)
        shape = (c.shape[1] - 1,) + c.shape[2:]
        samples, _ = sampler.sample(steps, 1, shape, c, verbose=False, x_T=x_T)
        predicted = self.first_stage_model.decode(samples)
        return {"x_T": x_T + 0, "c": c, "samples": samples, "predicted": predicted}


def latent_inpainting(situation, note, height, width, seed, steps, special):
    y, x = np.indices((height, width))
    colors = np.stack([17 * y + 5 * x, 40 * x + y, 255 - 11 * y * x], -1) % 256
    schedule = {
        "beta_schedule": "linear",
        "linear_start": 0.0015,
        "linear_end": 0.0205,
        "timesteps": 1000,
    }
    first_stage = {
        "embed_dim": 3,
        "n_embed": 20,
        "ddconfig": {
            "attn_type": "none",
            "double_z": False,
            "z_channels": 3,
            "resolution": 16,
            "in_channels": 3,
            "out_ch": 3,
            "ch": 32,
            "ch_mult": [1, 2],
            "num_res_blocks": 1,
            "attn_resolutions": [],
            "dropout": 0.0,
        },
    }
    unet = {
        "image_size": 8,
        "in_channels": 7,
        "out_channels": 3,
        "model_channels": 32,
        "attention_resolutions": [2],
        "num_res_blocks": 1,
        "channel_mult": [1, 2],
        "num_heads": 2,
        "resblock_updown": True,
    }
    model = schedule | {
        "format": "ldm-model v1",
        "image_size": 16,
        "parameterization": "eps",
        "scale_factor": 1.0,
        "conditioning_key": "concat",
        "unet_config": unet,
        "first_stage_config": first_stage,
        "sampler": {"name": "ddim", "steps": steps, "cfg_scale": 1.0},
    }
    x_T = torch.randn(1, 3, height // 2, width // 2, generator=torch.Generator().manual_seed(seed))
    module_case(
        f"LatentInpainting.{situation}",
        lambda model, seed: LatentInpainting(**model),
        {"model": model, "seed": seed},
        {
            "image": colors,
            "mask": np.where((x > width // 3) & (y < height // 2), 255, 0),
            "x_T": x_T.numpy(),
        },
        lambda module, image, mask, x_T: module.draw(image, mask, x_T, steps, schedule),
        gradients=False,
        special=special,
        note=note,
        source="scripts/inpaint.py of CompVis/latent-diffusion with ldm's DDIMSampler and DiffusionWrapper",
    )


latent_inpainting(
    "vq_first_stage",
    "Seven channels: latents, those of the masked picture before quantization, mask. The noise is torch's for the seed.",
    16,
    24,
    7,
    4,
    {"first_stage_model.quantize.embedding.weight": (0, 0.7)},
)
