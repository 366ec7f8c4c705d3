#!/usr/bin/env python3
"""The table of tests/coverage/run, from gcovr's summary.

    python3 tests/coverage/table.py SUMMARY.json [--write]
"""

import collections
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LEAST = 90.0
PAGE = """# Line coverage

Lines of `common/` and `chapters/` that the tests run (`bash tests/coverage/run`; without the
full-size checks and without the CUDA half, whose kernels `tests/cuda_on_host` runs).

"""


def main() -> None:
    summary = json.loads(pathlib.Path(sys.argv[1]).read_text())
    lines = collections.defaultdict(lambda: [0, 0])
    for file in summary["files"]:
        parts = file["filename"].split("/")
        for key in ("/".join(parts[:2]), parts[0], "all"):
            lines[key][0] += file["line_covered"]
            lines[key][1] += file["line_total"]
    table = "| folder | lines | run by the tests |\n|---|---|---|\n"
    for key in sorted(lines, key=lambda name: (name == "all", name)):
        covered, total = lines[key]
        table += f"| {key} | {total} | {100 * covered / max(total, 1):.1f} % |\n"
    print(table)
    if "--write" in sys.argv[2:]:
        (ROOT / "docs/coverage.md").write_text(PAGE + table)
    covered, total = lines["all"]
    if not total or 100 * covered / total < LEAST:
        sys.exit(f"less than {LEAST} % of the lines are run")


if __name__ == "__main__":
    main()
