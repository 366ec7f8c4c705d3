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
    name, params = config["target"].rsplit(".", 1)[-1], dict(config.get("params", {}))
    params.pop("lossconfig", None)  # losses are not counted
    if name == "UNetModel":
        if (depth := params.get("transformer_depth", 1)) > 1:
            # the package, which is Stable Diffusion 2's, wants the width of each block's context
            params["context_dim"] = [params["context_dim"]] * depth
        return openaimodel.UNetModel(**params)
    if name == "AutoencoderKL":
        return autoencoder.AutoencoderKL(lossconfig={"target": "torch.nn.Identity"}, **params)
    if name in ("VQModel", "VQModelInterface"):
        return vqgan.VQModel(lossconfig=None, **params)
    if name == "ClassEmbedder":
        return nn.Embedding(params.get("n_classes", 1000), params["embed_dim"])
    if name == "SpatialRescaler":
        # its channel_mapper; the package has left the class out
        return nn.Conv2d(params["in_channels"], params["out_channels"], 1, bias=False)
    if name == "BERTEmbedder":
        layers = {"dim": params["n_embed"], "depth": params["n_layer"]}
        words, length = params.get("vocab_size", 30522), params.get("max_seq_len", 77)
        return transformer(layers, num_tokens=words, max_seq_len=length)
    if name == "Identity":
        return nn.Identity()
    assert name == "FrozenCLIPEmbedder", name
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
