"""Trains the two CLIP towers (transformers' CLIPModel).

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
from training import Clock, Muon, learning_rate, save


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
    return CLIPModel(CLIPConfig(**{k: config[k] for k in ("text_config", "vision_config", "projection_dim")},
                                attn_implementation="eager"))


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


def losses_of_both(model, painter, ids, x, small):
    """The contrastive loss of a batch of captions and their pictures, and the painting loss."""
    with torch.autocast("cpu", torch.bfloat16):
        text, image, state = embed(model, ids, pixel_values(x))
        painted = painter(state)
    logits = model.logit_scale.exp() * text.float() @ image.float().T
    own = torch.arange(len(ids))
    contrastive = (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
    return contrastive, F.mse_loss(painted.float(), small)


def loss_of_images(model, states, index, x):
    """The contrastive loss when the text tower stands still: every picture against all captions, not only the batch's."""
    with torch.autocast("cpu", torch.bfloat16):
        image = model.visual_projection(model.vision_model(pixel_values(x)).pooler_output)
    image, text = F.normalize(image.float(), dim=-1), F.normalize(model.text_projection(states), dim=-1)
    logits = model.logit_scale.exp() * image @ text.T
    return (F.cross_entropy(logits, index) + F.cross_entropy(logits[:, index].T, torch.arange(len(index)))) / 2


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=23)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--more", action="store_true", help="go on from the last result")
    parser.add_argument("--lock-text", action="store_true", help="take the UNet's text tower and train only the image tower")
    arguments = parser.parse_args()

    set_seed(2)
    rng = np.random.default_rng(2)
    pictures, tokenizer = Pictures(), Tokenizer()
    draw = families(pictures, rng)
    ids = torch.tensor([tokenizer(c) for c in pictures.captions])
    train = np.flatnonzero(~pictures.held_out)
    place = {i: k for k, i in enumerate(train)}
    model, before, result = build(tokenizer).train(), 0.0, WORK / "clip.pt"
    if arguments.more or arguments.lock_text:
        state = torch.load(result)
        model.load_state_dict(state["model"])
        before = state["seconds"]
    if arguments.lock_text:
        result = WORK / "clip_locked.pt"
        if arguments.more:
            model.load_state_dict(torch.load(result)["model"])
        denoiser = torch.load(WORK / "unet.pt")["averaged"]
        model.load_state_dict({k: v for k, v in denoiser.items() if k.startswith("text_model.")}, strict=False)
        model.text_model.requires_grad_(False)
        with torch.no_grad():
            states = torch.cat([model.text_model(part).pooler_output for part in ids[train].split(128)])
        trained = model
    else:
        small = torch.cat([F.avg_pool2d(pictures.tensor(p), 4).flatten(1)
                           for p in np.array_split(np.arange(len(ids)), 30)])  # [N, 3 * 16 * 16]
        painter = torch.nn.Linear(model.config.text_config.hidden_size, small.shape[1])
        trained = torch.nn.ModuleDict({"clip": model, "painter": painter})
    optimizer = Muon(trained, lambda name, parameter: ".layers." in name)
    clock, step = Clock(arguments.minutes), 0
    while clock.progress() < 1.0:
        index = draw(arguments.batch)
        x = torch.roll(pictures.tensor(index), tuple(rng.integers(-2, 3, 2)), (2, 3))
        if arguments.lock_text:
            loss = loss_of_images(model, states, torch.tensor([place[i] for i in index]), x)
            report = f"contrastive, all captions {loss.item():.3f}"
        else:
            contrastive, painting = losses_of_both(model, painter, ids[index], x, small[index])
            loss = contrastive + 4 * painting
            report = f"contrastive {contrastive.item():.3f}  painting {painting.item():.4f}"
        trained.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained.parameters(), 1.0)
        optimizer.step(learning_rate(arguments.lr, step, clock.progress(), warm_up=50, anneal_from=0.4))
        with torch.no_grad():
            model.logit_scale.clamp_(max=np.log(100.0))  # as OpenAI's
        step += 1
        if step % 50 == 0:
            print(f"{clock.seconds():6.0f} s  step {step}  {report}", flush=True)

    found = retrieval(model, pictures, ids)
    print(f"{step} steps of {arguments.batch}; top-1 retrieval among all {len(ids)}: {found}", flush=True)
    save(result, model=model.state_dict(), steps=step, seconds=before + clock.seconds(), retrieval=found)


if __name__ == "__main__":
    main()
