"""How long our programs take: what compare_commits and the comparisons with PyTorch share."""

import csv
import itertools
import json
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "reference_data/models/emoji"
TRAININGS = ("autoencoder", "clip", "diffusion")


def run(command):
    """What the program printed, and its peak memory in bytes."""
    process = subprocess.Popen(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(map(str, command))}")
    return printed, usage.ru_maxrss * 1024


def parts(command):
    """{"clip": seconds, "unet": …, "vae": …} of a program that prints them, and its threads."""
    report = json.loads(run(command)[0])
    return {part["part"]: part["seconds"] for part in report["parts"]}, report["threads"]


def bench(ldm, *options):
    """parts() of `ldm bench`."""
    return parts([ldm, "bench", "--json", *options])


def write_pictures(folder):
    """The example pictures that come with the model, as a folder for `ldm train`."""
    folder.mkdir()
    captions = json.loads((MODEL / "examples/captions.json").read_text(encoding="utf-8"))
    with (folder / "metadata.jsonl").open("w", encoding="utf-8") as lines:
        for file, caption in captions.items():
            shutil.copyfile(MODEL / "examples" / file, folder / file)
            lines.write(json.dumps({"file_name": file, "text": caption}) + "\n")


def training_config(kind, precision, root=ROOT):
    """The settings of the shipped model's training in the checkout `root`, with AdamW."""
    config = json.loads((root / f"chapters/09_training/emoji/{kind}.json").read_text("utf-8"))
    config |= {"optimizer": {"name": "adamw"}, "learning_rate": 1e-5, "precision": precision}
    config.pop("vocabulary", None)
    return config


def training_steps(ldm, kind, config, folder, steps, threads):
    """Seconds of each step but the first, and the peak memory, of a training on folder/pictures."""
    (folder / "config.json").write_text(json.dumps(config))
    shutil.rmtree(folder / "out", ignore_errors=True)
    command = [ldm, "train", kind, "--config", folder / "config.json"]
    command += ["--data", folder / "pictures", "--output", folder / "out"]
    command += ["--max-steps", steps, "--threads", threads]
    if kind != "autoencoder":
        command += ["--init", MODEL]
    _, memory = run(command)
    with (folder / "out/curve.csv").open() as file:
        at = [float(row["seconds"]) for row in csv.DictReader(file)]
    return [b - a for a, b in itertools.pairwise(at)], memory
