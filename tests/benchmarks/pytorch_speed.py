#!/usr/bin/env python3
"""PyTorch on the work of `ldm bench`: Stable Diffusion 1.5's text tower on 77 tokens, one step of its UNet and one decoding
of its autoencoder, at 512x512, weights by recipe. Prints JSON of the same form.

    ~/.cache/ldm-reference/venv/bin/python tests/benchmarks/pytorch_speed.py [--size 512] [--repeats 3] [--threads N]
        [--parts clip,unet,vae] [--batch-size 1] [--device cuda --dtype f16 --channels-last --compile --matmul]

The networks are diffusers' and transformers', which use PyTorch's fused attention: the fastest that PyTorch offers out of the
box. (The environment is the one that reference_data/generate/run makes.) On a GPU times are those between two CUDA events, and
float32 is float32: no TF32.
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

DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


def recipe_weights(module):
    """Weights that keep the size of what goes through them: norms near 1, others by their fan-in."""
    generator = torch.Generator(next(module.parameters()).device).manual_seed(1)
    for name, p in module.named_parameters():
        if p.dim() > 1:
            p.normal_(0.0, (p.shape[0] / p.numel()) ** 0.5, generator=generator)
        else:
            p.normal_(1.0 if name.endswith("weight") else 0.0, 0.02, generator=generator)
    return module.eval()


class Place:
    """Where and in what type a network computes, and in which order its pictures lie."""

    def __init__(self, options):
        self.device, self.dtype, self.channels_last, self.compiled = (
            options.device,
            DTYPES[options.dtype],
            options.channels_last,
            options.compile,
        )

    def network(self, make):
        with torch.device(self.device):  # there the numbers are made faster, too
            module = recipe_weights(make()).to(self.dtype)
        if self.channels_last:
            module = module.to(memory_format=torch.channels_last)
        return module

    def numbers(self, *shape):
        x = torch.randn(*shape).to(self.device, self.dtype)
        return x.to(memory_format=torch.channels_last) if self.channels_last and x.dim() == 4 else x

    def fast(self, function):
        """Compiled, if that is wanted. Every call has the same shapes."""
        if not self.compiled:
            return function
        # "reduce-overhead" replays a CUDA graph, as ldm does
        return torch.compile(
            function, dynamic=False, mode="reduce-overhead" if self.device == "cuda" else "default"
        )


def text_tower(place, _):
    from transformers import CLIPTextConfig, CLIPTextModel

    config = CLIPTextConfig(
        vocab_size=49408,
        hidden_size=768,
        intermediate_size=3072,
        num_hidden_layers=12,
        num_attention_heads=12,
        hidden_act="quick_gelu",
        attn_implementation="sdpa",
    )
    model, ids = place.fast(place.network(lambda: CLIPTextModel(config))), torch.full(
        (1, 77), 1000, device=place.device
    )
    return lambda: model(ids)


def unet(place, options):
    model = place.fast(
        place.network(lambda: UNet2DConditionModel(cross_attention_dim=768, attention_head_dim=8))
    )
    n, side = options.batch_size, options.size // 8
    z, words, t = (
        place.numbers(n, 4, side, side),
        place.numbers(n, 77, 768),
        torch.tensor(500, device=place.device),
    )
    return lambda: model(z, t, words, return_dict=False)


def vae(place, options):
    blocks = 4
    model = place.network(
        lambda: AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            layers_per_block=2,
            latent_channels=4,
            down_block_types=["DownEncoderBlock2D"] * blocks,
            up_block_types=["UpDecoderBlock2D"] * blocks,
        )
    )
    decode = place.fast(lambda z: model.decode(z, return_dict=False))
    z = place.numbers(options.batch_size, 4, options.size // 8, options.size // 8)
    return lambda: decode(z)


PARTS = {"clip": text_tower, "unet": unet, "vae": vae}


def seconds(work, device):
    if device == "cuda":
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        work()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / 1000
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def peak_memory_mb(device):
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def matmul_gflops(options):
    """A square product that keeps a GPU busy, the best of some."""
    n = 8192 if options.device == "cuda" else 1536
    a, b = torch.randn(2, n, n, device=options.device, dtype=DTYPES[options.dtype])
    return 2 * n**3 / min(seconds(lambda: a @ b, options.device) for _ in range(10)) * 1e-9


def main():
    options = argparse.ArgumentParser(
        description="Times PyTorch on the networks of Stable Diffusion 1.5."
    )
    options.add_argument("--size", type=int, default=512)
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options.add_argument("--parts", default="clip,unet,vae")
    options.add_argument("--batch-size", type=int, default=1)
    options.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    options.add_argument("--dtype", default="f32", choices=DTYPES)
    options.add_argument(
        "--channels-last",
        action="store_true",
        help="the order of the numbers that is faster on GPUs",
    )
    options.add_argument(
        "--compile", action="store_true", help="torch.compile; the minutes it takes are not counted"
    )
    options.add_argument(
        "--matmul", action="store_true", help="measure the rate of a matrix product, too"
    )
    options = options.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_grad_enabled(False)
    if options.device == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False

    parts = []
    for part in options.parts.split(","):
        if options.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        work = PARTS[part](Place(options), options)
        for _ in range(3 if options.device == "cuda" else 1):
            work()
        times = [seconds(work, options.device) for _ in range(options.repeats)]
        parts.append(
            {
                "part": part,
                "seconds": statistics.median(times),
                "peak_memory_mb": peak_memory_mb(options.device),
            }
        )
        del work
    report = {
        "torch": torch.__version__,
        "threads": options.threads,
        "size": options.size,
        "repeats": options.repeats,
        "device": torch.cuda.get_device_name() if options.device == "cuda" else "cpu",
        "dtype": options.dtype,
        "batch": options.batch_size,
        "parts": parts,
    }
    if options.matmul:
        report["matmul_gflops"] = matmul_gflops(options)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
