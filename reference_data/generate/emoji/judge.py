"""Judges the exported model.

    judge.py prompts DIR              writes DIR/trained.txt and DIR/heldout.txt, one caption a line
    judge.py draw DIR                 draws both lists with PyTorch into DIR/trained and DIR/heldout
    judge.py table TRAINED HELDOUT    the table, from two folders of 0000.png, 0001.png, ... in the order of the lists
    judge.py networks                 PSNR of the autoencoder and retrieval of the CLIP towers
    judge.py sheet TRAINED HELDOUT FILE   a picture of drawn emoji above the true ones

A drawing is right (top 1) when, among the pictures of all captions, its own is the nearest: RGB at 32x32, Euclidean.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file

from common import MODEL, Pictures

TRAINED = 200
SEED = 0


def lists(pictures):
    """Indices of the judged captions: a fixed choice of trained ones, and all that were held out."""
    trained = np.flatnonzero(~pictures.held_out)
    chosen = np.sort(np.random.default_rng(0).choice(trained, TRAINED, replace=False))
    return {"trained": chosen, "heldout": np.flatnonzero(pictures.held_out)}


class Model:
    """The exported model in PyTorch, with the published modules."""

    def __init__(self):
        from fast import originals
        from tokenizer import Tokenizer
        from train_autoencoder import AutoencoderKL
        from train_clip import build, load_exported_clip
        self.config = json.loads((MODEL / "config.json").read_text())
        self.util = originals.util
        tensors = load_file(MODEL / "model.safetensors")

        def load(module, prefix):
            module.load_state_dict({k.removeprefix(prefix): v.float() for k, v in tensors.items() if k.startswith(prefix)})
            return module.eval().to(memory_format=torch.channels_last)

        self.tokenizer = Tokenizer()
        self.unet = load(originals.openaimodel.UNetModel(**self.config["unet_config"]), "model.diffusion_model.")
        self.vae = load(AutoencoderKL(**self.config["first_stage_config"]), "first_stage_model.")
        self.clip = build(self.tokenizer).eval()
        load_exported_clip(self.clip)

    def context(self, captions):
        return self.clip.text_model(torch.tensor([self.tokenizer(c) for c in captions])).last_hidden_state

    @torch.no_grad()
    def draw(self, captions, guidance=None, steps=None):
        """DDIM (eta 0) as ldm samples; [B, 64, 64, 3] uint8. The noise of picture i depends on nothing but i."""
        config, sampler = self.config, self.config["sampler"]
        guidance, steps = guidance or sampler["cfg_scale"], steps or sampler["steps"]
        betas = self.util.make_beta_schedule("linear", config["timesteps"], config["linear_start"], config["linear_end"])
        bars = np.cumprod(1 - betas)
        times = self.util.make_ddim_timesteps("uniform", steps, config["timesteps"], verbose=False)
        previous = np.concatenate([bars[:1], bars[times[:-1]]])
        noise = torch.Generator().manual_seed(SEED)
        x = torch.randn(len(captions), 4, 16, 16, generator=noise)
        both = torch.cat([self.context([""]).expand(len(captions), -1, -1), self.context(captions)])
        for t, before in zip(times[::-1], previous[::-1]):
            with torch.autocast("cpu", torch.bfloat16):
                free, told = self.unet(torch.cat([x, x]), torch.full((2 * len(x),), int(t)), both).float().chunk(2)
            eps = free + guidance * (told - free)
            x0 = (x - (1 - bars[t]) ** 0.5 * eps) / bars[t] ** 0.5
            x = before ** 0.5 * x0 + (1 - before) ** 0.5 * eps
        pictures = self.vae.decode(x / config["scale_factor"]).clamp(-1, 1)
        return ((pictures + 1) * 127.5).permute(0, 2, 3, 1).to(torch.uint8).numpy()


def small(images):
    """[N, 64, 64, 3] uint8 as [N, 32 * 32 * 3] float: the mean of every 2x2 pixels."""
    x = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float()
    return F.avg_pool2d(x, 2).flatten(1)


def ranks(drawn, index, pictures):
    """How many pictures of other captions are nearer to each drawing than its own."""
    distance = torch.cdist(small(drawn), small(pictures.images))
    return (distance < distance[torch.arange(len(index)), torch.from_numpy(index)][:, None]).sum(1)


def read(folder, count):
    return np.stack([np.asarray(Image.open(Path(folder) / f"{i:04d}.png").convert("RGB")) for i in range(count)])


def draw(folder, pictures, guidance):
    model = Model()
    for name, index in lists(pictures).items():
        target = Path(folder) / name
        target.mkdir(parents=True, exist_ok=True)
        for first in range(0, len(index), 50):
            part = index[first:first + 50]
            for i, image in enumerate(model.draw([pictures.captions[k] for k in part], guidance)):
                Image.fromarray(image).save(target / f"{first + i:04d}.png")


def table(folders, pictures):
    print("| captions | pictures | top 1 | top 5 |\n|---|---|---|---|")
    for (name, index), folder in zip(lists(pictures).items(), folders):
        rank = ranks(read(folder, len(index)), index, pictures)
        print(f"| {name} | {len(index)} | {(rank < 1).float().mean():.3f} | {(rank < 5).float().mean():.3f} |")


def networks(pictures):
    from train_autoencoder import psnr
    from train_clip import retrieval
    model = Model()
    split = {"held out": np.flatnonzero(pictures.held_out), "trained (every tenth)": np.flatnonzero(~pictures.held_out)[::10]}
    for name, index in split.items():
        print(f"autoencoder, {name}: PSNR {psnr(model.vae, pictures, index):.2f} dB")
    ids = torch.tensor([model.tokenizer(c) for c in pictures.captions])
    for direction, shares in retrieval(model.clip, pictures, ids).items():
        print(f"CLIP, {direction}, top 1 among all {len(ids)}: "
              + ", ".join(f"{name} {share:.3f}" for name, share in shares.items()))


def sheet(folders, path, pictures):
    rows = []
    for index, folder in zip(lists(pictures).values(), folders):
        drawn = read(folder, len(index))
        for first in range(0, 60, 20):
            rows += [np.concatenate(list(drawn[first:first + 20]), 1),
                     np.concatenate(list(pictures.images[index[first:first + 20]]), 1)]
    Image.fromarray(np.concatenate(rows, 0)).save(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["prompts", "draw", "table", "networks", "sheet"])
    parser.add_argument("paths", nargs="*")
    parser.add_argument("--guidance", type=float, help="instead of the model's own")
    arguments = parser.parse_args()
    pictures = Pictures()
    if arguments.command == "prompts":
        for name, index in lists(pictures).items():
            Path(arguments.paths[0]).mkdir(parents=True, exist_ok=True)
            text = "".join(pictures.captions[i] + "\n" for i in index)
            (Path(arguments.paths[0]) / f"{name}.txt").write_text(text, encoding="utf-8")
    elif arguments.command == "draw":
        draw(arguments.paths[0], pictures, arguments.guidance)
    elif arguments.command == "table":
        table(arguments.paths, pictures)
    elif arguments.command == "networks":
        networks(pictures)
    else:
        sheet(arguments.paths[:2], arguments.paths[2], pictures)


if __name__ == "__main__":
    main()
