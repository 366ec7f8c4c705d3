"""Chapter 12: what else can say what to draw. Transformers with every option of x_transformer.py, BERT's tokenizer, conditioners.

EncoderUNetModel, SpatialRescaler and the preprocessing of FrozenClipImageEmbedder are
in no published package; they are restated on sdkit's blocks and PyTorch's interpolation.
"""
import numpy as np
import torch
from cases import function_case, module_case, normal
from originals import openaimodel
from originals_x_transformer import transformer
from torch import nn
from torch.nn import functional as F


# ---- x_transformer
def bools(mask):
    return None if mask is None else mask.bool()


def x_transformer(
    situation,
    note,
    attn_layers,
    tokens,
    mask=None,
    context=None,
    context_mask=None,
    special=None,
    **wrapper,
):
    def call(module, tokens, mask=None, context=None, context_mask=None):
        more = {} if context is None else {"context": context, "context_mask": bools(context_mask)}
        emb = module(tokens, return_embeddings=True, mask=bools(mask), **more)
        return {"emb": emb, "logits": module.to_logits(emb)}

    wrapper = {"num_tokens": 19, "max_seq_len": 10} | wrapper
    inputs = {"tokens": np.array(tokens)}
    inputs |= {k: np.array(v) for k, v in (("mask", mask), ("context_mask", context_mask)) if v}
    inputs |= {"context": normal(*context)} if context else {}
    module_case(
        f"TransformerWrapper.{situation}",
        transformer,
        wrapper | {"attn_layers": attn_layers},
        inputs,
        call,
        note=note,
        special={"*.g": (0.7, 0.2), "*_emb*weight": (0, 0.5)} | (special or {}),
        source="x-transformers 0.8.4 TransformerWrapper, with the changes of latent-diffusion's x_transformer.py",
    )


TEN = [[3, 1, 4, 1, 5, 9, 2, 6, 5, 3], [18, 17, 0, 2, 2, 8, 1, 8, 2, 8]]
MASK = [[1] * 7 + [0] * 3, [1] * 10]
SMALL = {"dim": 12, "depth": 2, "heads": 3, "attn_dim_head": 5}
OTHER = {"class": "AttentionLayers"} | SMALL

x_transformer(
    "encoder",
    "Latent diffusion's text encoder in small: eight heads of 64.",
    {"dim": 24, "depth": 1},
    TEN,
)
x_transformer(
    "causal_memory",
    "Causal, learned tokens in front, a narrower table of tokens; a mask besides.",
    OTHER | {"causal": True},
    TEN,
    MASK,
    num_memory_tokens=3,
    emb_dim=8,
)
x_transformer(
    "cross_talking",
    "Cross-attention with scores of the layer before, heads that talk, and masks on both sides.",
    OTHER | {"cross_attend": True, "cross_residual_attn": True, "attn_talking_heads": True},
    [row[:6] for row in TEN],
    [row[:6] for row in MASK],
    (2, 4, 12),
    [[1, 1, 0, 1], [1, 0, 0, 0]],
    {"*softmax_proj": (0.3, 0.3)},
)
x_transformer(
    "only_cross_gated",
    "Cross-attention alone, attention on attention, GRU cells in place of sums.",
    OTHER | {"cross_attend": True, "only_cross": True, "attn_on_attn": True, "gate_residual": True},
    [row[:5] for row in TEN],
    None,
    (2, 3, 12),
)
x_transformer(
    "sparse_residual",
    "Each query attends to three keys; what was left out of one layer stays out of the next.",
    SMALL | {"depth": 3, "residual_attn": True, "attn_sparse_topk": 3},
    TEN,
)
x_transformer(
    "positions_memory",
    "Sinusoids in queries and keys, learned keys and values, causal.",
    OTHER | {"dim": 10, "causal": True, "position_infused_attn": True, "attn_num_mem_kv": 2},
    TEN,
    special={"*inv_freq": (0.3, 0.1)},
)
x_transformer(
    "rezero", "No norm; what attention adds is scaled.", SMALL | {"use_rezero": True}, TEN, MASK
)
x_transformer(
    "scalenorm_after",
    "One g for a whole vector; the norm behind each layer but the last.",
    SMALL | {"use_scalenorm": True, "pre_norm": False},
    TEN,
)
x_transformer(
    "rmsnorm_tied",
    "A g for each number; no positions; the table of tokens makes the logits.",
    SMALL | {"use_rmsnorm": True},
    TEN,
    tie_embedding=True,
    use_pos_emb=False,
)
x_transformer(
    "sandwich_geglu",
    "Attention first and feed-forward last, which is gated and three times as wide.",
    SMALL | {"depth": 3, "sandwich_coef": 2, "ff_glu": True, "ff_mult": 3},
    TEN,
)
x_transformer(
    "fewer_attention_layers",
    "One layer in three attends, in the first two thirds of all.",
    SMALL | {"depth": 4, "par_ratio": 3},
    TEN,
)


# ---- text
class BERTEmbedder(nn.Module):
    def __init__(self, n_embed, n_layer, vocab_size=30522, max_seq_len=77):
        super().__init__()
        self.transformer = transformer(
            {"dim": n_embed, "depth": n_layer}, num_tokens=vocab_size, max_seq_len=max_seq_len
        )

    def forward(self, tokens):
        return {"z": self.transformer(tokens, return_embeddings=True)}


module_case(
    "BERTEmbedder.two_layers",
    BERTEmbedder,
    {"n_embed": 20, "n_layer": 2, "vocab_size": 23, "max_seq_len": 8},
    {"tokens": np.array([[2, 7, 22, 3, 0, 0, 0, 0], [2, 5, 5, 9, 11, 13, 20, 3]])},
    special={"*_emb*weight": (0, 0.5)},
    note="The padding, 0, is not masked.",
    source="ldm/modules/encoders/modules.py of latent-diffusion, restated on x-transformers 0.8.4",
)


def bert_tokenizer(situation, note, texts, max_length):
    from transformers import BertTokenizerFast

    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)] + list("0123456789")
    words = [
        "cat",
        "cats",
        "paint",
        "##ing",
        "##er",
        "un",
        "##paint",
        "##ed",
        "$",
        "+",
        "猫",
        "ß",
        "σ",
    ]
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{c}" for c in letters)]
    vocab += list("!\"#%&'()*,-./:;?@_[]{}") + words
    tokenizer = BertTokenizerFast(
        vocab={token: i for i, token in enumerate(vocab)}, do_lower_case=True
    )

    def encode():
        found = tokenizer(texts, truncation=True, max_length=max_length, padding="max_length")
        return {"input_ids": np.array(found["input_ids"], np.int32)}

    function_case(
        f"BERTTokenizer.{situation}",
        {"max_length": max_length, "vocab": vocab, "texts": texts},
        {},
        encode,
        note,
        "transformers BertTokenizerFast",
    )


bert_tokenizer(
    "pieces",
    "Longest pieces first; accents, case, ideographs, punctuation; words that are too long or have no pieces.",
    [
        "Cats painting, unpainted!",
        "Crème BRÛLÉE $5+tax",
        "猫のcat",
        "a" * 100 + " " + "b" * 101,
        "tab\tnew\nline\u00a0nbsp\u200bzero\u00adsoft",
        "STRASSE ß ΣΊΣΥΦΟΣ σ İstanbul",
        "",
        "   ",
        "x_y-z/w [cat] {s}",
        "e\u0301\u0301\u0327 \ufffd \x07bell ½ ²",
    ],
    24,
)


# ---- classes and pictures
class ClassEmbedder(nn.Module):
    def __init__(self, embed_dim, n_classes=1000, key="class"):
        super().__init__()
        self.embedding = nn.Embedding(n_classes, embed_dim)

    def forward(self, y):
        return {"c": self.embedding(y[:, None])}


module_case(
    "ClassEmbedder.seven",
    ClassEmbedder,
    {"embed_dim": 5, "n_classes": 7},
    {"y": np.array([6, 0, 3])},
    note="The first and the last class.",
    source="ldm/modules/encoders/modules.py of latent-diffusion, restated",
)


class SpatialRescaler(nn.Module):
    def __init__(
        self,
        n_stages=1,
        method="bilinear",
        multiplier=0.5,
        in_channels=3,
        out_channels=None,
        bias=False,
    ):
        super().__init__()
        self.n_stages, self.settings = n_stages, {"scale_factor": multiplier, "mode": method}
        self.channel_mapper = (
            nn.Conv2d(in_channels, out_channels, 1, bias=bias) if out_channels else nn.Identity()
        )

    def forward(self, x):
        for _ in range(self.n_stages):
            x = F.interpolate(x, **self.settings)
        return self.channel_mapper(x)


def rescalers(situation, note, shape, parts):
    module_case(
        f"SpatialRescaler.{situation}",
        lambda parts: nn.ModuleDict(
            {name: SpatialRescaler(**part) for name, part in parts.items()}
        ),
        {"parts": parts},
        {"x": normal(*shape)},
        lambda module, x: {name: module[name](x) for name in parts},
        note=note,
        source="ldm/modules/encoders/modules.py of latent-diffusion, restated",
    )


rescalers(
    "odd",
    "Odd sizes, each method down and up, by factors that fit no size.",
    (2, 3, 7, 11),
    {
        f"{method}_{name}": {"method": method, "multiplier": multiplier}
        for method in ("nearest", "bilinear", "bicubic", "area")
        for name, multiplier in (("half", 0.5), ("third", 0.3), ("larger", 1.7))
    },
)
rescalers(
    "stages",
    "Several times, and to other channels with a bias.",
    (1, 4, 16, 24),
    {
        "mapped": {"n_stages": 3, "in_channels": 4, "out_channels": 2, "bias": True},
        "as_it_is": {"n_stages": 0},
    },
)


def clip_preprocess(situation, note, shape, stride, row):
    def preprocess(x):
        x = F.interpolate(x, (224, 224), mode="bicubic", align_corners=True)
        x = (x + 1.0) / 2.0
        mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).reshape(1, 3, 1, 1)
        std = torch.tensor([0.26862954, 0.26130258, 0.27577711]).reshape(1, 3, 1, 1)
        x = (x - mean) / std
        return {"strided": x[:, :, ::stride, ::stride], "row": x[:, :, row], "mean": x.mean()}

    function_case(
        f"FrozenClipImageEmbedder.{situation}",
        {"stride": stride, "row": row},
        {"x": normal(*shape, scale=0.5)},
        preprocess,
        note,
        "ldm/modules/encoders/modules.py of latent-diffusion, restated; kornia's resize is torch's interpolate",
    )


clip_preprocess("small", "A picture that grows.", (1, 3, 17, 40), 23, 111)
clip_preprocess("one_row", "A single row of pixels.", (1, 3, 1, 9), 31, 0)


# ---- classifiers
class EncoderUNetModel(nn.Module):
    def __init__(self, pool="adaptive", **settings):
        super().__init__()
        unet = openaimodel.UNetModel(**{"num_heads": 1} | settings)
        self.time_embed, self.input_blocks, self.middle_block = (
            unet.time_embed,
            unet.input_blocks,
            unet.middle_block,
        )
        self.model_channels, self.pool = settings["model_channels"], pool
        channels = self.middle_block[-1].out_channels
        out = settings["out_channels"]
        last = [block[-1] for block in self.input_blocks]
        widths = [getattr(module, "out_channels", 0) or module.channels for module in last] + [
            channels
        ]
        if pool == "adaptive":
            conv = nn.Conv2d(channels, out, 1)
            self.out = nn.Sequential(
                openaimodel.normalization(channels),
                nn.SiLU(),
                nn.AdaptiveAvgPool2d((1, 1)),
                conv,
                nn.Flatten(),
            )
        elif pool == "attention":
            side = settings["image_size"] // 2 ** (len(settings["channel_mult"]) - 1)
            attention = openaimodel.AttentionPool2d(
                side, channels, settings["num_head_channels"], out
            )
            self.out = nn.Sequential(openaimodel.normalization(channels), nn.SiLU(), attention)
        else:
            middle = (
                [nn.ReLU()] if pool == "spatial" else [openaimodel.normalization(2048), nn.SiLU()]
            )
            self.out = nn.Sequential(nn.Linear(sum(widths), 2048), *middle, nn.Linear(2048, out))

    def forward(self, x, t):
        emb = self.time_embed(openaimodel.timestep_embedding(t, self.model_channels).to(x.dtype))
        means, h = [], x
        for block in [*self.input_blocks, self.middle_block]:
            h = block(h, emb)
            means.append(h.mean(dim=(2, 3)))
        return self.out(torch.cat(means, -1) if self.pool.startswith("spatial") else h)


def encoder_unet(situation, note, shape, **settings):
    settings = {
        "image_size": 8,
        "in_channels": shape[1],
        "model_channels": 32,
        "out_channels": 5,
        "num_res_blocks": 1,
        "attention_resolutions": [2],
        "channel_mult": [1, 2],
        "num_head_channels": 16,
    } | settings
    module_case(
        f"EncoderUNetModel.{situation}",
        EncoderUNetModel,
        settings,
        {"x": normal(*shape), "t": np.array([980, 3][: shape[0]])},
        note=note,
        gradients="inputs",
        source="openaimodel.py of latent-diffusion, restated on sdkit's UNetModel",
    )


encoder_unet("adaptive", "The mean over all pixels.", (2, 3, 8, 12))
encoder_unet("attention", "The mean attends to the pixels.", (2, 3, 8, 8), pool="attention")
encoder_unet(
    "spatial", "Means of all blocks, ReLU.", (1, 4, 8, 4), pool="spatial", resblock_updown=True
)
encoder_unet("spatial_v2", "Means of all blocks, a norm and SiLU.", (1, 4, 8, 8), pool="spatial_v2")


def attention_pool(situation, note, batch, **settings):
    width, side = settings["embed_dim"], settings["spacial_dim"]
    module_case(
        f"AttentionPool2d.{situation}",
        openaimodel.AttentionPool2d,
        settings,
        {"x": normal(batch, width, side, side)},
        special={"positional_embedding": (0, 0.3)},
        note=note,
        source="ldm.modules.diffusionmodules.openaimodel.AttentionPool2d",
    )


attention_pool(
    "heads",
    "Three heads, another width behind.",
    2,
    spacial_dim=3,
    embed_dim=12,
    num_heads_channels=4,
    output_dim=5,
)
attention_pool(
    "one_pixel",
    "One pixel, which is its own mean.",
    1,
    spacial_dim=1,
    embed_dim=6,
    num_heads_channels=6,
)


# ---- retrieval
def knn_search(situation, note, n, m, width, k):
    def search(db, q):
        db, q = (x / torch.linalg.norm(x, axis=1, keepdims=True) for x in (db, q))
        ids = torch.argsort(-(q @ db.T), dim=1, stable=True)[:, :k]
        return {"ids": ids.to(torch.int32), "nn_embeddings": db[ids]}

    function_case(
        f"KnnSearch.{situation}",
        {"k": k},
        {"db": normal(n, width), "q": normal(m, width)},
        search,
        note,
        "scripts/knn2img.py of latent-diffusion: Searcher.search, without its approximations",
    )


knn_search("three_of_many", "Three of forty.", 40, 5, 12, 3)
knn_search("all", "As many as there are.", 4, 2, 3, 4)
