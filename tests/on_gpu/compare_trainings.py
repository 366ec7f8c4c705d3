#!/usr/bin/env python3
"""Ten steps of each training on the CPU and on a GPU: prints the losses side by side, and exits with 1 when they part.

    tests/on_gpu/compare_trainings.py --ldm build/cuda/bin/ldm --folder build/on_gpu/training [--steps 10] [--device cuda] [--small]

The settings are those the shipped model was trained with, in float32, with smaller batches and without the warm-up of the learning
rate, so that ten steps move the weights; the pictures are the examples that come with it. --small asks for what
tests/cuda_on_host gets done.
"""
import argparse
import csv
import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/benchmarks"))

from compare_training_with_pytorch import MODEL, write_pictures

KINDS = ("autoencoder", "clip", "diffusion")


def small(kind, config):
    """Two pictures at once; and where no weights come from the model, few and narrow layers."""
    config = config | {
        "batch_size": 2,
        "accumulate_grad_batches": 1,
        "data": config["data"] | {"size": 16},
    }
    if kind == "autoencoder":
        config["first_stage_config"]["ddconfig"] |= {"resolution": 16, "ch": 32, "ch_mult": [1, 2]}
    if kind == "clip":
        for tower in ("text_config", "vision_config"):
            config["cond_stage_config"][tower] |= {
                "hidden_size": 32,
                "intermediate_size": 64,
                "num_hidden_layers": 1,
                "num_attention_heads": 2,
            }
        config["cond_stage_config"]["vision_config"] |= {"image_size": 16}
    if kind == "diffusion":
        config["unet_config"] |= {"image_size": 4}
        config["sampler"] |= {"steps": 2}
    return config


def config_of(kind, options):
    config = json.loads(
        (ROOT / f"chapters/09_training/emoji/{kind}.json").read_text(encoding="utf-8")
    )
    for key in ("lr_schedule", "parallel_micro_batches"):
        config.pop(key, None)
    if "vocabulary" in config:
        config["vocabulary"] = str(MODEL / "merges.txt")
    config |= {
        "steps": options.steps,
        "precision": "f32",
        "batch_size": min(config["batch_size"], 8),
        "checkpoint_every": options.steps,
    }
    return small(kind, config) if options.small else config


def losses(kind, device, options):
    """What `ldm train` wrote down after each step. The CPU's, which take longer, are kept."""
    output = options.folder / f"{kind}_{device}"
    if device != "cpu" or not (output / "model").exists():
        shutil.rmtree(output, ignore_errors=True)
        settings = options.folder / f"{kind}.json"
        settings.write_text(json.dumps(config_of(kind, options), indent=2))
        start = (
            ["--init", MODEL] if kind == "diffusion" else []
        )  # CLIP from nothing: the model's tells its examples apart, with a loss of 0
        subprocess.run(
            [
                options.ldm,
                "train",
                kind,
                "--config",
                settings,
                "--data",
                options.folder / "pictures",
                "--output",
                output,
                "--max-steps",
                str(options.steps),
                "--device",
                device,
                *start,
            ],
            check=True,
            stdout=sys.stderr,
        )
    with (output / "curve.csv").open() as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def main():
    parser = argparse.ArgumentParser(description="Compares trainings on the CPU and on a GPU.")
    parser.add_argument("--ldm", required=True)
    parser.add_argument(
        "--folder",
        type=Path,
        required=True,
        help="for the trainings; those of the CPU that are there are not made again",
    )
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--kinds", nargs="+", default=KINDS, choices=KINDS)
    parser.add_argument("--tolerance", type=float, default=1e-3, help="of a loss, as a share of it")
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()

    options.folder.mkdir(parents=True, exist_ok=True)
    if not (options.folder / "pictures").exists():
        write_pictures(options.folder / "pictures")
    worst = 0.0
    for kind in options.kinds:
        try:
            here, there = (losses(kind, device, options) for device in ("cpu", options.device))
        except subprocess.CalledProcessError as error:
            print(f"{kind}: {error}\n", flush=True)
            worst = float("inf")
            continue
        assert len(here) == len(there) == options.steps
        print(
            f"{kind}:\n\n| step | loss, cpu | loss, {options.device} | difference, as a share |\n|---|---|---|---|"
        )
        for step, (a, b) in enumerate(zip(here, there), 1):
            share = (
                abs(a - b) / abs(a) if a and math.isfinite(a) and math.isfinite(b) else float("inf")
            )
            worst = max(worst, share)
            print(f"| {step} | {a:.7g} | {b:.7g} | {share:.1e} |")
        print(flush=True)
    print(
        f"verdict: losses of {options.steps} steps of {', '.join(options.kinds)} differ by at most {worst:.1e} of them, {options.tolerance:.0e} allowed"
    )
    return 0 if worst <= options.tolerance else 1


if __name__ == "__main__":
    sys.exit(main())
