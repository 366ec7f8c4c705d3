"""The published `taming` package, made importable without what its networks do not need: losses, discriminator, quantizer."""
import types
import warnings

import cases
import torch
import torch.nn.functional as F
from originals import _LightningModule, _stand_ins, vae
from torch import nn

VERSIONS = cases.VERSIONS.replace("diffusers", "taming-transformers-rom1504 0.0.6, diffusers")


def vgg16(**_):
    """The layers of torchvision's vgg16, to be filled later. ReLU leaves its input alone, so that it can be stored."""
    layers, width = [], 3
    for slice_widths in ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)):
        for out in slice_widths:
            layers += [nn.Conv2d(width, out, 3, padding=1), nn.ReLU()]
            width = out
        layers.append(nn.MaxPool2d(2, 2))
    return types.SimpleNamespace(features=nn.Sequential(*layers))


with warnings.catch_warnings(), _stand_ins(
    torchvision={"models": types.SimpleNamespace(vgg16=vgg16)},
    requests={},
    pytorch_lightning={"LightningModule": _LightningModule},
    taming__main={"instantiate_from_config": lambda config: nn.Identity()},
):
    warnings.simplefilter("ignore", SyntaxWarning)
    import taming.models.vqgan as vqgan
    import taming.modules.losses.lpips as lpips  # noqa: F401
    import taming.modules.losses.vqperceptual as vqperceptual  # noqa: F401
    import taming.modules.vqvae.quantize as quantize  # noqa: F401
    from taming.modules.discriminator.model import NLayerDiscriminator  # noqa: F401
    from taming.modules.vqvae.quantize import VectorQuantizer2  # noqa: F401

lpips.LPIPS.load_from_pretrained = lambda self: None
vqgan.Encoder, vqgan.Decoder = vae.Encoder, vae.Decoder  # as ldm's autoencoder.py has them


class VQModelInterface(vqgan.VQModel):
    """ldm's autoencoder.py, restated."""

    def encode(self, x):
        return self.quant_conv(self.encoder(x))

    def decode(self, h, force_not_quantize=False):
        return super().decode(h if force_not_quantize else self.quantize(h)[0])


class EmbeddingEMA(nn.Module):
    """A codebook of moving averages: what the EMAVectorQuantizer of CompVis/taming-transformers does in training, restated;
    the published package is older. As upstream has them, cluster sizes begin at 0 and averages at the entries.
    """

    def __init__(self, n_embed, embedding_dim, decay, eps):
        super().__init__()
        self.decay, self.eps = decay, eps
        entries = torch.randn(n_embed, embedding_dim)
        for name, start in (
            ("weight", entries),
            ("cluster_size", torch.zeros(n_embed)),
            ("embed_avg", entries.clone()),
        ):
            setattr(self, name, nn.Parameter(start, requires_grad=False))

    @torch.no_grad()
    def update(self, chosen, vectors):
        """chosen [P, n_embed], a one in each row; vectors [P, embedding_dim]"""
        for average, new in (
            (self.cluster_size, chosen.sum(0)),
            (self.embed_avg, chosen.T @ vectors),
        ):
            average.mul_(self.decay).add_(new, alpha=1 - self.decay)
        total, count = self.cluster_size.sum(), len(self.cluster_size)
        smoothed = (self.cluster_size + self.eps) / (total + count * self.eps) * total
        self.weight.copy_(self.embed_avg / smoothed[:, None])


class EMAVectorQuantizer(nn.Module):
    """As above. Upstream's constructor reads names that it does not have, and takes a `remap` that it does not use."""

    def __init__(self, n_embed, embedding_dim, beta, decay=0.99, eps=1e-5):
        super().__init__()
        self.beta = beta
        self.embedding = EmbeddingEMA(n_embed, embedding_dim, decay, eps)

    def forward(self, z):
        z = z.permute(0, 2, 3, 1)
        vectors, entries = z.reshape(-1, z.shape[-1]), self.embedding.weight
        distances = (
            (vectors**2).sum(1, keepdim=True) + (entries**2).sum(1) - 2 * vectors @ entries.T
        )
        indices = distances.argmin(1)
        e = F.embedding(indices, entries).view(z.shape)
        chosen = F.one_hot(indices, len(entries)).to(z.dtype)
        shares = chosen.mean(0)
        perplexity = torch.exp(-torch.sum(shares * torch.log(shares + 1e-10)))
        if self.training:
            self.embedding.update(chosen, vectors.detach())
        loss = self.beta * F.mse_loss(e.detach(), z)
        z_q = (z + (e - z).detach()).permute(0, 3, 1, 2)
        return z_q, loss, (perplexity, chosen, indices)
