"""Chapter 12: how many parameters the networks of reference_data/configs have, built by the original code."""
import json
from pathlib import Path

import torch
import yaml
from cases import ROOT, quiet
from originals import autoencoder, openaimodel
from originals_taming import vqgan
from originals_x_transformer import transformer
from stable_diffusion import TEXT, TextTower
from torch import nn

FOLDER = Path(__file__).resolve().parents[1] / "configs"


def built(config):
    if isinstance(config, str):
        return nn.Identity()
    name, params = config["target"].rsplit(".", 1)[-1], config.get("params", {})
    if name == "UNetModel":
        return openaimodel.UNetModel(**params)
    if name == "AutoencoderKL":
        return autoencoder.AutoencoderKL(lossconfig={"target": "torch.nn.Identity"}, **params)
    if name in ("VQModel", "VQModelInterface"):
        return vqgan.VQModel(lossconfig=None, **params)
    if name == "ClassEmbedder":
        return nn.Embedding(params["n_classes"], params["embed_dim"])
    if name == "BERTEmbedder":
        layers = {"dim": params["n_embed"], "depth": params["n_layer"]}
        return transformer(layers, num_tokens=30522, max_seq_len=77)
    return TextTower(**TEXT)


def count(config):
    with torch.device("meta"), quiet():
        return sum(p.numel() for p in built(config).parameters())


counts = {}
for path in sorted(FOLDER.glob("*.yaml")):
    model = yaml.safe_load(path.read_text())["model"]
    params = model["params"]
    parts = {"network": model}
    if model["target"].endswith("LatentDiffusion"):
        names = {
            "UNet": "unet_config",
            "first stage": "first_stage_config",
            "conditioner": "cond_stage_config",
        }
        parts = {name: params[key] for name, key in names.items()}
    counts[path.stem] = {name: count(config) for name, config in parts.items()}
out = ROOT / "configs"
out.mkdir(parents=True, exist_ok=True)
(out / "parameters.json").write_text(json.dumps(counts, indent=2) + "\n")
print("configs/parameters.json")
