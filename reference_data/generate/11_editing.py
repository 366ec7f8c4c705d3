"""Chapter 11: what editing a picture is made of. Crops of a large picture and their blend, masks, and DDIM from the middle.

A tiny network (originals.TinyEps) stands in for the UNet. make_batch of scripts/inpaint.py is in no published package; it is
transcribed here.
"""
import numpy as np
import torch
from cases import function_case, normal
from originals import ddim, latent_diffusion

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
