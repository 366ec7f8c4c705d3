"""The published `taming` package, made importable without what its networks do not need: losses, discriminator, quantizer."""
import types
import warnings

import cases
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
