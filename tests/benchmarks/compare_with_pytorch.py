#!/usr/bin/env python3
"""`ldm bench` and PyTorch on the same work, in turns, so that a busy machine is unfair to both alike. Prints a table.

    tests/benchmarks/compare_with_pytorch.py [--rounds 3] [--size 512] [--ldm build/cpu/bin/ldm] [--python .../venv/bin/python]
"""
import argparse
import os
import statistics

from measure import ROOT, bench, parts

ENVIRONMENT = os.environ.get(
    "LDM_REFERENCE_VENV", os.path.expanduser("~/.cache/ldm-reference/venv")
)
NAMES = {"clip": "CLIP text, 77 tokens", "unet": "UNet, one step", "vae": "VAE decode"}


def main():
    options = argparse.ArgumentParser(description="Compares `ldm bench` with PyTorch.")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--ldm", default=str(ROOT / "build/cpu/bin/ldm"))
    options.add_argument("--python", default=ENVIRONMENT + "/bin/python")
    options.add_argument("--size", type=int, default=512, help="of the picture, a multiple of 64")
    options.add_argument(
        "--repeats", type=int, default=3, help="runs in each round, of which the median counts"
    )
    options = options.parse_args()
    work = ["--size", str(options.size), "--repeats", str(options.repeats)]

    ours, theirs = {name: [] for name in NAMES}, {name: [] for name in NAMES}
    for _ in range(options.rounds):
        mine, threads = bench(options.ldm, *work)
        other, other_threads = parts(
            [
                options.python,
                str(ROOT / "tests/benchmarks/pytorch_speed.py"),
                "--threads",
                str(threads),
            ]
        )
        assert threads == other_threads
        for name in NAMES:
            ours[name].append(mine[name])
            theirs[name].append(other[name])

    print(
        f"{threads} threads, float32, {options.size}x{options.size}, median of {options.rounds} rounds in turns\n"
    )
    print("| | ldm | PyTorch | ldm / PyTorch |\n|---|---|---|---|")
    for name, label in NAMES.items():
        a, b = statistics.median(ours[name]), statistics.median(theirs[name])
        print(f"| {label} | {a:.3f} s | {b:.3f} s | {a / b:.2f} |")


if __name__ == "__main__":
    main()
