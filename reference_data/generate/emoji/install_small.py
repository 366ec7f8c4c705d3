"""Makes the shipped small models of what `train_small` trained: python install_small.py TRAININGS [MODELS]

Each becomes a folder of MODELS. What it has in common with the emoji model, the first stage and CLIP, is left out of it:
"ckpt_paths" of its config.json says where that is.
"""

import json
import shutil
import struct
import sys
from pathlib import Path

from common import SHIPPED, write_atomically
from install import pretty

# folder, its training, the parts that lie in the emoji model
MODELS = [
    ("emoji_super_resolution", "super_resolution", []),
    ("emoji_classes", "classes", ["first_stage_model", "clip_model"]),
    ("emoji_inpainting", "inpainting", ["first_stage_model"]),
    ("emoji_classifier", "classifier", []),
]


def read_safetensors(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def write_safetensors(path, header, data):
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def without(source, target, prefixes):
    """Copies a file without the tensors below some prefixes, and returns how many numbers are left."""
    header, data = read_safetensors(source)
    kept, blocks, offset = {"__metadata__": {"format": "pt"}}, [], 0
    for name, entry in header.items():
        if name == "__metadata__" or any(name.startswith(p + ".") for p in prefixes):
            continue
        begin, end = entry["data_offsets"]
        blocks.append(data[begin:end])
        kept[name] = entry | {"data_offsets": [offset, offset + end - begin]}
        offset += end - begin
    write_atomically(target, lambda part: write_safetensors(part, kept, b"".join(blocks)))
    return offset // 2


def same_tensors(first, second, prefix):
    """Whether two files hold the same numbers below a prefix."""
    parts = []
    for path in (first, second):
        header, data = read_safetensors(path)
        parts.append(
            {
                name: data[slice(*entry["data_offsets"])]
                for name, entry in header.items()
                if name.startswith(prefix + ".")
            }
        )
    return parts[0] == parts[1]


def install(trainings, models):
    for name, training, elsewhere in MODELS:
        source, target = trainings / training / "model", models / name
        if not source.is_dir():
            print(f"{source} is not there yet")
            continue
        target.mkdir(parents=True, exist_ok=True)
        for prefix in elsewhere:
            if not same_tensors(
                source / "model.safetensors", SHIPPED / "model.safetensors", prefix
            ):
                sys.exit(f"{source}: its {prefix} is not that of {SHIPPED}")
        count = without(source / "model.safetensors", target / "model.safetensors", elsewhere)
        config = json.loads((source / "config.json").read_text(encoding="utf-8"))
        config = {"format": config["format"]} | config | {"name": name}
        if elsewhere:
            config["ckpt_paths"] = {prefix: "../emoji" for prefix in elsewhere}
        write_atomically(
            target / "config.json", lambda part: part.write_text(pretty(config), encoding="utf-8")
        )
        if "clip_model" in elsewhere:
            shutil.copyfile(SHIPPED / "merges.txt", target / "merges.txt")
        print(f"{target}: {count} numbers")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    install(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) == 3 else SHIPPED.parent)
