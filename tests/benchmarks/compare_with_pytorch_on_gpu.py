#!/usr/bin/env python3
"""`ldm bench --device cuda` and PyTorch on the same GPU and the same work, in turns. Prints tables.

    tests/benchmarks/compare_with_pytorch_on_gpu.py [--dtypes f16 bf16 f32] [--pictures 1 8] [--rounds 2] [--repeats 20] [--size 512]
        [--ldm build/cuda/bin/ldm] [--python .../venv/bin/python] [--no-compile] [--keep FOLDER] [--table FILE] [--device cuda]

A picture that is drawn with guidance needs two latents in the UNet and one in the decoder. PyTorch's networks are diffusers', in
channels_last, with its fused attention and the convolutions that cuDNN's benchmark mode chooses, without gradients: eager, and in the
first of the types through torch.compile. Ours have our own attention, and in the first of the types cuDNN's, too. All are timed between
two CUDA events after warm-up; the median of each run, then of the rounds.

Every measurement is a process of its own, those first that matter most. With --keep one that is there is not made again, so that a
comparison that was interrupted goes on; with --table the tables so far are written to a file after each. What failed is a "-", with
the reason below. Exits with 1 when that was `ldm` or PyTorch eager.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = os.environ.get(
    "LDM_REFERENCE_VENV", os.path.expanduser("~/.cache/ldm-reference/venv")
)
PARTS = {"unet": ("UNet, one step", 2), "vae": ("VAE decode", 1)}  # and latents for each picture
SIDES = {
    "ldm": "ldm",
    "ldm_cudnn": "ldm, cuDNN's attention",
    "eager": "PyTorch eager",
    "compiled": "torch.compile",
}
STEPS = 50
PATIENCE = 400  # seconds for one process: torch.compile takes minutes, a kernel that waits for itself takes for ever


class Work(NamedTuple):
    dtype: str
    pictures: int
    part: str
    side: str
    turn: int


def is_ours(side):
    return side.startswith("ldm")


def plan(options):
    """What is to be measured, the most important first."""
    first, *others = options.dtypes

    def all_of(dtype, sides, turn=0, pictures=options.pictures):
        return [
            Work(dtype, n, part, side, turn) for n in pictures for part in PARTS for side in sides
        ]

    ours = ["ldm"] if first == "f32" else ["ldm", "ldm_cudnn"]
    works = []
    for n in options.pictures:
        works += all_of(first, ["ldm", "eager"], pictures=[n]) + all_of(
            first, ours[1:], pictures=[n]
        )
    for turn in range(1, options.rounds):
        works += all_of(first, [*ours, "eager"], turn)
    for dtype in others:
        works += all_of(dtype, ["ldm", "eager"])
    return works + ([] if options.no_compile else all_of(first, ["compiled"]))


def command_of(work, options):
    latents = work.pictures * PARTS[work.part][1]
    ldm = [options.ldm, "bench", "--json"]
    pytorch = [
        options.python,
        ROOT / "tests/benchmarks/pytorch_speed.py",
        "--channels-last",
        "--matmul",
    ]
    side = {
        "ldm": ldm,
        "ldm_cudnn": [*ldm, "--cudnn", "conv2d,attention"],
        "eager": pytorch,
        "compiled": [*pytorch, "--compile"],
    }[work.side]
    return [
        str(word)
        for word in (
            *side,
            "--parts",
            work.part,
            "--size",
            options.size,
            "--repeats",
            options.repeats,
            "--device",
            options.device,
            "--dtype",
            work.dtype,
            "--batch-size",
            latents,
        )
    ]


def measure(work, options):
    """The report of a process, or one that was kept. PyTorch's are kept apart: they outlast a change of `ldm`."""
    kept = (
        options.keep
        and options.keep
        / ("." if is_ours(work.side) else "pytorch")
        / f"{'_'.join(map(str, work))}_{options.size}.json"
    )
    if kept and kept.exists():
        return json.loads(kept.read_text())
    done = subprocess.run(
        command_of(work, options), check=True, capture_output=True, text=True, timeout=PATIENCE
    )
    report = json.loads(done.stdout[done.stdout.index("{") :])
    if work.side == "ldm_cudnn" and not report["parts"][0].get("attentions_through_cudnn", 1):
        raise ValueError("no attention went through cuDNN")
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(".part")  # or half a report might stay
        part.write_text(json.dumps(report))
        part.rename(kept)
    return report


def reason(error):
    """In one line."""
    if isinstance(error, subprocess.TimeoutExpired):
        return f"no answer within {PATIENCE} s"
    if isinstance(error, subprocess.CalledProcessError):
        return f"ended with {error.returncode}: {(error.stderr.strip().splitlines() or ['no message'])[-1]}"
    return str(error)


class Comparison:
    """Everything measured so far."""

    def __init__(self, options):
        self.options = options
        self.reports, self.failures = {}, {}  # by Work; why

    def add(self, work):
        try:
            self.reports[work] = measure(work, self.options)
        except (subprocess.SubprocessError, ValueError, OSError) as error:
            self.failures[work] = reason(error)
            print(
                f"{' '.join(command_of(work, self.options))}\n{getattr(error, 'stderr', None) or error}",
                file=sys.stderr,
                flush=True,
            )

    def of(self, **wanted):
        """The reports of these dtype, pictures, part, side."""
        return [
            report
            for work, report in self.reports.items()
            if all(getattr(work, key) == value for key, value in wanted.items())
        ]

    def seconds(self, **wanted):
        reports = self.of(**wanted)
        return (
            statistics.median(report["parts"][0]["seconds"] for report in reports)
            if reports
            else None
        )

    def rates(self, dtype):
        """Of a large matrix product, GFLOP/s, as each of the two has it."""
        rates = {}
        for work, report in self.reports.items():
            if work.dtype == dtype:
                name, key = (
                    ("ldm", "sgemm_gflops") if is_ours(work.side) else ("PyTorch", "matmul_gflops")
                )
                rates[name] = max(rates.get(name, 0.0), report[key])
        return rates

    def row(self, label, times, gflop=None, rate=None):
        """Seconds by side; ours, the better of the two, as a share of each of PyTorch's. A "-" is what has not been measured."""
        ours = min((times[side] for side in SIDES if is_ours(side) and times[side]), default=None)
        cells = [f"{1000 * times[side]:.1f} ms" if times[side] else "-" for side in SIDES]
        cells += [
            f"{ours / times[side]:.2f}" if ours and times[side] else "-"
            for side in ("eager", "compiled")
        ]
        cells += [f"{100 * gflop / ours / rate:.0f} %" if gflop and ours else ""]
        return f"| {label} | {' | '.join(cells)} |"

    def table(self, dtype):
        rates = self.rates(dtype)
        head = ["", *SIDES.values(), "ldm / eager", "ldm / compiled", "of the matmul rate"]
        lines = [f"{dtype}:", "", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
        for pictures in self.options.pictures:
            whole = {side: 0.0 for side in SIDES}
            for part, (label, latents) in PARTS.items():
                times = {
                    side: self.seconds(dtype=dtype, pictures=pictures, part=part, side=side)
                    for side in SIDES
                }
                gflop = [
                    report["parts"][0]["gflop"]
                    for side in SIDES
                    if is_ours(side)
                    for report in self.of(dtype=dtype, pictures=pictures, part=part, side=side)
                ]
                lines.append(
                    self.row(
                        f"{label}, {pictures * latents} latents",
                        times,
                        gflop and gflop[0],
                        max(rates.values(), default=None),
                    )
                )
                for side, seconds in times.items():
                    whole[side] = (
                        None
                        if None in (seconds, whole[side])
                        else whole[side] + seconds * (STEPS if part == "unet" else 1)
                    )
            lines.append(self.row(f"{pictures} pictures: {STEPS} steps and decode", whole))
        products = ", ".join(f"{name} {rate / 1000:.1f}" for name, rate in rates.items())
        return lines + [
            "",
            f"Matrix products of {products} TFLOP/s; the larger is the matmul rate.",
            "",
        ]

    def through_cudnn(self):
        """What `ldm` says about it, where it does."""
        said = {}
        for work, report in self.reports.items():
            if is_ours(work.side):
                counts = [
                    f"{report['parts'][0][key]} {what}"
                    for what in ("convolutions", "attentions")
                    if (key := f"{what}_through_cudnn") in report["parts"][0]
                ]
                said[
                    f"{SIDES[work.side]}, {work.dtype}, {work.part}: {report.get('cudnn') or 'none'}; {', '.join(counts)}"
                ] = None
        return (
            [
                "Through cuDNN (version or use; how many before a graph is replayed):",
                "",
                *(f"* {line}" for line in said),
                "",
            ]
            if said
            else []
        )

    def verdict(self):
        dtype, pictures = self.options.dtypes[0], self.options.pictures[0]
        said = [f"{len(self.reports)} of {len(plan(self.options))} measurements"]
        for part, (label, latents) in PARTS.items():
            ours, theirs = (
                self.seconds(dtype=dtype, pictures=pictures, part=part, side=side)
                for side in ("ldm", "eager")
            )
            if ours and theirs:
                said.append(
                    f"{label}, {pictures * latents} latents, {dtype}: {1000 * ours:.1f} ms, PyTorch eager {1000 * theirs:.1f} ms"
                )
        return "; ".join(said)

    def text(self):
        ours, theirs = (
            [report for work, report in self.reports.items() if is_ours(work.side) == mine]
            for mine in (True, False)
        )
        lines = [
            f"{ours[0]['device'] if ours else '-'}; PyTorch {theirs[0]['torch'] if theirs else '-'}; "
            f"{self.options.size} x {self.options.size}, medians of {self.options.repeats}",
            "",
        ]
        for dtype in self.options.dtypes:
            if any(work.dtype == dtype for work in (*self.reports, *self.failures)):
                lines += self.table(dtype)
        lines += self.through_cudnn()
        lines += [
            f"* not measured: {' '.join(map(str, work))}: {why}"
            for work, why in self.failures.items()
        ]
        lines += ["", f"verdict: {self.verdict()}"]
        return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description="Compares `ldm bench --device cuda` with PyTorch.")
    parser.add_argument(
        "--dtypes", nargs="+", default=["f16", "bf16", "f32"], choices=["f16", "bf16", "f32"]
    )
    parser.add_argument(
        "--pictures", nargs="+", type=int, default=[1, 8], help="drawn at once, with guidance"
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=2,
        help="of the first type; the others and torch.compile have one",
    )
    parser.add_argument("--repeats", type=int, default=20, help="in each round, after warm-up")
    parser.add_argument("--size", type=int, default=512, help="of the picture, a multiple of 64")
    parser.add_argument("--device", default="cuda", help="cpu: to try this program")
    parser.add_argument(
        "--no-compile", action="store_true", help="without torch.compile, which takes minutes"
    )
    parser.add_argument("--keep", type=Path, help="a folder for what was measured")
    parser.add_argument(
        "--table", type=Path, help="a file for the tables, instead of printing them at the end"
    )
    parser.add_argument("--ldm", default=str(ROOT / "build/cuda/bin/ldm"))
    parser.add_argument("--python", default=ENVIRONMENT + "/bin/python")
    options = parser.parse_args()

    found = Comparison(options)
    for work in plan(options):
        found.add(work)
        if options.table:
            options.table.write_text(found.text())
    if not options.table:
        print(found.text())
    return 1 if any(work.side in ("ldm", "eager") for work in found.failures) else 0


if __name__ == "__main__":
    sys.exit(main())
