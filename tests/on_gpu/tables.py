#!/usr/bin/env python3
"""Tables of the reports of verify_cases.py, in Markdown; the last line is a verdict, the exit status 1 when a case failed.

    tables.py verify FOLDER ...        float32: how much of the tolerances is used
    tables.py precision FOLDER ...     16 bits: relative errors

A report is called after the chapter that it is of.
"""
import json
import statistics
import sys
from pathlib import Path


def failures(reports):
    """The cases that failed, each with the first tensor that differs or why nothing was compared."""
    for report in reports:
        for case in report["files"]:
            if case["status"] in ("failed", "error"):
                why = case["reason"] or f"first diverging: `{case['first_diverging']}`"
                yield f"* {report['dtype']}, `{Path(case['file']).stem}`: {why}"


def table(head, rows):
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |")
    print()


def verify(chapters, reports):
    rows = []
    for chapter, report in zip(chapters, reports):
        tensors = [t for case in report["files"] for t in case["tensors"]]
        gradients = sum(t["name"].startswith("grad") for t in tensors)
        shares = [t["err"] / t["tol"] for t in tensors if t["err"] is not None and t["tol"] > 0]
        ratios = [t["ratio"] for t in tensors if t["ratio"] is not None]
        rows.append(
            [
                chapter,
                len(report["files"]),
                report["passed"],
                report["failed"],
                len(tensors),
                gradients,
                f"{100 * max(shares, default=0):.0f} %",
                f"{statistics.median(ratios):.1f}" if ratios else "-",
            ]
        )
    table(
        [
            "chapter",
            "cases",
            "passed",
            "failed",
            "tensors",
            "of them gradients",
            "most of a tolerance",
            "error / PyTorch's, median",
        ],
        rows,
    )


def precision(chapters, reports):
    rows = []
    for chapter, report in zip(chapters, reports):
        tensors = [
            (t["rms"], t["err"], f"{case['component']}.{case['situation']} {t['name']}")
            for case in report["files"]
            for t in case["tensors"]
            if t["rms"] is not None
        ]
        if not tensors and not report["failed"]:
            rows.append([chapter, report["dtype"], 0, report["f32_only"], 0, "-", "-", "-", "-"])
            continue
        worst = max(tensors, key=lambda t: max(t[0], t[1]), default=(0, 0, "-"))
        rows.append(
            [
                chapter,
                report["dtype"],
                report["passed"] + report["failed"],
                report["f32_only"],
                report["failed"],
                f"{statistics.median(t[0] for t in tensors):.1e}" if tensors else "-",
                f"{max((t[0] for t in tensors), default=0):.1e}",
                f"{max((t[1] for t in tensors), default=0):.1e}",
                f"`{worst[2]}`",
            ]
        )
    print(
        "Errors are shares: of the root mean square, and of the largest number, of each tensor that is wanted.\n"
    )
    table(
        [
            "chapter",
            "type",
            "cases",
            "float32 only",
            "failed",
            "rms, median",
            "rms, most",
            "largest, most",
            "where",
        ],
        rows,
    )


def main():
    kind, *folders = sys.argv[1:]
    paths = [path for folder in folders for path in sorted(Path(folder).glob("*.json"))]
    if not paths:
        print("verdict: no case has been tried")
        return 1
    reports = [json.loads(p.read_text()) for p in paths]
    {"verify": verify, "precision": precision}[kind]([p.stem for p in paths], reports)
    for line in failures(reports):
        print(line)
    passed, failed, only = (
        sum(r[key] for r in reports) for key in ("passed", "failed", "f32_only")
    )
    print(
        f"\nverdict: {reports[0]['device']}: {passed} passed, {failed} failed"
        + (f", {only} float32 only" if only else "")
    )
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
