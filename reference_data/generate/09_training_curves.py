"""Chapter 09: whole trainings, step by step: the losses of PyTorch twins of the three trainers.

A twin is built from the published networks and torch's optimizers. It begins with the same weights (by recipe) and sees the same
pictures in the same order (in/batches [step, part of the step, picture]: indices into the stored pictures), the same times and
the same noise: that of step k and part a is the fill "noise.<k>.<a>" with the config's seed and shape.
"""
import math
import warnings
import zlib

import cases
import numpy as np
import torch
from cases import fill
from originals import (
    LambdaLinearScheduler,
    _stand_ins,
    autoencoder,
    float64_throughout,
    latent_diffusion,
    openaimodel,
    sdkit_context,
)
from stable_diffusion import TextTower
from torch import nn
from transformers import CLIPConfig, CLIPModel

with warnings.catch_warnings(), _stand_ins(torchvision={"models": None}, requests={}):
    warnings.simplefilter("ignore", SyntaxWarning)
    import taming.modules.losses.vqperceptual as vqperceptual

vqperceptual.LPIPS = nn.Identity  # the curves do without, and without its VGG16
cases.CHAPTER = "09_training"  # other scripts write there too
cases.VERSIONS = cases.VERSIONS.replace("diffusers", "taming-transformers-rom1504 0.0.6, diffusers")
POOL, SIDE, LENGTH = 16, 8, 10  # pictures, their side, tokens of a text
VOCABULARY = (
    256 + 256 + 2
)  # bytes, bytes that end a word, start and end: what there is without merges


# ---- what the trainings look at
def pictures():
    """A coloured disc or square on white, [POOL, 3, SIDE, SIDE]."""
    row, column = np.mgrid[:SIDE, :SIDE]
    colour, centre = np.tanh(fill("colour", [POOL, 3], 1)), SIDE / 2 + fill("centre", [POOL, 2], 1)
    found = np.ones([POOL, 3, SIDE, SIDE], np.float32)
    for i in range(POOL):
        dy, dx = abs(row - centre[i, 0]), abs(column - centre[i, 1])
        inside = np.hypot(dy, dx) < 3 if i % 2 else np.maximum(dy, dx) < 2
        found[i, :, inside] = colour[i]
    return found


def token_ids():
    """Every picture has a text of its own, of one to LENGTH - 2 letters: [POOL, LENGTH]."""
    start, end = VOCABULARY - 2, VOCABULARY - 1
    found = np.full([POOL, LENGTH], end, np.int32)
    for i in range(POOL):
        count = 1 + i % (LENGTH - 2)
        found[i, : 1 + count] = [start, *((64 + 7 * i + 3 * np.arange(count)) % 256)]
    return found


def batches(steps, parts, size):
    """In each step different pictures, in no simple order: [steps, parts, size]."""
    order = np.argsort(fill("order", [steps, POOL], 1), axis=1)
    return order[:, : parts * size].reshape(steps, parts, size).astype(np.int32)


def times(steps, parts, size, count):
    return (
        (zlib.crc32(b"t") * np.arange(1, steps * parts * size + 1) % count)
        .reshape(steps, parts, size)
        .astype(np.int32)
    )


# ---- what the twins share
def optimizer_of(parameters, name, **settings):
    return {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[name](
        parameters, lr=0.0, **settings
    )


def optimizer_step(optimizer, training, step, factor=1.0):
    schedule = LambdaLinearScheduler(**training["lr_schedule"]["args"])
    for group in optimizer.param_groups:
        group["lr"] = factor * training["learning_rate"] * schedule(step)
    optimizer.step()


def noise(config, step, part, dtype):
    return cases.as_torch(
        fill(f"noise.{step}.{part}", config["noise"]["shape"], config["noise"]["seed"]), dtype
    )


@torch.no_grad()
def shake(module, seed):
    """Weights as other rounding would have left them. A training is sensitive to that: a gradient jumps where a ReLU bends."""
    for name, p in module.named_parameters():
        p.mul_(1 + 2.0**-23 * torch.from_numpy(fill(name + "#rounding", p.shape, seed)))


def curve_case(name, note, config, inputs, build, train, source, special=None):
    """build(config) -> a module with the keys of a model; train(module, config, **inputs) -> {column: a number for each step}.

    The loss may be off by a thousandth of the smallest loss of the curve, at every step. Where float32 comes near that the
    training is no fit test, and this fails.
    """
    seed = zlib.crc32(name.encode())
    with cases.quiet():
        shapes = {
            k: list(v.shape)
            for k, v in build(config).state_dict().items()
            if not k.endswith("num_batches_tracked")
        }
    recipe = cases.recipe_of(shapes, seed, special)

    def evaluate(dtype, kernels=True, rounding=None):
        with cases.quiet(), torch.backends.mkldnn.flags(enabled=kernels):
            module = cases.load_recipe(build(config).to(dtype), recipe)
            if rounding is not None:
                shake(module, rounding)
            found = train(
                module, config, **{k: cases.as_torch(v, dtype) for k, v in inputs.items()}
            )
        kind = np.float64 if dtype == torch.float64 else np.float32
        return {"out/" + k: np.array(v, kind) for k, v in found.items()}

    reference, other = evaluate(torch.float32), evaluate(torch.float32, kernels=False)
    shaken = [evaluate(torch.float32, rounding=i) for i in range(cases.NEARBY_INPUTS)]
    with float64_throughout():
        truth = evaluate(torch.float64)
    table = cases.tolerances(reference, [(found, truth) for found in (reference, other, *shaken)])
    loss = reference["out/loss"]
    tol = 1e-3 * float(np.abs(loss).min())
    print(
        f"  {name}: loss {loss[0]:.4g} -> {loss[-5:].mean():.4g}, smallest {np.abs(loss).min():.4g}, noise "
        f"{table['out/loss']['noise']:.2g}, tol {tol:.2g}"
    )
    assert table["out/loss"]["noise"] < tol / 5, "float32 leaves too little of the tolerance"
    table["out/loss"]["tol"] = float(f"{tol:.3g}")
    cases.write_case(
        name,
        config,
        {"in/" + k: v for k, v in inputs.items()} | reference,
        table,
        note,
        source,
        recipe,
    )


# ---- the autoencoder, without and with its discriminator
def first_stage(ddconfig, embed_dim):
    return autoencoder.AutoencoderKL(
        ddconfig=ddconfig, lossconfig={"target": "torch.nn.Identity"}, embed_dim=embed_dim
    )


def loss_with_discriminator(loss):
    """taming's class; of its settings those that the trainer's "loss" has."""
    known = {k: v for k, v in loss.items() if k not in ("kl_weight", "idle_before_start")}
    return vqperceptual.VQLPIPSWithDiscriminator(**known)


def has_discriminator(config):
    return config["training"]["loss"]["disc_start"] < config["training"]["steps"]


def build_autoencoder(config):
    model = nn.Module()
    model.first_stage_model = first_stage(**config["training"]["first_stage_config"])
    if has_discriminator(config):
        model.first_stage_model.loss = loss_with_discriminator(config["training"]["loss"])
    return model


def train_autoencoder(model, config, pictures, batches):
    model, training = model.first_stage_model, config["training"]
    gan, kl_weight = (
        model.loss if has_discriminator(config) else None,
        training["loss"]["kl_weight"],
    )
    generator_weights = [
        p
        for part in (model.encoder, model.decoder, model.quant_conv, model.post_quant_conv)
        for p in part.parameters()
    ]
    generator_optimizer = optimizer_of(generator_weights, **training["optimizer"])
    columns = ["loss", "rec_loss", "kl_loss"]
    if gan:
        discriminator_optimizer = optimizer_of(
            gan.discriminator.parameters(), "adam", betas=(0.5, 0.9)
        )
        gan.discriminator.train()
        columns += ["d_weight", "disc_loss"]

    curve = {name: [] for name in columns}
    for step, parts in enumerate(batches):
        share, sums = 1 / len(parts), dict.fromkeys(columns, 0.0)
        model.zero_grad()
        for part, chosen in enumerate(parts):
            x = pictures[chosen]
            posterior = model.encode(x)
            rec = model.decode(posterior.mean + posterior.std * noise(config, step, part, x.dtype))
            # ldm's contperceptual.py, with logvar = 0
            difference, kl = (x - rec).abs(), posterior.kl().sum() / len(x)
            loss = difference.sum() / len(x) + kl_weight * kl
            found = {"rec_loss": difference.mean(), "kl_loss": kl}
            if gan:
                g = -gan.discriminator(rec).mean()
                d_weight = gan.calculate_adaptive_weight(
                    difference.sum() / len(x), g, model.decoder.conv_out.weight
                )
                factor = vqperceptual.adopt_weight(
                    gan.disc_factor, step, threshold=gan.discriminator_iter_start
                )
                loss = loss + d_weight * factor * g
                found["d_weight"] = d_weight * factor
            (share * loss).backward(inputs=generator_weights)
            if gan:
                disc_loss, _ = gan(torch.zeros(()), x, rec, 1, step)
                (share * disc_loss).backward(inputs=list(gan.discriminator.parameters()))
                found["disc_loss"] = disc_loss
            for key, value in (found | {"loss": loss}).items():
                sums[key] += share * value.item()
        optimizer_step(generator_optimizer, training, step)
        if gan:
            optimizer_step(
                discriminator_optimizer,
                training,
                step,
                training["discriminator_learning_rate"] / training["learning_rate"],
            )
        for key, value in sums.items():
            curve[key].append(value)
    return curve


def warm_up(steps):
    """Warm-up from a tenth of the learning rate to all of it, then constant."""
    return {
        "class": "LambdaLinearScheduler",
        "args": {
            "warm_up_steps": [steps],
            "f_min": [1.0],
            "f_max": [1.0],
            "f_start": [0.1],
            "cycle_lengths": [100000],
        },
    }


DDCONFIG = {
    "double_z": True,
    "z_channels": 4,
    "resolution": SIDE,
    "in_channels": 3,
    "out_ch": 3,
    "ch": 32,
    "ch_mult": [1, 2],
    "num_res_blocks": 1,
    "attn_resolutions": [],
    "dropout": 0.0,
}
PLAIN = {
    "kl_weight": 1e-6,
    "perceptual_weight": 0.0,
    "disc_start": 1000000,
    "idle_before_start": True,
}
COMPARED = {
    "kl_weight": 1e-6,
    "perceptual_weight": 0.0,
    "disc_start": 10,
    "disc_num_layers": 1,
    "disc_weight": 0.5,
    "disc_loss": "vanilla",
}


def autoencoder_curve(situation, note, loss, steps, **more):
    training = {
        "steps": steps,
        "batch_size": 4,
        "lr_schedule": warm_up(20),
        "optimizer": {"name": "adam", "eps": 1e-3},
        "ema_decay": 0.0,
        "data": {"size": SIDE},
        "first_stage_config": {"embed_dim": 4, "ddconfig": DDCONFIG},
        "loss": loss,
        **more,
    }
    curve_case(
        f"TrainAutoencoder.{situation}",
        note,
        {"training": training, "noise": {"seed": 7, "shape": [4, 4, 4, 4]}},
        {"pictures": pictures(), "batches": batches(steps, 1, 4)},
        build_autoencoder,
        train_autoencoder,
        "ldm.models.autoencoder.AutoencoderKL, taming.modules.losses.vqperceptual, torch.optim",
    )


# Absolute differences have gradients that jump, and Adam makes steps of full length even from gradients that are rounding errors.
# A large eps and small rates keep the twins together: with a rate of 1e-4 and an eps of 1e-3, PyTorch's own float32 curve is
# 0.5 % off its float64 one after 200 steps.
autoencoder_curve(
    "plain",
    "200 steps: absolute differences and KL.",
    PLAIN,
    200,
    learning_rate=3e-5,
    optimizer={"name": "adam", "eps": 1.0},
)
autoencoder_curve(
    "adversarial",
    "50 steps, from the tenth on against a discriminator that is trained too.",
    COMPARED,
    50,
    learning_rate=3e-5,
    discriminator_learning_rate=3e-5,
)


# ---- the towers
def text_config(width):
    return {
        "vocab_size": VOCABULARY,
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": LENGTH,
        "bos_token_id": VOCABULARY - 2,
        "eos_token_id": VOCABULARY - 1,
        "pad_token_id": VOCABULARY - 1,
        "hidden_act": "quick_gelu",
    }


def build_clip(config):
    towers = {
        k: v
        for k, v in config["training"]["cond_stage_config"].items()
        if not k.startswith("image_")
    }
    model = nn.Module()
    model.clip_model = CLIPModel(CLIPConfig(**towers))
    model.clip_model.set_attn_implementation("eager")
    return model


def train_clip(model, config, pictures, ids, batches):
    model, training = model.clip_model, config["training"]
    optimizer = optimizer_of(model.parameters(), **training["optimizer"])
    mean, std = (
        torch.tensor(training["cond_stage_config"][k], dtype=pictures.dtype).reshape(3, 1, 1)
        for k in ("image_mean", "image_std")
    )
    pixels, curve = ((pictures + 1) / 2 - mean) / std, []
    for step, parts in enumerate(batches):
        optimizer.zero_grad()
        losses = [
            model(input_ids=ids[chosen], pixel_values=pixels[chosen], return_loss=True).loss
            for chosen in parts
        ]
        loss = sum(losses) / len(losses)
        loss.backward()
        optimizer_step(optimizer, training, step)
        with torch.no_grad():
            model.logit_scale.clamp_(max=math.log(100))
        curve.append(loss.item())
    return {"loss": curve}


CLIP = {
    "steps": 200,
    "batch_size": 8,
    "accumulate_grad_batches": 2,
    "learning_rate": 5e-5,
    "lr_schedule": warm_up(20),
    "optimizer": {"name": "adamw", "betas": [0.9, 0.98], "eps": 1e-6, "weight_decay": 0.2},
    "ema_decay": 0.0,
    "data": {"size": SIDE},
    "cond_stage_config": {
        "projection_dim": 24,
        "text_config": text_config(32),
        "vision_config": {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": SIDE,
            "patch_size": 2,
            "hidden_act": "quick_gelu",
        },
        "image_mean": [0.5, 0.4, 0.6],
        "image_std": [0.25, 0.3, 0.35],
    },
}
curve_case(
    "TrainClip.plain",
    "200 steps of two micro-batches each, the settings of CLIP's AdamW.",
    {"training": CLIP},
    {"pictures": pictures(), "ids": token_ids(), "batches": batches(200, 2, 8)},
    build_clip,
    train_clip,
    "transformers.CLIPModel, torch.optim.AdamW",
    {"*logit_scale": (2.6592, 0.0)},
)


# ---- what draws
def build_diffusion(config):
    """The autoencoder only belongs to the model: the latents are given."""
    model = nn.Module()
    model.first_stage_model = first_stage(**config["model"]["first_stage_config"])
    model.cond_stage_model = nn.Module()
    model.cond_stage_model.transformer = TextTower(
        **config["model"]["cond_stage_config"]["text_config"]
    )
    model.model = nn.Module()
    model.model.diffusion_model = openaimodel.UNetModel(**config["training"]["unet_config"])
    return model


def logvar_of_times(alphas_cumprod, snr_weight_max, time_power):
    """-ln of what a level counts: min(1 / SNR + 1, most), over how often it is drawn."""
    ac, x = alphas_cumprod.numpy().astype(np.float64), (np.arange(len(alphas_cumprod)) + 0.5) / len(
        alphas_cumprod
    )
    density = np.maximum(x ** (1 / time_power - 1) / time_power, 0.2)
    return -np.log(np.minimum((1 - ac) / ac + 1, snr_weight_max) / density)


def train_diffusion(model, config, z, ids, batches, t):
    training, text, unet = (
        config["training"],
        model.cond_stage_model.transformer,
        model.model.diffusion_model,
    )
    parameters = [*unet.parameters(), *text.parameters()]
    optimizer = optimizer_of(parameters, **training["optimizer"])
    diffusion = latent_diffusion({"a": 1, "b": 0}, training["schedule"])
    logvar = torch.from_numpy(logvar_of_times(diffusion.alphas_cumprod, **training["times"])).to(
        z.dtype
    )
    diffusion.logvar = logvar
    diffusion.apply_model = lambda x, t, c: unet(x, t, context=sdkit_context(c, 1))
    curve = {"loss": [], "loss_simple": [], "grad_norm": []}
    for step, parts in enumerate(batches):
        optimizer.zero_grad()
        share, loss, simple = 1 / len(parts), 0.0, 0.0
        for part, chosen in enumerate(parts):
            context = text(ids[chosen])["last_hidden_state"]
            found, log = diffusion.p_losses(
                z[chosen], context, t[step, part], noise(config, step, part, z.dtype)
            )
            (share * found).backward()
            loss += share * (found.item() - logvar[t[step, part]].double().mean().item())
            simple += share * log["train/loss_simple"].item()
        curve["loss"].append(loss)
        curve["loss_simple"].append(simple)
        curve["grad_norm"].append(
            nn.utils.clip_grad_norm_(parameters, training["max_grad_norm"]).item()
        )
        optimizer_step(optimizer, training, step)
    return curve


DIFFUSION = {
    "steps": 200,
    "batch_size": 2,
    "accumulate_grad_batches": 2,
    "learning_rate": 5e-4,
    "lr_schedule": warm_up(20),
    "optimizer": {"name": "adamw"},
    "max_grad_norm": 1.0,
    "ema_decay": 0.0,
    "data": {"size": SIDE},
    "schedule": {
        "beta_schedule": "linear",
        "timesteps": 1000,
        "linear_start": 0.00085,
        "linear_end": 0.012,
    },
    "timestep_sampling": {"snr_weight_max": 10.0, "time_power": 0.6},
    "train_text_encoder": True,
    "scale_factor": 1.0,
    "unet_config": {
        "image_size": 8,
        "in_channels": 4,
        "out_channels": 4,
        "model_channels": 32,
        "num_res_blocks": 1,
        "attention_resolutions": [2],
        "channel_mult": [1, 2],
        "num_heads": 2,
        "use_spatial_transformer": True,
        "transformer_depth": 1,
        "context_dim": 32,
        "legacy": False,
    },
}
curve_case(
    "TrainDiffusion.plain",
    "200 steps of two micro-batches each: UNet and text encoder, loss weights by time step, "
    "gradients clipped.",
    {
        "training": DIFFUSION,
        "noise": {"seed": 9, "shape": [2, 4, 8, 8]},
        "model": {
            "first_stage_config": {"embed_dim": 4, "ddconfig": {**DDCONFIG, "attn_type": "none"}},
            "cond_stage_config": {"text_config": text_config(32)},
        },
    },
    {
        "z": fill("z", [POOL, 4, 8, 8], 1),
        "ids": token_ids(),
        "batches": batches(200, 2, 2),
        "t": times(200, 2, 2, 1000),
    },
    build_diffusion,
    train_diffusion,
    "ldm.modules.diffusionmodules.openaimodel.UNetModel, transformers.CLIPTextModel, "
    "ldm.models.diffusion.ddpm.LatentDiffusion.p_losses, torch.optim.AdamW",
)
