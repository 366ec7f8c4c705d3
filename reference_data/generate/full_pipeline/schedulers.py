"""schedulers.py FOLDER LDM [CLASS ...]: every scheduler of diffusers through a whole pipeline at full size, beside `ldm`.

With the weights of FOLDER/diffusers (Stable Diffusion 1.5's sizes) StableDiffusionPipeline draws a picture of 256x256 with each
class; `ldm txt2img` does the same from a folder whose scheduler_config.json names the class. The final latents may differ by
1e-3 of the largest value. 9 GB of memory, some ten minutes on two cores.
"""
import json
import subprocess
import sys
import time
from pathlib import Path

import diffusers
import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from safetensors.numpy import load_file

PROMPT, GUIDANCE, SEED, SIZE, ALLOWED = "a photograph of an astronaut", 7.5, 42, 256, 1e-3
# what the folder of Stable Diffusion 1.5 says
SD = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "steps_offset": 1,
    "clip_sample": False,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
}
# class, steps, further settings
RUNS = [
    ("DDIMScheduler", 5, {}),
    ("DDPMScheduler", 5, {"timestep_spacing": "trailing"}),
    ("PNDMScheduler", 5, {}),
    ("LMSDiscreteScheduler", 6, {"use_karras_sigmas": True}),
    ("EulerDiscreteScheduler", 5, {"timestep_spacing": "leading"}),
    ("EulerAncestralDiscreteScheduler", 5, {"timestep_spacing": "trailing"}),
    ("HeunDiscreteScheduler", 3, {}),
    ("KDPM2DiscreteScheduler", 3, {}),
    ("KDPM2AncestralDiscreteScheduler", 3, {}),
    ("DPMSolverMultistepScheduler", 6, {"use_karras_sigmas": True}),
    ("DPMSolverMultistepScheduler", 5, {"algorithm_type": "sde-dpmsolver++"}),
    ("DPMSolverSinglestepScheduler", 5, {}),
    ("UniPCMultistepScheduler", 5, {}),
    ("DEISMultistepScheduler", 5, {}),
    ("LCMScheduler", 4, {}),
    ("TCDScheduler", 4, {}),
]


def folder_with(scheduler, settings, full):
    """A diffusers folder with this scheduler and the weights of the other one."""
    folder = full / "scheduled"
    (folder / "scheduler").mkdir(parents=True, exist_ok=True)
    for part in (full / "diffusers").iterdir():
        link = folder / part.name
        if part.name != "scheduler" and not link.exists():
            link.symlink_to(part.resolve())
    config = {"_class_name": scheduler, "_diffusers_version": diffusers.__version__, **settings}
    (folder / "scheduler/scheduler_config.json").write_text(json.dumps(config, indent=2))
    return folder


def drawn_by_diffusers(pipeline, scheduler, steps, settings, eta):
    pipeline.scheduler = getattr(diffusers, scheduler).from_config(settings)
    return pipeline(
        PROMPT,
        num_inference_steps=steps,
        guidance_scale=GUIDANCE,
        height=SIZE,
        width=SIZE,
        eta=eta,
        output_type="latent",
        generator=torch.Generator().manual_seed(SEED),
    ).images.numpy()


def drawn_by_ldm(ldm, folder, steps, eta):
    latents = folder / "latents.safetensors"
    command = [ldm, "txt2img", "--model", folder, "--prompt", PROMPT, "--steps", steps]
    command += ["--cfg-scale", GUIDANCE, "--seed", SEED, "--width", SIZE, "--height", SIZE]
    command += ["--save-latents", latents, "--output", folder / "picture.png", "--overwrite"]
    command += ["--eta", eta] if eta else []
    subprocess.run([str(word) for word in command], check=True, capture_output=True)
    return load_file(latents)["final"]


def main():
    full, ldm, wanted = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
    torch.set_num_threads(2)
    pipeline = StableDiffusionPipeline.from_pretrained(full / "diffusers", dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    failed = 0
    for scheduler, steps, more in RUNS:
        if wanted and scheduler not in wanted:
            continue
        # TCD's gamma; the pipelines pass 0 on where nothing else is said
        eta = 0.3 if scheduler == "TCDScheduler" else 0.0
        settings = {**SD, **more}
        start = time.time()
        expected = drawn_by_diffusers(pipeline, scheduler, steps, settings, eta)
        middle = time.time()
        got = drawn_by_ldm(ldm, folder_with(scheduler, settings, full), steps, eta)
        error = float(np.abs(expected.astype(np.float64) - got).max() / np.abs(expected).max())
        verdict = "PASS" if error <= ALLOWED else "FAIL"
        failed += verdict == "FAIL"
        print(
            f"{verdict} {scheduler} {json.dumps(more) if more else ''} {steps} steps: {error:.2g} of the largest value "
            f"(diffusers {middle - start:.1f} s, ldm {time.time() - middle:.1f} s with loading)",
            flush=True,
        )
    sys.exit(1 if failed else 0)


main()
