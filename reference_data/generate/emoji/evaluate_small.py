"""Evaluates the small models by what `ldm` draws: python evaluate_small.py LDM [DIR]

    super-resolution   the held-out pictures, made small by PIL's bicubic filter: PSNR of both enlargements
    classes            two pictures of each class: is the nearest picture of the data set of that class?
    words              200 captions: is the nearest picture the caption's own, or of its class?
    classifier         as classes, by the gradient alone
    inpainting         the held-out pictures with a hole in the middle: PSNR inside of it

Nearest is by RGB at 32x32. Pictures and lists go to DIR.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from common import PICTURES, SHIPPED

MODELS = SHIPPED.parent
WORDS, PER_CLASS = 200, 2
HOLE = slice(20, 44)


class Evaluation:
    def __init__(self, ldm, folder):
        self.ldm, self.folder = ldm, folder
        rows = {part: self.read_rows(part) for part in ("train", "heldout")}
        self.train, self.heldout = rows["train"], rows["heldout"]
        self.pictures = np.stack([self.picture(row) for row in self.train])
        self.labels = np.array([row["class_label"] for row in self.train])

    @staticmethod
    def read_rows(part):
        lines = (PICTURES / part / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) | {"folder": PICTURES / part} for line in lines]

    @staticmethod
    def picture(row):
        return np.asarray(Image.open(row["folder"] / row["file_name"]).convert("RGB"))

    def run(self, *arguments):
        command = [self.ldm, *map(str, arguments)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def drawn(self, name, lines, *arguments):
        """The pictures of a list of prompts or options."""
        prompts, output = self.folder / f"{name}.txt", self.folder / name
        prompts.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        self.run(
            "txt2img",
            "--model",
            MODELS / "emoji_classes",
            "--prompt-file",
            prompts,
            "--output",
            output,
            "--overwrite",
            *arguments,
        )
        return np.stack(
            [np.asarray(Image.open(output / f"{i:04d}.png")) for i in range(len(lines))]
        )

    def nearest(self, drawn):
        """The index of the nearest picture of the data set, for each drawing."""
        half = lambda x: x.reshape(len(x), 32, 2, 32, 2, 3).mean((2, 4)).reshape(len(x), -1)
        a, b = half(drawn.astype(np.float32)), half(self.pictures.astype(np.float32))
        return ((a**2).sum(1)[:, None] - 2 * a @ b.T + (b**2).sum(1)).argmin(1)

    def super_resolution(self):
        bicubic, drawn = [], []
        for i, row in enumerate(self.heldout):
            truth = Image.fromarray(self.picture(row))
            low = truth.resize((16, 16), Image.Resampling.BICUBIC)
            file, large = self.folder / "low.png", self.folder / f"enlarged_{i:02d}.png"
            low.save(file)
            self.run("upscale", "--image", file, "--output", large, "--overwrite")
            bicubic.append(psnr(low.resize((64, 64), Image.Resampling.BICUBIC), truth))
            drawn.append(psnr(Image.open(large), truth))
        print(
            f"super-resolution, {len(drawn)} held-out pictures: bicubic {np.mean(bicubic):.2f} dB, "
            f"drawn {np.mean(drawn):.2f} dB, better in {np.mean(np.array(drawn) > bicubic):.0%}"
        )

    def classes(self, name, option, *arguments):
        names = sorted(set(self.labels))
        asked = np.repeat(names, PER_CLASS)
        lines = [f'--prompt "" {option} "{label}" --seed {i}' for i, label in enumerate(asked)]
        right = self.labels[self.nearest(self.drawn(name, lines, *arguments))] == asked
        print(f"{name}, {len(names)} classes: {right.mean():.3f} (chance {1 / len(names):.3f})")

    def words(self):
        chosen = np.sort(np.random.default_rng(0).choice(len(self.train), WORDS, replace=False))
        found = self.nearest(self.drawn("words", [self.train[i]["text"] for i in chosen]))
        print(
            f"words, {WORDS} captions: own picture {(found == chosen).mean():.3f}, "
            f"of its class {(self.labels[found] == self.labels[chosen]).mean():.3f}"
        )

    def inpainting(self):
        mask = np.zeros((64, 64), np.uint8)
        mask[HOLE, HOLE] = 255
        Image.fromarray(mask).save(self.folder / "mask.png")
        inside, grey = [], []
        for i, row in enumerate(self.heldout):
            file, filled = row["folder"] / row["file_name"], self.folder / f"filled_{i:02d}.png"
            self.run(
                "inpaint",
                "--model",
                MODELS / "emoji_inpainting",
                "--image",
                file,
                "--mask",
                self.folder / "mask.png",
                "--mask-blur",
                0,
                "--output",
                filled,
                "--overwrite",
            )
            truth = self.picture(row)[HOLE, HOLE]
            inside.append(psnr(np.asarray(Image.open(filled))[HOLE, HOLE], truth))
            grey.append(psnr(np.full_like(truth, truth.mean((0, 1))), truth))
        print(
            f"inpainting, {len(inside)} held-out pictures, inside of the hole: "
            f"{np.mean(inside):.2f} dB (its own mean colour: {np.mean(grey):.2f} dB)"
        )


def psnr(x, truth):
    error = np.asarray(x).astype(np.float64) - np.asarray(truth)
    return 10 * np.log10(255**2 / np.mean(error**2))


def main(ldm, folder):
    folder.mkdir(parents=True, exist_ok=True)
    evaluation = Evaluation(ldm, folder)
    evaluation.super_resolution()
    evaluation.classes("classes", "--class")
    evaluation.words()
    evaluation.classes(
        "classifier",
        "--classifier-class",
        "--classifier",
        MODELS / "emoji_classifier",
        "--classifier-scale",
        3,
        "--cfg-scale",
        1,
    )
    evaluation.inpainting()


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(sys.argv[1], Path(sys.argv[2]) if len(sys.argv) == 3 else Path(tempfile.mkdtemp()))
