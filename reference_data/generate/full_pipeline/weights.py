"""weights.py FOLDER: Stable Diffusion 1.5 at full size with weights by recipe, in the layouts people have.

    FOLDER/sd15_f16.safetensors       single file, CompVis names, f16
    FOLDER/sd15_f32_ema.safetensors   the same weights as f32, plus averaged ones (other numbers) and the position_ids buffer
    FOLDER/diffusers/                 the folder that diffusers writes, f16

Each weight is rounded to f16 once, so that all three hold the same numbers. Nothing is learned: the pictures are noise.
"""
import gc
import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from cases import fill, quiet, recipe_of, write_safetensors
from diffusers.loaders.single_file_utils import (
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
)
from originals import autoencoder, openaimodel
from safetensors.torch import save_file
from stable_diffusion import (
    CLIP_BPE,
    FIRST_STAGE,
    TEXT,
    UNET,
    TextTower,
    clip_merges,
    clip_vocabulary,
)

UNET_PREFIX, VAE_PREFIX, TEXT_PREFIX = (
    "model.diffusion_model.",
    "first_stage_model.",
    "cond_stage_model.transformer.",
)
HERE = Path(__file__).resolve().parent


def recipe():
    with torch.device("meta"), quiet():
        parts = {
            UNET_PREFIX: openaimodel.UNetModel(**UNET),
            TEXT_PREFIX: TextTower(**TEXT),
            VAE_PREFIX: autoencoder.AutoencoderKL(
                FIRST_STAGE["ddconfig"], {"target": "torch.nn.Identity"}, FIRST_STAGE["embed_dim"]
            ),
        }
    return recipe_of(
        {
            prefix + k: list(v.shape)
            for prefix, part in parts.items()
            for k, v in part.state_dict().items()
        },
        seed=42,
    )


def weights(plan):
    return {
        t["name"]: fill(t["name"], t["shape"], plan["seed"], t["mean"], t["std"]).astype(np.float16)
        for t in plan["tensors"]
    }


def averages(plan):
    """LitEma's buffers: names without their dots, other numbers."""
    found = {}
    for t in plan["tensors"]:
        if t["name"].startswith(UNET_PREFIX):
            name = "model_ema." + t["name"].removeprefix("model.").replace(".", "")
            found[name] = fill(name, t["shape"], plan["seed"], t["mean"], t["std"]).astype(
                np.float32
            )
    return found | {
        "model_ema.decay": np.array(0.9999, np.float32),
        "model_ema.num_updates": np.array(1000, np.int32),
    }


def single_files(folder, half, plan):
    metadata = {"format": "pt"}
    write_safetensors(folder / "sd15_f16.safetensors", half, metadata)
    full = {name: half.pop(name).astype(np.float32) for name in list(half)}
    full["cond_stage_model.transformer.text_model.embeddings.position_ids"] = np.arange(
        77, dtype=np.int64
    )[None]
    write_safetensors(folder / "sd15_f32_ema.safetensors", full | averages(plan), metadata)


def diffusers_folder(folder, half):
    shutil.copytree(
        HERE / "diffusers", folder, dirs_exist_ok=True
    )  # the small files: settings of every part
    tensors = {name: torch.from_numpy(x) for name, x in half.items()}

    def settings(part):
        return json.loads((folder / part / "config.json").read_text())

    def keep(part, name, found):
        save_file(
            {k: v.contiguous() for k, v in found.items()}, folder / part / name, {"format": "pt"}
        )

    keep(
        "unet",
        "diffusion_pytorch_model.safetensors",
        convert_ldm_unet_checkpoint(dict(tensors), settings("unet")),
    )
    keep(
        "vae",
        "diffusion_pytorch_model.safetensors",
        convert_ldm_vae_checkpoint(dict(tensors), settings("vae")),
    )
    keep(
        "text_encoder",
        "model.safetensors",
        {k.removeprefix(TEXT_PREFIX): v for k, v in tensors.items() if k.startswith(TEXT_PREFIX)},
    )
    vocabulary(folder / "tokenizer")


def vocabulary(folder):
    shutil.copy(CLIP_BPE / "merges.txt", folder / "merges.txt")
    (folder / "vocab.json").write_text(
        json.dumps(clip_vocabulary(clip_merges()), ensure_ascii=False), encoding="utf-8"
    )


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    plan = recipe()
    made = weights(plan)
    diffusers_folder(target / "diffusers", made)
    gc.collect()
    single_files(target, made, plan)
