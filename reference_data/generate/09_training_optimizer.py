"""Chapter 09: what moves the weights (Adam, AdamW, Muon, clipping), and low-rank changes."""
import json
import zlib
from unittest import mock

import cases
import numpy as np
import torch
import torch.nn.functional as F
from cases import function_case, module_case, normal
from diffusers import UNet2DConditionModel
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint
from diffusers.utils import convert_state_dict_to_kohya
from originals import (
    LambdaLinearScheduler,
    LambdaWarmUpCosineScheduler,
    autoencoder,
    ema,
    float64_throughout,
    latent_diffusion,
    openaimodel,
    sdkit_context,
)
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTextModel

cases.CHAPTER = "09_training"  # other scripts write there too

STEPS = 20
WARM_UP = [1e-3 * min(1.0, (n + 1) / 5) for n in range(STEPS)]


# ---- optimizers: weights w.<name>, gradients g.<name> of every step; out are the weights after every step
def optimizer_case(name, note, config, shapes, make, source, scale=1.0, silent=()):
    """make(module, config) -> (step(rate), parameters). silent: tensors whose first gradients are zero."""

    def path(**inputs):
        module = torch.nn.Module()
        for key in shapes:
            module.register_parameter(key, torch.nn.Parameter(inputs["w." + key].clone()))
        step, found = make(module, config), {key: [] for key in shapes}
        with torch.enable_grad():
            for k, rate in enumerate(config["lr"]):
                for key in shapes:
                    module.get_parameter(key).grad = inputs["g." + key][k].clone()
                if "max_norm" in config:
                    torch.nn.utils.clip_grad_norm_(module.parameters(), config["max_norm"])
                step(rate)
                for key in shapes:
                    found[key].append(module.get_parameter(key).detach().clone())
        return {key: torch.stack(values) for key, values in found.items()}

    steps, inputs = len(config["lr"]), {}
    for key, shape in shapes.items():
        inputs["w." + key] = normal(*shape)
        inputs["g." + key] = normal(steps, *shape, scale=scale)
    inputs = cases.made(inputs, sum(map(ord, name)))
    for key in silent:
        inputs["g." + key][:3] = 0.0
    function_case(name, {"weights": list(shapes), **config}, inputs, path, note, source)


def adam_case(name, note, config, shapes, **options):
    optimizer = getattr(torch.optim, name.split(".")[0])

    def make(module, config):
        settings = {k: config[k] for k in ("eps", "weight_decay") if k in config}
        if "betas" in config:
            settings["betas"] = tuple(config["betas"])
        moved = optimizer(module.parameters(), **settings)

        def step(rate):
            for group in moved.param_groups:
                group["lr"] = rate
            moved.step()

        return step

    optimizer_case(name, note, config, shapes, make, f"torch.optim.{optimizer.__name__}", **options)


SHAPES = {"bias": (7,), "conv": (4, 3, 3, 3), "linear": (5, 6), "scalar": ()}
adam_case(
    "Adam.defaults",
    "Twenty steps with a rate that warms up; one tensor is silent at first.",
    {"lr": WARM_UP},
    SHAPES,
    silent=["bias"],
)
adam_case(
    "Adam.autoencoder",
    "The settings of the autoencoder's training; betas of one half take the other form of lerp.",
    {"lr": [4.5e-4] * STEPS, "betas": [0.5, 0.9]},
    SHAPES,
)
adam_case(
    "Adam.weight_decay",
    "Decay that joins the gradient, which is clipped by norm.",
    {"lr": WARM_UP, "weight_decay": 0.1, "max_norm": 2.0},
    SHAPES,
)
adam_case(
    "Adam.tiny_gradients",
    "Gradients around 1e-8: eps is added outside of the root.",
    {"lr": [1e-2] * STEPS},
    SHAPES,
    scale=1e-8,
)
adam_case(
    "AdamW.defaults",
    "Decay beside the gradient, 0.01 when it is not mentioned.",
    {"lr": WARM_UP},
    SHAPES,
)
adam_case(
    "AdamW.clipped",
    "Large decay and rate, another eps, gradients clipped by norm.",
    {
        "lr": [0.1 / (n + 1) for n in range(STEPS)],
        "betas": [0.8, 0.99],
        "eps": 1e-3,
        "weight_decay": 0.5,
        "max_norm": 0.7,
    },
    SHAPES,
)


def muon_case(situation, note, config, shapes, **options):
    def make(module, config):
        inner = {k: p for k, p in module.named_parameters() if k in config["inner"] and p.ndim >= 2}
        others = [p for k, p in module.named_parameters() if k not in inner]
        matrices = [
            torch.nn.Parameter(p.detach().flatten(1)) for p in inner.values()
        ]  # a kernel as a matrix; the same memory
        decay = config.get("weight_decay", 0.01)
        moved = [
            torch.optim.Muon(
                matrices,
                weight_decay=decay,
                momentum=config.get("momentum", 0.95),
                adjust_lr_fn="match_rms_adamw",
            ),
            torch.optim.AdamW(others, betas=(0.9, 0.99), weight_decay=decay),
        ]

        def step(rate):
            for matrix, p in zip(matrices, inner.values()):
                matrix.grad = p.grad.flatten(1)
            for optimizer in moved:
                for group in optimizer.param_groups:
                    group["lr"] = rate
                with mock.patch.object(
                    torch, "bfloat16", matrices[0].dtype
                ):  # what it would round to, for speed
                    optimizer.step()

        return step

    optimizer_case(
        f"Muon.{situation}", note, config, shapes, make, "torch.optim.Muon and AdamW", **options
    )


MATRICES = {
    "bias": (6,),
    "conv": (8, 4, 3, 3),
    "square": (6, 6),
    "table": (9, 4),
    "tall": (12, 5),
    "wide": (5, 12),
}
muon_case(
    "defaults",
    "Wide, tall, square and of a convolution; an embedding table and a bias go to AdamW.",
    {"inner": ["bias", "conv", "square", "tall", "wide"], "lr": WARM_UP},
    MATRICES,
)
muon_case(
    "clipped",
    "No decay, less momentum, gradients clipped by norm.",
    {
        "inner": ["conv", "tall", "wide"],
        "lr": [2e-2] * 8,
        "momentum": 0.4,
        "weight_decay": 0.0,
        "max_norm": 1.0,
    },
    MATRICES,
)
muon_case(
    "tiny_gradients",
    "Gradients around 1e-6: the length they are divided by is not.",
    {"inner": ["tall", "wide"], "lr": [1e-2] * 8},
    {"bias": (4,), "tall": (12, 5), "wide": (5, 12)},
    scale=1e-6,
)


# ---- clipping
def clip_case(situation, note, max_norm, scale=1.0):
    shapes = {"a": (3, 4), "b": (5,), "c": ()}

    def clip(**gradients):
        weights = [torch.nn.Parameter(torch.zeros_like(g)) for g in gradients.values()]
        for w, g in zip(weights, gradients.values()):
            w.grad = g.clone()
        norm = torch.nn.utils.clip_grad_norm_(weights, max_norm)
        return {"norm": norm} | {name: w.grad for name, w in zip(gradients, weights)}

    function_case(
        f"ClipGradNorm.{situation}",
        {"max_norm": max_norm, "gradients": list(shapes)},
        {name: normal(*shape, scale=scale) for name, shape in shapes.items()},
        clip,
        note,
        "torch.nn.utils.clip_grad_norm_",
    )


clip_case("longer", "Clipped to a quarter or so.", 1.0)
clip_case("shorter", "Left alone.", 100.0)
clip_case("tiny", "Near 1e-6 the number that keeps the quotient finite shows.", 1e-6, scale=1e-6)


# ---- low-rank changes
class LoRA(torch.nn.Module):
    """W' = W + alpha / rank * up down, as loralib and kohya merge it."""

    def __init__(self, parts):
        super().__init__()
        for name, p in parts.items():
            kernel = (p["kernel"], p["kernel"]) if p["class"] == "Conv2d" else ()
            layer = torch.nn.Module()
            layer.weight = torch.nn.Parameter(torch.zeros(p["out"], p["in"], *kernel))
            layer.lora_down, layer.lora_up = torch.nn.Module(), torch.nn.Module()
            layer.lora_down.weight = torch.nn.Parameter(torch.zeros(p["rank"], p["in"], *kernel))
            layer.lora_up.weight = torch.nn.Parameter(
                torch.zeros(p["out"], p["rank"], *(1 for _ in kernel))
            )
            self.add_module(name, layer)
        self.parts = parts

    def forward(self, **inputs):
        out = {}
        for name, p in self.parts.items():
            layer = self.get_submodule(name)
            change = layer.lora_up.weight.flatten(1) @ layer.lora_down.weight.flatten(1)
            weight = layer.weight + p["alpha"] / p["rank"] * change.reshape(layer.weight.shape)
            x = inputs[name]
            out[name] = (
                F.conv2d(x, weight, padding=p["kernel"] // 2)
                if p["class"] == "Conv2d"
                else F.linear(x, weight)
            )
        return out


PARTS = {
    "conv": {"class": "Conv2d", "in": 6, "out": 5, "kernel": 3, "rank": 3, "alpha": 3.0},
    "linear": {"class": "Linear", "in": 10, "out": 7, "rank": 4, "alpha": 1.0},
    "pixel": {"class": "Conv2d", "in": 6, "out": 8, "kernel": 1, "rank": 2, "alpha": 5.0},
}
module_case(
    "LoRA.three_layers",
    LoRA,
    {"parts": PARTS},
    {"conv": normal(2, 6, 5, 4), "linear": normal(2, 3, 10), "pixel": normal(2, 6, 3, 5)},
    note="A matrix, a convolution and a convolution of single pixels; gradients of all three factors.",
    source="Hu et al., 2021, in torch",
)


# ---- all of it: the original losses, gradients, AdamW, LitEma and schedules around a small UNet
SCHEDULERS = {c.__name__: c for c in (LambdaLinearScheduler, LambdaWarmUpCosineScheduler)}


def training_case(situation, note, batch, shape, context=None, **config):
    name, steps = f"TrainLatentDiffusion.{situation}", config["steps"]
    seed = zlib.crc32(name.encode())

    def build():
        module = torch.nn.Module()
        with cases.quiet():
            module.diffusion_model = openaimodel.UNetModel(**config["unet"])
        return module

    recipe = cases.recipe_of({k: list(v.shape) for k, v in build().state_dict().items()}, seed)
    inputs = {"x": normal(steps, batch, *shape), "noise": normal(steps, batch, *shape)}
    if context:
        inputs["ctx"] = normal(steps, batch, *context)
    inputs = cases.made(inputs, seed)
    inputs["t"] = (
        zlib.crc32(b"t") * np.arange(1, steps * batch + 1) % config["schedule"]["timesteps"]
    ).reshape(steps, batch)

    def train(x, noise, t, ctx=None):
        module = cases.load_recipe(
            cases.to_float64(build()) if x.dtype == torch.float64 else build(), recipe
        )
        model = latent_diffusion(
            {"a": 1, "b": 0}, {**config["schedule"], "loss_type": config["loss_type"]}
        )

        def network(x, t, c):
            return module.diffusion_model(
                x, t, **({} if c is None else {"context": sdkit_context(c, 1)})
            )

        model.apply_model = network
        optimizer = torch.optim.AdamW(module.parameters(), lr=config["lr"], **config["adam"])
        schedule = SCHEDULERS[config["lr_schedule"]["class"]](**config["lr_schedule"]["args"])
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule)
        average, out = ema.LitEma(module, config["ema_decay"]), {
            "loss": [],
            "grad_norm": [],
            "lr": [],
        }
        for k in range(steps):
            optimizer.zero_grad()
            loss, _ = model.p_losses(x[k], None if ctx is None else ctx[k], t[k], noise[k])
            loss.backward()
            out["loss"].append(loss.item())
            out["grad_norm"].append(
                torch.stack([p.grad.norm() for p in module.parameters()]).norm().item()
            )
            out["lr"].append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            average(module)
            scheduler.step()
        first = (x[0], t[0], None if ctx is None else ctx[0])
        with torch.no_grad():
            out["out_after"] = network(*first).numpy()
            average.copy_to(module)
            out["out_after_ema"] = network(*first).numpy()
        kind = x.numpy().dtype
        return {"out/" + k: np.array(v, np.float64 if k == "lr" else kind) for k, v in out.items()}

    def evaluate(step, dtype):
        with cases.quiet():
            return train(
                **{k: cases.as_torch(v, dtype) for k, v in cases.nearby(inputs, step).items()}
            )

    numbers = range(1 + cases.NEARBY_INPUTS)
    reference, *shifted = [evaluate(i, torch.float32) for i in numbers]
    with float64_throughout():
        truths = [evaluate(i, torch.float64) for i in numbers]
    rates = {"out/lr": reference.pop("out/lr")}
    table = cases.tolerances(
        reference, list(zip([reference, *shifted], truths))
    ) | cases.tolerances(rates, [])
    cases.write_case(
        name,
        config,
        {"in/" + k: v for k, v in inputs.items()} | reference | rates,
        table,
        note,
        "ldm.models.diffusion.ddpm.LatentDiffusion.p_losses, ldm.modules.ema.LitEma, torch.optim.AdamW",
        recipe,
        keep_float64=True,
    )


SMALL_UNET = {
    "image_size": 8,
    "in_channels": 3,
    "out_channels": 3,
    "model_channels": 32,
    "num_res_blocks": 1,
    "attention_resolutions": [2],
    "channel_mult": [1, 2],
    "num_heads": 2,
}
WORDS = {**SMALL_UNET, "use_spatial_transformer": True, "context_dim": 12, "legacy": False}
SD = {"beta_schedule": "linear", "timesteps": 1000, "linear_start": 0.00085, "linear_end": 0.012}
training_case(
    "words",
    "Squared error to the noise, a rate that warms up, a schedule like Stable Diffusion's.",
    2,
    (3, 4, 6),
    (5, 12),
    unet=WORDS,
    schedule=SD,
    loss_type="l2",
    lr=5e-4,
    steps=6,
    adam={"betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01},
    ema_decay=0.9999,
    lr_schedule={
        "class": "LambdaLinearScheduler",
        "args": {
            "warm_up_steps": [3],
            "f_min": [1.0],
            "f_max": [1.0],
            "f_start": [0.1],
            "cycle_lengths": [1000000],
        },
    },
)
training_case(
    "without_words",
    "Absolute error to x0, a rate along a cosine, strong decay, an EMA with a small decay.",
    3,
    (3, 4, 4),
    unet=SMALL_UNET,
    schedule={"beta_schedule": "cosine", "timesteps": 50, "parameterization": "x0"},
    loss_type="l1",
    lr=2e-3,
    steps=5,
    adam={"betas": [0.8, 0.9], "eps": 1e-6, "weight_decay": 0.3},
    ema_decay=0.25,
    lr_schedule={
        "class": "LambdaWarmUpCosineScheduler",
        "args": {
            "warm_up_steps": 2,
            "lr_min": 0.1,
            "lr_max": 1.0,
            "lr_start": 0.3,
            "max_decay_steps": 5,
        },
    },
)


# ---- what layers are called in LoRA files
def write_json(name, content):
    (cases.ROOT / cases.CHAPTER / name).write_text(json.dumps(content, indent=1) + "\n")
    print(f"{cases.CHAPTER}/{name}")


def kohya(peft_name):
    (found,) = (
        k
        for k in convert_state_dict_to_kohya({peft_name + ".lora_A.weight": [0]})
        if "lora_down" in k
    )
    return found.removesuffix(".lora_down.weight")


def lora_names():
    unet_config = {
        "image_size": 8,
        "in_channels": 4,
        "out_channels": 4,
        "model_channels": 32,
        "num_res_blocks": 2,
        "attention_resolutions": [2],
        "channel_mult": [1, 2],
        "num_heads": 4,
        "use_spatial_transformer": True,
        "context_dim": 16,
        "legacy": False,
    }
    text_config = {
        "vocab_size": 40,
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 8,
        "bos_token_id": 38,
        "eos_token_id": 39,
        "pad_token_id": 39,
        "hidden_act": "quick_gelu",
    }
    theirs = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(32, 64),
        layers_per_block=2,
        cross_attention_dim=16,
        attention_head_dim=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )
    # Every weight of the original is filled with its number; diffusers' own conversion says where the number goes.
    with cases.quiet():
        keys = list(openaimodel.UNetModel(**unet_config).state_dict())
    prefix = "model.diffusion_model."
    converted = convert_ldm_unet_checkpoint(
        {prefix + k: torch.tensor(i) for i, k in enumerate(keys)},
        {"layers_per_block": 2, **dict(theirs.config)},
    )
    layers = []
    for name, module in theirs.named_modules():
        if isinstance(module, (torch.nn.Linear, torch.nn.Conv2d)):
            layers.append(
                {
                    "weight": prefix + keys[int(converted[name + ".weight"])],
                    "peft": "unet." + name,
                    "kohya": kohya("unet." + name),
                }
            )
    text = CLIPTextModel(CLIPTextConfig(**text_config))
    for name, module in text.named_modules():
        if isinstance(module, torch.nn.Linear):
            full = name if name.startswith("text_model.") else "text_model." + name
            layers.append(
                {
                    "weight": f"cond_stage_model.transformer.{full}.weight",
                    "peft": "text_encoder." + full,
                    "kohya": kohya("text_encoder." + full).replace("lora_te1_", "lora_te_"),
                }
            )
    write_json(
        "lora_names.json",
        {"unet_config": unet_config, "text_config": text_config, "layers": layers},
    )


lora_names()


# ---- the numbers that networks begin with: mean and standard deviation of every tensor, over 30 seeds
def initial_weights():
    small = {
        "image_size": 8,
        "in_channels": 4,
        "out_channels": 4,
        "model_channels": 32,
        "num_res_blocks": 1,
        "attention_resolutions": [2],
        "channel_mult": [1, 2],
        "num_heads": 4,
    }
    words = {
        **small,
        "use_spatial_transformer": True,
        "context_dim": 16,
        "legacy": False,
        "num_classes": 11,
    }
    plain = {**small, "resblock_updown": True, "use_scale_shift_norm": True}
    ddconfig = {
        "double_z": True,
        "z_channels": 4,
        "resolution": 16,
        "in_channels": 3,
        "out_ch": 3,
        "ch": 32,
        "ch_mult": [1, 2],
        "num_res_blocks": 1,
        "attn_resolutions": [8],
        "dropout": 0.0,
    }
    tower = {
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "hidden_act": "gelu",
    }
    clip = {
        "projection_dim": 24,
        "text_config": {
            **tower,
            "vocab_size": 50,
            "max_position_embeddings": 9,
            "bos_token_id": 48,
            "eos_token_id": 49,
            "pad_token_id": 49,
        },
        "vision_config": {
            **tower,
            "hidden_size": 32,
            "num_hidden_layers": 3,
            "image_size": 16,
            "patch_size": 4,
        },
    }
    networks = {
        "unet_words": (words, lambda: openaimodel.UNetModel(**words)),
        "unet_plain": (plain, lambda: openaimodel.UNetModel(**plain)),
        "autoencoder": (
            {"ddconfig": ddconfig, "embed_dim": 4},
            lambda: autoencoder.AutoencoderKL(ddconfig, {"target": "torch.nn.Identity"}, 4),
        ),
        "clip": (clip, lambda: CLIPModel(CLIPConfig(**clip))),
    }
    found = {}
    for network, (config, build) in networks.items():
        values = {}
        for seed in range(30):
            torch.manual_seed(seed)
            with cases.quiet():
                for name, p in build().named_parameters():
                    values.setdefault(name, []).append(p.detach().double().flatten())
        tensors = {
            name: [
                float(f"{torch.cat(v).mean().item():.4g}"),
                float(f"{torch.cat(v).std().item():.4g}"),
            ]
            for name, v in values.items()
        }
        found[network] = {"config": config, "mean_and_std": tensors}
    write_json("initial_weights.json", found)


initial_weights()
