#!/usr/bin/env python3
"""Writes a checkpoint of the size of Stable Diffusion 1.5 that nobody has trained: a single file, CompVis's names, f16, 2 GB.

    tests/on_gpu/write_sd15.py OUT.safetensors

Names, shapes and sizes of the numbers are those of the recipes in reference_data/full_size; the numbers themselves are PyTorch's. It
takes as long to draw with as any, and the pictures are noise.
"""
import json
import struct
import sys
from pathlib import Path

import torch

CASES = Path(__file__).resolve().parents[2] / "reference_data/full_size"
PARTS = {
    "UNetModel.sd15": "model.diffusion_model.",
    "Decoder.sd15_256": "first_stage_model.",
    "CLIPTextModel.sd15": "cond_stage_model.transformer.",
}


def recipe(case):
    with (CASES / f"{case}.safetensors").open("rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        return json.loads(json.loads(file.read(size))["__metadata__"]["recipe"])["tensors"]


def main():
    out = Path(sys.argv[1])
    tensors = [(prefix + t["name"], t) for case, prefix in PARTS.items() for t in recipe(case)]
    header, end = {}, 0
    for name, t in tensors:
        begin, end = end, end + 2 * torch.Size(t["shape"]).numel()
        header[name] = {"dtype": "F16", "shape": t["shape"], "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(1)
    part = out.with_suffix(".part")
    with part.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, t in tensors:
            x = torch.randn(t["shape"], device=device) * t["std"] + t["mean"]
            file.write(x.to(torch.float16).cpu().numpy().tobytes())
    part.rename(out)


if __name__ == "__main__":
    main()
