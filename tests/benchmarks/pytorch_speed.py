#!/usr/bin/env python3
"""PyTorch on the work of `ldm bench`: Stable Diffusion 1.5's text tower on 77 tokens, one step of its UNet and one decoding
of its autoencoder, at 512x512, float32, weights by recipe. Prints JSON of the same form.

    ~/.cache/ldm-reference/venv/bin/python tests/benchmarks/pytorch_speed.py [--size 512] [--repeats 3] [--threads N]
                                                                             [--parts clip,unet,vae]

The networks are diffusers' and transformers', which use PyTorch's fused attention: the fastest that PyTorch offers out of the
box. (The environment is the one that reference_data/generate/run makes.)
"""
import argparse
import json
import os
import resource
import statistics
import time
import warnings

warnings.filterwarnings("ignore")

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel


def recipe_weights(module):
    """Weights that keep the size of what goes through them: norms near 1, others by their fan-in."""
    generator = torch.Generator().manual_seed(1)
    for name, p in module.named_parameters():
        if p.dim() > 1:
            p.normal_(0.0, (p.shape[0] / p.numel()) ** 0.5, generator=generator)
        else:
            p.normal_(1.0 if name.endswith("weight") else 0.0, 0.02, generator=generator)
    return module.eval()


def text_tower(_):
    config = CLIPTextConfig(vocab_size=49408, hidden_size=768, intermediate_size=3072,
                            num_hidden_layers=12, num_attention_heads=12, hidden_act="quick_gelu", attn_implementation="sdpa")
    model, ids = recipe_weights(CLIPTextModel(config)), torch.full((1, 77), 1000)
    return lambda: model(ids)


def unet(size):
    model = recipe_weights(UNet2DConditionModel(cross_attention_dim=768, attention_head_dim=8))
    z, words = torch.randn(1, 4, size // 8, size // 8), torch.randn(1, 77, 768)
    return lambda: model(z, 500, words)


def vae(size):
    blocks = 4
    model = recipe_weights(AutoencoderKL(block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4,
                                         down_block_types=["DownEncoderBlock2D"] * blocks,
                                         up_block_types=["UpDecoderBlock2D"] * blocks))
    z = torch.randn(1, 4, size // 8, size // 8)
    return lambda: model.decode(z)


PARTS = {"clip": text_tower, "unet": unet, "vae": vae}


def main():
    options = argparse.ArgumentParser(description="Times PyTorch on the networks of Stable Diffusion 1.5.")
    options.add_argument("--size", type=int, default=512)
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options.add_argument("--parts", default="clip,unet,vae")
    options = options.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_grad_enabled(False)

    parts = []
    for part in options.parts.split(","):
        work, times = PARTS[part](options.size), []
        work()
        for _ in range(options.repeats):
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        parts.append({"part": part, "seconds": statistics.median(times), "peak_memory_mb": peak})
    print(json.dumps({"torch": torch.__version__, "threads": options.threads, "size": options.size,
                      "repeats": options.repeats, "parts": parts}))


if __name__ == "__main__":
    main()
