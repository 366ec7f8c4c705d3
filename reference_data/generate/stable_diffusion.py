"""Stable Diffusion 1.5's settings, under their original names, its text tower, and the numbering of its words."""
from pathlib import Path

from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel

CLIP_BPE = Path(__file__).resolve().parents[1] / "clip_bpe"
UNET = {
    "image_size": 32,
    "in_channels": 4,
    "out_channels": 4,
    "model_channels": 320,
    "attention_resolutions": [4, 2, 1],
    "num_res_blocks": 2,
    "channel_mult": [1, 2, 4, 4],
    "num_heads": 8,
    "use_spatial_transformer": True,
    "transformer_depth": 1,
    "context_dim": 768,
    "use_checkpoint": True,
    "legacy": False,
}
FIRST_STAGE = {
    "embed_dim": 4,
    "ddconfig": {
        "double_z": True,
        "z_channels": 4,
        "resolution": 256,
        "in_channels": 3,
        "out_ch": 3,
        "ch": 128,
        "ch_mult": [1, 2, 4, 4],
        "num_res_blocks": 2,
        "attn_resolutions": [],
        "dropout": 0.0,
    },
}
TEXT = {
    "vocab_size": 49408,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "max_position_embeddings": 77,
    "bos_token_id": 49406,
    "eos_token_id": 49407,
    "pad_token_id": 49407,
    "hidden_act": "quick_gelu",
}


class TextTower(nn.Module):
    """With the names of Stable Diffusion's checkpoints: transformers 5 has dropped 'text_model.'."""

    def __init__(self, **config):
        super().__init__()
        self.text_model = CLIPTextModel(CLIPTextConfig(**config, attn_implementation="eager"))

    def forward(self, input_ids):
        found = self.text_model(input_ids, output_hidden_states=True)
        return {
            "last_hidden_state": found.last_hidden_state,
            "pooler_output": found.pooler_output,
            **{f"hidden_{i}": h for i, h in enumerate(found.hidden_states)},
        }


def clip_vocabulary(merges):
    """Token -> id, as OpenAI numbers them: 256 bytes, 256 bytes that end a word, merges, start, end."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(b) for b in printable] + [chr(256 + i) for i in range(256 - len(printable))]
    tokens = [
        *letters,
        *(letter + "</w>" for letter in letters),
        *("".join(pair) for pair in merges),
        "<|startoftext|>",
        "<|endoftext|>",
    ]
    return {token: i for i, token in enumerate(tokens)}


def clip_merges():
    lines = (CLIP_BPE / "merges.txt").read_text(encoding="utf-8").splitlines()[1:]
    return [tuple(line.split()) for line in lines]
