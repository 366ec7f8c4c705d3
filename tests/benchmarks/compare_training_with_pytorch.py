#!/usr/bin/env python3
"""`ldm train` and PyTorch on the same work, in turns, so that a busy machine is unfair to both alike. Prints a table.

    tests/benchmarks/compare_training_with_pytorch.py [--rounds 3] [--steps 8] [--threads 2] [--precision f32]
                                                      [--ldm build/cpu/bin/ldm] [--python .../venv/bin/python]

The three trainings are those of the shipped model (chapters/09_training/emoji), with AdamW. Speed is samples per second of the
median step, the first two left out; memory is the most that each whole program had.
"""
import argparse
import csv
import itertools
import json
import os
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "reference_data/models/emoji"
ENVIRONMENT = os.environ.get(
    "LDM_REFERENCE_VENV", os.path.expanduser("~/.cache/ldm-reference/venv")
)
KINDS = ("autoencoder", "clip", "diffusion")


def run(command):
    """What the program printed, and its peak memory in bytes."""
    process = subprocess.Popen(
        [str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(map(str, command))}")
    return printed, usage.ru_maxrss * 1024


def write_pictures(folder):
    """The example pictures that come with the model, as a folder for `ldm train`."""
    folder.mkdir()
    captions = json.loads((MODEL / "examples/captions.json").read_text(encoding="utf-8"))
    with (folder / "metadata.jsonl").open("w", encoding="utf-8") as lines:
        for file, caption in captions.items():
            shutil.copyfile(MODEL / "examples" / file, folder / file)
            lines.write(json.dumps({"file_name": file, "text": caption}) + "\n")


def config_of(kind, options):
    config = json.loads(
        (ROOT / f"chapters/09_training/emoji/{kind}.json").read_text(encoding="utf-8")
    )
    config |= {
        "optimizer": {"name": "adamw"},
        "learning_rate": 1e-5,
        "precision": options.precision,
    }
    config.pop("vocabulary", None)
    if kind == "diffusion":
        config["cond_stage_config"] = json.loads(
            (MODEL / "config.json").read_text(encoding="utf-8")
        )["cond_stage_config"]
    return config


def ours(kind, config, options, folder):
    mine = {k: v for k, v in config.items() if kind != "diffusion" or k != "cond_stage_config"}
    (folder / "mine.json").write_text(json.dumps(mine))
    shutil.rmtree(folder / "out", ignore_errors=True)
    _, memory = run(
        [
            options.ldm,
            "train",
            kind,
            "--config",
            folder / "mine.json",
            "--data",
            folder / "pictures",
            "--output",
            folder / "out",
            "--max-steps",
            options.steps,
            "--threads",
            options.threads,
            *([] if kind == "autoencoder" else ["--init", MODEL]),
        ]
    )
    with (folder / "out/curve.csv").open() as file:
        at = [float(row["seconds"]) for row in csv.DictReader(file)]
    return [b - a for a, b in itertools.pairwise(at)][1:], memory


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
    options.add_argument("--kinds", nargs="+", default=KINDS, choices=KINDS)
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
            samples = config["batch_size"] * config.get("accumulate", 1)
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
