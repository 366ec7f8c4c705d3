"""stable_diffusion_2.py FOLDER LDM: Stable Diffusion 2.1's sizes with weights by recipe, in diffusers and in `ldm`.

    FOLDER/sd21_f16.safetensors   single file: CompVis's names, OpenCLIP's text tower; its metadata say that it predicts v
    FOLDER/diffusers_2/           the same weights as a diffusers folder, with diffusers' own conversion

are made if they are missing (6 GB of disk). Then StableDiffusionPipeline and `ldm txt2img`, the latter from both, draw

    v       768x768, DDIM, 5 steps with guidance, as Stable Diffusion 2.1 is drawn with
    turbo   512x512, eps, EulerDiscrete with trailing steps, 1 step without guidance, as SD-Turbo is

and the final latents may differ by 1e-3 of the largest value.
"""
import json
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import diffusers
import numpy as np
import torch
from cases import fill, quiet, recipe_of, write_safetensors
from diffusers import StableDiffusionPipeline
from diffusers.loaders.single_file_utils import (
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
    convert_open_clip_checkpoint,
)
from originals import autoencoder, openaimodel
from safetensors.numpy import load_file
from safetensors.torch import save_file
from stable_diffusion import FIRST_STAGE, UNET
from weights import HERE, UNET_PREFIX, VAE_PREFIX, vocabulary

PROMPT, SEED, ALLOWED = "a photograph of an astronaut riding a horse", 42, 1e-3
OPEN_CLIP = "cond_stage_model.model."
WIDTH, LAYERS = 1024, 24
UNET_2 = {key: value for key, value in UNET.items() if key != "num_heads"} | {
    "num_head_channels": 64,
    "context_dim": WIDTH,
    "use_linear_in_transformer": True,
}
SCHEDULER = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "trained_betas": None,
}
# class and settings of the scheduler, then what is asked for
RUNS = {
    "v": (
        "DDIMScheduler",
        {"prediction_type": "v_prediction", "steps_offset": 1, "clip_sample": False}
        | {"set_alpha_to_one": False, "timestep_spacing": "leading"},
        {"size": 768, "steps": 5, "cfg_scale": 7.5},
        ["--sampler", "ddim"],
    ),
    "turbo": (
        "EulerDiscreteScheduler",
        {"prediction_type": "epsilon", "timestep_spacing": "trailing", "steps_offset": 1},
        {"size": 512, "steps": 1, "cfg_scale": 1},
        ["--sampler", "euler", "--prediction", "eps"],
    ),
}


def open_clip_shapes():
    """OpenCLIP's ViT-H/14 text tower, by its own names; the last layer is there and is not used."""
    shapes = {
        "token_embedding.weight": [49408, WIDTH],
        "positional_embedding": [77, WIDTH],
        "text_projection": [WIDTH, WIDTH],
        "ln_final.weight": [WIDTH],
        "ln_final.bias": [WIDTH],
    }
    layer = {
        "ln_1": [WIDTH],
        "ln_2": [WIDTH],
        "attn.out_proj": [WIDTH, WIDTH],
        "mlp.c_fc": [4 * WIDTH, WIDTH],
        "mlp.c_proj": [WIDTH, 4 * WIDTH],
    }
    for i in range(LAYERS):
        block = f"transformer.resblocks.{i}."
        shapes[block + "attn.in_proj_weight"] = [3 * WIDTH, WIDTH]
        shapes[block + "attn.in_proj_bias"] = [3 * WIDTH]
        for name, shape in layer.items():
            shapes[f"{block}{name}.weight"], shapes[f"{block}{name}.bias"] = shape, shape[:1]
    return {OPEN_CLIP + name: shape for name, shape in shapes.items()}


def weights():
    with torch.device("meta"), quiet():
        parts = {
            UNET_PREFIX: openaimodel.UNetModel(**UNET_2),
            VAE_PREFIX: autoencoder.AutoencoderKL(
                FIRST_STAGE["ddconfig"], {"target": "torch.nn.Identity"}, FIRST_STAGE["embed_dim"]
            ),
        }
    shapes = open_clip_shapes()
    for prefix, part in parts.items():
        shapes |= {prefix + k: list(v.shape) for k, v in part.state_dict().items()}
    plan = recipe_of(shapes, seed=21)
    return {
        t["name"]: fill(t["name"], t["shape"], plan["seed"], t["mean"], t["std"]).astype(np.float16)
        for t in plan["tensors"]
    }


def settings_of(part):
    settings = json.loads((HERE / "diffusers" / part / "config.json").read_text())
    if part == "unet":
        settings |= {"cross_attention_dim": WIDTH, "attention_head_dim": [5, 10, 20, 20]}
        settings |= {"use_linear_projection": True, "sample_size": 96}
    if part == "text_encoder":
        settings |= {"hidden_act": "gelu", "hidden_size": WIDTH, "intermediate_size": 4 * WIDTH}
        settings |= {"num_attention_heads": 16, "num_hidden_layers": LAYERS - 1}
    return settings


def diffusers_folder(folder, half):
    tensors = {name: torch.from_numpy(x) for name, x in half.items()}
    used = {name: x for name, x in tensors.items() if f".resblocks.{LAYERS - 1}." not in name}
    text = convert_open_clip_checkpoint(None, used)
    text.pop("text_projection.weight", None)
    parts = {
        "unet": convert_ldm_unet_checkpoint(dict(tensors), settings_of("unet")),
        "vae": convert_ldm_vae_checkpoint(dict(tensors), settings_of("vae")),
        "text_encoder": text,
    }
    for part, found in parts.items():
        (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / part / "config.json").write_text(json.dumps(settings_of(part), indent=2))
        name = "model" if part == "text_encoder" else "diffusion_pytorch_model"
        contiguous = {k: v.contiguous() for k, v in found.items()}
        save_file(contiguous, folder / part / f"{name}.safetensors", {"format": "pt"})
    tokenizer, original = folder / "tokenizer", HERE / "diffusers/tokenizer"
    tokenizer.mkdir(exist_ok=True)
    vocabulary(tokenizer)
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        told = json.loads((original / name).read_text())
        (tokenizer / name).write_text(json.dumps(told | {"pad_token": "!"}, indent=2))


def make_models(full):
    if not (full / "complete_2").exists():
        half = weights()
        metadata = {"format": "pt", "modelspec.prediction_type": "v"}
        write_safetensors(full / "sd21_f16.safetensors", half, metadata)
        diffusers_folder(full / "diffusers_2", half)
        (full / "complete_2").touch()


def write_scheduler(folder, name, settings):
    (folder / "scheduler").mkdir(exist_ok=True)
    config = {"_class_name": name, "_diffusers_version": diffusers.__version__}
    text = json.dumps(config | SCHEDULER | settings, indent=2)
    (folder / "scheduler/scheduler_config.json").write_text(text)
    index = json.loads((HERE / "diffusers/model_index.json").read_text())
    index["scheduler"] = ["diffusers", name]
    (folder / "model_index.json").write_text(json.dumps(index, indent=2))


def drawn_by_diffusers(folder, asked):
    pipeline = StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline(
        PROMPT,
        num_inference_steps=asked["steps"],
        guidance_scale=asked["cfg_scale"],
        height=asked["size"],
        width=asked["size"],
        output_type="latent",
        generator=torch.Generator().manual_seed(SEED),
    ).images.numpy()


def drawn_by_ldm(ldm, model, asked, more, latents):
    command = [ldm, "txt2img", "--model", model, "--prompt", PROMPT, "--steps", asked["steps"]]
    command += ["--cfg-scale", asked["cfg_scale"], "--seed", SEED]
    command += ["--width", asked["size"], "--height", asked["size"], *more]
    command += ["--save-latents", latents, "--output", latents.with_suffix(".png"), "--overwrite"]
    subprocess.run([str(word) for word in command], check=True, capture_output=True)
    return load_file(latents)["final"]


def main():
    full, ldm, wanted = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
    torch.set_num_threads(2)
    make_models(full)
    folder, failed = full / "diffusers_2", 0
    for run, (scheduler, settings, asked, options) in RUNS.items():
        if wanted and run not in wanted:
            continue
        write_scheduler(folder, scheduler, settings)
        start = time.time()
        expected = drawn_by_diffusers(folder, asked)
        print(f"{run}: diffusers {time.time() - start:.1f} s with loading", flush=True)
        for model, more in [(folder, []), (full / "sd21_f16.safetensors", options)]:
            start = time.time()
            got = drawn_by_ldm(ldm, model, asked, more, full / "drawn_2.safetensors")
            error = float(np.abs(expected.astype(np.float64) - got).max() / np.abs(expected).max())
            verdict = "PASS" if error <= ALLOWED else "FAIL"
            failed += verdict == "FAIL"
            seconds = time.time() - start
            print(
                f"{verdict} {run} {model.name}: {error:.2g} of the largest value ({seconds:.1f} s)",
                flush=True,
            )
    sys.exit(1 if failed else 0)


main()
