#!/usr/bin/env python3
"""Writes inputs for the fuzz targets to begin with: tests/fuzz/seeds.py FOLDER makes FOLDER/<target>
with small files of the repository and some that hold a little of everything a reader knows."""

import json
import pathlib
import shutil
import struct
import sys

root = pathlib.Path(__file__).resolve().parents[2]
target_folder = pathlib.Path(sys.argv[1])


def write(target, name, data):
    folder = target_folder / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def copy(target, paths, most_bytes):
    for path in paths:
        if path.stat().st_size <= most_bytes:
            write(target, "_".join(path.relative_to(root).parts), path.read_bytes())


def safetensors(tensors, metadata):
    """A file of float32 tensors {name: shape} of ones."""
    header, offset = {"__metadata__": metadata}, 0
    for name, shape in tensors.items():
        count = 1
        for extent in shape:
            count *= extent
        header[name] = {
            "dtype": "F32",
            "shape": shape,
            "data_offsets": [offset, offset + 4 * count],
        }
        offset += 4 * count
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + struct.pack("<f", 1.0) * (offset // 4)


cases = sorted((root / "reference_data").glob("[01]*/*.safetensors"))
copy("case_fuzz", cases, 16_000)
copy("safetensors_fuzz", cases, 4_000)
write("safetensors_fuzz", "small", safetensors({"w": [1, 2], "empty": [0]}, {"a": "b"}))

copy("yaml_fuzz", sorted((root / "reference_data/configs").glob("*.yaml")), 4_000)
write(
    "yaml_fuzz",
    "anchors",
    b"target: x.SpatialRescaler\nparams: {n_stages: 2, bias: &b True, z: [*b, ~, '1', -1e-4]}\n",
)

copy("torch_fuzz", sorted((root / "tests/common/torch_files").glob("*.*t")), 8_000)

write(
    "clip_tokenizer_fuzz",
    "prompt",
    b"\x20the the caf\xc3\xa9 isn't \xe7\x8c\xab 42!! \xf0\x9f\x98\x80",
)
write("clip_tokenizer_fuzz", "merges", b"t h\nth e</w>\n\0the them")

settings = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
for name in (
    *("DDIM", "DDPM", "PNDM", "LCM", "TCD", "LMSDiscrete", "EulerDiscrete", "HeunDiscrete"),
    *("EulerAncestralDiscrete", "KDPM2Discrete", "KDPM2AncestralDiscrete"),
    *("DPMSolverMultistep", "DPMSolverSinglestep", "UniPCMultistep", "DEISMultistep"),
):
    config = {"_class_name": name + "Scheduler", "num_train_timesteps": 1000, **settings}
    write("scheduler_fuzz", name, json.dumps(config).encode())

write(
    "prompt_fuzz",
    "everything",
    b"\x09(a:1.2) [b] \\(c\\) [d:[e|f]:0.5] BREAK g, h :0.9 AND <lora:x:0.8:0.5> word \xe7\x8c\xab:2",
)

write(
    "parameters_fuzz",
    "everything",
    b"a cat,\n(b:1.2)\nNegative prompt: d\ne\nSteps: 20, Sampler: Euler a, Schedule type: Karras, "
    b'CFG scale: 7, Seed: 1, Size: 512x768, Model: "a, b", Hashes: {"model": "6ce0"}, Version: 1',
)

copy("image_fuzz", sorted((root / "tests/common/pictures").rglob("*.*")), 4_000)

models = root / "reference_data/models"
copy("config_fuzz", sorted(models.rglob("config.json")), 16_000)
copy("config_fuzz", sorted((root / "chapters/09_training").rglob("*.json")), 16_000)

row = {"file_name": "a.png", "text": "a cat", "concept": "cat"}
write(
    "folder_fuzz",
    "metadata",
    b"m" + json.dumps(row).encode() + b"\n" + json.dumps({**row, "file_name": "b/c.jpg"}).encode(),
)
units = [chr(c) for c in [*range(33, 127), *range(161, 173), *range(174, 256), *range(256, 324)]]
words = units + [u + "</w>" for u in units] + ["th", "the</w>", "<|startoftext|>", "<|endoftext|>"]
vocabulary = json.dumps({word: i for i, word in enumerate(words)}, ensure_ascii=False)
write("folder_fuzz", "vocabulary", b"v" + vocabulary.encode() + b"\0#version: 0.2\nt h\nth e</w>\n")
write("folder_fuzz", "curve", b"cstep,seconds,samples,lr,x\n0,0.1,8,0.1,0.5\n1,0.2,16,0.1,nan\n")

unet = "unet.down_blocks.0.attentions.0."
kohya = "lora_unet_down_blocks_0_attentions_0_"
write(
    "lora_fuzz",
    "diffusers",
    safetensors(
        {
            unet + "transformer_blocks.0.attn1.to_q.lora_A.weight": [2, 4],
            unet + "transformer_blocks.0.attn1.to_q.lora_B.weight": [4, 2],
            unet + "proj_in.lora_A.weight": [2, 4, 1, 1],
            unet + "proj_in.lora_B.weight": [4, 2, 1, 1],
        },
        {"format": "pt", "lora_adapter_metadata": json.dumps({"unet.r": 2, "unet.lora_alpha": 2})},
    ),
)
write(
    "lora_fuzz",
    "kohya",
    safetensors(
        {
            kohya + "transformer_blocks_0_attn1_to_q.lora_down.weight": [2, 4],
            kohya + "transformer_blocks_0_attn1_to_q.lora_up.weight": [4, 2],
            kohya + "transformer_blocks_0_attn1_to_q.alpha": [],
            "lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight": [1, 4],
            "lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_up.weight": [4, 1],
        },
        {"ss_network_dim": "2"},
    ),
)
to_q = kohya + "transformer_blocks_0_attn1_to_q."
conv = kohya + "proj_in."
for name, tensors in {
    "tucker": {
        conv + "lora_down.weight": [2, 4, 1, 1],
        conv + "lora_mid.weight": [2, 2, 1, 1],
        conv + "lora_up.weight": [4, 2, 1, 1],
        conv + "dora_scale": [1, 4, 1, 1],
    },
    "loha": {
        to_q + "hada_w1_a": [4, 2],
        to_q + "hada_w1_b": [2, 4],
        to_q + "hada_w2_a": [4, 2],
        to_q + "hada_w2_b": [2, 4],
        to_q + "alpha": [],
        conv + "hada_t1": [2, 2, 1, 1],
        conv + "hada_w1_a": [2, 4],
        conv + "hada_w1_b": [2, 4],
        conv + "hada_t2": [2, 2, 1, 1],
        conv + "hada_w2_a": [2, 4],
        conv + "hada_w2_b": [2, 4],
    },
    "lokr": {
        to_q + "lokr_w1": [2, 2],
        to_q + "lokr_w2": [2, 2],
        conv + "lokr_w1_a": [2, 1],
        conv + "lokr_w1_b": [1, 2],
        conv + "lokr_t2": [1, 1, 1, 1],
        conv + "lokr_w2_a": [1, 2],
        conv + "lokr_w2_b": [1, 2],
        conv + "alpha": [],
    },
    "dora": {
        unet + "transformer_blocks.0.attn1.to_q.lora_A.weight": [2, 4],
        unet + "transformer_blocks.0.attn1.to_q.lora_B.weight": [4, 2],
        unet + "transformer_blocks.0.attn1.to_q.lora_magnitude_vector": [4],
        conv + "lora_down.weight": [2, 4],
        conv + "lora_up.weight": [4, 2],
        conv + "dora_scale": [4, 1, 1, 1],
    },
    "differences": {
        to_q + "diff": [4, 4],
        conv + "diff_b": [4],
        kohya + "norm.w_norm": [4],
    },
}.items():
    write("lora_fuzz", name, safetensors(tensors, {}))
write("lora_fuzz", "weights", safetensors({"a": [2, 2], "b": [2]}, {"config": "{}"}))
