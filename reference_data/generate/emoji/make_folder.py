"""The emoji as folders that `ldm train --data` reads: PNG files and metadata.jsonl (file_name, text, concept,
class_label).

    python make_folder.py OUTPUT [--size 64|128]

Writes OUTPUT/train and, apart, OUTPUT/heldout with the pictures that no training may see (common.is_held_out). Which
emoji they are does not depend on the size. The bitmaps of the font are 136x128.
"""

import argparse
import json
import re
import unicodedata
from pathlib import Path

from PIL import Image

from common import is_held_out, write_atomically
from font import Font, data_set, spelling, subgroups


def slug(caption):
    """A caption as part of a file name: "crème brûlée: large" becomes "creme_brulee_large"."""
    plain = unicodedata.normalize("NFD", caption).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_") or "emoji"


def write_folder(folder, rows, font, size, classes):
    """`rows` are (number, row) of the table; `classes` Unicode's subgroups."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for number, row in rows:
        name = f"{number:04}_{slug(row['caption'])}.png"
        picture = Image.fromarray(font.picture(row["text"], size))
        write_atomically(
            folder / name, lambda path: picture.save(path, format="PNG", optimize=True)
        )
        lines.append(
            json.dumps(
                {
                    "file_name": name,
                    "text": row["caption"],
                    "concept": row["concept"],
                    "class_label": classes[spelling(row["text"])],
                },
                ensure_ascii=False,
            )
        )
    text = "".join(line + "\n" for line in lines)
    write_atomically(
        folder / "metadata.jsonl", lambda path: path.write_text(text, encoding="utf-8")
    )  # last: the folder is whole


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=Path)
    parser.add_argument("--size", type=int, choices=(64, 128), default=64)
    arguments = parser.parse_args()

    font = Font()
    rows = data_set(font)
    for name, held_out in (("train", False), ("heldout", True)):
        part = [
            (number, row)
            for number, row in enumerate(rows)
            if is_held_out(row["caption"]) == held_out
        ]
        write_folder(arguments.output / name, part, font, arguments.size, subgroups())
        print(
            f"{arguments.output / name}: {len(part)} pictures of {arguments.size}x{arguments.size}"
        )


if __name__ == "__main__":
    main()
