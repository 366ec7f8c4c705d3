"""editing.py FOLDER LDM [TASK ...]: img2img, inpainting with 4 and 9 channels and instruct-pix2pix at full size, by diffusers and `ldm`.

From the weights of FOLDER/diffusers (Stable Diffusion 1.5's sizes), and for nine and eight channels a first convolution with more of
them, diffusers' pipelines and `ldm` change one picture of 256x256. The final latents may differ by 1e-3 of the largest value. 10 GB
of memory, some five minutes on two cores.
"""
import json
import subprocess
import sys
import time
from pathlib import Path

import diffusers
import numpy as np
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from PIL import Image
from safetensors.numpy import load_file, save_file

PROMPT, GUIDANCE, SEED, SIZE, STEPS, ALLOWED = "a photograph of an astronaut", 7.5, 42, 256, 5, 1e-3
# TASK: pipeline of diffusers, channels of the UNet, its options, command of ldm and its options
TASKS = {
    "img2img": ("Img2Img", 4, {"strength": 0.6}, "img2img", ["--strength", 0.6]),
    "inpaint4": ("Inpaint", 4, {"strength": 0.8}, "inpaint", ["--strength", 0.8]),
    "inpaint9": ("Inpaint", 9, {"strength": 1.0}, "inpaint", []),
    "inpaint9_strength": ("Inpaint", 9, {"strength": 0.7}, "inpaint", ["--strength", 0.7]),
    "instruct_pix2pix": (
        "InstructPix2Pix",
        8,
        {"image_guidance_scale": 1.4},
        "img2img",
        ["--image-cfg-scale", 1.4],
    ),
}


def folder_with(full, channels):
    """The diffusers folder with a UNet of so many input channels, which is made once."""
    if channels == 4:
        return full / "diffusers"
    folder = full / f"diffusers_{channels}_channels"
    weights = folder / "unet/diffusion_pytorch_model.safetensors"
    if weights.exists():
        return folder
    (folder / "unet").mkdir(parents=True, exist_ok=True)
    for part in (full / "diffusers").iterdir():
        if part.name != "unet":
            (folder / part.name).symlink_to(part.resolve())
    config = json.loads((full / "diffusers/unet/config.json").read_text())
    (folder / "unet/config.json").write_text(json.dumps({**config, "in_channels": channels}))
    tensors = load_file(next((full / "diffusers/unet").glob("*.safetensors")))
    first = tensors["conv_in.weight"]
    more = np.random.default_rng(1).normal(0, 0.1, (first.shape[0], channels - 4, 3, 3))
    tensors["conv_in.weight"] = np.concatenate([first, more.astype(first.dtype)], 1)
    unfinished = weights.with_suffix(".part")
    save_file(tensors, unfinished)
    unfinished.rename(weights)
    return folder


def make_pictures(full):
    """Something to change, and which part of it."""
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    waves = np.stack([np.sin(9 * x + 4 * y), np.cos(7 * y), np.sin(12 * (x - y) ** 2)], -1)
    Image.fromarray(((waves + 1) * 127.5).astype(np.uint8)).save(full / "init.png")
    mask = ((x - 0.55) ** 2 + (y - 0.45) ** 2 < 0.08).astype(np.uint8) * 255
    Image.fromarray(mask).save(full / "mask.png")


def drawn_by_diffusers(parts, full, task):
    kind, channels, options, _, _ = TASKS[task]
    folder = folder_with(full, channels)
    unet = diffusers.UNet2DConditionModel.from_pretrained(folder / "unet", dtype=torch.float32)
    pipeline = getattr(diffusers, f"StableDiffusion{kind}Pipeline")(
        **{**parts, "unet": unet}, requires_safety_checker=False
    )
    pipeline.set_progress_bar_config(disable=True)
    pictures = {"image": Image.open(full / "init.png")}
    if kind == "Inpaint":
        pictures |= {"mask_image": Image.open(full / "mask.png"), "height": SIZE, "width": SIZE}
    return pipeline(
        prompt=PROMPT,
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        output_type="latent",
        generator=torch.Generator().manual_seed(SEED),
        **pictures,
        **options,
    ).images.numpy()


def drawn_by_ldm(ldm, full, task):
    _, channels, _, command, options = TASKS[task]
    latents = full / "edited.safetensors"
    words = [ldm, command, "--model", folder_with(full, channels), "--prompt", PROMPT]
    words += ["--init-image" if command == "img2img" else "--image", full / "init.png"]
    words += ["--mask", full / "mask.png"] if command == "inpaint" else []
    words += ["--sampler", "ddim", "--steps", STEPS, "--cfg-scale", GUIDANCE, "--seed", SEED]
    words += ["--width", SIZE, "--height", SIZE, *options]
    words += ["--save-latents", latents, "--output", full / "edited.png", "--overwrite"]
    subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL)
    return load_file(latents)["final"]


def main():
    full, ldm, wanted = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
    torch.set_num_threads(2)
    if not (full / "init.png").exists():
        make_pictures(full)
    base = StableDiffusionPipeline.from_pretrained(full / "diffusers", dtype=torch.float32)
    # DDIM as ldm has it by itself: leading steps, which end at the table's first product
    base.scheduler = DDIMScheduler.from_config(
        base.scheduler.config, clip_sample=False, set_alpha_to_one=False, steps_offset=1
    )
    parts = {
        name: getattr(base, name)
        for name in ("vae", "text_encoder", "tokenizer", "scheduler", "feature_extractor")
    } | {"safety_checker": None}
    base.unet = None
    failed = 0
    for task in TASKS:
        if wanted and task not in wanted:
            continue
        start = time.time()
        expected = drawn_by_diffusers(parts, full, task)
        middle = time.time()
        got = drawn_by_ldm(ldm, full, task)
        error = float(np.abs(expected.astype(np.float64) - got).max() / np.abs(expected).max())
        verdict = "PASS" if error <= ALLOWED else "FAIL"
        failed += verdict == "FAIL"
        print(
            f"{verdict} {task}, {STEPS} steps: {error:.2g} of the largest value "
            f"(diffusers {middle - start:.1f} s, ldm {time.time() - middle:.1f} s with loading)",
            flush=True,
        )
    sys.exit(1 if failed else 0)


main()
