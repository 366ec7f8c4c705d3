"""Trains the autoencoder (ldm's Encoder and Decoder, factor 4) and writes the latents of all pictures.

    python train_autoencoder.py --minutes 14
    python train_autoencoder.py --minutes 25 --more        goes on from there; a UNet may train beside it
    python train_autoencoder.py --minutes 14 --decoder
"""

import argparse

import numpy as np
import torch
import torch.nn.functional as F

from common import CONFIG, WORK, Pictures, set_seed
from fast import fuse, originals
from training import Average, Muon, SharedClock, average_gradients, learning_rate, run_in_processes, save

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


@torch.no_grad()
def write_latents(model, pictures):
    """Mean and standard deviation of every picture's latent, once and for all."""
    with torch.autocast("cpu", torch.bfloat16):
        moments = [model.moments(pictures.tensor(i)) for i in np.array_split(np.arange(len(pictures.captions)), 60)]
    mean, logvar = (torch.cat(part) for part in zip(*moments))
    save(WORK / "latents.pt", mean=mean, std=(0.5 * logvar).exp())


def inner(name, parameter):
    """Weights between hidden layers."""
    return not any(edge in name for edge in ("conv_in", "conv_out", "quant_conv"))


def train(rank, ranks, arguments):
    set_seed(1)
    pictures = Pictures()
    model = fuse(AutoencoderKL(**CONFIG["first_stage_config"]))
    before = {"steps": 0, "seconds": 0.0}
    if arguments.more or arguments.decoder:
        before = torch.load(WORK / "autoencoder.pt")
        model.load_state_dict(before["model"])
    if arguments.decoder:
        latents = torch.load(WORK / "latents.pt")
        model.encoder.requires_grad_(False)
        model.quant_conv.requires_grad_(False)
    parameters = [p for p in model.parameters() if p.requires_grad]
    average, optimizer = Average(model, 0.998), Muon(model, inner)
    set_seed(100 + rank)
    draw = pictures.sampler(np.random.default_rng(100 + rank))
    clock, step, written = SharedClock(arguments.minutes), 0, 0.0

    def write():
        """The averaged weights and, unless they stand still, all latents."""
        with average.used_by(model):
            save(WORK / "autoencoder.pt", model=model.state_dict(), steps=before["steps"] + step,
                 seconds=before["seconds"] + clock.seconds())
            if not arguments.decoder:
                write_latents(model, pictures)

    while (progress := clock.progress()) < 1.0:
        index = draw(arguments.batch)
        x = pictures.tensor(index).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            if arguments.decoder:
                mean, std = latents["mean"][index], latents["std"][index]
            else:
                mean, logvar = model.moments(x)
                std = (0.5 * logvar).exp()
            y = model.decode(mean + std * torch.randn_like(mean))
        kl = 0.5 * (mean.square() + std.square() - 1 - 2 * std.log()).sum((1, 2, 3)).mean()
        # the squared error is what PSNR measures, the absolute one keeps edges sharp
        loss = (x - y).abs().mean() + 2 * F.mse_loss(y, x) + KL_WEIGHT * kl
        model.zero_grad(set_to_none=True)
        loss.backward()
        average_gradients(parameters, ranks)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step(learning_rate(arguments.lr, step, progress, warm_up=50, anneal_from=0.4))
        average.update(model)
        step += 1
        if step % 100 == 0 and rank == 0:
            with average.used_by(model):
                held = psnr(model, pictures, np.flatnonzero(pictures.held_out)[::4])
            print(f"{clock.seconds():6.0f} s  step {step}  loss {loss.item():.4f}  kl {kl.item():.0f}"
                  f"  held-out PSNR {held:.2f} dB", flush=True)

            if clock.seconds() > written + 300:  # a UNet that trains beside reads them
                written = clock.seconds()
                write()

    if rank == 0:
        with average.used_by(model):
            held = psnr(model, pictures, np.flatnonzero(pictures.held_out))
            print(f"{step} steps of {ranks * arguments.batch}; PSNR held-out {held:.2f} dB", flush=True)
        write()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=14)
    parser.add_argument("--batch", type=int, default=8, help="pictures of one process in one step")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--more", action="store_true", help="go on from the last result")
    parser.add_argument("--decoder", action="store_true",
                        help="train the decoder further; the latents, and what the UNet learned of them, stay")
    arguments = parser.parse_args()
    run_in_processes(train, arguments.ranks, arguments)


if __name__ == "__main__":
    main()
