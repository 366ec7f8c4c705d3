"""Chapter 01: schedules, the forward process, its reversal, losses, time embeddings, averages of weights."""
from math import cos, pi

import numpy as np
import torch
from cases import function_case, normal
from originals import (
    LambdaLinearScheduler,
    LambdaWarmUpCosineScheduler,
    LambdaWarmUpCosineScheduler2,
    ddpm,
    ema,
    latent_diffusion,
    util,
    vae,
)

SD = {
    "beta_schedule": "linear",
    "timesteps": 1000,
    "linear_start": 0.00085,
    "linear_end": 0.012,
}  # Stable Diffusion 1
COSINE = {"beta_schedule": "cosine", "timesteps": 50}
BUFFERS = [
    "betas",
    "alphas_cumprod",
    "alphas_cumprod_prev",
    "sqrt_alphas_cumprod",
    "sqrt_one_minus_alphas_cumprod",
    "log_one_minus_alphas_cumprod",
    "sqrt_recip_alphas_cumprod",
    "sqrt_recipm1_alphas_cumprod",
    "posterior_variance",
    "posterior_log_variance_clipped",
    "posterior_mean_coef1",
    "posterior_mean_coef2",
    "lvlb_weights",
]


def per_sample(*steps):
    return np.array(steps, np.int32)


# ---- schedules
def beta_schedule(situation, note, schedules, n_timestep, **options):
    def tables():
        betas = {name: util.make_beta_schedule(name, n_timestep, **options) for name in schedules}
        return {f"{name}.betas": b for name, b in betas.items()} | {
            f"{name}.alphas_cumprod": np.cumprod(1 - b) for name, b in betas.items()
        }

    function_case(
        f"BetaSchedule.{situation}",
        {"schedules": schedules, "n_timestep": n_timestep, **options},
        {},
        tables,
        note,
        "ldm.modules.diffusionmodules.util.make_beta_schedule",
    )


beta_schedule(
    "stable_diffusion",
    "'linear' is a straight line of square roots, squared.",
    ["linear"],
    1000,
    linear_start=0.00085,
    linear_end=0.012,
)
beta_schedule(
    "four_kinds",
    "All kinds with their default ends, an odd number of steps.",
    ["linear", "sqrt_linear", "sqrt", "cosine"],
    75,
)
beta_schedule(
    "cosine_offset",
    "Another offset, few steps: the last beta is cut to 0.999.",
    ["cosine"],
    10,
    cosine_s=0.05,
)


def betas_for_alpha_bar(situation, note, n, s, **options):
    function_case(
        f"BetasForAlphaBar.{situation}",
        {"num_diffusion_timesteps": n, "alpha_bar": {"kind": "cosine", "s": s}, **options},
        {},
        lambda: {
            "betas": util.betas_for_alpha_bar(
                n, lambda u: cos((u + s) / (1 + s) * pi / 2) ** 2, **options
            )
        },
        note,
        "ldm.modules.diffusionmodules.util.betas_for_alpha_bar",
    )


betas_for_alpha_bar("default_limit", "Betas stop at 0.999.", 100, 0.008)
betas_for_alpha_bar("low_limit", "A limit that several betas reach.", 33, 0.008, max_beta=0.2)


def diffusion_schedule(situation, note, **config):
    function_case(
        f"DiffusionSchedule.{situation}",
        config,
        {},
        lambda: {
            name: getattr(latent_diffusion({"a": 1, "b": 0}, config), name) for name in BUFFERS
        },
        note,
        "ldm.models.diffusion.ddpm.DDPM.register_schedule",
    )


diffusion_schedule("stable_diffusion", "The schedule of Stable Diffusion 1.", **SD)
diffusion_schedule("cosine", "Ends in almost pure noise: large reciprocals.", **COSINE)
diffusion_schedule("sqrt", "Square roots of a straight line.", beta_schedule="sqrt", timesteps=37)
diffusion_schedule(
    "sqrt_linear_x0",
    "A plain straight line, trained to predict x0, variance half way to beta.",
    beta_schedule="sqrt_linear",
    timesteps=101,
    v_posterior=0.5,
    parameterization="x0",
)
diffusion_schedule(
    "v",
    "Trained to predict v (Stable Diffusion 2's code): all lvlb weights are 1.",
    **{**SD, "timesteps": 20},
    parameterization="v",
)


# ---- forward, and one step back
def forward_process(situation, note, shape, t, scale=1.0, **schedule):
    def process(x0, xt, noise, t):
        model = latent_diffusion({"a": 1, "b": 0}, schedule)
        mean, variance, log_variance = model.q_mean_variance(x0, t)
        post_mean, post_variance, post_log_variance = model.q_posterior(x0, xt, t)
        return {
            "q_sample": model.q_sample(x0, t, noise),
            "q_mean": mean,
            "q_var": variance,
            "q_logvar": log_variance,
            "x0_from_eps": model.predict_start_from_noise(xt, t, noise),
            "eps_from_x0": model._predict_eps_from_xstart(xt, t, x0),
            "post_mean": post_mean,
            "post_var": post_variance,
            "post_logvar": post_log_variance,
            "prior_bpd": model._prior_bpd(x0),
        }

    batch = len(t)
    function_case(
        f"ForwardProcess.{situation}",
        {"schedule": schedule},
        {
            "x0": normal(batch, *shape, scale=scale),
            "xt": normal(batch, *shape, scale=scale),
            "noise": normal(batch, *shape, scale=scale),
            "t": per_sample(*t),
        },
        process,
        note,
        "ldm.models.diffusion.ddpm",
    )


forward_process(
    "stable_diffusion",
    "First, last and other steps in one batch; t = 0 is one step of noise.",
    (4, 8, 8),
    (0, 1, 500, 998, 999),
    **SD,
)
forward_process(
    "odd",
    "Odd, non-square picture; a short schedule that does not reach pure noise.",
    (3, 5, 7),
    (0, 20, 59),
    beta_schedule="sqrt_linear",
    timesteps=60,
)
forward_process("tiny_input", "Inputs around 1e-3.", (1, 3, 4), (0, 300), scale=1e-3, **SD)


def ddpm_sampler(
    situation, note, shape, eps, schedule, clip_denoised=False, temperature=1.0, scale=1.0
):
    def sample(x_T, noise):
        model, x, steps = latent_diffusion(eps, schedule), x_T, []
        for k, t in enumerate(reversed(range(model.num_timesteps))):
            ddpm.noise_like = lambda *_: noise[k]
            x = model.p_sample(
                x,
                None,
                torch.full((shape[0],), t),
                clip_denoised=clip_denoised,
                temperature=temperature,
            )
            steps.append(x)
        return {"steps": torch.stack(steps)}

    function_case(
        f"DDPMSampler.{situation}",
        {
            "eps": eps,
            "schedule": schedule,
            "clip_denoised": clip_denoised,
            "temperature": temperature,
        },
        {"x_T": normal(*shape, scale=scale), "noise": normal(schedule["timesteps"], *shape)},
        sample,
        note,
        "ldm.models.diffusion.ddpm.LatentDiffusion.p_sample",
    )


SHORT = {"beta_schedule": "linear", "timesteps": 12, "linear_start": 0.002, "linear_end": 0.4}
ddpm_sampler(
    "clipped_odd",
    "Predicted x0 cut to [-1, 1]; odd, non-square picture.",
    (2, 3, 5, 3),
    {"a": 0.5, "b": 0.4},
    SHORT,
    clip_denoised=True,
)
ddpm_sampler(
    "predicts_x0",
    "A network that predicts x0; less noise; variance a third of the way to beta.",
    (1, 2, 4, 4),
    {"a": 0.6, "b": 0.2},
    {**SHORT, "parameterization": "x0", "v_posterior": 0.3333},
    temperature=0.7,
)
ddpm_sampler(
    "tiny_input",
    "From inputs around 1e-3, without noise, along the cosine schedule.",
    (1, 1, 3, 2),
    {"a": 0.8, "b": 0.0},
    {"beta_schedule": "cosine", "timesteps": 8},
    temperature=0.0,
    scale=1e-3,
)


# ---- losses
def p_losses(situation, note, shape, t, eps, schedule, variants, scale=1.0):
    def losses(x0, noise, t):
        out = {}
        for i, variant in enumerate(variants):
            model = latent_diffusion(eps, {**schedule, **variant}).eval()
            found = model.p_losses(x0, None, t, noise)[1]
            out |= {
                f"v{i}.{name}": found[f"val/{name}"] for name in ("loss", "loss_simple", "loss_vlb")
            }
        return out

    function_case(
        f"PLosses.{situation}",
        {"eps": eps, "schedule": schedule, "variants": variants},
        {
            "x0": normal(*shape, scale=scale),
            "noise": normal(*shape, scale=scale),
            "t": per_sample(*t),
        },
        losses,
        note,
        "ldm.models.diffusion.ddpm.LatentDiffusion.p_losses",
    )


VARIANTS = [
    {"loss_type": "l2"},
    {"loss_type": "l1"},
    {"loss_type": "l2", "parameterization": "x0"},
    {"loss_type": "l2", "original_elbo_weight": 0.1, "l_simple_weight": 0.3, "logvar_init": 0.4},
    {"loss_type": "l1", "original_elbo_weight": 0.01, "logvar_init": -0.5, "v_posterior": 0.2},
]
p_losses(
    "stable_diffusion",
    "Squared and absolute error to the noise or to x0, with and without the variational term.",
    (4, 4, 8, 8),
    (0, 250, 700, 999),
    {"a": 0.7, "b": 0.1},
    SD,
    VARIANTS,
)
p_losses(
    "odd_cosine",
    "Odd, non-square picture, cosine schedule.",
    (3, 2, 5, 3),
    (0, 10, 49),
    {"a": 0.4, "b": 0.8},
    COSINE,
    VARIANTS,
)
p_losses(
    "tiny_input",
    "Inputs around 1e-3.",
    (2, 1, 4, 3),
    (5, 40),
    {"a": 0.9, "b": 0.0},
    COSINE,
    VARIANTS,
    scale=1e-3,
)
p_losses(
    "predicts_v",
    "The target is v = sqrt(ac)*noise - sqrt(1-ac)*x0 (Stable Diffusion 2's code).",
    (3, 4, 6, 5),
    (0, 400, 999),
    {"a": 0.6, "b": 0.3},
    SD,
    [{"loss_type": "l2", "parameterization": "v"}, {"loss_type": "l1", "parameterization": "v"}],
)


# ---- time embeddings
def timestep_embedding(situation, note, t, tables):
    def embed(t):
        out = {}
        for table in tables:
            if table["style"] == "cos_sin":
                options = {k: table[k] for k in ("max_period", "repeat_only") if k in table}
                out[table["name"]] = util.timestep_embedding(t, table["dim"], **options)
            else:
                out[table["name"]] = vae.get_timestep_embedding(t, table["dim"])
        return out

    function_case(
        f"TimestepEmbedding.{situation}",
        {"tables": tables},
        {"t": np.array(t, np.float32)},
        embed,
        note,
        "ldm.modules.diffusionmodules: util.timestep_embedding, model.get_timestep_embedding",
    )


timestep_embedding(
    "stable_diffusion",
    "320 numbers for a step: cosines first, then sines.",
    [0, 1, 81, 500, 981, 999],
    [{"name": "unet", "style": "cos_sin", "dim": 320}],
)
timestep_embedding(
    "odd_fractional",
    "Odd sizes end in a zero; times between steps; another period; and the older table, sines first.",
    [0.0, 0.001, 0.5, 17.25, 980.9],
    [
        {"name": "cos_sin_even", "style": "cos_sin", "dim": 10},
        {"name": "cos_sin_odd", "style": "cos_sin", "dim": 33},
        {"name": "cos_sin_three", "style": "cos_sin", "dim": 3},
        {"name": "period", "style": "cos_sin", "dim": 8, "max_period": 100},
        {"name": "sin_cos_even", "style": "sin_cos", "dim": 10},
        {"name": "sin_cos_odd", "style": "sin_cos", "dim": 33},
        {"name": "repeat", "style": "cos_sin", "dim": 5, "repeat_only": True},
    ],
)


# ---- training helpers
def lit_ema(situation, note, updates, **variants):
    def average(w, sw):
        out = {}
        for name, variant in variants.items():
            model = torch.nn.Module()
            model.w, model.sub = torch.nn.Parameter(w[0].clone()), torch.nn.Linear(
                sw.shape[2], sw.shape[1]
            )
            model.sub.weight.data, model.sub.bias.requires_grad = sw[0].clone(), False
            shadow, seen = ema.LitEma(model, **variant), {
                "w": [],
                "subweight": [],
                "num_updates": [],
            }
            for k in range(1, updates + 1):
                model.w.data, model.sub.weight.data = w[k].clone(), sw[k].clone()
                shadow(model)
                for key, values in seen.items():
                    values.append(getattr(shadow, key).clone())
            out |= {f"{name}.{key}": torch.stack(values) for key, values in seen.items()}
        return out

    function_case(
        f"LitEma.{situation}",
        {"variants": variants},
        {"w": normal(updates + 1, 5), "sw": normal(updates + 1, 3, 2)},
        average,
        note,
        "ldm.modules.ema.LitEma",
    )


lit_ema(
    "counted",
    "Young averages forget faster: 2/11, 3/12, ... until the given decay is reached.",
    20,
    default={},
    fast={"decay": 0.5},
)
lit_ema(
    "constant",
    "Without counting the decay is constant from the first update.",
    4,
    slow={"use_num_upates": False},
    fast={"decay": 0.25, "use_num_upates": False},
    never={"decay": 1.0, "use_num_upates": False},
)

SCHEDULERS = {
    c.__name__: c
    for c in (LambdaWarmUpCosineScheduler, LambdaWarmUpCosineScheduler2, LambdaLinearScheduler)
}


def lr_schedules(situation, note, **schedules):
    def multipliers():
        return {
            name: np.array([SCHEDULERS[s["class"]](**s["args"])(n) for n in s["n"]], np.float64)
            for name, s in schedules.items()
        }

    function_case(
        f"LRSchedules.{situation}",
        {"schedules": schedules},
        {},
        multipliers,
        note,
        "CompVis/latent-diffusion ldm/lr_scheduler.py, transcribed",
    )


CYCLES = {
    "warm_up_steps": [5, 1, 3],
    "f_min": [0.1, 0.05, 0.0],
    "f_max": [1.0, 0.5, 0.25],
    "f_start": [0.0, 0.5, 0.01],
    "cycle_lengths": [20, 7, 11],
}
STEPS = [0, 1, 4, 5, 6, 19, 20, 21, 22, 27, 28, 30, 31, 38]
lr_schedules(
    "one_cycle",
    "Warm-up, then a cosine to the lowest rate, where it stays; or the same rate for ever.",
    cosine={
        "class": "LambdaWarmUpCosineScheduler",
        "n": [0, 1, 99, 100, 101, 550, 999, 1000, 1001, 5000],
        "args": {
            "warm_up_steps": 100,
            "lr_min": 0.001,
            "lr_max": 1.0,
            "lr_start": 0.0,
            "max_decay_steps": 1000,
        },
    },
    latent_diffusion={
        "class": "LambdaLinearScheduler",
        "n": [0, 1, 9999, 10000, 10001, 1000000],
        "args": {
            "warm_up_steps": [10000],
            "f_min": [1.0],
            "f_max": [1.0],
            "f_start": [1e-6],
            "cycle_lengths": [10000000000000],
        },
    },
)
lr_schedules(
    "three_cycles",
    "A cycle owns the steps up to and including its end.",
    cosine={"class": "LambdaWarmUpCosineScheduler2", "args": CYCLES, "n": STEPS},
    linear={"class": "LambdaLinearScheduler", "args": CYCLES, "n": STEPS},
)
