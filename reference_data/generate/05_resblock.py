"""Chapter 05: residual blocks, and what makes a picture larger or smaller."""
from cases import module_case, normal
from originals import openaimodel, vae
from torch import nn


def res_block(situation, note, channels, size, emb_channels=24, scale=1.0, acts=(), **options):
    batch, height, width = size
    config = {
        "channels": channels,
        "emb_channels": emb_channels,
        "dropout": 0.0,
        **options.pop("config", {}),
    }
    module_case(
        f"ResBlock.{situation}",
        openaimodel.ResBlock,
        config,
        {
            "x": normal(batch, channels, height, width, scale=scale),
            "emb": normal(batch, emb_channels),
        },
        acts=acts or ["in_layers.[02]", "emb_layers.1", "out_layers.[03]", "skip_connection"],
        note=note,
        **options,
    )


res_block(
    "same_width",
    "Identity skip, so no skip_connection parameters.",
    32,
    (2, 6, 6),
    acts=["in_layers.[02]", "emb_layers.1", "out_layers.[03]"],
)
res_block(
    "wider_odd", "1x1 skip; odd, non-square picture.", 32, (3, 5, 7), config={"out_channels": 64}
)
res_block(
    "one_pixel",
    "A picture of one pixel: group norm sees one or two values.",
    64,
    (2, 1, 1),
    config={"out_channels": 32},
)
res_block(
    "tiny_input",
    "Inputs around 1e-3 and no time: eps 1e-5 shows.",
    32,
    (2, 5, 4),
    scale=1e-3,
    eps_matters=True,
    acts=["in_layers.[02]"],
    special={"emb_layers.1.*": (0.0, 1e-3), "in_layers.2.*": (0.0, 1e-3)},
)
res_block(
    "scale_shift",
    "The time scales and shifts the normed features: scale first, then shift.",
    32,
    (2, 4, 6),
    config={"out_channels": 64, "use_scale_shift_norm": True},
)
res_block("conv_skip", "3x3 skip.", 32, (1, 5, 6), config={"out_channels": 64, "use_conv": True})
res_block(
    "up",
    "Nearest neighbour upsampling between norm and convolution, and on the skip.",
    32,
    (2, 3, 5),
    config={"out_channels": 64, "up": True},
)
res_block(
    "down",
    "2x2 means between norm and convolution, and on the skip.",
    64,
    (2, 6, 8),
    config={"out_channels": 32, "down": True},
)
res_block(
    "down_odd",
    "An odd last row and column are dropped.",
    32,
    (1, 7, 5),
    config={"down": True},
    acts=["in_layers.[02]", "emb_layers.1", "out_layers.[03]"],
)
res_block(
    "everything",
    "Scale-shift, up, 3x3 skip and checkpointing (which changes nothing) at once.",
    32,
    (2, 3, 2),
    config={
        "out_channels": 64,
        "use_scale_shift_norm": True,
        "up": True,
        "use_conv": True,
        "use_checkpoint": True,
        "dims": 2,
    },
)

CLASSES = {
    "openaimodel.Upsample": openaimodel.Upsample,
    "openaimodel.Downsample": openaimodel.Downsample,
    "openaimodel.TransposedUpsample": openaimodel.TransposedUpsample,
    "model.Upsample": vae.Upsample,
    "model.Downsample": vae.Downsample,
}


def resample(situation, note, parts, x, x_odd):
    def build(parts):
        return nn.ModuleDict(
            {
                name: CLASSES[p["class"]](**{k: v for k, v in p.items() if k != "class"})
                for name, p in parts.items()
            }
        )

    def call(module, x, x_odd):
        return {
            name + suffix: part(picture)
            for name, part in module.items()
            for suffix, picture in (("", x), ("_odd", x_odd))
        }

    module_case(
        f"Resample.{situation}",
        build,
        {"parts": parts},
        {"x": normal(*x), "x_odd": normal(*x_odd)},
        call,
        note=note,
        source="ldm.modules.diffusionmodules: openaimodel and model, Upsample and Downsample",
    )


resample(
    "unet",
    "The UNet's: padding 1 on all sides when shrinking.",
    {
        "up": {"class": "openaimodel.Upsample", "channels": 8, "use_conv": True},
        "up_wider": {
            "class": "openaimodel.Upsample",
            "channels": 8,
            "use_conv": True,
            "out_channels": 12,
        },
        "up_plain": {"class": "openaimodel.Upsample", "channels": 8, "use_conv": False},
        "down": {"class": "openaimodel.Downsample", "channels": 8, "use_conv": True},
        "down_wider": {
            "class": "openaimodel.Downsample",
            "channels": 8,
            "use_conv": True,
            "out_channels": 12,
        },
        "down_plain": {"class": "openaimodel.Downsample", "channels": 8, "use_conv": False},
    },
    (2, 8, 6, 4),
    (1, 8, 7, 5),
)
resample(
    "vae",
    "The autoencoder's: one zero row and column, at the right and below only, when shrinking.",
    {
        "up": {"class": "model.Upsample", "in_channels": 6, "with_conv": True},
        "up_plain": {"class": "model.Upsample", "in_channels": 6, "with_conv": False},
        "down": {"class": "model.Downsample", "in_channels": 6, "with_conv": True},
        "down_plain": {"class": "model.Downsample", "in_channels": 6, "with_conv": False},
    },
    (1, 6, 8, 6),
    (2, 6, 5, 9),
)
resample(
    "transposed",
    "Learned upsampling, stride 2, no padding; kernel 5 (the default) and 3.",
    {
        "five": {"class": "openaimodel.TransposedUpsample", "channels": 6},
        "three": {
            "class": "openaimodel.TransposedUpsample",
            "channels": 6,
            "out_channels": 4,
            "ks": 3,
        },
    },
    (2, 6, 4, 2),
    (1, 6, 3, 5),
)
