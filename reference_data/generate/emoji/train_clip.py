"""Trains the two CLIP towers (transformers' CLIPModel) and writes the text tower's states of every caption.

The contrastive loss alone teaches a text to differ from other texts of the batch. A second loss makes the text
tower useful to the UNet sooner: a linear layer, thrown away afterwards, predicts the picture at 16x16 from the
state at the end token.

    python train_clip.py --minutes 8
"""

import argparse

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from transformers import CLIPConfig, CLIPModel

from common import CONFIG, MODEL, WORK, Pictures, set_seed
from tokenizer import Tokenizer
from training import Clock, learning_rate, save


def clip_config(tokenizer):
    """config.json's cond_stage_config with the numbers that depend on the vocabulary."""
    config = CONFIG["cond_stage_config"]
    ids = {"vocab_size": tokenizer.end + 1, "bos_token_id": tokenizer.start,
           "eos_token_id": tokenizer.end, "pad_token_id": tokenizer.end}
    return {**config, "text_config": {**config["text_config"], **ids}}


def load_exported_clip(model):
    prefix = "cond_stage_model.transformer."
    tensors = load_file(MODEL / "model.safetensors")
    model.load_state_dict({k.removeprefix(prefix): v.float() for k, v in tensors.items() if k.startswith(prefix)}, strict=False)


def build(tokenizer):
    config = clip_config(tokenizer)
    return CLIPModel(CLIPConfig(**{k: config[k] for k in ("text_config", "vision_config", "projection_dim")}))


def pixel_values(x):
    """Pictures in [-1, 1] as the image tower reads them."""
    config = CONFIG["cond_stage_config"]
    mean, std = (torch.tensor(config[k]).view(3, 1, 1) for k in ("image_mean", "image_std"))
    return ((x + 1) / 2 - mean) / std


def embed(model, ids, pixels):
    """Normalised embeddings of texts and pictures, and the text states at the end token."""
    text = model.text_model(ids).pooler_output
    image = model.vision_model(pixels).pooler_output
    return F.normalize(model.text_projection(text), dim=-1), F.normalize(model.visual_projection(image), dim=-1), text


def families(pictures, rng):
    """Batches by concept with up to four of its pictures side by side: skin tones must be told apart too."""
    groups = {}
    for i in np.flatnonzero(~pictures.held_out):
        groups.setdefault(pictures.concept[i], []).append(i)
    groups = [np.array(g) for _, g in sorted(groups.items())]

    def draw(count):
        batch = []
        while len(batch) < count:
            group = groups[rng.integers(len(groups))]
            batch += rng.permutation(group)[:4].tolist()
        return np.unique(batch[:count])

    return draw


def retrieval(model, pictures, ids):
    """Share of captions whose nearest picture of all is their own, and the reverse; for held-out and trained."""
    model.eval()
    parts = np.array_split(np.arange(len(ids)), 30)
    with torch.no_grad():
        both = [embed(model, ids[p], pixel_values(pictures.tensor(p)))[:2] for p in parts]
    model.train()
    text, image = (torch.cat(side) for side in zip(*both))
    own = torch.arange(len(ids))
    right = {"text to image": (text @ image.T).argmax(1) == own, "image to text": (image @ text.T).argmax(1) == own}
    held = torch.from_numpy(pictures.held_out)
    return {name: {"held out": r[held].float().mean().item(), "trained": r[~held].float().mean().item()}
            for name, r in right.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--lr", type=float, default=1e-3)
    arguments = parser.parse_args()

    set_seed(2)
    rng = np.random.default_rng(2)
    pictures, tokenizer = Pictures(), Tokenizer()
    draw = families(pictures, rng)
    ids = torch.tensor([tokenizer(c) for c in pictures.captions])
    small = torch.cat([F.avg_pool2d(pictures.tensor(p), 4).flatten(1)
                       for p in np.array_split(np.arange(len(ids)), 30)])  # [N, 3 * 16 * 16]
    model = build(tokenizer).train()
    painter = torch.nn.Linear(model.config.text_config.hidden_size, small.shape[1])
    parameters = [*model.parameters(), *painter.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=arguments.lr, betas=(0.9, 0.98), weight_decay=0.01)
    clock, step = Clock(arguments.minutes), 0
    while clock.progress() < 1.0:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(arguments.lr, step, clock.progress(), warm_up=100, anneal_from=0.3)
        index = draw(arguments.batch)
        x = pictures.tensor(index)
        x = torch.roll(x, tuple(rng.integers(-2, 3, 2)), (2, 3))
        with torch.autocast("cpu", torch.bfloat16):
            text, image, state = embed(model, ids[index], pixel_values(x))
            painted = painter(state)
        logits = model.logit_scale.exp() * text.float() @ image.float().T
        own = torch.arange(len(index))
        contrastive = (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
        painting = F.mse_loss(painted.float(), small[index])
        optimizer.zero_grad(set_to_none=True)
        (contrastive + 4 * painting).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        with torch.no_grad():
            model.logit_scale.clamp_(max=np.log(100.0))  # as OpenAI's
        step += 1
        if step % 100 == 0:
            print(f"{clock.seconds():6.0f} s  step {step}  contrastive {contrastive.item():.3f}"
                  f"  painting {painting.item():.4f}", flush=True)

    found = retrieval(model, pictures, ids)
    print(f"{step} steps of {arguments.batch}; top-1 retrieval among all {len(ids)}: {found}", flush=True)
    model.eval()
    with torch.no_grad():
        everything = torch.cat([ids, torch.tensor([tokenizer("")])])  # the last row: the empty prompt
        states = torch.cat([model.text_model(part).last_hidden_state for part in everything.split(128)])
    save(WORK / "clip.pt", model=model.state_dict(), steps=step, seconds=clock.seconds(), retrieval=found)
    save(WORK / "contexts.pt", states=states)


if __name__ == "__main__":
    main()
