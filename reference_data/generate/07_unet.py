"""Chapter 07: the whole UNet in its variants, and the wrapper that feeds it conditions."""
import numpy as np
import torch
from cases import module_case, normal
from originals import ddpm, openaimodel

BLOCKS = ["time_embed.2", "input_blocks.?.?", "middle_block.?", "output_blocks.?.0"]


def unet(**config):
    depth, context_dim = config.get("transformer_depth", 1), config.get("context_dim")
    per_block = (
        {"context_dim": [context_dim] * depth} if context_dim else {}
    )  # this edition wants one for each
    return openaimodel.UNetModel(**{**config, **per_block})


def call_unet(depth):
    return lambda module, x, t, context=None, y=None: module(
        x, t, context=None if context is None else [context] * depth, y=y
    )


def case(situation, note, size, words=None, scale=1.0, acts=(), **options):
    config = {
        "image_size": 32,
        "in_channels": 4,
        "out_channels": 4,
        "model_channels": 32,
        "num_res_blocks": 1,
        "attention_resolutions": [2],
        "channel_mult": [1, 2],
        "legacy": False,
        **options.pop("config"),
    }
    batch, height, width = size
    inputs = {
        "x": normal(batch, config["in_channels"], height, width, scale=scale),
        "t": np.array([981, 3, 500][:batch], np.int32),
    }
    if words:
        inputs["context"] = normal(batch, words, config["context_dim"])
    if config.get("num_classes"):
        inputs["y"] = np.arange(batch, dtype=np.int32) * 3 + 1
    module_case(
        f"UNetModel.{situation}",
        unet,
        config,
        inputs,
        call_unet(config.get("transformer_depth", 1)),
        acts=acts,
        note=note,
        source="ldm.modules.diffusionmodules.openaimodel.UNetModel",
        **options,
    )


TEXT = {"use_spatial_transformer": True, "context_dim": 16, "num_heads": 2}
case(
    "stable_diffusion_shape",
    "The four levels of Stable Diffusion 1, narrow: attention on the upper three.",
    (1, 16, 8),
    7,
    acts=[
        "time_embed.2",
        "input_blocks.*[0-9].0",
        "input_blocks.*[0-9].1",
        "middle_block.?",
        "output_blocks.*[0-9].0",
        "output_blocks.*[0-9].1",
    ],
    gradients="inputs",
    config={
        **TEXT,
        "channel_mult": [1, 2, 4, 4],
        "attention_resolutions": [4, 2, 1],
        "num_res_blocks": 2,
        "num_heads": 8,
    },
)
case(
    "cross_attention",
    "Text-conditioned, odd number of words, non-square picture.",
    (2, 6, 10),
    5,
    acts=BLOCKS,
    config={**TEXT, "attention_resolutions": [1, 2]},
)
case(
    "transformer_depth2",
    "Two transformer blocks in each place, head width given.",
    (1, 4, 6),
    3,
    config={**TEXT, "num_heads": -1, "num_head_channels": 16, "transformer_depth": 2},
)
case(
    "stable_diffusion_2",
    "Stable Diffusion 2: linear layers around the transformers, heads of one width at every level.",
    (2, 6, 8),
    5,
    acts=BLOCKS,
    config={
        **TEXT,
        "num_heads": -1,
        "num_head_channels": 16,
        "use_linear_in_transformer": True,
        "attention_resolutions": [1, 2],
    },
)
case(
    "legacy_text",
    "legacy true with a spatial transformer: the head width is always channels / heads.",
    (1, 4, 4),
    3,
    config={**TEXT, "num_heads": -1, "num_head_channels": 16, "legacy": True},
)
case(
    "unconditional",
    "Attention blocks without text; the bottom attends although its factor is not listed.",
    (1, 12, 4),
    acts=BLOCKS,
    config={"num_heads": 4, "attention_resolutions": [2], "channel_mult": [1, 2, 2]},
)
case(
    "legacy_heads",
    "legacy true without a spatial transformer: num_head_channels -1 leaves num_heads in charge.",
    (1, 4, 6),
    config={"num_heads": 4, "attention_resolutions": [1, 2], "legacy": True},
)
case(
    "heads_upsample",
    "Another number of heads on the way up, where legacy true lets it count; the newer order of the qkv channels.",
    (1, 4, 4),
    config={
        "num_heads": 4,
        "num_heads_upsample": 2,
        "use_new_attention_order": True,
        "legacy": True,
    },
)
case(
    "head_channels",
    "Heads from their width.",
    (1, 4, 4),
    config={"num_head_channels": 16, "attention_resolutions": [1, 2]},
)
case(
    "classes",
    "A label is added to the time.",
    (3, 4, 6),
    config={"num_heads": 2, "num_classes": 11},
)
case("classes_and_text", "A label and a text.", (2, 4, 4), 3, config={**TEXT, "num_classes": 9})
case(
    "resblock_updown",
    "Residual blocks that shrink and grow, scaled and shifted by the time.",
    (2, 8, 4),
    acts=BLOCKS,
    config={"num_heads": 2, "resblock_updown": True, "use_scale_shift_norm": True},
)
case(
    "scale_shift",
    "Features scaled and shifted by the time; checkpointing changes nothing.",
    (1, 4, 6),
    config={
        "num_heads": 2,
        "use_scale_shift_norm": True,
        "use_checkpoint": True,
        "dims": 2,
        "dropout": 0.0,
    },
)
case(
    "no_resampling_weights",
    "Means and nearest neighbours between the levels.",
    (1, 8, 4),
    config={"num_heads": 2, "conv_resample": False},
)
case(
    "no_attention_listed",
    "Attention in the middle only; one level, other channels out than in.",
    (2, 5, 7),
    config={
        "num_heads": 1,
        "attention_resolutions": [],
        "channel_mult": [1],
        "in_channels": 3,
        "out_channels": 6,
        "num_res_blocks": 2,
    },
)
case(
    "wide_middle_level",
    "Three levels, the second the widest.",
    (1, 12, 8),
    4,
    config={**TEXT, "channel_mult": [1, 3, 2], "attention_resolutions": [4]},
)
case(
    "tiny_input",
    "Inputs and first weights around 1e-3: eps shows.",
    (1, 4, 4),
    scale=1e-3,
    eps_matters=True,
    special={"input_blocks.0.0.*": (0.0, 1e-3)},
    config={"num_heads": 2, "channel_mult": [1], "attention_resolutions": []},
)


# ---- the wrapper
def wrapper(situation, note, key, size, concat=(), crossattn=(), labels=False, **config):
    """concat: channels of each extra picture; crossattn: words of each extra text."""
    config = {
        "image_size": 32,
        "in_channels": 3 + sum(concat),
        "out_channels": 3,
        "model_channels": 32,
        "num_res_blocks": 1,
        "attention_resolutions": [1],
        "channel_mult": [1],
        "num_heads": 2,
        "legacy": False,
        **config,
    }
    batch, height, width = size
    inputs = {"x": normal(batch, 3, height, width), "t": np.array([17, 650][:batch], np.int32)}
    inputs |= {f"c_concat{i}": normal(batch, c, height, width) for i, c in enumerate(concat)}
    inputs |= {
        f"c_crossattn{i}": normal(batch, words, config["context_dim"])
        for i, words in enumerate(crossattn)
    }
    if labels:
        inputs["c_crossattn0"] = np.array([4, 2][:batch], np.int32)

    def build(unet, conditioning_key):
        return ddpm.DiffusionWrapper(
            {"target": "ldm.modules.diffusionmodules.openaimodel.UNetModel", "params": dict(unet)},
            conditioning_key,
        )

    def call(module, x, t, **conditions):
        lists = {
            kind: [conditions[k] for k in sorted(conditions) if k.startswith(kind)]
            for kind in ("c_concat", "c_crossattn")
        }
        return module(x, t, **{kind: found for kind, found in lists.items() if found})

    module_case(
        f"DiffusionWrapper.{situation}",
        build,
        {"unet": config, "conditioning_key": key},
        inputs,
        call,
        gradients=False,
        note=note,
        source="ldm.models.diffusion.ddpm.DiffusionWrapper",
    )


WORDS = {"use_spatial_transformer": True, "context_dim": 12}
wrapper("none", "No condition.", None, (2, 4, 4))
wrapper("concat", "Two pictures appended to x, in their order.", "concat", (1, 4, 6), concat=(2, 1))
wrapper(
    "crossattn",
    "Two texts joined word after word; odd, non-square picture.",
    "crossattn",
    (2, 3, 5),
    crossattn=(3, 2),
    **WORDS,
)
wrapper("hybrid", "Both.", "hybrid", (1, 4, 3), concat=(1,), crossattn=(4,), **WORDS)
wrapper("adm", "A label.", "adm", (2, 4, 4), labels=True, num_classes=6)
