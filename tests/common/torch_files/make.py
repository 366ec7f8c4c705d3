#!/usr/bin/env python3
"""Makes the files of this folder: what torch.save writes in its formats, small, and what is in them
as <name>.expected.safetensors. Needs torch and safetensors, as reference_data/generate/run installs
them; run it in this folder."""

import argparse
import collections
import pathlib
import sys
import types

import numpy as np
import torch
from safetensors.torch import save_file


def numbers(*shape, dtype=torch.float32):
    count = int(np.prod(shape))
    return (torch.arange(count, dtype=torch.float32) / 4 - 1).reshape(shape).to(dtype)


def keep(name, tensors):
    contiguous = {key: value.detach().contiguous().clone() for key, value in tensors.items()}
    save_file(contiguous, f"{name}.expected.safetensors")


def state_dict():
    """Every type, and every way in which a tensor may lie in its storage."""
    whole = numbers(4, 6)
    return collections.OrderedDict(
        {
            "f32": numbers(2, 3),
            "f64": numbers(3, dtype=torch.float64),
            "f16": numbers(5, dtype=torch.float16),
            "bf16": numbers(5, dtype=torch.bfloat16),
            "i64": torch.tensor([1, -2, 2**40]),
            "i32": torch.tensor([1, -2], dtype=torch.int32),
            "i16": torch.tensor([1, -2], dtype=torch.int16),
            "i8": torch.tensor([1, -2], dtype=torch.int8),
            "u8": torch.tensor([1, 254], dtype=torch.uint8),
            "bool": torch.tensor([True, False, True]),
            "scalar": torch.tensor(0.25),
            "empty": torch.zeros(0, 3),
            "parameter": torch.nn.Parameter(numbers(2, 2)),
            "buffer_like": torch.nn.Buffer(numbers(3)),
            "part": whole[1:3],
            "tied": whole,
            "columns": whole[:, 2:4],
            "transposed": whole.T,
            "every_second": whole[::2, ::3],
            "channels_last": numbers(2, 3, 2, 2, dtype=torch.float16).to(
                memory_format=torch.channels_last
            ),
            "one_row": whole[:1].T[:, :1],
        }
    )


def formats():
    tensors = state_dict()
    keep("formats", tensors)
    torch.save(tensors, "zip.ckpt")
    torch.save(tensors, "zip_protocol_4.ckpt", pickle_protocol=4)
    torch.save(tensors, "zip_protocol_5.ckpt", pickle_protocol=5)
    torch.save(tensors, "old.ckpt", _use_new_zipfile_serialization=False)
    torch.save(
        tensors, "old_protocol_4.ckpt", pickle_protocol=4, _use_new_zipfile_serialization=False
    )


def lightning():
    """A checkpoint of Lightning, with objects beside the weights that a reader must not make."""
    names = "pytorch_lightning", "pytorch_lightning.callbacks"
    for name in names:
        sys.modules[name] = types.ModuleType(name)
    callback = type("ModelCheckpoint", (), {"__module__": names[1]})
    sys.modules[names[1]].ModelCheckpoint = callback
    instance = callback()
    instance.best_score = torch.tensor(0.5)
    weights = {"model.diffusion_model.out.weight": numbers(2, 2), "model.bias": numbers(3)}
    keep("lightning", weights)
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    model(numbers(1, 2)).sum().backward()
    optimizer.step()
    checkpoint = {
        "epoch": 3,
        "global_step": 2**33,
        "pytorch-lightning_version": "1.9.5",
        "state_dict": collections.OrderedDict(weights),
        "callbacks": {callback: {"monitor": "loss", "object": instance}},
        "optimizer_states": [optimizer.state_dict()],
        "lr_schedulers": [],
        "hyper_parameters": argparse.Namespace(
            rate=np.float64(1e-4),
            betas=(0.9, 0.999),
            sizes={1, 2},
            path=pathlib.PurePosixPath("logs"),
            table=np.arange(3),
            factories=collections.defaultdict(list, {"a": [b"bytes", bytearray(b"more")]}),
        ),
    }
    torch.save(checkpoint, "lightning.ckpt")
    torch.save(checkpoint, "lightning_old.ckpt", _use_new_zipfile_serialization=False)


def float8():
    """All 256 values of both types, and what PyTorch reads in them."""
    patterns = torch.arange(256).to(torch.uint8)
    tensors = {"e4m3": patterns.view(torch.float8_e4m3fn), "e5m2": patterns.view(torch.float8_e5m2)}
    torch.save(tensors, "float8.pt")
    torch.save(tensors, "float8_old.pt", _use_new_zipfile_serialization=False)
    keep("float8", {key: value.float() for key, value in tensors.items()})


def embeddings():
    """Textual inversions: A1111's, and that of the original code, which has a ParameterDict."""
    vectors = numbers(2, 8)
    keep("embedding", {"string_to_param.*": vectors})
    about = {"string_to_token": {"*": 265}, "name": "a style", "step": 100}
    torch.save({**about, "string_to_param": {"*": vectors}}, "embedding.pt")
    parameters = torch.nn.ParameterDict({"*": torch.nn.Parameter(vectors)})
    torch.save(
        {"string_to_token": {"*": torch.tensor(265)}, "string_to_param": parameters},
        "embedding_dict.pt",
    )


formats()
lightning()
float8()
embeddings()
