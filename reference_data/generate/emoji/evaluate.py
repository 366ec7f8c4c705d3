"""Evaluates a model folder (by default the shipped one).

    evaluate.py prompts DIR                    writes DIR/trained.txt and DIR/heldout.txt, one caption a line
    evaluate.py table TRAINED HELDOUT          the table, from two folders of 0000.png, 0001.png, ... in the order of the lists
    evaluate.py networks [MODEL]               PSNR of the autoencoder and retrieval of the CLIP towers
    evaluate.py sheet TRAINED HELDOUT FILE     a picture of drawn emoji above the true ones
    evaluate.py reconstructions FILE MODEL...  some pictures, and below them what the autoencoder of each model makes of them

A drawing is right (top 1) when, among the pictures of all captions, its own is the nearest: RGB at 32x32, Euclidean.
"""

import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from common import SHIPPED, Pictures

TRAINED = 200
SHOWN = (
    "grinning cat",
    "fountain pen",
    "newspaper",
    "tropical fish",
    "abacus",
    "ferris wheel",
    "peacock",
    "honeybee",
)


def lists(pictures):
    """Indices of the evaluated captions: a fixed choice of trained ones, and all that were held out."""
    trained = np.flatnonzero(~pictures.held_out)
    chosen = np.sort(np.random.default_rng(0).choice(trained, TRAINED, replace=False))
    return {"trained": chosen, "heldout": np.flatnonzero(pictures.held_out)}


def prompts(pictures, folder):
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, index in lists(pictures).items():
        text = "".join(pictures.captions[i] + "\n" for i in index)
        (Path(folder) / f"{name}.txt").write_text(text, encoding="utf-8")


def small(images):
    """[N, 64, 64, 3] uint8 as [N, 32 * 32 * 3] float: the mean of every 2x2 pixels."""
    x = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float()
    return F.avg_pool2d(x, 2).flatten(1)


def ranks(drawn, index, pictures):
    """How many pictures of other captions are nearer to each drawing than its own."""
    distance = torch.cdist(small(drawn), small(pictures.images))
    return (distance < distance[torch.arange(len(index)), torch.from_numpy(index)][:, None]).sum(1)


def read(folder, count):
    return np.stack(
        [np.asarray(Image.open(Path(folder) / f"{i:04d}.png").convert("RGB")) for i in range(count)]
    )


def table(pictures, *folders):
    print("| captions | pictures | top 1 | top 5 |\n|---|---|---|---|")
    for (name, index), folder in zip(lists(pictures).items(), folders):
        rank = ranks(read(folder, len(index)), index, pictures)
        print(
            f"| {name} | {len(index)} | {(rank < 1).float().mean():.3f} | {(rank < 5).float().mean():.3f} |"
        )


def networks(pictures, model=SHIPPED):
    from networks import Networks

    found, held = Networks(Path(model)), pictures.held_out
    for name, chosen in (
        ("held out", held),
        ("trained (every tenth)", np.flatnonzero(~held)[::10]),
    ):
        psnr, edges = found.fidelity(pictures.images[chosen])
        print(
            f"autoencoder, {name}: PSNR {psnr:.2f} dB, edges {100 * edges:.1f} % of the pictures'"
        )
    text, image = found.embed(pictures.captions, pictures.images)
    own = torch.arange(len(text))
    for name, likeness in (("text to image", text @ image.T), ("image to text", image @ text.T)):
        right = (likeness.argmax(1) == own).float()
        print(
            f"CLIP, {name}, top 1 among all {len(own)}: held out {right[held].mean():.3f}, trained {right[~held].mean():.3f}"
        )


def sheet(pictures, trained, heldout, file):
    rows = []
    for index, folder in zip(lists(pictures).values(), (trained, heldout)):
        drawn = read(folder, len(index))
        for first in range(0, 60, 20):
            rows += [
                np.concatenate(list(drawn[first : first + 20]), 1),
                np.concatenate(list(pictures.images[index[first : first + 20]]), 1),
            ]
    Image.fromarray(np.concatenate(rows, 0)).save(file)


def reconstructions(pictures, file, *models):
    from networks import Networks

    shown = pictures.images[[pictures.captions.index(caption) for caption in SHOWN]]
    rows = [shown] + [
        Networks(Path(model)).reconstruct(shown).round().byte().permute(0, 2, 3, 1).numpy()
        for model in models
    ]
    sheet = np.concatenate([np.concatenate(list(row), 1) for row in rows], 0)
    Image.fromarray(sheet.repeat(2, 0).repeat(2, 1)).save(file)


if __name__ == "__main__":
    commands = {
        function.__name__: function
        for function in (prompts, table, networks, sheet, reconstructions)
    }
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]](Pictures(), *sys.argv[2:])
