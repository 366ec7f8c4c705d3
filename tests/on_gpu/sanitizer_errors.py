#!/usr/bin/env python3
"""Reads a log of compute-sanitizer. Prints a table row's cells: errors and warnings in the project's kernels, errors elsewhere, and the
first of ours; exits with 1 when there is one, or when the log has no end.

    tests/on_gpu/sanitizer_errors.py LOG

The project's kernels are those in the namespace ldm. Elsewhere are cuBLAS's and cuDNN's, and calls of CUDA that they try and that fail.
"""
import re
import sys
from pathlib import Path


def reports(text):
    """Lists of lines that belong together: a report begins at the margin, what is said about it stands further in."""
    found = []
    for line in text.splitlines():
        if not line.startswith("========="):
            continue
        line = line.removeprefix("=========")
        if line.startswith("     "):
            if found:
                found[-1].append(line.strip())
        elif line.strip():
            found.append([line.strip()])
    return found


def is_error(report):
    return not re.search(
        r"^(COMPUTE-SANITIZER|Warning|Info|Target application|(ERROR|RACECHECK|LEAK) SUMMARY)",
        report[0],
    )


def is_ours(report):
    # the host's frames are ours whatever the kernel is
    device = [line for line in report if not re.match(r"(Host Frame|Saved host|in /)", line)]
    return any("ldm::" in line for line in device)


def main():
    text = Path(sys.argv[1]).read_text(errors="replace")
    found = reports(text)
    ours = [report for report in found if is_error(report) and is_ours(report)]
    warnings = sum(report[0].startswith("Warning") and is_ours(report) for report in found)
    elsewhere = sum(is_error(report) for report in found) - len(ours)
    first = f"`{' '.join(ours[0][:3])}`" if ours else ""
    ended = "SUMMARY:" in text
    print(f"{len(ours)} | {warnings} | {elsewhere} | {first if ended else 'did not end'}")
    return 1 if ours or not ended else 0


if __name__ == "__main__":
    sys.exit(main())
