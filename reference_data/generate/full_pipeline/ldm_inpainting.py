"""ldm_inpainting.py FOLDER LDM: latent diffusion's inpainting model at full size, by the original code and by `ldm inpaint`.

FOLDER/ldm_inpainting.ckpt, what torch.save makes of the sizes of models/ldm/inpainting_big/config.yaml with weights by recipe, is
made if it is missing (2 GB of disk). Then scripts/inpaint.py's way, with ldm's LatentDiffusion and DDIMSampler, and `ldm inpaint`
fill in a part of a picture of 256x256. The final latents may differ by 1e-3 of the largest value. 5 GB of memory.
"""
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from cases import fill, quiet, recipe_of
from originals import ddim, ddpm
from PIL import Image
from safetensors.numpy import load_file

SEED, SIZE, STEPS, ALLOWED = 42, 256, 5, 1e-3
CONFIG = {
    "linear_start": 0.0015,
    "linear_end": 0.0205,
    "timesteps": 1000,
    "first_stage_key": "image",
    "cond_stage_key": "masked_image",
    "image_size": 64,
    "channels": 3,
    "concat_mode": True,
    "use_ema": False,
    "conditioning_key": "concat",
    "cond_stage_config": "__is_first_stage__",
    "unet_config": {
        "target": "ldm.modules.diffusionmodules.openaimodel.UNetModel",
        "params": {
            "image_size": 64,
            "in_channels": 7,
            "out_channels": 3,
            "model_channels": 256,
            "attention_resolutions": [8, 4, 2],
            "num_res_blocks": 2,
            "channel_mult": [1, 2, 3, 4],
            "num_heads": 8,
            "resblock_updown": True,
        },
    },
    "first_stage_config": {
        "target": "originals_taming.VQModelInterface",
        "params": {
            "embed_dim": 3,
            "n_embed": 8192,
            "lossconfig": None,
            "ddconfig": {
                "attn_type": "none",
                "double_z": False,
                "z_channels": 3,
                "resolution": 256,
                "in_channels": 3,
                "out_ch": 3,
                "ch": 128,
                "ch_mult": [1, 2, 4],
                "num_res_blocks": 2,
                "attn_resolutions": [],
                "dropout": 0.0,
            },
        },
    },
}
PARTS = ("model.", "first_stage_model.")
CODEBOOK = {"first_stage_model.quantize.embedding.weight": (0, 0.7)}


def make_model(path):
    """With the noise schedule's tables and, a second time, the first stage, as upstream's checkpoints have them."""
    with quiet():
        model = ddpm.LatentDiffusion(**CONFIG)
    state = model.state_dict()
    shapes = {k: list(v.shape) for k, v in state.items() if k.startswith(PARTS)}
    plan = recipe_of(shapes, seed=7, special=CODEBOOK)
    with torch.no_grad():
        for t in plan["tensors"]:
            numbers = fill(t["name"], t["shape"], plan["seed"], t["mean"], t["std"])
            state[t["name"]].copy_(torch.from_numpy(numbers))
    torch.save({"global_step": 0, "state_dict": model.state_dict()}, path)


def make_pictures(full):
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    waves = np.stack([np.sin(9 * x + 4 * y), np.cos(7 * y), np.sin(12 * (x - y) ** 2)], -1)
    picture = ((waves + 1) * 127.5).astype(np.uint8)
    mask = ((x - 0.55) ** 2 + (y - 0.45) ** 2 < 0.08).astype(np.uint8) * 255
    Image.fromarray(picture).save(full / "init.png")
    Image.fromarray(mask).save(full / "mask.png")
    return picture, mask


def drawn_by_original(path, picture, mask):
    with quiet():
        model = ddpm.LatentDiffusion(**CONFIG).eval()
        model.load_state_dict(torch.load(path)["state_dict"])
        image = torch.from_numpy(picture.astype(np.float32) / 255).permute(2, 0, 1)[None]
        drawn = torch.from_numpy((mask.astype(np.float32) / 255 >= 0.5).astype(np.float32))[
            None, None
        ]
        masked = (1 - drawn) * image * 2.0 - 1.0
        with torch.no_grad():
            c = model.cond_stage_model.encode(masked)
            small = torch.nn.functional.interpolate(drawn * 2.0 - 1.0, size=c.shape[-2:])
            c = torch.cat((c, small), dim=1)
            shape = (c.shape[1] - 1,) + c.shape[2:]
            noise = torch.randn((1, *shape), generator=torch.Generator().manual_seed(SEED))
            samples, _ = ddim.DDIMSampler(model).sample(
                STEPS, 1, shape, c, verbose=False, x_T=noise
            )
            predicted = torch.clamp((model.decode_first_stage(samples) + 1) / 2, 0, 1)
            # the script's own way into the picture
            result = (1 - drawn) * image + drawn * predicted
    return samples.numpy(), (result[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8)


def drawn_by_ldm(ldm, full):
    words = [ldm, "inpaint", "--model", full / "ldm_inpainting.ckpt", "--image", full / "init.png"]
    words += ["--mask", full / "mask.png", "--mask-blur", 0, "--width", SIZE, "--height", SIZE]
    words += ["--steps", STEPS, "--seed", SEED, "--save-latents", full / "edited.safetensors"]
    words += ["--output", full / "edited.png", "--overwrite"]
    subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL)
    return load_file(full / "edited.safetensors")["final"], np.array(
        Image.open(full / "edited.png")
    )


def main():
    full, ldm = Path(sys.argv[1]), sys.argv[2]
    torch.set_num_threads(2)
    full.mkdir(parents=True, exist_ok=True)
    path = full / "ldm_inpainting.ckpt"
    if not path.exists():
        unfinished = path.with_suffix(".part")
        make_model(unfinished)
        unfinished.rename(path)
    start = time.time()
    expected, expected_picture = drawn_by_original(path, *make_pictures(full))
    middle = time.time()
    got, picture = drawn_by_ldm(ldm, full)
    error = float(np.abs(expected.astype(np.float64) - got).max() / np.abs(expected).max())
    apart = int(np.abs(expected_picture.astype(int) - picture).max())
    print(
        f"{'PASS' if error <= ALLOWED else 'FAIL'} {STEPS} steps at {SIZE}x{SIZE}: {error:.2g} of the largest value, "
        f"pictures at most {apart} of 255 apart "
        f"(original {middle - start:.1f} s, ldm {time.time() - middle:.1f} s, both with loading)"
    )
    sys.exit(0 if error <= ALLOWED else 1)


main()
