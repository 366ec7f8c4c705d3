"""Trains the autoencoder (ldm's Encoder and Decoder, factor 4) and writes the latents of all pictures.

    python train_autoencoder.py --minutes 12
"""

import argparse

import numpy as np
import torch
import torch.nn.functional as F

from common import CONFIG, WORK, Pictures, set_seed
from fast import fuse, originals
from training import Average, Clock, learning_rate, save

KL_WEIGHT = 1e-6


class AutoencoderKL(torch.nn.Module):
    """ldm.models.autoencoder.AutoencoderKL without its training framework; the same keys."""

    def __init__(self, embed_dim, ddconfig):
        super().__init__()
        self.encoder = originals.vae.Encoder(**ddconfig)
        self.decoder = originals.vae.Decoder(**ddconfig)
        self.quant_conv = torch.nn.Conv2d(2 * ddconfig["z_channels"], 2 * embed_dim, 1)
        self.post_quant_conv = torch.nn.Conv2d(embed_dim, ddconfig["z_channels"], 1)

    def moments(self, x):
        mean, logvar = self.quant_conv(self.encoder(x)).float().chunk(2, 1)
        return mean, logvar.clamp(-30, 20)

    def decode(self, z):
        return self.decoder(self.post_quant_conv(z)).float()


def psnr(model, pictures, index):
    """Mean over pictures of the peak signal to noise ratio (dB) of decode(mean(encode))."""
    values = []
    with torch.no_grad():
        for part in np.array_split(index, max(1, len(index) // 64)):
            x = pictures.tensor(part)
            y = model.decode(model.moments(x)[0]).clamp(-1, 1)
            values += (-10 * torch.log10(((x - y) / 2).square().mean((1, 2, 3)))).tolist()
    return float(np.mean(values))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=1.5e-3)
    arguments = parser.parse_args()

    set_seed(1)
    rng = np.random.default_rng(1)
    pictures = Pictures()
    draw = pictures.sampler(rng)
    model = fuse(AutoencoderKL(**CONFIG["first_stage_config"]))
    average = Average(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=arguments.lr, betas=(0.9, 0.95), weight_decay=1e-4)
    clock, step = Clock(arguments.minutes), 0
    while clock.progress() < 1.0:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(arguments.lr, step, clock.progress(), anneal_from=0.4)
        x = pictures.tensor(draw(arguments.batch)).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            mean, logvar = model.moments(x)
            y = model.decode(mean + (0.5 * logvar).exp() * torch.randn_like(mean))
        kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).sum((1, 2, 3)).mean()
        # the squared error is what PSNR measures, the absolute one keeps edges sharp
        loss = (x - y).abs().mean() + 2 * F.mse_loss(y, x) + KL_WEIGHT * kl
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        average.update(model)
        step += 1
        if step % 100 == 0:
            with average.used_by(model):
                held = psnr(model, pictures, np.flatnonzero(pictures.held_out)[::4])
            print(f"{clock.seconds():6.0f} s  step {step}  loss {loss.item():.4f}  kl {kl.item():.0f}"
                  f"  held-out PSNR {held:.2f} dB", flush=True)

    with average.used_by(model):
        held = psnr(model, pictures, np.flatnonzero(pictures.held_out))
        train = psnr(model, pictures, np.flatnonzero(~pictures.held_out)[::10])
        print(f"{step} steps of {arguments.batch}; PSNR held-out {held:.2f} dB, trained {train:.2f} dB", flush=True)
        save(WORK / "autoencoder.pt", model=model.state_dict(), steps=step, seconds=clock.seconds(), psnr=held)
        moments = [model.moments(pictures.tensor(i)) for i in np.array_split(np.arange(len(pictures.captions)), 60)]
    mean, logvar = (torch.cat(part) for part in zip(*moments))
    save(WORK / "latents.pt", mean=mean, std=(0.5 * logvar).exp())


if __name__ == "__main__":
    main()
