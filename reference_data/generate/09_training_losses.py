"""Chapter 09: what an autoencoder is trained with: LPIPS, the discriminator, their losses.

The networks and most losses are those of the `taming` package. Two loss classes of CompVis/latent-diffusion are in no published
package; they are restated here on taming's class, whose adaptive weight and discriminator pass they share.
"""
import contextlib
import copy

import cases
import numpy as np
import originals_taming
import torch
from cases import function_case, module_case, normal
from originals import distributions
from originals_taming import NLayerDiscriminator, lpips, vqperceptual
from torch import nn
from torch.nn import functional as F

cases.CHAPTER = "09_training"
cases.VERSIONS = originals_taming.VERSIONS


# VGG16's weights double the variance that ReLU halves (He et al., 2015); widths of what goes in, by layer.
VGG_WIDTHS = {
    0: 3,
    2: 64,
    5: 64,
    7: 128,
    10: 128,
    12: 256,
    14: 256,
    17: 256,
    **dict.fromkeys((19, 21, 24, 26, 28), 512),
}
LPIPS_WEIGHTS = {
    "*net.slice*.bias": (0, 0.05),
    "*lin?.model.1.weight": (0.1, 0.05),
    "*scaling_layer.shift": (-0.1, 0.05),
    "*scaling_layer.scale": (0.45, 0.005),
    **{
        f"*net.slice?.{i}.weight": (0, float(f"{(2 / (9 * width)) ** 0.5:.4g}"))
        for i, width in VGG_WIDTHS.items()
    },
}
NORM_WEIGHTS = {
    "*running_var": (1, 0.1),
    "*num_batches_tracked": (0, 0),
    "*.scale": (1, 0.1),
    "*.loc": (0, 0.1),
    "*.initialized": (1, 0),
}


@contextlib.contextmanager
def training(module):
    """In training mode, after which the module's buffers are as before. (Behind autograd's back: it never reads them there.)"""
    before = {name: buffer.clone() for name, buffer in module.named_buffers()}
    module.train()
    yield
    module.eval()
    for name, buffer in module.named_buffers():
        buffer.data.copy_(before[name])


def keep_inputs(module):
    """Without operations in place, so that what a hook has seen stays what it was."""
    for child in module.modules():
        if isinstance(child, (nn.ReLU, nn.LeakyReLU)):
            child.inplace = False
    return module


# ---- LPIPS
def lpips_case(situation, note, shape, scale=1.0):
    module_case(
        f"LPIPS.{situation}",
        lpips.LPIPS,
        {},
        {"a": normal(*shape, scale=scale), "b": normal(*shape, scale=scale)},
        lambda module, a, b: {"val": module(a, b)},
        acts=["lin?.model.1"],
        gradients="inputs",
        special=LPIPS_WEIGHTS,
        note=note,
        source="taming.modules.losses.lpips.LPIPS",
    )


lpips_case("plain", "VGG16 at its real size, weights by recipe.", (1, 3, 32, 32))
lpips_case("odd", "Odd, non-square pictures: the poolings drop rows and columns.", (2, 3, 21, 17))
lpips_case("tiny_input", "Inputs around 1e-3.", (1, 3, 16, 16), scale=1e-3)


# ---- the discriminator
def discriminator(situation, note, shape, scale=1.0, special=None, first_batch=False, **config):
    flags = ("training", "train_pass")

    def call(module, x):
        if (
            first_batch
        ):  # loc and scale are written in the pass: on a copy, which no gradient leads to
            module = copy.deepcopy(module)
        if config.get("training"):
            with training(module):
                out = {"out": module(x)}
                if first_batch:
                    out |= {
                        "after_train." + k: v.detach().clone()
                        for k, v in module.state_dict().items()
                        if k.endswith((".loc", ".scale", ".initialized"))
                    }
            return out
        out = {"out": module(x)}
        if config.get("train_pass"):
            module = copy.deepcopy(module)
            module.train()
            out |= {"out_train": module(x).detach()} | {
                f"after_train.{k}": v.clone() for k, v in module.named_buffers() if "running" in k
            }
        return out

    settings = {k: v for k, v in config.items() if k not in flags}
    whole = not (config.get("train_pass") or first_batch)
    module_case(
        f"NLayerDiscriminator.{situation}",
        lambda **_: keep_inputs(NLayerDiscriminator(**settings)),
        config,
        {"x": normal(*shape, scale=scale)},
        call,
        acts=[f"main.{i}" for i in range(3 * settings["n_layers"] + 3) if i % 3 != 1]
        if whole
        else (),  # no kinks
        gradients="inputs" if first_batch else True,
        cotangents_of=("out",),
        note=note,
        special=NORM_WEIGHTS | (special or {}),
        source="taming.modules.discriminator.model.NLayerDiscriminator",
    )


discriminator(
    "eval",
    "Batch norms by their running statistics; the width stops at eight times the first.",
    (1, 1, 48, 50),
    ndf=2,
    input_nc=1,
    n_layers=4,
)
discriminator(
    "train_odd",
    "Batch norms by the batch, through which the gradient flows; odd, non-square picture.",
    (2, 2, 25, 35),
    input_nc=2,
    ndf=3,
    n_layers=3,
    training=True,
)
discriminator(
    "train_pass",
    "In evaluation, then a step of training: the running statistics afterwards.",
    (2, 3, 16, 20),
    ndf=6,
    n_layers=2,
    train_pass=True,
)
discriminator(
    "one_layer",
    "The shallowest: one convolution with a norm.",
    (2, 1, 9, 12),
    input_nc=1,
    ndf=5,
    n_layers=1,
)
discriminator(
    "tiny_input",
    "Inputs and weights around 1e-3: the batch norm's eps 1e-5 is larger than the variance.",
    (2, 3, 16, 16),
    scale=1e-3,
    ndf=4,
    n_layers=2,
    training=True,
    special={"main.2.weight": (0, 0.5)},
)
discriminator(
    "actnorm",
    "ActNorm that has been initialised; every convolution has a bias.",
    (2, 3, 28, 25),
    ndf=3,
    n_layers=3,
    use_actnorm=True,
)
discriminator(
    "actnorm_first_batch",
    "The first batch of the training sets loc and scale of ActNorm.",
    (3, 3, 18, 24),
    ndf=4,
    n_layers=2,
    use_actnorm=True,
    training=True,
    first_batch=True,
    special={"*.initialized": (0, 0)},
)


# ---- the game
def exemplar_weights(logits_real, logits_fake, weights):
    """hinge_d_loss_with_exemplar_weights of latent-diffusion's vqperceptual.py, restated."""

    def weighted(loss):
        return (weights * loss.mean(dim=(1, 2, 3))).sum() / weights.sum()

    return 0.5 * (weighted(F.relu(1 - logits_real)) + weighted(F.relu(1 + logits_fake)))


def codebook_use(indices, n_embed):
    """measure_perplexity of latent-diffusion's vqperceptual.py, restated."""
    p = F.one_hot(indices, n_embed).to(torch.get_default_dtype()).reshape(-1, n_embed).mean(0)
    return (-(p * (p + 1e-10).log()).sum()).exp(), (p > 0).sum()


def gan_losses(situation, note, shape, indices, n_embed, adopt_weight, scale=1.0):
    def losses(real, fake, w, ind):
        perplexity, used = codebook_use(ind, n_embed)
        adopted = [
            vqperceptual.adopt_weight(
                adopt_weight["weight"], step, adopt_weight["threshold"], adopt_weight["value"]
            )
            for step in adopt_weight["steps"]
        ]
        return {
            "hinge": vqperceptual.hinge_d_loss(real, fake),
            "vanilla": vqperceptual.vanilla_d_loss(real, fake),
            "hinge_exemplar": exemplar_weights(real, fake, w),
            "g_loss": -fake.mean(),
            "perplexity": perplexity,
            "cluster_use": used,
            "adopt": torch.tensor(adopted),
        }

    batch = shape[0]
    function_case(
        f"GanLosses.{situation}",
        {"n_embed": n_embed, "adopt_weight": adopt_weight},
        {
            "real": normal(*shape, scale=scale),
            "fake": normal(*shape, scale=scale),
            "w": np.linspace(0.2, 1.7, batch).astype(np.float32),
            "ind": np.array(indices, np.int32),
        },
        losses,
        note,
        "taming.modules.losses.vqperceptual",
    )


gan_losses(
    "plain",
    "All of them on the scores of 2 x 15 patches.",
    (2, 1, 3, 5),
    [0, 3, 3, 7, 7, 7, 7],
    9,
    {"weight": 0.8, "threshold": 100, "value": 0.0, "steps": [0, 99, 100, 101]},
)
gan_losses(
    "confident",
    "Scores far from 0, where the hinge is flat and an exp would overflow.",
    (3, 1, 4, 1),
    [2] * 5,
    3,
    {"weight": 1.0, "threshold": 0, "value": 0.5, "steps": [0, 1]},
    scale=60.0,
)
gan_losses(
    "tiny_input",
    "Scores around 1e-3; every entry of the codebook used once.",
    (1, 1, 2, 2),
    range(6),
    6,
    {"weight": 0.5, "threshold": 7, "value": 0.25, "steps": [6, 7]},
    scale=1e-3,
)


# ---- the losses of the two autoencoders
class AutoencoderLoss(vqperceptual.VQLPIPSWithDiscriminator):
    """What latent-diffusion's contperceptual.py and vqperceptual.py share with taming's class, and with each other."""

    def __init__(
        self,
        disc_start,
        kl_weight=1.0,
        n_classes=None,
        pixel_loss="l1",
        logvar_init=None,
        **settings,
    ):
        super().__init__(disc_start, **settings)
        self.kl_weight, self.n_classes, self.pixel_loss = kl_weight, n_classes, pixel_loss
        if logvar_init is not None:
            self.logvar = nn.Parameter(torch.full((), logvar_init))
        if not self.perceptual_weight:
            self.perceptual_loss = nn.Identity()
        keep_inputs(self)

    def differences(self, x, rec):
        p = self.perceptual_loss(x, rec) if self.perceptual_weight else torch.zeros(1)
        return (
            (x - rec).abs() if self.pixel_loss == "l1" else (x - rec) ** 2
        ) + self.perceptual_weight * p, p

    def generator(self, nll, rest, rec, step, last_layer):
        """loss = nll + rest + d_weight * factor * g"""
        g = -self.discriminator(rec).mean()
        d_weight = self.calculate_adaptive_weight(nll, g, last_layer)
        factor = vqperceptual.adopt_weight(
            self.disc_factor, step, threshold=self.discriminator_iter_start
        )
        loss = nll + rest + d_weight * factor * g
        return {
            "loss": loss,
            "total_loss": loss,
            "nll_loss": nll,
            "d_weight": d_weight,
            "disc_factor": torch.tensor(factor),
            "g_loss": g,
        }

    def discriminator_loss(self, x, rec, step):
        loss, log = self(torch.zeros(()), x, rec, 1, step, split="d")
        return {"loss": loss} | {name.removeprefix("d/"): value for name, value in log.items()}


def autoencoder_loss(name, note, config, run, inputs, steps, **more):
    """run(module, step, x, rec, last_layer, **inputs) -> the numbers of the generator's pass. steps: (step, prefix of its
    outputs). more: settings that the file's config does not have."""

    def call(module, x, feat, last_layer, **others):
        out = {}
        with torch.enable_grad(), training(module.discriminator) if config.get(
            "training"
        ) else contextlib.nullcontext():
            for step, prefix in steps:
                layer = last_layer.detach().clone().requires_grad_()
                rec = F.conv2d(feat, layer, padding=1)
                for p in module.parameters():
                    p.requires_grad_(p is getattr(module, "logvar", None))
                numbers = run(module, step, x, rec, layer, **others)
                wanted = {"last_layer": layer} | (
                    {"logvar": module.logvar} if hasattr(module, "logvar") else {}
                )
                gradients = torch.autograd.grad(
                    numbers["loss"], list(wanted.values()), retain_graph=True
                )
                numbers |= {f"grad_{key}": g for key, g in zip(wanted, gradients)}
                out |= (
                    {"rec": rec}
                    | {f"{prefix}g.{k}": v for k, v in numbers.items()}
                    | {
                        f"{prefix}d.{k}": v
                        for k, v in module.discriminator_loss(x, rec, step).items()
                    }
                )
        return {k: v.detach() for k, v in out.items()}

    settings = {k: v for k, v in config.items() if k not in ("steps", "global_step", "training")}
    module_case(
        name,
        lambda **_: AutoencoderLoss(**settings | more),
        config,
        inputs,
        call,
        gradients=False,
        special=LPIPS_WEIGHTS | NORM_WEIGHTS | {"logvar": (config.get("logvar_init", 0.2), 0)},
        note=note,
        source=f"taming.modules.losses.vqperceptual, and {restated_source(name)}",
    )


def restated_source(name):
    file = "contperceptual.py" if name.startswith("LPIPS") else "vqperceptual.py"
    return f"CompVis/latent-diffusion ldm/modules/losses/{file}, restated"


def kl_loss(situation, note, picture, latent, scale=1.0, **config):
    def run(module, step, x, rec, layer, moments):
        posterior = distributions.DiagonalGaussianDistribution(moments)
        r, _ = module.differences(x, rec)
        nll = (r / module.logvar.exp() + module.logvar).sum() / len(x)
        kl = posterior.kl().sum() / len(x)
        return module.generator(nll, module.kl_weight * kl, rec, step, layer) | {
            "logvar": module.logvar,
            "kl_loss": kl,
            "rec_loss": r.mean(),
        }

    batch, height, width = picture
    autoencoder_loss(
        f"LPIPSWithDiscriminator.{situation}",
        note,
        config,
        run,
        {
            "x": normal(batch, 3, height, width, scale=scale),
            "feat": normal(batch, 4, height, width, scale=scale),
            "last_layer": normal(3, 4, 3, 3, scale=0.2),
            "moments": normal(batch, *latent, scale=scale),
        },
        [(step, f"s{step}.") for step in config["steps"]],
        logvar_init=config.get("logvar_init", 0.0),
    )


kl_loss(
    "stable_diffusion",
    "The settings that Stable Diffusion's autoencoder was trained with, around the step where the "
    "discriminator first counts.",
    (1, 32, 32),
    (8, 4, 4),
    disc_start=50001,
    kl_weight=1e-6,
    disc_weight=0.5,
    steps=[50000, 50001],
)
kl_loss(
    "training",
    "Two pictures in training mode: batch norms use the statistics of the batch.",
    (2, 24, 28),
    (4, 3, 2),
    disc_start=0,
    kl_weight=1e-3,
    disc_num_layers=2,
    perceptual_weight=0.3,
    training=True,
    steps=[7],
)
kl_loss(
    "no_perception_odd",
    "Without LPIPS no VGG16 is needed; ActNorm, vanilla loss, another logvar; odd, non-square "
    "picture.",
    (1, 27, 37),
    (6, 3, 5),
    disc_start=3,
    logvar_init=-0.4,
    perceptual_weight=0.0,
    disc_num_layers=2,
    use_actnorm=True,
    disc_loss="vanilla",
    disc_factor=0.7,
    steps=[2, 3],
)
kl_loss(
    "tiny_input",
    "Inputs around 1e-3.",
    (1, 16, 16),
    (4, 2, 2),
    scale=1e-3,
    disc_start=0,
    perceptual_weight=0.5,
    disc_num_layers=1,
    steps=[0],
)


def vq_loss(situation, note, picture, indices, scale=1.0, **config):
    def run(module, step, x, rec, layer, cb, ind=None):
        r, p = module.differences(x, rec)
        numbers = module.generator(
            r.mean(), module.codebook_weight * cb.mean(), rec, step, layer
        ) | {"quant_loss": cb.mean(), "rec_loss": r.mean(), "p_loss": p.mean()}
        if module.n_classes:
            perplexity, used = codebook_use(ind, module.n_classes)
            numbers |= {
                "perplexity": perplexity,
                "cluster_usage": used.to(torch.get_default_dtype()),
            }
        return numbers

    batch, height, width = picture
    inputs = {
        "x": normal(batch, 3, height, width, scale=scale),
        "feat": normal(batch, 4, height, width, scale=scale),
        "last_layer": normal(3, 4, 3, 3, scale=0.2),
        "cb": np.full((), 0.31 * scale, np.float32),
    }
    autoencoder_loss(
        f"VQLPIPSWithDiscriminator.{situation}",
        note,
        config,
        run,
        inputs | ({"ind": np.array(indices, np.int32)} if indices else {}),
        [(config["global_step"], "")],
    )


vq_loss(
    "plain",
    "Absolute differences, hinge loss, and the perplexity of the codebook.",
    (1, 32, 24),
    [4, 4, 1, 0, 6, 6, 6],
    disc_start=5,
    codebook_weight=0.7,
    disc_ndf=8,
    disc_num_layers=2,
    disc_weight=0.75,
    n_classes=8,
    global_step=5,
)
vq_loss(
    "l2_odd",
    "Squares, vanilla loss, no LPIPS, no count of entries; odd, non-square picture, training mode.",
    (2, 25, 18),
    None,
    disc_start=9,
    disc_ndf=4,
    disc_num_layers=2,
    perceptual_weight=0.0,
    pixel_loss="l2",
    disc_loss="vanilla",
    disc_factor=0.6,
    training=True,
    global_step=10,
)
vq_loss(
    "before_start",
    "Before disc_start the adaptive weight is computed, but not used.",
    (1, 16, 20),
    [0, 0, 2],
    scale=1e-3,
    disc_start=9,
    disc_ndf=4,
    disc_num_layers=1,
    n_classes=3,
    global_step=8,
)
