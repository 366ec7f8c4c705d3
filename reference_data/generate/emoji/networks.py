"""A model folder's autoencoder and CLIP towers in PyTorch, with the published modules."""

import json
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from tokenizer import Tokenizer
from transformers import CLIPConfig, CLIPModel

from common import HERE

sys.path.insert(0, str(HERE.parent))
import originals  # noqa: E402


class AutoencoderKL(torch.nn.Module):
    """ldm.models.autoencoder.AutoencoderKL without its training framework; the same keys."""

    def __init__(self, embed_dim, ddconfig):
        super().__init__()
        self.encoder = originals.vae.Encoder(**ddconfig)
        self.decoder = originals.vae.Decoder(**ddconfig)
        self.quant_conv = torch.nn.Conv2d(2 * ddconfig["z_channels"], 2 * embed_dim, 1)
        self.post_quant_conv = torch.nn.Conv2d(embed_dim, ddconfig["z_channels"], 1)

    def forward(self, x):
        mean, _ = self.quant_conv(self.encoder(x)).chunk(2, 1)
        return self.decoder(self.post_quant_conv(mean))


class Networks:
    def __init__(self, folder):
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        tensors = load_file(folder / "model.safetensors")

        def load(module, prefix):
            part = {
                k.removeprefix(prefix): v.float()
                for k, v in tensors.items()
                if k.startswith(prefix)
            }
            missing, unexpected = module.load_state_dict(part, strict=False)
            assert not unexpected and all("position_ids" in name for name in missing), (
                missing,
                unexpected,
            )
            return module.eval()

        towers = config["cond_stage_config"]
        sizes = CLIPConfig(
            **{k: towers[k] for k in ("text_config", "vision_config", "projection_dim")}
        )
        self.autoencoder = load(AutoencoderKL(**config["first_stage_config"]), "first_stage_model.")
        self.clip = load(CLIPModel(sizes), "clip_model.")
        self.tokenizer = Tokenizer(
            folder / "merges.txt", towers["text_config"]["max_position_embeddings"]
        )
        self.mean, self.deviation = (
            torch.tensor(towers[k]).view(3, 1, 1) for k in ("image_mean", "image_std")
        )

    @torch.no_grad()
    def reconstruct(self, images):
        """decode(mean(encode)) of pictures [N, H, W, 3] uint8: [N, 3, H, W] in [0, 255]."""
        parts = [self.autoencoder(part / 127.5 - 1).clamp(-1, 1) for part in batches(images)]
        return (torch.cat(parts) + 1) * 127.5

    def fidelity(self, images):
        """How true reconstructions of pictures [N, H, W, 3] uint8 are: the mean peak signal to noise ratio (dB), and how strong
        their edges are (mean difference of neighbouring pixels) as a share of the pictures' own."""
        made, true = self.reconstruct(images), torch.cat(batches(images))
        error = (made - true).square().mean((1, 2, 3))
        return (-10 * (error / 255**2).log10()).mean().item(), edges(made) / edges(true)

    @torch.no_grad()
    def embed(self, captions, images):
        """Normalised embeddings of captions and pictures [N, H, W, 3] uint8."""
        ids = torch.tensor([self.tokenizer(caption) for caption in captions])
        text = [
            self.clip.text_projection(self.clip.text_model(part).pooler_output)
            for part in ids.split(64)
        ]
        pixels = ((part / 255 - self.mean) / self.deviation for part in batches(images))
        image = [
            self.clip.visual_projection(self.clip.vision_model(part).pooler_output)
            for part in pixels
        ]
        return F.normalize(torch.cat(text), dim=-1), F.normalize(torch.cat(image), dim=-1)


def edges(x):
    return (
        (x[..., 1:, :] - x[..., :-1, :]).abs().mean() + (x[..., 1:] - x[..., :-1]).abs().mean()
    ).item()


def batches(images):
    """As floats [B, 3, H, W], 0 to 255."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float().split(64)
