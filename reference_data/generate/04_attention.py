"""Chapter 04: attention in its five dresses."""
import numpy as np
from cases import module_case, normal
from originals import LinearAttention, attention, openaimodel


def cross_attention(
    situation,
    note,
    x,
    context=None,
    mask=None,
    scale=1.0,
    acts=("to_q", "to_k", "to_v", "to_out.0"),
    **config,
):
    inputs = {"x": normal(*x, scale=scale)}
    if context:
        inputs["context"] = normal(*context)
    if mask is not None:
        inputs["mask"] = np.array(mask, np.int32)

    def call(module, x, context=None, mask=None):
        out = {"out": module(x, context)}
        return out if mask is None else out | {"out_masked": module(x, context, mask.bool())}

    module_case(
        f"CrossAttention.{situation}",
        attention.CrossAttention,
        config,
        inputs,
        call,
        acts=acts,
        note=note,
    )


cross_attention(
    "self",
    "Keys and values from x itself; the inner width is not the outer.",
    (2, 6, 20),
    query_dim=20,
    heads=3,
    dim_head=8,
)
cross_attention(
    "cross",
    "Seven words for five pixels, and of another width.",
    (2, 5, 16),
    (2, 7, 12),
    query_dim=16,
    context_dim=12,
    heads=2,
    dim_head=10,
)
cross_attention(
    "default_heads",
    "8 heads of 64 unless told otherwise; one query, one word.",
    (1, 1, 6),
    (1, 1, 5),
    query_dim=6,
    context_dim=5,
)
cross_attention(
    "one_word_kept",
    "Masked scores count for nothing; a row with nothing kept weighs all words alike.",
    (3, 4, 12),
    (3, 5, 8),
    [[1, 1, 0, 1, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0]],
    acts=(),
    query_dim=12,
    context_dim=8,
    heads=2,
    dim_head=6,
)
cross_attention(
    "tiny_input",
    "Inputs around 1e-3: nearly even attention.",
    (1, 9, 16),
    scale=1e-3,
    query_dim=16,
    heads=1,
    dim_head=16,
)
cross_attention(
    "large_scores",
    "Scores of a hundred and more: exp() of them overflows unless the softmax subtracts its maximum.",
    (2, 7, 24),
    scale=8.0,
    query_dim=24,
    heads=4,
    dim_head=5,
)
cross_attention(
    "long",
    "300 tokens: more than one tile of any tiled implementation, and no multiple of one.",
    (1, 300, 16),
    (1, 77, 12),
    acts=(),
    query_dim=16,
    context_dim=12,
    heads=2,
    dim_head=8,
)

SELF = ["norm", "q", "k", "v", "proj_out"]
for situation, note, shape, scale in [
    ("square", "One head over all pixels.", (2, 32, 4, 4), 1),
    ("odd", "Odd, non-square picture, two channels per group.", (1, 64, 7, 3), 1),
    ("tiny_input", "Inputs around 1e-3: eps 1e-6 shows.", (1, 32, 3, 5), 1e-3),
]:
    module_case(
        f"SpatialSelfAttention.{situation}",
        attention.SpatialSelfAttention,
        {"in_channels": shape[1]},
        {"x": normal(*shape, scale=scale)},
        acts=SELF,
        eps_matters=scale < 1,
        note=note,
    )

for situation, note, shape, scale, config in [
    ("default_heads", "4 heads of 32.", (2, 8, 4, 4), 1, {"dim": 8}),
    (
        "odd",
        "Odd, non-square picture; the softmax runs over the pixels of the keys.",
        (2, 10, 5, 3),
        1,
        {"dim": 10, "heads": 3, "dim_head": 6},
    ),
    (
        "tiny_input",
        "Inputs around 1e-3.",
        (1, 12, 3, 4),
        1e-3,
        {"dim": 12, "heads": 1, "dim_head": 12},
    ),
]:
    module_case(
        f"LinearAttention.{situation}",
        LinearAttention,
        config,
        {"x": normal(*shape, scale=scale)},
        acts=["to_qkv"],
        note=note,
        source="CompVis/latent-diffusion ldm/modules/attention.py, transcribed",
    )

for situation, note, shape, scale, config in [
    (
        "heads_first",
        "The default order of the qkv channels: by head, then q, k, v.",
        (2, 32, 4, 4),
        1,
        {"channels": 32, "num_heads": 4},
    ),
    (
        "qkv_first",
        "The newer order: q, k, v, then by head. Odd, non-square picture.",
        (2, 32, 5, 3),
        1,
        {"channels": 32, "num_heads": 4, "use_new_attention_order": True},
    ),
    (
        "head_channels",
        "The number of heads from their width; checkpointing changes nothing.",
        (1, 64, 3, 7),
        1,
        {"channels": 64, "num_head_channels": 16, "use_checkpoint": True},
    ),
    (
        "head_channels_new",
        "The same in the newer order.",
        (1, 64, 3, 2),
        1,
        {"channels": 64, "num_heads": 2, "num_head_channels": 32, "use_new_attention_order": True},
    ),
    ("one_head", "A single head, where both orders agree.", (1, 32, 1, 9), 1, {"channels": 32}),
    (
        "tiny_input",
        "Inputs around 1e-3: eps 1e-5 shows.",
        (1, 32, 4, 3),
        1e-3,
        {"channels": 32, "num_heads": 2},
    ),
]:
    module_case(
        f"AttentionBlock.{situation}",
        openaimodel.AttentionBlock,
        config,
        {"x": normal(*shape, scale=scale)},
        eps_matters=scale < 1,
        note=note,
    )
