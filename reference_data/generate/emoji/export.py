"""Writes the trained parts as one model: reference_data/models/emoji/ (model.safetensors in f16, config.json, ...).

    python export.py             from the work folder to the model
    python export.py --unpack    the other way: the committed model as work files, to train it further
"""

import argparse
import copy
import json
import re

import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from common import CONFIG, MODEL, WORK, Pictures, write_atomically
from tokenizer import Tokenizer
from train_clip import clip_config
from training import save

EXAMPLES = [
    "grinning cat", "red apple", "rocket", "hot beverage", "cherry blossom", "snowman", "tropical fish", "rainbow",
    "woman astronaut: medium skin tone", "man farmer: light skin tone",
]
HELD_OUT_EXAMPLES = 4  # and so many that no training saw


def parts():
    """Every tensor under its name in a CompVis checkpoint."""
    vae = torch.load(WORK / "autoencoder.pt")["model"]
    locked = WORK / "clip_locked.pt"
    clip = torch.load(locked if locked.exists() else WORK / "clip.pt")["model"]
    denoiser = torch.load(WORK / "unet.pt")["averaged"]
    clip = {**clip, **{k: v for k, v in denoiser.items() if k.startswith("text_model.")}}
    unet = {k.removeprefix("unet."): v for k, v in denoiser.items() if k.startswith("unet.")}
    for prefix, tensors in (("first_stage_model.", vae), ("cond_stage_model.transformer.", clip),
                            ("model.diffusion_model.", unet)):
        for name, tensor in tensors.items():
            if not name.endswith("position_ids"):
                yield prefix + name, tensor.half().contiguous()


def unpack():
    """Puts the committed model where the training scripts look for results."""
    from train_autoencoder import AutoencoderKL, write_latents
    tensors = load_file(MODEL / "model.safetensors")

    def part(prefix):
        return {k.removeprefix(prefix): v.float() for k, v in tensors.items() if k.startswith(prefix)}

    pictures = Pictures()
    vae = AutoencoderKL(**CONFIG["first_stage_config"])
    vae.load_state_dict(part("first_stage_model."))
    save(WORK / "autoencoder.pt", model=vae.state_dict())
    write_latents(vae, pictures)
    save(WORK / "clip.pt", model=part("cond_stage_model.transformer."), seconds=0.0)


def pretty(config):
    """JSON with one line per innermost list."""
    text = json.dumps(config, indent=2)
    return re.sub(r"\[\s+([^\[\]]*?)\s+\]", lambda m: "[" + re.sub(r"\s+", " ", m[1]) + "]", text) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--unpack", action="store_true")
    if parser.parse_args().unpack:
        return unpack()
    MODEL.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer()
    tensors = dict(parts())
    config = copy.deepcopy(CONFIG)
    config["cond_stage_config"] = clip_config(tokenizer)
    config["scale_factor"] = round(1 / torch.load(WORK / "latents.pt")["mean"].std().item(), 6)
    write_atomically(MODEL / "model.safetensors", lambda path: save_file(tensors, path))
    write_atomically(MODEL / "config.json", lambda path: path.write_text(pretty(config)))

    pictures = Pictures()
    split = {"train": [c for c, h in zip(pictures.captions, pictures.held_out) if not h],
             "heldout": [c for c, h in zip(pictures.captions, pictures.held_out) if h]}
    write_atomically(MODEL / "captions.json", lambda path: path.write_text(
        json.dumps(split, ensure_ascii=False, indent=0) + "\n", encoding="utf-8"))

    examples = MODEL / "examples"
    examples.mkdir(exist_ok=True)
    held = split["heldout"]
    chosen = EXAMPLES + held[::len(held) // HELD_OUT_EXAMPLES][:HELD_OUT_EXAMPLES]
    names = {}
    for caption in chosen:
        slug = "".join(c if c.isalnum() else "_" for c in caption.replace(":", "").replace(",", "")).lower()
        Image.fromarray(pictures.images[pictures.captions.index(caption)]).save(examples / f"{slug}.png")
        names[f"{slug}.png"] = caption
    (examples / "captions.json").write_text(json.dumps(names, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    count = sum(t.numel() for t in tensors.values())
    size = (MODEL / "model.safetensors").stat().st_size
    print(f"{len(tensors)} tensors, {count / 1e6:.2f} M numbers, {size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
