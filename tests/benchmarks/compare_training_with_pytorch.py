#!/usr/bin/env python3
"""`ldm train` and PyTorch on the same work, in turns, so that a busy machine is unfair to both alike. Prints a table.

    tests/benchmarks/compare_training_with_pytorch.py [--rounds 3] [--steps 8] [--threads 2] [--precision f32]
                                                      [--ldm build/cpu/bin/ldm] [--python .../venv/bin/python]

The three trainings are those of the shipped model (chapters/09_training/emoji), with AdamW. Speed is samples per second of the
median step, the first two left out; memory is the most that each whole program had.
"""
import argparse
import json
import os
import statistics
import tempfile
from pathlib import Path

from measure import MODEL, ROOT, TRAININGS, run, training_config, training_steps, write_pictures

ENVIRONMENT = os.environ.get(
    "LDM_REFERENCE_VENV", os.path.expanduser("~/.cache/ldm-reference/venv")
)


def config_of(kind, options):
    config = training_config(kind, options.precision)
    if kind == "diffusion":
        config["cond_stage_config"] = json.loads((MODEL / "config.json").read_text("utf-8"))[
            "cond_stage_config"
        ]
    return config


def ours(kind, config, options, folder):
    mine = {k: v for k, v in config.items() if kind != "diffusion" or k != "cond_stage_config"}
    steps, memory = training_steps(options.ldm, kind, mine, folder, options.steps, options.threads)
    return steps[1:], memory


def theirs(kind, config, options, folder):
    (folder / "theirs.json").write_text(json.dumps(config))
    printed, memory = run(
        [
            options.python,
            ROOT / "tests/benchmarks/pytorch_training_speed.py",
            kind,
            folder / "theirs.json",
            options.steps,
            "--threads",
            options.threads,
            "--precision",
            options.precision,
        ]
    )
    return json.loads(printed.splitlines()[-1])["seconds"][2:], memory


def main():
    options = argparse.ArgumentParser(description="Compares `ldm train` with PyTorch.")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--steps", type=int, default=8, help="of each training in each round")
    options.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options.add_argument("--precision", default="f32", choices=["f32", "bf16"])
    options.add_argument("--kinds", nargs="+", default=TRAININGS, choices=TRAININGS)
    options.add_argument("--ldm", default=str(ROOT / "build/cpu/bin/ldm"))
    options.add_argument("--python", default=ENVIRONMENT + "/bin/python")
    options = options.parse_args()

    print(f"{options.threads} threads, {options.precision}, {options.rounds} rounds in turns\n")
    print(
        "| training | samples per step | ldm, samples/s | PyTorch | ldm / PyTorch | ldm, memory | PyTorch |\n|---|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write_pictures(folder / "pictures")
        for kind in options.kinds:
            config = config_of(kind, options)
            samples = config["batch_size"] * config.get("accumulate_grad_batches", 1)
            seconds, memory = ([], []), ([], [])
            for _ in range(options.rounds):
                for side, measure in enumerate((ours, theirs)):
                    found, bytes_ = measure(kind, config, options, folder)
                    seconds[side].extend(found)
                    memory[side].append(bytes_)
            a, b = (samples / statistics.median(s) for s in seconds)
            x, y = (statistics.median(m) / 2**30 for m in memory)
            print(
                f"| {kind} | {samples} | {a:.1f} | {b:.1f} | {a / b:.2f} | {x:.2f} GiB | {y:.2f} GiB |",
                flush=True,
            )


if __name__ == "__main__":
    main()
