"""draw.py FOLDER OUT.safetensors: what diffusers' StableDiffusionPipeline does with the weights of FOLDER/diffusers.

Five DDIM steps towards a prompt at 512x512, guidance 7.5, seed 42, float32. Writes the noise at the start (`noise`), the latent
after each step (`step.0` ...) and the last one (`final`).
"""
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import diffusers
import torch
from cases import compact, write_safetensors
from diffusers import DDIMScheduler, StableDiffusionPipeline
from weights import recipe

PROMPT, STEPS, GUIDANCE, SEED, SIZE = "a photograph of an astronaut riding a horse", 5, 7.5, 42, 512

folder, out = Path(sys.argv[1]), Path(sys.argv[2])
torch.set_num_threads(2)
pipeline = StableDiffusionPipeline.from_pretrained(folder / "diffusers", dtype=torch.float32)
pipeline.set_progress_bar_config(disable=True)
assert isinstance(pipeline.scheduler, DDIMScheduler)
latents = {}


def keep(_, step, __, values):
    latents[f"step.{step}"] = values["latents"].numpy().copy()
    return values


final = pipeline(
    PROMPT,
    num_inference_steps=STEPS,
    guidance_scale=GUIDANCE,
    height=SIZE,
    width=SIZE,
    output_type="latent",
    generator=torch.Generator().manual_seed(SEED),
    callback_on_step_end=keep,
).images
noise = torch.randn(1, 4, SIZE // 8, SIZE // 8, generator=torch.Generator().manual_seed(SEED))
write_safetensors(
    out,
    {"noise": noise.numpy(), **latents, "final": final.numpy()},
    {
        "format": "pipeline-latents v1",
        "settings": json.dumps(
            {
                "prompt": PROMPT,
                "negative_prompt": "",
                "steps": STEPS,
                "cfg_scale": GUIDANCE,
                "seed": SEED,
                "width": SIZE,
                "height": SIZE,
                "sampler": "ddim",
                "eta": 0.0,
                "tolerance": 1e-3,
            }
        ),
        "recipe": compact(recipe()),
        "rounding": "every weight of the recipe is rounded to f16",
        "source": f"diffusers {diffusers.__version__} StableDiffusionPipeline, DDIMScheduler; torch {torch.__version__.split('+')[0]}",
        "note": "Stable Diffusion 1.5 at full size with weights by recipe (CompVis names). Largest difference allowed: tolerance times "
        "the largest value of `final`.",
    },
)
print({name: float(abs(x).max()) for name, x in latents.items()})
