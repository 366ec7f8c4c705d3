"""Trains the UNet (ldm's UNetModel) to remove noise from the latents, together with the text tower it listens to.

    python train_unet.py --minutes 60            from the beginning, or from where a killed run stopped
    python train_unet.py --minutes 60 --init     from the weights of the exported model
"""

import argparse
import time

import numpy as np
import torch
from safetensors.torch import load_file

from common import CONFIG, MODEL, WORK, Pictures, set_seed
from fast import fuse, originals
from tokenizer import Tokenizer
from train_clip import build, load_exported_clip
from training import Average, Muon, SharedClock, average_gradients, learning_rate, run_in_processes, save

EMPTY_PROMPT = 0.1  # share of samples that learn without a caption, for guidance
HEAVIEST = 10.0
TIME_POWER = 0.6  # times are drawn as uniform^0.6, more often noisy than clean, where the loss weighs more


def density(u):
    return (u ** (1 / TIME_POWER - 1) / TIME_POWER).clamp(min=0.2)


class Denoiser(torch.nn.Module):
    """The two networks that this script trains."""

    def __init__(self, text_model):
        super().__init__()
        self.unet = fuse(originals.openaimodel.UNetModel(**CONFIG["unet_config"]))
        self.text_model = text_model

    def forward(self, x, t, ids):
        return self.unet(x, t, self.text_model(ids).last_hidden_state)


class Latents:
    """The autoencoder's latents, read again when a training beside this one has written better ones."""

    def __init__(self):
        self.read = None

    def draw(self, index):
        written = (WORK / "latents.pt").stat().st_mtime
        if written != self.read:
            self.read = written
            latents = torch.load(WORK / "latents.pt")
            self.mean, self.std, self.scale = latents["mean"], latents["std"], 1 / latents["mean"].std()
        return (self.mean[index] + self.std[index] * torch.randn_like(self.mean[index])) * self.scale


def inner(name, parameter):
    """Weights between hidden layers: neither tables nor the first and last convolution."""
    return not ("embedding" in name or "input_blocks.0." in name or ".out." in name)


def alphas_cumprod():
    betas = originals.util.make_beta_schedule("linear", CONFIG["timesteps"], CONFIG["linear_start"], CONFIG["linear_end"])
    return torch.from_numpy(np.cumprod(1 - betas)).float()


def exported_unet():
    prefix = "model.diffusion_model."
    tensors = load_file(MODEL / "model.safetensors")
    return {k.removeprefix(prefix): v.float() for k, v in tensors.items() if k.startswith(prefix)}


def train(rank, ranks, arguments):
    set_seed(3)
    tokenizer = Tokenizer()
    clip = build(tokenizer)
    if arguments.init:
        load_exported_clip(clip)
    else:
        clip.load_state_dict(torch.load(WORK / "clip.pt")["model"])
    model = Denoiser(clip.text_model)
    if arguments.init:
        model.unet.load_state_dict(exported_unet())
    average, optimizer = Average(model, 0.997), Muon(model, inner)
    path, step, used = WORK / "unet.pt", 0, 0.0
    if path.exists() and not arguments.init:
        state = torch.load(path)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        average.values, average.updates, step, used = state["average"], state["step"], state["step"], state["seconds"]
    set_seed(1000 * step + rank)
    rng = np.random.default_rng(1000 * step + rank)

    pictures = Pictures()
    draw = pictures.sampler(rng, arguments.by_file)
    latents = Latents()
    ids = torch.tensor([tokenizer(c) for c in [*pictures.captions, ""]])
    empty = len(pictures.captions)
    alpha_bar = alphas_cumprod()
    # Every noise level counts as in v-prediction: without it the loss hardly sees whether the very noisy
    # pictures, where the caption decides what is drawn, become the right ones.
    weight = ((1 - alpha_bar) / alpha_bar + 1).clamp(max=HEAVIEST)
    parameters = list(model.parameters())
    if rank == 0:
        print(f"{sum(p.numel() for p in model.unet.parameters()) / 1e6:.2f} M parameters in the UNet", flush=True)

    clock, losses, saved = SharedClock(arguments.minutes, used), [], time.time()
    progress = clock.progress()
    while progress < 1.0:
        rate = learning_rate(arguments.lr, step, progress, warm_up=50, anneal_from=0.5)
        index = draw(arguments.batch)
        caption = np.where(rng.random(len(index)) < EMPTY_PROMPT, empty, index)
        x0 = latents.draw(index)
        # one time per equal slice of the unit interval: less chance from step to step
        u = ((torch.arange(len(index)) + torch.rand(len(index))) / len(index)) ** TIME_POWER
        t = (u * CONFIG["timesteps"]).long()
        noise, a = torch.randn_like(x0), alpha_bar[t].view(-1, 1, 1, 1)
        xt = (a.sqrt() * x0 + (1 - a).sqrt() * noise).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            eps = model(xt, t, ids[caption])
        loss = (weight[t] / density(u) * (eps.float() - noise).square().mean((1, 2, 3))).mean()
        model.zero_grad(set_to_none=True)
        loss.backward()
        average_gradients(parameters, ranks)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step(rate)
        average.update(model)
        step += 1
        losses.append(loss.item())
        progress = clock.progress()
        if rank == 0:
            if step % 50 == 0:
                print(f"{clock.seconds():6.0f} s  step {step}  {step * ranks * arguments.batch} samples"
                      f"  loss {np.mean(losses[-50:]):.4f}", flush=True)
            if time.time() - saved > 120 or progress >= 1.0:
                with average.used_by(model):
                    averaged = {k: v.clone() for k, v in model.state_dict().items()}
                save(path, model=model.state_dict(), optimizer=optimizer.state_dict(), average=average.values,
                     averaged=averaged, step=step, seconds=clock.seconds(), samples=step * ranks * arguments.batch)
                saved = time.time()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--batch", type=int, default=48, help="samples of one process in one step")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--by-file", type=float, default=0.0, help="share of samples drawn by picture, not by concept")
    parser.add_argument("--init", action="store_true", help="begin with the exported model's weights")
    arguments = parser.parse_args()
    run_in_processes(train, arguments.ranks, arguments)


if __name__ == "__main__":
    main()
