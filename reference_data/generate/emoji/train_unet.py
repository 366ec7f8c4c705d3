"""Trains the UNet (ldm's UNetModel) to remove noise from the latents, together with the text tower it listens to.

Runs one process per core, each with its own samples, and averages their gradients: on a machine that others use
too, threads inside one operation wait for each other much more than two processes once a step.

    python train_unet.py --minutes 60            from the beginning, or from where a killed run stopped
    python train_unet.py --minutes 60 --init     from the weights of the exported model
"""

import argparse
import tempfile
import time

import numpy as np
import torch
import torch.distributed as distributed
from safetensors.torch import load_file

from common import CONFIG, MODEL, WORK, Pictures, set_seed
from fast import fuse, originals
from tokenizer import Tokenizer
from train_clip import build, load_exported_clip
from training import Average, Clock, Muon, learning_rate, save

EMPTY_PROMPT = 0.1  # share of samples that learn without a caption, for guidance
HEAVIEST = 10.0


class Denoiser(torch.nn.Module):
    """The two networks that this script trains."""

    def __init__(self, text_model):
        super().__init__()
        self.unet = fuse(originals.openaimodel.UNetModel(**CONFIG["unet_config"]))
        self.text_model = text_model

    def forward(self, x, t, ids):
        return self.unet(x, t, self.text_model(ids).last_hidden_state)


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


def average_gradients(parameters, ranks):
    flat = torch.cat([p.grad.flatten() for p in parameters])
    distributed.all_reduce(flat)
    flat /= ranks
    for p, g in zip(parameters, flat.split([p.numel() for p in parameters])):
        p.grad.copy_(g.view_as(p))


def train(rank, ranks, store, arguments):
    distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=ranks)
    torch.set_num_threads(1)
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
    average, optimizer = Average(model, 0.998), Muon(model, inner)
    path, step, used = WORK / "unet.pt", 0, 0.0
    if path.exists() and not arguments.init:
        state = torch.load(path)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        average.values, average.updates, step, used = state["average"], state["step"], state["step"], state["seconds"]
    set_seed(1000 * step + rank)
    rng = np.random.default_rng(1000 * step + rank)

    pictures = Pictures()
    draw = pictures.sampler(rng)
    latents = torch.load(WORK / "latents.pt")
    scale = 1 / latents["mean"].std()
    ids = torch.tensor([tokenizer(c) for c in [*pictures.captions, ""]])
    empty = len(pictures.captions)
    alpha_bar = alphas_cumprod()
    # Every noise level counts as in v-prediction: without it the loss hardly sees whether the very noisy
    # pictures, where the caption decides what is drawn, become the right ones.
    weight = ((1 - alpha_bar) / alpha_bar + 1).clamp(max=HEAVIEST)
    parameters = list(model.parameters())
    if rank == 0:
        print(f"{sum(p.numel() for p in model.unet.parameters()) / 1e6:.2f} M parameters in the UNet,"
              f" scale factor {scale:.4f}", flush=True)

    clock, losses, saved = Clock(arguments.minutes, used), [], time.time()
    progress = torch.tensor(clock.progress())
    while True:
        distributed.broadcast(progress, 0)  # one clock decides for all
        if progress >= 1.0:
            break
        rate = learning_rate(arguments.lr, step, progress.item(), warm_up=50, anneal_from=0.4)
        index = draw(arguments.batch)
        caption = np.where(rng.random(len(index)) < EMPTY_PROMPT, empty, index)
        x0 = (latents["mean"][index] + latents["std"][index] * torch.randn(len(index), 4, 16, 16)) * scale
        # one time per equal slice of the schedule: less chance from step to step
        t = ((torch.arange(len(index)) + torch.rand(len(index))) / len(index) * CONFIG["timesteps"]).long()
        noise, a = torch.randn_like(x0), alpha_bar[t].view(-1, 1, 1, 1)
        xt = (a.sqrt() * x0 + (1 - a).sqrt() * noise).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            eps = model(xt, t, ids[caption])
        loss = (weight[t] * (eps.float() - noise).square().mean((1, 2, 3))).mean()
        model.zero_grad(set_to_none=True)
        loss.backward()
        average_gradients(parameters, ranks)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step(rate)
        average.update(model)
        step += 1
        losses.append(loss.item())
        if rank == 0:
            progress.fill_(clock.progress())
            if step % 50 == 0:
                print(f"{clock.seconds():6.0f} s  step {step}  {step * ranks * arguments.batch} samples"
                      f"  loss {np.mean(losses[-50:]):.4f}", flush=True)
            if time.time() - saved > 120 or progress >= 1.0:
                with average.used_by(model):
                    averaged = {k: v.clone() for k, v in model.state_dict().items()}
                save(path, model=model.state_dict(), optimizer=optimizer.state_dict(), average=average.values,
                     averaged=averaged, step=step, seconds=clock.seconds(), samples=step * ranks * arguments.batch)
                saved = time.time()
    distributed.destroy_process_group()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--batch", type=int, default=32, help="samples of one process in one step")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--init", action="store_true", help="begin with the exported model's weights")
    arguments = parser.parse_args()
    store = tempfile.mktemp()
    torch.multiprocessing.spawn(train, (arguments.ranks, store, arguments), nprocs=arguments.ranks)


if __name__ == "__main__":
    main()
