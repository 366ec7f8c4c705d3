#!/usr/bin/env python3
"""`ldm bench --device cuda` and PyTorch on the same GPU and the same work, in turns. Prints tables.

    tests/benchmarks/compare_with_pytorch_on_gpu.py [--dtypes f16 bf16 f32] [--pictures 1 8] [--rounds 2] [--repeats 20] [--size 512]
        [--ldm build/cuda/bin/ldm] [--python .../venv/bin/python] [--no-compile] [--keep FOLDER] [--device cuda]

A picture that is drawn with guidance needs two latents in the UNet and one in the decoder. PyTorch's networks are diffusers', in
channels_last, with its fused attention: eager, and in the first of the types through torch.compile. Ours have our own attention, and
in the first of the types cuDNN's, too, where `ldm` was built with it. All are timed between two CUDA events after warm-up; the median
of each run, then of the rounds. With --keep a run that was made is not made again, unless `ldm` is newer, so that a comparison that was
interrupted goes on.
"""
import argparse
import json
import os
import statistics
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = os.environ.get("LDM_REFERENCE_VENV", os.path.expanduser("~/.cache/ldm-reference/venv"))
PARTS = {"unet": ("UNet, one step", 2), "vae": ("VAE decode", 1)}  # and latents for each picture
SIDES = {"ldm": "ldm", "ldm_cudnn": "ldm, cuDNN's attention", "eager": "PyTorch eager", "compiled": "torch.compile"}
STEPS = 50


def report_of(command):
    printed = subprocess.run([str(c) for c in command], check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(printed[printed.index("{"):])


def measure(command, name, options):
    """The report that the command prints, or printed since `ldm` was built."""
    kept = options.keep and options.keep / f"{name}.json"
    if kept and kept.exists() and kept.stat().st_mtime > Path(options.ldm).stat().st_mtime:
        return json.loads(kept.read_text())
    report = report_of(command)
    if kept:
        options.keep.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(report))
    return report


def cudnn_attends(ldm, dtype, options):
    """Whether cuDNN computes the UNet's attention when it is asked to; in a program without cuDNN it is an error to ask."""
    small = ["--cudnn", "attention", "--parts", "unet", "--size", 64, "--repeats", 1, "--device", options.device, "--dtype", dtype]
    try:
        return report_of([*ldm, *small])["parts"][0]["attentions_through_cudnn"] > 0
    except subprocess.CalledProcessError:
        return False


def sides_of(dtype, options):
    """The commands to be compared; what they have in common is added to them."""
    ldm = [options.ldm, "bench", "--json"]
    pytorch = [options.python, ROOT / "tests/benchmarks/pytorch_speed.py", "--channels-last", "--matmul"]
    sides = {"ldm": ldm, "eager": pytorch}
    if dtype == options.dtypes[0] and dtype != "f32" and cudnn_attends(ldm, dtype, options):
        sides["ldm_cudnn"] = [*ldm, "--cudnn", "conv2d,attention"]
    if dtype == options.dtypes[0] and not options.no_compile:
        sides["compiled"] = [*pytorch, "--compile"]
    return sides


def is_ours(side):
    return side.startswith("ldm")


class Comparison:
    """The measurements of one type: seconds of each side, by part and number of pictures."""

    def __init__(self, dtype, options):
        self.options, self.seconds, self.gflop, self.rates, self.device = options, {}, {}, {}, ""
        self.sides = sides_of(dtype, options)
        rounds = options.rounds if dtype == options.dtypes[0] else 1
        for pictures in options.pictures:
            for turn in range(rounds):
                for part, (_, latents) in PARTS.items():
                    for side, command in self.sides.items():
                        work = ["--parts", part, "--size", options.size, "--repeats", options.repeats, "--device", options.device, "--dtype", dtype,
                                "--batch-size", pictures * latents]
                        self.add(part, pictures, side, measure(command + work, f"{dtype}_{pictures}_{part}_{side}_{turn}", options))

    def add(self, part, pictures, side, report):
        timed = report["parts"][0]
        self.seconds.setdefault((part, pictures, side), []).append(timed["seconds"])
        rate = "sgemm_gflops" if is_ours(side) else "matmul_gflops"
        name = "ldm" if is_ours(side) else "PyTorch"
        self.rates[name] = max(self.rates.get(name, 0.0), report[rate])
        if is_ours(side):
            self.gflop[part, pictures], self.device = timed["gflop"], report["device"]
        else:
            self.torch = report["torch"]

    def median(self, part, pictures, side):
        return statistics.median(self.seconds[part, pictures, side])

    def row(self, label, of):
        """Seconds of all sides, and our best as a share of PyTorch's. `of` gives those of a side."""
        times = {side: of(side) for side in self.sides}
        ours, theirs = (min(seconds for side, seconds in times.items() if is_ours(side) == mine) for mine in (True, False))
        cells = [f"{1000 * times[side]:.1f} ms" if side in times else "-" for side in SIDES]
        return f"| {label} | {' | '.join(cells)} | {ours / theirs:.2f} |", ours

    def show(self):
        rate = max(self.rates.values())
        head = ["", *SIDES.values(), "ldm / PyTorch, each at its best", "of the matmul rate"]
        print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
        for pictures in self.options.pictures:
            for part, (label, latents) in PARTS.items():
                text, mine = self.row(f"{label}, {pictures * latents} latents", lambda side: self.median(part, pictures, side))
                print(f"{text} {100 * self.gflop[part, pictures] / mine / rate:.0f} % |")
            text, _ = self.row(f"{pictures} pictures: {STEPS} steps and decode",
                               lambda side: STEPS * self.median("unet", pictures, side) + self.median("vae", pictures, side))
            print(f"{text} |")
        print(f"\nMatrix products of {', '.join(f'{name} {r / 1000:.1f}' for name, r in self.rates.items())} TFLOP/s; "
              f"the larger is the matmul rate.\n")


def main():
    parser = argparse.ArgumentParser(description="Compares `ldm bench --device cuda` with PyTorch.")
    parser.add_argument("--dtypes", nargs="+", default=["f16", "bf16", "f32"], choices=["f16", "bf16", "f32"])
    parser.add_argument("--pictures", nargs="+", type=int, default=[1, 8], help="drawn at once, with guidance")
    parser.add_argument("--rounds", type=int, default=2, help="of the first type; the others have one")
    parser.add_argument("--repeats", type=int, default=20, help="in each round, after warm-up")
    parser.add_argument("--size", type=int, default=512, help="of the picture, a multiple of 64")
    parser.add_argument("--device", default="cuda", help="cpu: to try this program")
    parser.add_argument("--no-compile", action="store_true", help="without torch.compile, which takes minutes")
    parser.add_argument("--keep", type=Path, help="a folder for what was measured")
    parser.add_argument("--ldm", default=str(ROOT / "build/cuda/bin/ldm"))
    parser.add_argument("--python", default=ENVIRONMENT + "/bin/python")
    options = parser.parse_args()

    for i, dtype in enumerate(options.dtypes):
        found = Comparison(dtype, options)
        if i == 0:
            print(f"{found.device}; PyTorch {found.torch}; {options.size} x {options.size}, medians of {options.repeats}\n")
        print(f"{dtype}:\n")
        found.show()


if __name__ == "__main__":
    main()
