"""What the scripts of the emoji model share: places, the rule of the split, the pictures."""

import json
import os
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent
SHIPPED = HERE.parents[1] / "models" / "emoji"
WORK = Path(os.environ.get("LDM_EMOJI_WORK", Path.home() / ".cache/ldm-reference/emoji"))
PICTURES = WORK / "pictures"  # make_folder.py's output


def is_held_out(caption):
    """The rule of the split: one skin-tone caption in twenty is never seen by any training."""
    return "skin tone" in caption and zlib.crc32(caption.encode("utf-8")) % 20 == 0


class Pictures:
    """All pictures, trained and held out, in the order of their numbers: `images` [N, 64, 64, 3] uint8 and `captions`."""

    def __init__(self):
        rows = {}
        for part in ("train", "heldout"):
            for line in (
                (PICTURES / part / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
            ):
                row = json.loads(line)
                rows[row["file_name"]] = (
                    PICTURES / part / row["file_name"],
                    row["text"],
                    part == "heldout",
                )
        files, self.captions, held_out = zip(*(rows[name] for name in sorted(rows)))
        self.files, self.held_out = files, np.array(held_out)
        self.images = np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files])


def write_atomically(path, write):
    """Calls `write(temporary path)`, then renames: a reader never sees half a file."""
    temporary = path.with_name(path.name + ".part")
    write(temporary)
    temporary.replace(path)
