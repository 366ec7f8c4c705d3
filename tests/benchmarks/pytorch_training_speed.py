#!/usr/bin/env python3
"""PyTorch on the work of `ldm train`: the same networks, batch and optimizer, random pictures. Prints JSON: seconds of each step.

    ~/.cache/ldm-reference/venv/bin/python tests/benchmarks/pytorch_training_speed.py autoencoder|clip|diffusion CONFIG.json STEPS
                                                                                      [--threads N] [--precision f32|bf16]

The networks are the published ldm's and transformers', in the memory format that is faster here (--channels-last tries the other);
bf16 is torch.autocast. (The environment is the one that reference_data/generate/run makes.)
"""
import argparse
import json
import sys
import time
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "reference_data/generate"))

import torch
from originals import autoencoder, openaimodel, sdkit_context
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTextModel


def autoencoder_step(config, batch):
    stage = config["first_stage_config"]
    model = autoencoder.AutoencoderKL(
        ddconfig=stage["ddconfig"],
        lossconfig={"target": "torch.nn.Identity"},
        embed_dim=stage["embed_dim"],
    )
    x = torch.rand(batch, 3, config["data"]["size"], config["data"]["size"]) * 2 - 1

    def loss():
        posterior = model.encode(x)
        rec = model.decode(posterior.mean + posterior.std * torch.randn(posterior.mean.shape))
        return (x - rec).abs().sum() / len(x) + config["loss"][
            "kl_weight"
        ] * posterior.kl().sum() / len(x)

    return model, loss


def token_ids(text, batch):
    ids = torch.randint(0, text["vocab_size"] - 2, (batch, text["max_position_embeddings"]))
    ids[:, -1] = text["eos_token_id"]
    return ids


def clip_step(config, batch):
    towers = {k: v for k, v in config["cond_stage_config"].items() if not k.startswith("image_")}
    model = CLIPModel(CLIPConfig(**towers))
    ids, x = token_ids(towers["text_config"], batch), torch.randn(
        batch, 3, config["data"]["size"], config["data"]["size"]
    )
    return model, lambda: model(input_ids=ids, pixel_values=x, return_loss=True).loss


def diffusion_step(config, batch):
    text = config["cond_stage_config"]["text_config"]
    unet, tower = openaimodel.UNetModel(**config["unet_config"]), CLIPTextModel(
        CLIPTextConfig(**text)
    )
    ids, side = token_ids(text, batch), config["unet_config"]["image_size"]
    x, noise = torch.randn(2, batch, config["unet_config"]["in_channels"], side, side)
    t, weight = torch.randint(0, 1000, (batch,)), torch.rand(batch)

    def loss():
        eps = unet(x, t, context=sdkit_context(tower(ids).last_hidden_state, 1))
        return (weight * (eps - noise).square().mean((1, 2, 3))).mean()

    return torch.nn.ModuleList([unet, tower]), loss


def main():
    options = argparse.ArgumentParser()
    options.add_argument("kind", choices=["autoencoder", "clip", "diffusion"])
    options.add_argument("config")
    options.add_argument("steps", type=int)
    options.add_argument("--threads", type=int)
    options.add_argument("--precision", default="f32", choices=["f32", "bf16"])
    options.add_argument("--channels-last", action="store_true")
    options = options.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    with open(options.config, encoding="utf-8") as file:
        config = json.load(file)

    parts = config.get("accumulate_grad_batches", 1)
    make = {"autoencoder": autoencoder_step, "clip": clip_step, "diffusion": diffusion_step}[
        options.kind
    ]
    model, loss = make(config, config["batch_size"])
    model.train()
    if options.channels_last:
        model.to(memory_format=torch.channels_last)
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=1e-5)
    average = [p.detach().clone() for p in parameters]
    seconds = []
    for _ in range(options.steps):
        start = time.perf_counter()
        optimizer.zero_grad()
        for _ in range(parts):
            with torch.autocast("cpu", torch.bfloat16, enabled=options.precision == "bf16"):
                part = loss() / parts
            part.backward()
        if "max_grad_norm" in config:
            torch.nn.utils.clip_grad_norm_(parameters, config["max_grad_norm"])
        optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(average, [p.detach() for p in parameters], 0.003)
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"seconds": seconds, "threads": torch.get_num_threads()}))


if __name__ == "__main__":
    main()
