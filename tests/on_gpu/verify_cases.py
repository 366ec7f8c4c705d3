#!/usr/bin/env python3
"""`ldm verify` over every folder of stored cases: one process and one report for each folder and type, FOLDER/f16/05_resblock.json.

    tests/on_gpu/verify_cases.py --ldm build/cuda/bin/ldm --dtypes f16 bf16 --keep FOLDER [--device cuda] [--cases FOLDER] [--quick]

An error of CUDA may stick: whatever the same process does after it fails, too. So the cases that failed are tried again, each in a
process of its own, and their report says what came of that. A report without failures that is there already is not made again.
"""
import argparse
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER_SECONDS, CASE_SECONDS = (
    240,
    90,
)  # a kernel that waits for itself must not take the time of all others
HANGS = 2  # cases of a folder that may do so before no more of it are tried


def answer(files, dtype, options):
    """The report on some cases, or None and why there is none."""
    command = [
        options.ldm,
        "verify",
        "--json",
        "--device",
        options.device,
        "--dtype",
        dtype,
        *map(str, files),
    ]
    seconds = CASE_SECONDS if len(files) == 1 else FOLDER_SECONDS
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return None, f"no answer within {seconds} s"
    sys.stderr.write(done.stderr)
    try:
        return json.loads(done.stdout), ""
    except ValueError:
        return (
            None,
            (done.stderr.strip().splitlines() or ["no report"])[-1]
            + f" (ended with {done.returncode})",
        )


def has_failed(case):
    return case["status"] in ("failed", "error")


def error(file, why):
    return {
        "file": str(file),
        "component": None,
        "situation": None,
        "status": "error",
        "reason": why,
        "first_diverging": None,
        "tensors": [],
    }


def tried_alone(cases, dtype, options, too_slow):
    """Those that failed once more, each alone; the others as they are. A folder that was only too slow has failed if one of them does."""
    alone, hangs = [], 0
    for case in cases:
        if has_failed(case) and hangs < HANGS:
            report, why = answer([case["file"]], dtype, options)
            hangs += why.startswith("no answer")
            case = report["files"][0] if report else error(case["file"], why)
        alone.append(case)
    if (
        not too_slow
        and any(has_failed(case) for case in cases)
        and not any(has_failed(case) for case in alone)
    ):
        # none of them is to blame for the others
        return [
            case
            | {
                "reason": f"passes alone, but after others: {case['reason'] or case['first_diverging']}"
            }
            if has_failed(case)
            else case
            for case in cases
        ]
    return alone


def report_on(files, dtype, options):
    report, why = answer(files, dtype, options)
    cases = (
        report["files"]
        if report
        else [error(file, f"not tried alone; of the whole folder: {why}") for file in files]
    )
    cases = tried_alone(cases, dtype, options, not report and why.startswith("no answer"))
    return {
        "device": report["device"] if report else options.device,
        "dtype": dtype,
        "files": cases,
        "passed": sum(case["status"] == "passed" for case in cases),
        "failed": sum(map(has_failed, cases)),
        "f32_only": sum(case["status"] == "float32 only" for case in cases),
    }


def main():
    parser = argparse.ArgumentParser(description="Runs `ldm verify` over the stored cases.")
    parser.add_argument("--ldm", required=True)
    parser.add_argument("--keep", type=Path, required=True, help="a folder for the reports")
    parser.add_argument("--dtypes", nargs="+", default=["f32"])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--cases", default="", help="another folder of cases")
    parser.add_argument("--quick", action="store_true", help="small cases only")
    options = parser.parse_args()

    folders = sorted((ROOT / "reference_data").glob("[0-9]*"))
    folders += [] if options.quick else [ROOT / "reference_data/full_size"]
    folders += [Path(options.cases)] if options.cases else []
    for dtype in options.dtypes:
        for folder in folders:
            kept = options.keep / dtype / f"{folder.name}.json"
            if kept.exists() and json.loads(kept.read_text())["failed"] == 0:
                continue
            files = sorted(
                folder.rglob(
                    "[A-Z]*.tiny_input.safetensors" if options.quick else "[A-Z]*.safetensors"
                )
            )
            if not files:
                sys.exit(f"there are no cases in {folder}")
            report = report_on(files, dtype, options)
            kept.parent.mkdir(parents=True, exist_ok=True)
            part = kept.with_suffix(".part")  # or half a report might stay
            part.write_text(json.dumps(report, indent=1))
            part.rename(kept)


if __name__ == "__main__":
    main()
