"""Chapter 06: feed-forward, transformer block, and the transformer that walks over a picture."""
from cases import module_case, normal
from originals import attention


def feed_forward(situation, note, shape, scale=1.0, **config):
    module_case(
        f"FeedForward.{situation}",
        attention.FeedForward,
        config,
        {"x": normal(*shape, scale=scale)},
        acts=["net.0.proj" if config.get("glu") else "net.0.0"],
        note=note,
    )


feed_forward("plain", "Linear, exact GELU, linear.", (2, 5, 16), dim=16)
feed_forward(
    "gated", "GEGLU: the first half times GELU of the second.", (2, 5, 16), dim=16, glu=True
)
feed_forward(
    "gated_odd",
    "Odd widths in and out, a fractional multiple.",
    (1, 7, 9),
    dim=9,
    dim_out=13,
    mult=2.5,
    glu=True,
)
feed_forward("tiny_input", "Inputs around 1e-3.", (1, 3, 12), scale=1e-3, dim=12, glu=True)
feed_forward(
    "wide_range",
    "Inputs up to about 30, far into both ends of GELU.",
    (1, 6, 10),
    scale=8.0,
    dim=10,
)


def block(situation, note, x, context=None, scale=1.0, eps_matters=False, **config):
    inputs = {"x": normal(*x, scale=scale)} | ({"context": normal(*context)} if context else {})
    module_case(
        f"BasicTransformerBlock.{situation}",
        attention.BasicTransformerBlock,
        config,
        inputs,
        acts=["norm[123]", "attn1", "attn2", "ff"],
        eps_matters=eps_matters,
        note=note,
    )


block(
    "cross",
    "Attention to itself, to the words, feed-forward.",
    (2, 9, 24),
    (2, 5, 16),
    dim=24,
    n_heads=2,
    d_head=12,
    context_dim=16,
)
block(
    "self_only",
    "Without a context the second attention looks at x too.",
    (1, 7, 20),
    dim=20,
    n_heads=4,
    d_head=5,
)
block(
    "plain_feed_forward",
    "gated_ff false; heads wider than the block; checkpointing changes nothing.",
    (2, 3, 10),
    (2, 11, 6),
    dim=10,
    n_heads=3,
    d_head=8,
    context_dim=6,
    gated_ff=False,
    checkpoint=False,
)
block(
    "tiny_input",
    "Inputs around 1e-3: the layer norm's eps 1e-5 shows.",
    (2, 6, 16),
    (2, 4, 8),
    scale=1e-3,
    eps_matters=True,
    dim=16,
    n_heads=2,
    d_head=8,
    context_dim=8,
)


def transformer(situation, note, x, context=None, scale=1.0, eps_matters=False, **config):
    depth = config.get("depth", 1)

    def build(
        context_dim=None, **settings
    ):  # this edition takes one context and context_dim per block, the original one for all
        return attention.SpatialTransformer(context_dim=[context_dim] * depth, **settings)

    inputs = {"x": normal(*x, scale=scale)} | ({"context": normal(*context)} if context else {})
    module_case(
        f"SpatialTransformer.{situation}",
        build,
        config,
        inputs,
        lambda module, x, context=None: module(x, [context] * depth),
        acts=[
            "norm",
            "proj_in",
            "transformer_blocks.?",
            "transformer_blocks.?.attn[12]",
            "transformer_blocks.?.ff",
            "proj_out",
        ],
        eps_matters=eps_matters,
        note=note,
        source="ldm.modules.attention.SpatialTransformer",
    )


transformer(
    "depth1",
    "Norm, 1x1 convolution in, one block over the pixels, 1x1 convolution out, residual.",
    (2, 32, 4, 4),
    (2, 7, 12),
    in_channels=32,
    n_heads=2,
    d_head=16,
    context_dim=12,
)
transformer(
    "depth2_odd",
    "Two blocks, one context for both; odd, non-square picture; inner width not the outer.",
    (1, 32, 3, 5),
    (1, 5, 20),
    in_channels=32,
    n_heads=3,
    d_head=8,
    depth=2,
    context_dim=20,
)
transformer("self_only", "No context at all.", (2, 64, 2, 3), in_channels=64, n_heads=4, d_head=8)
transformer(
    "tiny_input",
    "Inputs around 1e-3: eps 1e-6 shows, not 1e-5.",
    (2, 32, 3, 4),
    (2, 6, 10),
    scale=1e-3,
    eps_matters=True,
    in_channels=32,
    n_heads=2,
    d_head=12,
    context_dim=10,
)
transformer(
    "linear",
    "As Stable Diffusion 2 has it: proj_in and proj_out are linear layers on the tokens.",
    (2, 32, 3, 5),
    (2, 6, 14),
    in_channels=32,
    n_heads=2,
    d_head=16,
    context_dim=14,
    use_linear=True,
)
