"""golden_picture.py: what the original code makes of the shipped model, a prompt and a seed.

    ~/.cache/ldm-reference/venv/bin/python reference_data/generate/golden_picture.py

20 DDIM steps towards "grinning cat" with classifier-free guidance, in float64 but for the noise and
the stored weights: the text tower of transformers, the UNet, sampler and decoder of the `ldm` package.
Writes 08_ldm_pipeline/golden_picture.safetensors: `noise`, `context`, `step.<k>`, `final` and the
`picture` [64, 64, 3] as bytes.
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "emoji"))

import numpy as np
import torch
import transformers
from cases import write_safetensors
from originals import ddim, ddpm, float64_throughout, openaimodel
from safetensors.torch import load_file
from stable_diffusion import TextTower
from tokenizer import Tokenizer

from networks import AutoencoderKL

PROMPT, STEPS, GUIDANCE, SEED = "grinning cat", 20, 1.5, 42
MODEL = HERE.parent / "models/emoji"


def load(module, tensors, prefix):
    part = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    missing, unexpected = module.load_state_dict(part, strict=False)
    unneeded = ("position_ids", "encoder.", "quant_conv.")
    assert not [k for k in unexpected if not k.startswith(unneeded)], unexpected
    assert all(k.endswith("position_ids") or k.startswith(unneeded) for k in missing), missing
    return module.double().eval()


class Model:
    """What DDIMSampler asks of ldm's LatentDiffusion."""

    def __init__(self, config, tensors):
        unet = {**config["unet_config"]}
        unet["context_dim"] = [unet["context_dim"]]
        self.unet = load(openaimodel.UNetModel(**unet), tensors, "model.diffusion_model.")
        schedule = ddpm.DDPM.__new__(ddpm.DDPM)
        torch.nn.Module.__init__(schedule)
        schedule.v_posterior, schedule.parameterization = 0.0, config["parameterization"]
        schedule.register_schedule(
            beta_schedule=config["beta_schedule"],
            timesteps=config["timesteps"],
            linear_start=config["linear_start"],
            linear_end=config["linear_end"],
        )
        self.parameterization = config["parameterization"]
        self.num_timesteps, self.device = config["timesteps"], torch.device("cpu")
        self.betas, self.alphas_cumprod = schedule.betas, schedule.alphas_cumprod
        self.alphas_cumprod_prev = schedule.alphas_cumprod_prev
        self.sqrt_one_minus_alphas_cumprod = schedule.sqrt_one_minus_alphas_cumprod

    def apply_model(self, x, t, context):
        return self.unet(x, t, context=[context])


@torch.no_grad()
def main(config, noise):
    tensors = {k: v.double() for k, v in load_file(MODEL / "model.safetensors").items()}
    text = config["cond_stage_config"]["text_config"]
    tower = load(TextTower(**text), tensors, "cond_stage_model.transformer.")
    tokenizer = Tokenizer(MODEL / "merges.txt", text["max_position_embeddings"])
    ids = torch.tensor([tokenizer(PROMPT), tokenizer("")])
    context = tower(ids)["last_hidden_state"]

    sampler = ddim.DDIMSampler(Model(config, tensors))
    sampler.register_buffer = lambda name, value: setattr(sampler, name, value)
    x, steps = noise.double(), {}
    sampler.make_schedule(ddim_num_steps=STEPS, ddim_eta=0.0, verbose=False)
    for k, t in enumerate(np.flip(sampler.ddim_timesteps)):
        x, _ = sampler.p_sample_ddim(
            x,
            context[:1],
            torch.full((1,), int(t)),
            index=STEPS - 1 - k,
            unconditional_guidance_scale=GUIDANCE,
            unconditional_conditioning=context[1:],
        )
        if k in (0, STEPS // 2):
            steps[f"step.{k}"] = x.numpy().astype(np.float32)

    autoencoder = load(AutoencoderKL(**config["first_stage_config"]), tensors, "first_stage_model.")
    decoded = autoencoder.decoder(autoencoder.post_quant_conv(x / config["scale_factor"]))
    # as scripts/txt2img.py makes bytes of it: 255 x, and what is behind the point is cut off
    picture = (255 * ((decoded[0] + 1) / 2).clamp(0, 1)).to(torch.uint8).permute(1, 2, 0)
    settings = {
        "prompt": PROMPT,
        "negative_prompt": "",
        "steps": STEPS,
        "cfg_scale": GUIDANCE,
        "seed": SEED,
        "width": config["image_size"],
        "height": config["image_size"],
        "sampler": "ddim",
        "eta": 0.0,
    }
    size = write_safetensors(
        HERE.parent / "08_ldm_pipeline/golden_picture.safetensors",
        {
            "noise": noise.numpy(),
            "context": context.numpy().astype(np.float32),
            **steps,
            "final": x.numpy().astype(np.float32),
            "picture": picture.numpy(),
        },
        {
            "format": "golden-picture v1",
            "settings": json.dumps(settings),
            "source": "ldm (stable-diffusion-sdkit) UNetModel, DDIMSampler, Decoder; transformers "
            f"{transformers.__version__}; torch {torch.__version__.split('+')[0]}, float64",
            "note": "The shipped model's weights. A port is right when `final` is within 1e-3 of its "
            "largest value and no byte of `picture` is off by more than 2.",
        },
    )
    print(size, "bytes; largest latent", float(x.abs().max()))


if __name__ == "__main__":
    config = json.loads((MODEL / "config.json").read_text(encoding="utf-8"))
    levels = len(config["first_stage_config"]["ddconfig"]["ch_mult"])
    side = config["image_size"] // 2 ** (levels - 1)
    # PyTorch's stream of float32 numbers is another than that of float64
    noise = torch.randn(1, 4, side, side, generator=torch.Generator().manual_seed(SEED))
    with float64_throughout():
        main(config, noise)
