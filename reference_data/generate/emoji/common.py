"""What every script of the emoji model shares: places, the split, the size of the model, seeds."""

import json
import os
import random
import zlib
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
MODEL = HERE.parents[1] / "models" / "emoji"  # the exported model, inside the repository
WORK = Path(os.environ.get("LDM_EMOJI_WORK", Path.home() / ".cache/ldm-reference/emoji"))

CONFIG = {
    "format": "ldm-model v1",
    "name": "emoji",
    "image_size": 64,
    "linear_start": 0.00085,
    "linear_end": 0.012,
    "timesteps": 1000,
    "beta_schedule": "linear",
    "parameterization": "eps",
    "scale_factor": None,  # 1 / standard deviation of the latents, measured after the autoencoder
    "conditioning_key": "crossattn",
    "unet_config": {
        "image_size": 16,
        "in_channels": 4,
        "out_channels": 4,
        "model_channels": 96,
        "num_res_blocks": 1,
        "attention_resolutions": [2],
        "channel_mult": [1, 2],
        "num_head_channels": 32,
        "use_spatial_transformer": True,
        "transformer_depth": 1,
        "context_dim": 192,
        "legacy": False,
        "use_checkpoint": False,
    },
    "first_stage_config": {
        "embed_dim": 4,
        "ddconfig": {
            "double_z": True,
            "z_channels": 4,
            "resolution": 64,
            "in_channels": 3,
            "out_ch": 3,
            "ch": 32,
            "ch_mult": [1, 2, 4],
            "num_res_blocks": 1,
            "attn_resolutions": [],
            "dropout": 0.0,
        },
    },
    "cond_stage_config": {
        "projection_dim": 128,
        "text_config": {
            "vocab_size": None,  # known after the vocabulary is trained
            "hidden_size": 192,
            "intermediate_size": 768,
            "num_hidden_layers": 4,
            "num_attention_heads": 6,
            "max_position_embeddings": 24,
            "bos_token_id": None,
            "eos_token_id": None,
            "pad_token_id": None,
            "hidden_act": "quick_gelu",
        },
        "vision_config": {
            "hidden_size": 128,
            "intermediate_size": 512,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "image_size": 64,
            "patch_size": 8,
            "hidden_act": "quick_gelu",
        },
        "image_mean": [0.48145466, 0.4578275, 0.40821073],  # OpenAI CLIP's
        "image_std": [0.26862954, 0.26130258, 0.27577711],
    },
    "sampler": {"name": "ddim", "steps": 30, "cfg_scale": 3.0},
}


def is_held_out(caption):
    """The rule of the split: one skin-tone caption in twenty is never seen by any training."""
    return "skin tone" in caption and zlib.crc32(caption.encode("utf-8")) % 20 == 0


def set_seed(seed):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


class Pictures:
    """The rendered data set: `images` [N, 64, 64, 3] uint8 and, in the same order, `captions`."""

    def __init__(self):
        self.images = np.load(WORK / "pictures.npy")
        table = json.loads((WORK / "captions.json").read_text(encoding="utf-8"))
        self.captions = [row["caption"] for row in table]
        self.held_out = np.array([is_held_out(c) for c in self.captions])
        concepts = sorted({row["concept"] for row in table})
        number = {name: i for i, name in enumerate(concepts)}
        self.concept = np.array([number[row["concept"]] for row in table])

    def tensor(self, index):
        """Pictures `index` as float [B, 3, 64, 64] in [-1, 1]."""
        x = torch.from_numpy(self.images[index]).permute(0, 3, 1, 2)
        return x.float() / 127.5 - 1

    def sampler(self, rng, by_file=0.0):
        """Draws training indices: each concept once in shuffled order, a random picture of it.

        A person comes in up to 26 pictures (skin tones), an object in one. Drawn by file, objects
        would be seen rarely and people all the time. A share `by_file` is drawn so nevertheless.
        """
        train = np.flatnonzero(~self.held_out)
        members = {}
        for i in train:
            members.setdefault(self.concept[i], []).append(i)
        groups = [np.array(m) for _, m in sorted(members.items())]
        queue = []

        def draw(count):
            nonlocal queue
            while len(queue) < count:
                queue += [int(rng.choice(groups[g])) for g in rng.permutation(len(groups))]
            batch, queue = queue[:count], queue[count:]
            return np.where(rng.random(count) < by_file, rng.choice(train, count), batch)

        return draw


def write_atomically(path, write):
    """Calls `write(temporary path)`, then renames: a reader never sees half a file."""
    temporary = path.with_name(path.name + ".part")
    write(temporary)
    temporary.chmod(0o644)
    os.replace(temporary, path)
