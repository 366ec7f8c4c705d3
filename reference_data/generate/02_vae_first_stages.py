"""Chapter 02: codebooks that are remapped, drawn from or averaged, the first stage that does nothing, and the helpers of
diffusionmodules/model.py."""
import contextlib
import copy
import os
import tempfile

import cases
import numpy as np
import originals_taming
import torch
import torch.nn.functional as F
from cases import module_case, normal
from originals import autoencoder, distributions, vae
from originals_taming import EMAVectorQuantizer, quantize, vqgan
from torch import nn

cases.CHAPTER = "02_vae"
cases.VERSIONS = originals_taming.VERSIONS


# ---------------------------------------------------------------- codebooks
def remapped(build, remap=None, **settings):
    """The quantizer with the file that upstream reads `remap` from; `used` is a setting here, no weight."""
    if remap is None:
        return build(**settings)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "used.npy")
        np.save(path, np.array(remap))
        module = build(remap=path, **settings)
    module._non_persistent_buffers_set.add("used")
    return module


@contextlib.contextmanager
def drawn(lots):
    """Within, torch.randint gives the first of `lots`."""
    randint = torch.randint
    torch.randint = lambda low, high, size: lots[: size[0]]
    try:
        yield
    finally:
        torch.randint = randint


def quantizers(situation, note, shape, parts, lots=None):
    def build(parts):
        return nn.ModuleDict(
            {name: remapped(quantize.VectorQuantizer2, **part) for name, part in parts.items()}
        )

    def call(module, z, **inputs):
        out = {}
        for name in parts:
            with drawn(inputs.get(f"{name}__lots")):
                z_q, loss, (_, _, indices) = module[name](z)
            n, c, h, w = z_q.shape
            entry = module[name].get_codebook_entry(indices.clone(), (n, h, w, c))
            # remapped and flat, upstream's are a column
            indices = indices if indices.dim() == 3 else indices.reshape(-1)
            out |= {f"{name}.z_q": z_q, f"{name}.loss": loss, f"{name}.indices": indices}
            out |= {f"{name}.codebook_entry": entry}
        return out

    renamed(
        f"VectorQuantizer2.{situation}",
        build,
        {"parts": parts},
        {"z": normal(*shape)} | {f"{k}.lots": np.array(v) for k, v in (lots or {}).items()},
        call,
        special={"*embedding.weight": (0, 1)},
        note=note,
        source="taming.modules.vqvae.quantize.VectorQuantizer2",
    )


def renamed(name, build, config, inputs, call, **more):
    """A case whose inputs have dots in their names, which Python's arguments have not."""
    module_case(
        name,
        build,
        config,
        inputs,
        lambda module, **x: call(module, **{k.replace(".", "__"): v for k, v in x.items()}),
        **more,
    )


USED = {"n_e": 10, "e_dim": 4, "beta": 0.25, "remap": [7, 2, 9, 4, 0]}
quantizers(
    "remap",
    "Only some entries have an index; the others' by lot, one more, or a fixed one. Flat indices are a list, not a column.",
    (2, 4, 3, 5),
    {
        "random": USED | {"sane_index_shape": True},
        "extra": USED | {"unknown_index": "extra"},
        "fixed": USED | {"unknown_index": 3, "sane_index_shape": True},
    },
    lots={"random": [k * 3 % 5 for k in range(30)]},
)

SETTINGS = {"n_e": 6, "e_dim": 3, "beta": 0.25}
module_case(
    "VectorQuantizer.perplexity",
    quantize.VectorQuantizer,
    SETTINGS,
    {"z": normal(2, 3, 3, 4)},
    lambda module, z: dict(
        zip(("z_q", "loss"), (found := module(z))[:2]),
        perplexity=found[2][0],
        min_encodings=found[2][1],
        indices=found[2][2],
    ),
    cotangents_of=("z_q", "loss"),
    special={"embedding.weight": (0, 1)},
    note="The older class, which also counts how many entries are in use.",
)


@contextlib.contextmanager
def gumbel_noise(noise):
    """Within, gumbel_softmax adds this instead of drawing."""

    def softmax(logits, tau, dim, hard):
        exponential = torch.Tensor.exponential_
        torch.Tensor.exponential_ = lambda x: torch.exp(-noise.to(x))
        try:
            return original(logits, tau=tau, dim=dim, hard=hard)
        finally:
            torch.Tensor.exponential_ = exponential

    original, F.gumbel_softmax = F.gumbel_softmax, softmax
    try:
        yield
    finally:
        F.gumbel_softmax = original


def gumbel(situation, note, shape, parts, scale=1.0):
    def build(parts):
        without = ("temp", "training")
        return nn.ModuleDict(
            {
                name: remapped(
                    quantize.GumbelQuantize, **{k: v for k, v in part.items() if k not in without}
                )
                for name, part in parts.items()
            }
        )

    def call(module, z, **noise):
        out = {}
        for name, part in parts.items():
            module[name].train(part.get("training", False))
            with gumbel_noise(noise[f"{name}__gumbel"]):
                z_q, loss, (_, _, indices), logits = module[name](
                    z, temp=part.get("temp"), return_logits=True
                )
            module[name].eval()
            n, c, h, w = z_q.shape
            entry = module[name].get_codebook_entry(indices.reshape(-1).clone(), (n, h, w, c))
            out |= {f"{name}.z_q": z_q, f"{name}.loss": loss, f"{name}.indices": indices}
            out |= {f"{name}.logits": logits, f"{name}.codebook_entry": entry}
        return out

    n, _, h, w = shape
    noises = {}
    for name, part in parts.items():
        choices = len(part.get("remap", range(part["n_embed"])))
        uniform = np.random.default_rng(len(name)).uniform(size=(n, choices, h, w))
        noises[f"{name}.gumbel"] = (-np.log(-np.log(uniform))).astype(np.float32)
    renamed(
        f"GumbelQuantize.{situation}",
        build,
        {"parts": parts},
        {"z": normal(*shape, scale=scale)} | noises,
        call,
        special={"*proj.weight": (0, 1), "*embed.weight": (0, 1)},
        note=note,
        source="taming.modules.vqvae.quantize.GumbelQuantize",
    )


DRAWN = {"num_hiddens": 5, "embedding_dim": 4, "n_embed": 7}
gumbel(
    "plain",
    "Used: one entry. Trained: a mixture, or one entry with the gradient of the mixture.",
    (2, 5, 3, 4),
    {
        "used": DRAWN | {"straight_through": False, "kl_weight": 0.3},
        "mixed": DRAWN | {"straight_through": False, "kl_weight": 0.3, "training": True},
        "straight": DRAWN | {"kl_weight": 0.3, "training": True, "temp": 0.6},
    },
)
gumbel(
    "remap_odd",
    "Only some entries are chosen from; cold, warm, and as hot as it was built.",
    (1, 3, 5, 3),
    {
        "cold": {"num_hiddens": 3, "embedding_dim": 2, "n_embed": 9, "remap": [8, 1, 5, 2]}
        | {"temp": 0.25, "training": True, "straight_through": False},
        "warm": {"num_hiddens": 3, "embedding_dim": 6, "n_embed": 5, "remap": [4, 0, 3]}
        | {"temp": 3.0, "unknown_index": "extra"},
        "built": {"num_hiddens": 3, "embedding_dim": 2, "n_embed": 4, "temp_init": 1.5}
        | {"training": True, "straight_through": False, "kl_weight": 1.0},
    },
)
gumbel(
    "tiny_input",
    "Latents around 1e-3: nearly the bias alone.",
    (1, 4, 3, 3),
    {"one": {"num_hiddens": 4, "embedding_dim": 3, "n_embed": 6, "training": True}},
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


def gumbel_vq(module, x, gumbel):
    h = module.encode_to_prequant(x)
    with gumbel_noise(gumbel):
        quant, loss, (_, _, indices) = module.quantize(h)
    dec = module.decode(quant)
    return {"prequant": h, "quant": quant, "loss": loss, "indices": indices, "dec": dec}


module_case(
    "GumbelVQ.odd",
    lambda **config: vqgan.GumbelVQ(lossconfig=None, temperature_scheduler_config=None, **config),
    {"ddconfig": VQ, "n_embed": 11, "embed_dim": 4, "kl_weight": 0.01},
    {
        "x": normal(1, 3, 6, 10),
        "gumbel": (-np.log(-np.log(np.random.default_rng(3).uniform(size=(1, 11, 3, 5))))).astype(
            np.float32
        ),
    },
    gumbel_vq,
    cotangents_of=("dec", "loss"),
    special={"quantize.embed.weight": (0, 0.7), "quantize.proj.weight": (0, 1)},
    note="Non-square picture. embed_dim is z_channels, as upstream needs it to be.",
    source="taming.models.vqgan.GumbelVQ with the encoder and decoder of ldm",
)


def averaged(situation, note, shape, steps, training, scale=1.0, special=None, **settings):
    def call(module, **z):
        # the codebook moves in training: of a copy, each time
        module = copy.deepcopy(module).train(training)
        out = {}
        for i in range(steps):
            z_q, loss, (perplexity, _, indices) = module(z[f"z{i}"])
            out |= {f"z_q{i}": z_q, f"loss{i}": loss}
            out |= {f"indices{i}": indices, f"perplexity{i}": perplexity}
        for name in ("weight", "cluster_size", "embed_avg"):
            out[name] = getattr(module.embedding, name).detach().clone()
        return out

    module_case(
        f"EMAVectorQuantizer.{situation}",
        lambda training, steps, **settings: EMAVectorQuantizer(**settings),
        settings | {"training": training, "steps": steps},
        {f"z{i}": normal(*shape, scale=scale) for i in range(steps)},
        call,
        cotangents_of=[f"{k}{i}" for k in ("z_q", "loss") for i in range(steps)],
        gradients="inputs",
        special={"embedding.weight": (0, scale), "embedding.embed_avg": (0, 3 * scale)}
        | {"embedding.cluster_size": (3, 0.5)}
        | (special or {}),
        note=note,
        source="EMAVectorQuantizer of CompVis/taming-transformers taming/modules/vqvae/quantize.py, restated",
    )


AVERAGED = {"n_embed": 6, "embedding_dim": 3, "beta": 0.25}
averaged("used", "Without training the codebook stays.", (2, 3, 3, 4), 2, False, **AVERAGED)
averaged(
    "trained",
    "Three steps of training, far enough for other entries to be the nearest.",
    (2, 3, 3, 4),
    3,
    True,
    decay=0.7,
    **AVERAGED,
)
averaged(
    "new_odd",
    "A new codebook, whose clusters are empty; more entries than vectors, so that smoothing matters.",
    (1, 2, 3, 1),
    3,
    True,
    special={"embedding.cluster_size": (0, 0)},
    n_embed=9,
    embedding_dim=2,
    beta=1.0,
    eps=1e-3,
)
averaged(
    "tiny_input", "Latents around 1e-3.", (1, 3, 2, 3), 2, True, scale=1e-3, decay=0.5, **AVERAGED
)


# ---------------------------------------------------------------- nothing at all
def identity(module, x):
    found = module.quantize(x)
    return {
        "encode": module.encode(x),
        "decode": module.decode(x),
        "quantize": found[0] if module.vq_interface else found,
    }


for vq_interface in (False, True):
    module_case(
        f"IdentityFirstStage.{'quantizes' if vq_interface else 'plain'}",
        autoencoder.IdentityFirstStage,
        {"vq_interface": vq_interface},
        {"x": normal(1, 3, 5, 4)},
        identity,
        note="A first stage that changes nothing.",
    )


def dirac(_, value, noise):
    posterior = distributions.DiracDistribution(value)
    return {"sample": posterior.sample(), "mode": posterior.mode()}


module_case(
    "DiracDistribution.odd",
    nn.Module,
    {},
    {"value": normal(2, 3, 4, 5), "noise": normal(2, 3, 4, 5)},
    dirac,
    note="Always its value; the noise has no part in it.",
    source="ldm.modules.distributions.distributions.DiracDistribution",
)


# ---------------------------------------------------------------- helpers
def helper(name, build, config, shape, note, scale=1.0, **more):
    module_case(name, build, config, {"x": normal(*shape, scale=scale)}, note=note, **more)


helper(
    "SimpleDecoder.odd",
    vae.SimpleDecoder,
    {"in_channels": 32, "out_channels": 5},
    (1, 32, 3, 5),
    "Twice as large.",
    acts=("model.0", "model.2", "model.4", "model.5"),
)
helper(
    "SimpleDecoder.tiny_input",
    vae.SimpleDecoder,
    {"in_channels": 32, "out_channels": 3},
    (2, 32, 2, 2),
    "Inputs around 1e-3.",
    scale=1e-3,
)
helper(
    "UpsampleDecoder.plain",
    vae.UpsampleDecoder,
    {"in_channels": 32, "out_channels": 3, "ch": 32, "num_res_blocks": 1, "resolution": 16},
    (1, 32, 4, 4),
    "Two levels.",
    acts=("res_blocks.0.0", "upsample_blocks.0", "res_blocks.1.1"),
)
helper(
    "UpsampleDecoder.odd",
    vae.UpsampleDecoder,
    {"in_channels": 64, "out_channels": 2, "ch": 32, "num_res_blocks": 0, "resolution": 32}
    | {"ch_mult": [2, 1, 3]},
    (1, 64, 3, 2),
    "Three levels of other widths.",
    acts=("upsample_blocks.0", "upsample_blocks.1"),
)
RESCALED = {"in_channels": 5, "mid_channels": 32, "out_channels": 3}
helper(
    "LatentRescaler.smaller_odd",
    vae.LatentRescaler,
    RESCALED | {"factor": 0.7, "depth": 1},
    (1, 5, 7, 5),
    "7 x 5 becomes 5 x 4: 4.9 and 3.5, and a half goes to the even number.",
    acts=("conv_in", "res_block1.0", "attn", "res_block2.0"),
)
helper(
    "LatentRescaler.larger",
    vae.LatentRescaler,
    RESCALED | {"factor": 1.5},
    (2, 5, 3, 4),
    "3 x 4 becomes 4 x 6: 4.5 is rounded down.",
)
helper(
    "LatentRescaler.tiny_input",
    vae.LatentRescaler,
    RESCALED | {"factor": 1.0, "depth": 1},
    (1, 5, 4, 4),
    "Inputs around 1e-3.",
    scale=1e-3,
    eps_matters=True,
)
MERGED = {
    "ch": 32,
    "resolution": 16,
    "num_res_blocks": 1,
    "attn_resolutions": [],
    "ch_mult": [1, 2],
}
helper(
    "MergedRescaleEncoder.odd",
    vae.MergedRescaleEncoder,
    MERGED | {"in_channels": 3, "out_ch": 4, "rescale_factor": 1.5},
    (1, 3, 6, 8),
    "A third smaller and not half.",
    acts=("encoder",),
)
helper(
    "MergedRescaleDecoder.odd",
    vae.MergedRescaleDecoder,
    MERGED | {"z_channels": 32, "out_ch": 3, "rescale_factor": 0.75, "rescale_module_depth": 2},
    (1, 32, 4, 3),
    "Half as large again and not twice. The rescaler has no width of its own.",
    acts=("rescaler",),
)
helper(
    "Upsampler.fourfold",
    vae.Upsampler,
    {"in_size": 2, "out_size": 8, "in_channels": 32, "out_channels": 3, "ch_mult": 1},
    (1, 32, 2, 3),
    "Two doublings.",
    acts=("rescaler",),
)
helper(
    "Upsampler.same_size",
    vae.Upsampler,
    {"in_size": 3, "out_size": 3, "in_channels": 16, "out_channels": 4},
    (1, 16, 3, 3),
    "No doubling.",
)

RESIZED = {
    "same": {},
    "larger": {"scale_factor": 2.0},
    "smaller": {"scale_factor": 0.6},
    "cubic": {"mode": "bicubic", "scale_factor": 1.4},
}


def resized(_, x):
    return {
        name: vae.Resize(mode=part.get("mode", "bilinear"))(
            x, scale_factor=part.get("scale_factor", 1.0)
        )
        for name, part in RESIZED.items()
    }


module_case(
    "Resize.odd",
    lambda parts: nn.Module(),
    {"parts": RESIZED},
    {"x": normal(2, 3, 5, 7)},
    resized,
    note="Without weights.",
    source="ldm.modules.diffusionmodules.model.Resize",
)


class FirstStagePostProcessor(nn.Module):
    """ldm's diffusionmodules/model.py, restated: the published package has left it out."""

    def __init__(self, ch_mult, in_channels, n_channels, pretrained_config, reshape=False):
        super().__init__()
        first_stages = {
            "IdentityFirstStage": autoencoder.IdentityFirstStage,
            "AutoencoderKL": lambda **params: autoencoder.AutoencoderKL(
                lossconfig={"target": "torch.nn.Identity"}, **params
            ),
        }
        build = first_stages[pretrained_config["target"]]
        self.pretrained_model = build(**pretrained_config["params"]).requires_grad_(False)
        self.reshape = reshape
        self.proj_norm = vae.Normalize(in_channels, num_groups=in_channels // 2)
        self.proj = nn.Conv2d(in_channels, n_channels, 3, padding=1)
        widths = [n_channels] + [m * n_channels for m in ch_mult]
        self.model = nn.ModuleList(
            vae.ResnetBlock(in_channels=a, out_channels=b, dropout=0.0)
            for a, b in zip(widths, widths[1:])
        )
        self.downsampler = nn.ModuleList(
            vae.Downsample(width, with_conv=False) for width in widths[1:]
        )

    def forward(self, x):
        with torch.no_grad():
            z = self.pretrained_model.encode(x)
            z = z.mode() if isinstance(z, distributions.DiagonalGaussianDistribution) else z
        z = vae.nonlinearity(self.proj(self.proj_norm(z)))
        for block, down in zip(self.model, self.downsampler):
            z = down(block(z, None))
        return z.flatten(2).transpose(1, 2) if self.reshape else z


POSTPROCESSED = "FirstStagePostProcessor of CompVis/latent-diffusion ldm/modules/diffusionmodules/model.py, restated"
helper(
    "FirstStagePostProcessor.latent",
    FirstStagePostProcessor,
    {"ch_mult": [1, 2], "in_channels": 4, "n_channels": 32, "reshape": True}
    | {
        "pretrained_config": {
            "target": "AutoencoderKL",
            "params": {"ddconfig": VQ | {"double_z": True}, "embed_dim": 4},
        }
    },
    (1, 3, 16, 20),
    "Behind an autoencoder, the mode of whose posterior it takes; a context for cross-attention.",
    source=POSTPROCESSED,
)
helper(
    "FirstStagePostProcessor.pixels_tiny_input",
    FirstStagePostProcessor,
    {"ch_mult": [1], "in_channels": 6, "n_channels": 32}
    | {"pretrained_config": {"target": "IdentityFirstStage", "params": {}}},
    (2, 6, 5, 7),
    "Behind no first stage; an odd size, inputs around 1e-3.",
    scale=1e-3,
    source=POSTPROCESSED,
)
