#!/usr/bin/env python3
"""Writes the code that lessons quote anew from the source.

    python3 tests/style/quote_snippets.py             rewrites the pages
    python3 tests/style/quote_snippets.py --check     names the pages that have drifted, status 1

`<!-- snippet: FILE NAME -->` before a code fence says that the fence shows the region between the
two lines `//! [NAME]` of FILE. The test `common` checks the same without Python.
"""

import argparse
import pathlib
import re
import subprocess
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parents[2]
QUOTE = re.compile(r"(<!-- snippet: (\S+) (\S+) -->\n```\w*\n)(.*?)(```)", re.DOTALL)


def region(file: str, name: str) -> str:
    mark = re.compile(rf"^[ \t]*//! \[{re.escape(name)}\]\n", re.MULTILINE)
    parts = mark.split((ROOT / file).read_text())
    if len(parts) != 3:
        sys.exit(f"{file}: expected the region {name} between two lines //! [{name}]")
    return textwrap.dedent(parts[1])


def quoted(page: str) -> str:
    return QUOTE.sub(lambda found: found[1] + region(found[2], found[3]) + found[5], page)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="change nothing, name what drifted")
    check = parser.parse_args().check
    pages = subprocess.check_output(["git", "ls-files", "*.md"], cwd=ROOT, text=True).split()
    drifted = []
    for page in (ROOT / name for name in pages):
        text = page.read_text()
        new = quoted(text)
        if new == text:
            continue
        drifted.append(page)
        if not check:
            page.write_text(new)
    for page in drifted:
        what = "is not that of the source" if check else "was quoted anew"
        print(f"{page.relative_to(ROOT)}: its quoted code {what}")
    if check and drifted:
        sys.exit("run python3 tests/style/quote_snippets.py")


if __name__ == "__main__":
    main()
