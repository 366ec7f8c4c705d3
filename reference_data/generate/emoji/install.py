"""Makes the shipped model of a folder that `ldm train` wrote: python install.py MODEL [TARGET]

Weights and vocabulary are copied; config.json gets the model's name; captions.json (the split) and examples/ are written.
"""

import json
import re
import shutil
import sys
from pathlib import Path

from common import SHIPPED, Pictures, write_atomically

EXAMPLES = [
    "grinning cat",
    "red apple",
    "rocket",
    "hot beverage",
    "cherry blossom",
    "snowman",
    "tropical fish",
    "rainbow",
    "woman astronaut: medium skin tone",
    "man farmer: light skin tone",
]
HELD_OUT_EXAMPLES = 4  # and so many that no training saw


def pretty(config):
    """JSON with one line per innermost list."""
    text = json.dumps(config, indent=2)
    return (
        re.sub(r"\[\s+([^\[\]]*?)\s+\]", lambda m: "[" + re.sub(r"\s+", " ", m[1]) + "]", text)
        + "\n"
    )


def write_json(path, value):
    text = json.dumps(value, ensure_ascii=False, indent=0) + "\n"
    write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))


def install(model, target):
    config = {"format": None, "name": "emoji"} | json.loads(
        (model / "config.json").read_text(encoding="utf-8")
    )
    (target / "examples").mkdir(parents=True, exist_ok=True)
    for name in ("model.safetensors", "merges.txt"):
        write_atomically(target / name, lambda part: shutil.copyfile(model / name, part))
    write_atomically(
        target / "config.json", lambda part: part.write_text(pretty(config), encoding="utf-8")
    )

    pictures = Pictures()
    held = [c for c, h in zip(pictures.captions, pictures.held_out) if h]
    write_json(
        target / "captions.json",
        {"train": [c for c in pictures.captions if c not in held], "heldout": held},
    )

    names = {}
    for caption in EXAMPLES + held[:: len(held) // HELD_OUT_EXAMPLES][:HELD_OUT_EXAMPLES]:
        slug = "".join(
            c if c.isalnum() else "_" for c in caption.replace(":", "").replace(",", "")
        ).lower()
        shutil.copyfile(
            pictures.files[pictures.captions.index(caption)], target / "examples" / f"{slug}.png"
        )
        names[f"{slug}.png"] = caption
    write_json(target / "examples" / "captions.json", names)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    install(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) == 3 else SHIPPED)
