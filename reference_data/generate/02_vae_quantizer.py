"""Chapter 02: the vector-quantized autoencoder and its codebook."""
import cases
import originals_taming
from cases import module_case, normal
from originals_taming import VectorQuantizer2, VQModelInterface, vqgan
from torch import nn

cases.CHAPTER = "02_vae"
cases.VERSIONS = originals_taming.VERSIONS


def vector_quantizer(situation, note, shape, parts, scale=1.0):
    def build(parts):
        return nn.ModuleDict(
            {name: VectorQuantizer2(**settings) for name, settings in parts.items()}
        )

    def call(module, z):
        out = {}
        for name in parts:
            z_q, loss, (_, _, indices) = module[name](z)
            out |= {f"{name}.z_q": z_q, f"{name}.loss": loss, f"{name}.indices": indices}
        return out

    module_case(
        f"VectorQuantizer2.{situation}",
        build,
        {"parts": parts},
        {"z": normal(*shape, scale=scale)},
        call,
        special={"*embedding.weight": (0, scale)},
        note=note,
        source="taming.modules.vqvae.quantize.VectorQuantizer2",
    )


vector_quantizer(
    "both",
    "beta on the term of the codebook (legacy), or on that of the latent.",
    (2, 4, 4, 4),
    {
        "legacy": {"n_e": 16, "e_dim": 4, "beta": 0.25},
        "fixed": {"n_e": 9, "e_dim": 4, "beta": 0.25, "legacy": False, "sane_index_shape": True},
    },
)
vector_quantizer(
    "odd",
    "Odd, non-square latent; few long entries.",
    (1, 7, 3, 5),
    {"few": {"n_e": 3, "e_dim": 7, "beta": 0.5, "sane_index_shape": True}},
)
vector_quantizer(
    "tiny_input",
    "Latents around 1e-3 and an initial codebook.",
    (1, 3, 2, 3),
    {"new": {"n_e": 20, "e_dim": 3, "beta": 0.25}},
    scale=1e-3,
)

VQ = {
    "double_z": False,
    "z_channels": 4,
    "resolution": 16,
    "in_channels": 3,
    "out_ch": 3,
    "ch": 32,
    "ch_mult": [1, 2],
    "num_res_blocks": 1,
    "attn_resolutions": [],
    "dropout": 0.0,
}


def vq_model(situation, note, shape, n_embed=12, embed_dim=4, scale=1.0, special=None, **ddconfig):
    def call(module, x):
        h = module.quant_conv(module.encoder(x))
        quant, emb_loss, (_, _, indices) = module.quantize(h)
        n, e, height, width = quant.shape
        return {
            "prequant": h,
            "quant": quant,
            "emb_loss": emb_loss,
            "indices": indices,
            "codebook_entry": module.quantize.get_codebook_entry(indices, (n, height, width, e)),
            "dec": module.decode(quant),
        }

    config = {"ddconfig": VQ | ddconfig, "n_embed": n_embed, "embed_dim": embed_dim}
    module_case(
        f"VQModel.{situation}",
        lambda **config: vqgan.VQModel(lossconfig=None, **config),
        config,
        {"x": normal(*shape, scale=scale)},
        call,
        cotangents_of=("dec", "emb_loss"),
        acts=("encoder.conv_in", "quant_conv", "post_quant_conv"),
        note=note,
        special={"quantize.embedding.weight": (0, 0.7), **(special or {})},
        source="taming.models.vqgan.VQModel with the encoder and decoder of ldm",
    )


vq_model("plain", "Attention in the middle.", (1, 3, 12, 12))
vq_model(
    "no_attention_odd",
    "Non-square picture, other widths before and after quant_conv.",
    (2, 3, 6, 10),
    n_embed=7,
    embed_dim=3,
    attn_type="none",
)
vq_model("tiny_input", "Inputs around 1e-3.", (1, 3, 8, 8), scale=1e-3)


def vq_interface(situation, note, shape, n_embed=12, embed_dim=3, scale=1.0):
    def call(module, x, z):
        h = module.encode(x)
        return {
            "h": h,
            "dec": module.decode(h),
            "dec_noquant": module.decode(z, force_not_quantize=True),
        }

    batch, _, height, width = shape
    module_case(
        f"VQModelInterface.{situation}",
        lambda **config: VQModelInterface(lossconfig=None, **config),
        {"ddconfig": VQ, "n_embed": n_embed, "embed_dim": embed_dim},
        {
            "x": normal(*shape, scale=scale),
            "z": normal(batch, embed_dim, height // 2, width // 2, scale=scale),
        },
        call,
        gradients=False,
        special={"quantize.embedding.weight": (0, 0.7)},
        note=note,
        source="CompVis/latent-diffusion ldm/models/autoencoder.py, restated on taming.models.vqgan.VQModel",
    )


vq_interface("plain", "encode does not quantise, decode does by default.", (2, 3, 8, 14))
