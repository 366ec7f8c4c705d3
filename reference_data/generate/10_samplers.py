"""Chapter 10: other ways from noise to a picture. PLMS, DPM-Solver, the samplers of k-diffusion, the schedulers of diffusers.

A tiny network (originals.TinyEps) stands in for the UNet. All noise is an input: what a sampler draws at random, the Brownian tree
included, is taken from it in the order of the drawings.
"""
import contextlib
import sys
import warnings
from unittest.mock import patch

import diffusers
import numpy as np
import torch
from cases import CHAPTER, ROOT, function_case, normal, quiet, write_safetensors
from originals import (
    TinyEps,
    dpm_solver,
    k_external,
    k_sampling,
    latent_diffusion,
    plms,
    torchsde,
)

warnings.filterwarnings("ignore", category=FutureWarning)  # schedulers that are called deprecated
warnings.filterwarnings(
    "ignore", message="Should have t"
)  # the ends of a tree are rounded, the queries not yet
diffusers.logging.set_verbosity_error()

SD = {"beta_schedule": "linear", "timesteps": 1000, "linear_start": 0.00085, "linear_end": 0.012}
SHORT = {"beta_schedule": "linear", "timesteps": 200, "linear_start": 0.002, "linear_end": 0.03}
COSINE = {"beta_schedule": "cosine", "timesteps": 60}
EPS = {"a": 0.8, "b": 0.3}
SMALL, PLAIN, BATCH = (1, 1, 3, 7), (1, 2, 3, 5), (2, 3, 5, 4)


class Draws:
    """Stands in for a source of noise: gives one piece after the other, whatever it is asked for."""

    def __init__(self, noise):
        self.noise, self.count = noise, 0

    def __call__(self, *_, **__):
        self.count += 1
        return self.noise[self.count - 1]


def drawings(run, config, *shape):
    """How often a sampler draws noise."""
    draws = Draws(torch.zeros(100, *shape))
    with torch.no_grad(), quiet():
        run(config, torch.zeros(shape), draws)
    return draws.count


def noise_for(run, config, *shape):
    """A file without drawings has one piece of noise that is not used."""
    return normal(max(1, drawings(run, config, *shape)), *shape)


@contextlib.contextmanager
def numpy_as_precise():
    """Within, numpy's float32 is as precise as torch's: double in the evaluation that is the truth."""
    double = torch.get_default_dtype() == torch.float64
    with patch.object(np, "float32", np.float64) if double else contextlib.nullcontext():
        yield


# ---- PLMS
def plms_run(config, x_T, cond=None, uncond=None):
    model = latent_diffusion(
        config["eps"],
        config["schedule"],
        conditioning_key=None if cond is None else "crossattn",
        force_null_conditioning=cond is not None,
    )
    one, steps, times = plms.PLMSSampler(model), [], []
    apply_model, p_sample = model.apply_model, one.p_sample_plms

    def keep_time(x, t, c):
        times.append(int(t[0]))
        return apply_model(x, t, c)

    def keep(*arguments, **settings):
        steps.append(p_sample(*arguments, **settings))
        return steps[-1]

    model.apply_model, one.p_sample_plms = keep_time, keep
    one.sample(
        config["S"],
        x_T.shape[0],
        x_T.shape[1:],
        conditioning=cond,
        unconditional_conditioning=uncond,
        unconditional_guidance_scale=config.get("unconditional_guidance_scale", 1.0),
        x_T=x_T,
        verbose=False,
    )
    names = ("x_steps", "pred_x0_steps", "e_t_steps")
    return {k: torch.stack(v) for k, v in zip(names, zip(*steps))} | {
        "model_call_t": np.array(times)
    }


def plms_sampler(situation, note, shape, S, schedule=SD, eps=EPS, words=None, **options):
    inputs = {"x_T": normal(*shape)}
    if words:
        inputs |= {"cond": normal(shape[0], *words), "uncond": normal(shape[0], *words)}
    config = {"eps": eps, "schedule": schedule, "S": S, **options}
    function_case(
        f"PLMSSampler.{situation}",
        config,
        inputs,
        lambda **tensors: plms_run(config, **tensors),
        note,
        "ldm.models.diffusion.plms.PLMSSampler.sample",
    )


plms_sampler("one_step", "One step, to its own time: the network is asked twice.", SMALL, 1)
plms_sampler(
    "two_steps",
    "Improved Euler, then order 2; a scale of 7.5.",
    PLAIN,
    2,
    eps={"a": 0.6, "b": 0.3, "c": 0.5},
    words=(3, 4),
    unconditional_guidance_scale=7.5,
)
plms_sampler(
    "short_schedule",
    "Four steps where three were asked for; up to order 4.",
    BATCH,
    3,
    schedule=SHORT,
)
plms_sampler(
    "guidance",
    "A scale of 2, and the formula of order 4 several times.",
    (2, 1, 3, 4),
    8,
    eps={"a": 0.5, "b": 0.7, "c": -0.4},
    words=(5, 3),
    unconditional_guidance_scale=2.0,
)
plms_sampler(
    "guidance_of_one",
    "A scale of 1 asks for the prompt only.",
    (2, 1, 4, 3),
    5,
    eps={"a": 0.5, "b": 0.4, "c": 0.6},
    words=(2, 3),
    unconditional_guidance_scale=1.0,
)
plms_sampler("cosine", "Twenty steps of a cosine schedule of sixty.", SMALL, 20, schedule=COSINE)


# ---- DPM-Solver
def dpm_run(config, x_T, cond, uncond, t):
    model = latent_diffusion(
        config["eps"],
        config["schedule"],
        conditioning_key="crossattn",
        force_null_conditioning=True,
    )
    result, times, apply_model = {}, [], model.apply_model

    def keep_time(x, t, c):
        times.append(t[0])
        return apply_model(x, t, c)

    model.apply_model = keep_time
    for run in config["sampler_runs"]:
        times.clear()
        result[run["out"]], _ = dpm_solver.DPMSolverSampler(model).sample(
            run["S"],
            x_T.shape[0],
            x_T.shape[1:],
            conditioning=cond,
            unconditional_conditioning=uncond,
            unconditional_guidance_scale=run["unconditional_guidance_scale"],
            x_T=x_T,
        )
        result[run["out"] + ".model_t"] = torch.stack(times)

    ns = dpm_solver.dpm_solver.NoiseScheduleVP("discrete", alphas_cumprod=model.alphas_cumprod)
    network = dpm_solver.dpm_solver.model_wrapper(
        lambda x, t: apply_model(x, t, torch.zeros_like(cond)), ns
    )
    for run in config["solver_runs"]:
        settings = {k: v for k, v in run.items() if k != "out"}
        solver = {k: settings.pop(k) for k in ("predict_x0", "thresholding", "max_val") if k in run}
        result[run["out"]] = dpm_solver.dpm_solver.DPM_Solver(network, ns, **solver).sample(
            x_T, **settings
        )
    return result | {
        "ns.log_alpha": ns.marginal_log_mean_coeff(t),
        "ns.std": ns.marginal_std(t),
        "ns.lambda": ns.marginal_lambda(t),
        "ns.inverse": ns.inverse_lambda(ns.marginal_lambda(t)),
    }


def dpm_sampler(situation, note, shape, t, sampler_runs, solver_runs, schedule=SD, eps=None):
    config = {
        "eps": eps or {"a": 0.5, "b": 0.4, "c": 0.3},
        "schedule": schedule,
        "sampler_runs": [
            {"out": f"S{S}_g{scale}", "S": S, "unconditional_guidance_scale": scale}
            for S, scale in sampler_runs
        ],
        "solver_runs": [{"out": out, **run} for out, run in solver_runs.items()],
    }
    function_case(
        f"DPMSolverSampler.{situation}",
        config,
        {
            "x_T": normal(*shape),
            "cond": normal(shape[0], 3, 4),
            "uncond": normal(shape[0], 3, 4),
            "t": np.array(t, np.float32),
        },
        lambda **tensors: dpm_run(config, **tensors),
        note,
        "ldm.models.diffusion.dpm_solver.DPMSolverSampler.sample, DPM_Solver.sample",
    )


def solver_run(predict_x0, method, order, steps=None, skip_type="time_uniform", **options):
    run = {"predict_x0": predict_x0, "method": method, "order": order}
    if method != "adaptive":
        run |= {"steps": steps, "skip_type": skip_type}
    return run | options


dpm_sampler(
    "steps",
    "Fourteen steps end with lower orders, fifteen do not; a number of steps for each kind of rest.",
    (2, 1, 3, 4),
    [0.001, 0.0314, 0.25, 0.6, 0.9995, 1.0],
    [(2, 1.0), (5, 3.0), (14, 2.0), (15, 2.0)],
    {
        f"x0{int(x0)}.{name}": run
        for x0 in (False, True)
        for name, run in {
            "multistep2.14": solver_run(x0, "multistep", 2, 14),
            "multistep2.15": solver_run(x0, "multistep", 2, 15),
            "multistep2.14.taylor": solver_run(x0, "multistep", 2, 14, solver_type="taylor"),
            "multistep3.15": solver_run(x0, "multistep", 3, 15, solver_type="taylor"),
            "multistep3.9.not_lower": solver_run(x0, "multistep", 3, 9, lower_order_final=False),
            "multistep2.quadratic": solver_run(x0, "multistep", 2, 7, "time_quadratic"),
            "multistep3.logsnr": solver_run(x0, "multistep", 3, 16, "logSNR"),
            "fixed2.quadratic": solver_run(x0, "singlestep_fixed", 2, 9, "time_quadratic"),
            "fixed3.logsnr": solver_run(
                x0, "singlestep_fixed", 3, 8, "logSNR", solver_type="taylor"
            ),
            "singlestep3.6": solver_run(x0, "singlestep", 3, 6, "logSNR"),
            "singlestep3.7": solver_run(x0, "singlestep", 3, 7, "logSNR", solver_type="taylor"),
            "singlestep3.8": solver_run(x0, "singlestep", 3, 8, "logSNR"),
            "singlestep2.6": solver_run(x0, "singlestep", 2, 6, "logSNR"),
            "singlestep2.7": solver_run(x0, "singlestep", 2, 7, "logSNR", solver_type="taylor"),
            "adaptive2": solver_run(x0, "adaptive", 2, solver_type="taylor"),
            "adaptive3": solver_run(x0, "adaptive", 3),
            "adaptive3.taylor": solver_run(x0, "adaptive", 3, solver_type="taylor"),
        }.items()
    },
)
dpm_sampler(
    "thresholds",
    "A short schedule, all of x0 cut; with a last step to time 0 and without.",
    (2, 2, 3, 5),
    [0.005, 0.007, 0.5, 1.0],
    [(3, 4.0)],
    {
        "max_val_0.4": solver_run(True, "multistep", 2, 6, thresholding=True, max_val=0.4),
        "max_val_1": solver_run(True, "multistep", 1, 5, thresholding=True),
        "max_val_3": solver_run(
            True, "multistep", 2, 7, thresholding=True, max_val=3.0, denoise_to_zero=True
        ),
        "singlestep": solver_run(
            True, "singlestep_fixed", 2, 6, thresholding=True, max_val=0.7, denoise_to_zero=True
        ),
        "adaptive2": solver_run(True, "adaptive", 2, thresholding=True, max_val=1.5),
        "denoise_noise_form": solver_run(False, "multistep", 2, 6, denoise_to_zero=True),
        "denoise_adaptive": solver_run(False, "adaptive", 3, denoise_to_zero=True),
    },
    schedule=SHORT,
    eps={"a": 0.9, "b": -0.3, "c": 0.5},
)


# ---- k-diffusion
GRIDS = {
    "karras": k_sampling.get_sigmas_karras,
    "exponential": k_sampling.get_sigmas_exponential,
    "polyexponential": k_sampling.get_sigmas_polyexponential,
}
CHURNING = (
    "euler",
    "heun",
    "dpm_2",
)  # these draw with torch.randn_like, the others are given a source
WITHOUT_NOISE = ("lms", "dpmpp_2m")


def k_model(config):
    model = latent_diffusion(config["eps"], config["schedule"])
    v = config["schedule"].get("parameterization") == "v"
    return model, (k_external.CompVisVDenoiser if v else k_external.CompVisDenoiser)(model)


def k_run(config, x, draws):
    model, denoiser = k_model(config)
    times, starts, denoised, apply_model = [], [], [], model.apply_model

    def keep_time(x, t, cond):
        times.append(t[0])
        return apply_model(x, t, cond)

    def keep(state):
        denoised.append(state["denoised"])
        if config["sampler"] not in CHURNING:
            starts.append(state["x"])

    def randn_like(x):
        starts.append(x)
        return draws()

    model.apply_model = keep_time
    grid = {k: v for k, v in config["sigmas"].items() if k not in ("kind", "n")}
    kind, n = config["sigmas"]["kind"], config["sigmas"]["n"]
    if kind == "discrete":
        sigmas = denoiser.get_sigmas(n)
    else:
        sigmas = GRIDS[kind](n, denoiser.sigma_min, denoiser.sigma_max, **grid)
    options = {k: v for k, v in config.items() if k not in ("eps", "schedule", "sampler", "sigmas")}
    if config["sampler"] not in (*CHURNING, *WITHOUT_NOISE):
        options["noise_sampler"] = draws
    with patch.object(torch, "randn_like", randn_like):
        last = getattr(k_sampling, "sample_" + config["sampler"])(
            denoiser, x, sigmas, extra_args={"cond": None}, callback=keep, **options
        )
    return {
        "sigmas": sigmas,
        "x_steps": torch.stack([*starts[1:], last]),
        "denoised_steps": torch.stack(denoised),
        "model_t": torch.stack(times),
    }


def k_sampler(situation, note, sampler, shape, sigmas, schedule=SD, eps=EPS, **options):
    config = {"eps": eps, "schedule": schedule, "sampler": sampler, **options, "sigmas": sigmas}
    with quiet():
        sigma_max = float(k_model(config)[1].sigma_max)
    function_case(
        f"KSampler.{situation}",
        config,
        {
            "x": normal(*shape, scale=float(f"{sigma_max:.4g}")),
            "noise": noise_for(k_run, config, *shape),
        },
        lambda x, noise: k_run(config, x, Draws(noise)),
        note,
        f"k-diffusion 0.1.1.post1 sampling.sample_{sampler}, external.CompVisDenoiser",
    )


def own_sigmas_run(config, x, draws):
    """dpm_fast and dpm_adaptive make their own noise levels."""
    model, denoiser = k_model(config)
    times, apply_model = [], model.apply_model

    def keep_time(x, t, cond):
        times.append(t[0])
        return apply_model(x, t, cond)

    model.apply_model = keep_time
    options = {k: v for k, v in config.items() if k not in ("eps", "schedule", "sampler")}
    out = getattr(k_sampling, "sample_" + config["sampler"])(
        denoiser,
        x,
        denoiser.sigma_min,
        denoiser.sigma_max,
        extra_args={"cond": None},
        noise_sampler=draws,
        disable=True,
        **options,
    )
    return {"out": out, "model_t": torch.stack(times)}


def own_sigmas(situation, note, sampler, shape, schedule=SD, eps=EPS, **options):
    config = {"eps": eps, "schedule": schedule, "sampler": sampler, **options}
    with quiet():
        sigma_max = float(k_model(config)[1].sigma_max)
    function_case(
        f"KSampler.{sampler}_{situation}",
        config,
        {
            "x": normal(*shape, scale=float(f"{sigma_max:.4g}")),
            # how many steps dpm_adaptive makes depends on what it finds
            "noise": normal(100, *shape)
            if sampler == "dpm_adaptive"
            else noise_for(own_sigmas_run, config, *shape),
        },
        lambda x, noise: own_sigmas_run(config, x, Draws(noise)),
        note,
        f"k-diffusion 0.1.1.post1 sampling.sample_{sampler}, external.CompVisDenoiser",
    )


def discrete(n):
    return {"kind": "discrete", "n": n}


def karras(n, **rho):
    return {"kind": "karras", "n": n, **rho}


def exponential(n):
    return {"kind": "exponential", "n": n}


def polyexponential(n, **rho):
    return {"kind": "polyexponential", "n": n, **rho}


V = {**SD, "parameterization": "v"}

k_sampler("euler_one_step", "From all noise to none.", "euler", SMALL, discrete(1))
k_sampler(
    "euler_churn_cut",
    "So much churn that its limit counts.",
    "euler",
    PLAIN,
    exponential(6),
    s_churn=40.0,
    s_noise=1.02,
)
k_sampler(
    "euler_churn_v",
    "Churn below its limit; a network that predicts v.",
    "euler",
    SMALL,
    karras(13, rho=5.0),
    schedule=V,
    s_churn=3.0,
    s_noise=0.9,
)
k_sampler(
    "euler_short", "Another schedule.", "euler", BATCH, polyexponential(3, rho=0.7), schedule=SHORT
)
k_sampler(
    "heun_churn",
    "The second opinion is asked at the end of the step, without churn.",
    "heun",
    PLAIN,
    karras(6, rho=3.0),
    s_churn=3.0,
    s_noise=0.9,
)
k_sampler(
    "heun_churn_cut_v",
    "So much churn that its limit counts; v.",
    "heun",
    SMALL,
    discrete(3),
    schedule=V,
    s_churn=40.0,
    s_noise=1.02,
)
k_sampler("heun_two_steps", "One step of Heun, one of Euler.", "heun", BATCH, polyexponential(2))
k_sampler("heun_long", "Thirteen steps.", "heun", SMALL, exponential(13), schedule=SHORT)
k_sampler("dpm_2_one_step", "A step to 0 is one of Euler.", "dpm_2", SMALL, karras(1))
k_sampler(
    "dpm_2_churn",
    "The point in between lies between the raised sigma and the next.",
    "dpm_2",
    PLAIN,
    discrete(6),
    s_churn=3.0,
    s_noise=1.02,
)
k_sampler(
    "dpm_2_churn_cut",
    "So much churn that its limit counts.",
    "dpm_2",
    SMALL,
    polyexponential(13, rho=1.5),
    s_churn=40.0,
    s_noise=0.9,
)
k_sampler("dpm_2_v", "A network that predicts v.", "dpm_2", BATCH, karras(3, rho=9.0), schedule=V)

for sampler, grids in {
    "euler_ancestral": (polyexponential(6, rho=2.0), karras(13, rho=5.0), discrete(2)),
    "dpm_2_ancestral": (karras(6), exponential(3), polyexponential(13)),
    "dpmpp_2s_ancestral": (discrete(6), polyexponential(3, rho=0.5), exponential(13)),
    "dpmpp_sde": (exponential(6), discrete(3), karras(13, rho=4.0)),
}.items():
    k_sampler(
        f"{sampler}_eta_0",
        "No noise is added, but drawn all the same.",
        sampler,
        SMALL,
        grids[0],
        eta=0.0,
    )
    k_sampler(
        f"{sampler}_eta_0.6".replace(".", "_"),
        "Less noise than the default, and that a little stronger; v.",
        sampler,
        BATCH if grids[1]["n"] < 6 else SMALL,
        grids[1],
        schedule=V,
        eta=0.6,
        s_noise=1.02,
    )
    k_sampler(
        f"{sampler}_short",
        "All the noise, a little weaker; another schedule.",
        sampler,
        SMALL,
        grids[2],
        schedule=SHORT,
        eta=1.0,
        s_noise=0.9,
    )
k_sampler(
    "dpmpp_sde_one_step", "No noise is drawn.", "dpmpp_sde", SMALL, polyexponential(1), eta=1.0
)
k_sampler(
    "euler_ancestral_cosine",
    "A cosine schedule that begins in almost pure noise.",
    "euler_ancestral",
    SMALL,
    exponential(6),
    schedule=COSINE,
    eta=1.0,
)

k_sampler("lms_order_2", "Two derivatives.", "lms", PLAIN, karras(6), order=2)
k_sampler(
    "lms_order_3", "Three derivatives; v.", "lms", SMALL, exponential(13), schedule=V, order=3
)
k_sampler(
    "lms_order_4", "Four, another schedule.", "lms", SMALL, discrete(6), schedule=SHORT, order=4
)
k_sampler("lms_two_steps", "Too few for the order.", "lms", BATCH, polyexponential(2), order=4)

k_sampler("dpmpp_2m_one_step", "Only the last step.", "dpmpp_2m", SMALL, exponential(1))
k_sampler("dpmpp_2m_two_steps", "Never order 2.", "dpmpp_2m", BATCH, karras(2))
k_sampler("dpmpp_2m_long", "Thirteen steps; v.", "dpmpp_2m", SMALL, polyexponential(13, rho=1.2), V)
k_sampler(
    "dpmpp_2m_cosine",
    "A cosine schedule that begins in almost pure noise.",
    "dpmpp_2m",
    PLAIN,
    discrete(6),
    schedule=COSINE,
)

for solver_type in ("midpoint", "heun"):
    k_sampler(
        f"dpmpp_2m_sde_{solver_type}_eta_0",
        "No noise is drawn.",
        "dpmpp_2m_sde",
        PLAIN,
        karras(6),
        eta=0.0,
        solver_type=solver_type,
    )
    k_sampler(
        f"dpmpp_2m_sde_{solver_type}_eta_0_6",
        "Less noise than the default; v.",
        "dpmpp_2m_sde",
        SMALL,
        polyexponential(13, rho=0.8),
        schedule=V,
        eta=0.6,
        s_noise=0.9,
        solver_type=solver_type,
    )
    k_sampler(
        f"dpmpp_2m_sde_{solver_type}_eta_1",
        "The default noise, a little stronger.",
        "dpmpp_2m_sde",
        BATCH,
        discrete(3),
        schedule=SHORT,
        eta=1.0,
        s_noise=1.02,
        solver_type=solver_type,
    )
k_sampler("dpmpp_3m_sde_eta_0", "No noise is drawn.", "dpmpp_3m_sde", PLAIN, discrete(6), eta=0.0)
k_sampler(
    "dpmpp_3m_sde_eta_0_6",
    "Less noise than the default; v.",
    "dpmpp_3m_sde",
    SMALL,
    karras(13, rho=4.0),
    schedule=V,
    eta=0.6,
    s_noise=0.9,
)
k_sampler(
    "dpmpp_3m_sde_eta_1",
    "Three steps: orders 1, 2, and the last.",
    "dpmpp_3m_sde",
    BATCH,
    polyexponential(3),
    schedule=SHORT,
    eta=1.0,
    s_noise=1.02,
)
k_sampler(
    "dpmpp_3m_sde_two_steps", "Order 1, then the last.", "dpmpp_3m_sde", SMALL, exponential(2)
)

for n, note in {
    1: "One call.",
    2: "Two calls, one step.",
    6: "The last step of three is made as one of two and one of one.",
    7: "One call is left over.",
    11: "Two calls are left over.",
}.items():
    own_sigmas(f"{n}_calls", note, "dpm_fast", SMALL, n=n)
own_sigmas("eta_0_6", "Some noise back; v.", "dpm_fast", PLAIN, V, n=8, eta=0.6, s_noise=1.02)
own_sigmas("eta_1", "All of it.", "dpm_fast", BATCH, SHORT, n=9, eta=1.0, s_noise=0.9)
own_sigmas("order_2", "Its own steps.", "dpm_adaptive", SMALL, order=2)
own_sigmas("order_3", "A picture of two is worse than the other.", "dpm_adaptive", BATCH, order=3)
own_sigmas(
    "precise",
    "Small tolerances, and a first step that is too long; v.",
    "dpm_adaptive",
    SMALL,
    V,
    order=3,
    rtol=0.02,
    atol=0.002,
    h_init=2.0,
)
own_sigmas(
    "eta_0_6",
    "Some noise back after each step that is kept.",
    "dpm_adaptive",
    SMALL,
    order=3,
    eta=0.6,
    s_noise=1.02,
)
own_sigmas("eta_1", "All of it.", "dpm_adaptive", PLAIN, SHORT, order=2, eta=1.0, s_noise=0.9)


# ---- diffusers
def scheduler_run(config, noise0, draws, times=None):
    """times: the network's, if they are integers, whatever this precision makes of them."""
    with numpy_as_precise():
        kind = getattr(diffusers, config["class"])
        one, network = kind(**config["scheduler_config"]), TinyEps(**config["eps"])
        one.set_timesteps(config["num_inference_steps"])
        if times is not None and not one.timesteps.is_floating_point():
            one.timesteps = times.long()
        options = {"eta": config["eta"]} if "eta" in config else {}
        x, steps = noise0 * one.init_noise_sigma, []
        with patch.object(sys.modules[kind.__module__], "randn_tensor", draws, create=True):
            for t in one.timesteps:
                out = network(one.scale_model_input(x, t), t)
                x = one.step(out, t, x, **options).prev_sample
                steps.append(x)
        return {
            "timesteps": one.timesteps.to(noise0.dtype),
            "x_steps": torch.stack(steps),
            "init_noise_sigma": torch.as_tensor(one.init_noise_sigma, dtype=noise0.dtype),
        }


STABLE_DIFFUSION = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
}
NAMES = {
    "ddim": "DDIM",
    "ddpm": "DDPM",
    "pndm": "PNDM",
    "lms": "LMSDiscrete",
    "euler": "EulerDiscrete",
    "euler_ancestral": "EulerAncestralDiscrete",
    "heun": "HeunDiscrete",
    "kdpm2": "KDPM2Discrete",
    "kdpm2_ancestral": "KDPM2AncestralDiscrete",
    "dpm_multistep": "DPMSolverMultistep",
    "dpm_singlestep": "DPMSolverSinglestep",
    "unipc": "UniPCMultistep",
    "deis": "DEISMultistep",
    "lcm": "LCM",
    "tcd": "TCD",
}


def scheduler(name, situation, note, n, shape=SMALL, eps=EPS, eta=None, **settings):
    config = {
        "eps": eps,
        "class": NAMES[name] + "Scheduler",
        "num_inference_steps": n,
        "scheduler_config": {**STABLE_DIFFUSION, **settings},
    }
    if eta is not None:
        config["eta"] = eta

    # Times that are cut to integers hang on the last bit of a logarithm: those of float32 count.
    with torch.no_grad(), quiet():
        times = scheduler_run(config, torch.zeros(shape), Draws(torch.zeros(100)))["timesteps"]
    function_case(
        f"Scheduler.{name}_{situation}",
        config,
        {"noise0": normal(*shape), "noise": noise_for(scheduler_run, config, *shape)},
        lambda noise0, noise: scheduler_run(config, noise0, Draws(noise), times),
        note,
        f"diffusers.{config['class']}",
    )


ZERO_SNR = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
LINEAR = {"beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear"}
CAPPED = {"beta_schedule": "squaredcos_cap_v2"}
FIRST = {"num_train_timesteps": 12}
BETAS = [0.01, 0.015, 0.02, 0.035, 0.05, 0.08, 0.1, 0.14, 0.2, 0.26, 0.33, 0.4]
TRAINED = {**FIRST, "trained_betas": BETAS}
CUT = {"clip_sample": True}
UNCUT = {"clip_sample": False}

# The first generation: DDIM, DDPM, PNDM.
scheduler("ddim", "one_step", "One step, from time 1 to the end.", 1, eta=0.0, steps_offset=1)
scheduler(
    "ddim",
    "linspace_eta_1",
    "All the noise of DDPM; ends at the table's first product.",
    5,
    BATCH,
    eta=1.0,
    timestep_spacing="linspace",
    set_alpha_to_one=False,
    **UNCUT,
)
scheduler(
    "ddim",
    "trailing_zero_snr_v",
    "Starts from noise alone, which only v and sample can do.",
    8,
    eta=0.5,
    prediction_type="v_prediction",
    **ZERO_SNR,
    **UNCUT,
)
scheduler(
    "ddim",
    "sample_clipped",
    "The network predicts the picture, cut at another range; a plain straight line of betas.",
    2,
    PLAIN,
    eta=0.0,
    prediction_type="sample",
    clip_sample_range=1.5,
    **CUT,
    **LINEAR,
)
scheduler(
    "ddim",
    "thresholding",
    "Thresholds come before the range.",
    5,
    PLAIN,
    eta=0.5,
    thresholding=True,
    dynamic_thresholding_ratio=0.9,
    sample_max_value=2.0,
)
scheduler("ddim", "long", "Twenty steps of squared cosines.", 20, eta=0.0, **CAPPED, **UNCUT)
scheduler("ddim", "trained_betas", "Betas from a list.", 5, PLAIN, eta=1.0, **TRAINED, **CUT)

scheduler(
    "ddpm",
    "fixed_large_linspace",
    "The larger variance.",
    5,
    BATCH,
    variance_type="fixed_large",
    timestep_spacing="linspace",
    **UNCUT,
)
scheduler(
    "ddpm",
    "fixed_small_log_v",
    "The smaller variance by way of its logarithm; v.",
    8,
    variance_type="fixed_small_log",
    timestep_spacing="trailing",
    prediction_type="v_prediction",
    clip_sample_range=2.0,
    **CUT,
)
scheduler(
    "ddpm",
    "sample_thresholding",
    "The network predicts the picture, cut at a quantile.",
    2,
    PLAIN,
    eps={"a": 2.5, "b": 0.3},
    prediction_type="sample",
    steps_offset=1,
    thresholding=True,
    dynamic_thresholding_ratio=0.8,
    sample_max_value=6.0,
    **LINEAR,
)
scheduler("ddpm", "zero_snr", "From noise alone; v.", 5, prediction_type="v_prediction", **ZERO_SNR)
scheduler("ddpm", "one_step", "One step, without noise.", 1, **CAPPED, **UNCUT)
scheduler("ddpm", "trained_betas", "All steps of a list of betas.", 12, **TRAINED, **UNCUT)

scheduler(
    "pndm",
    "runge_kutta",
    "Begins with three steps of Runge-Kutta, four calls each.",
    5,
    PLAIN,
    skip_prk_steps=False,
    set_alpha_to_one=True,
)
scheduler(
    "pndm",
    "runge_kutta_trailing_v",
    "The same, v, up to order 4.",
    8,
    skip_prk_steps=False,
    timestep_spacing="trailing",
    prediction_type="v_prediction",
)
scheduler(
    "pndm",
    "runge_kutta_shortest",
    "Four steps, the fewest with Runge-Kutta.",
    4,
    timestep_spacing="linspace",
    **LINEAR,
)
scheduler("pndm", "linspace", "Order 4.", 8, skip_prk_steps=True, timestep_spacing="linspace")
scheduler(
    "pndm",
    "two_steps_v",
    "Two steps, three calls.",
    2,
    BATCH,
    skip_prk_steps=True,
    steps_offset=1,
    prediction_type="v_prediction",
    **CAPPED,
)
scheduler("pndm", "one_step", "One step.", 1, skip_prk_steps=True, set_alpha_to_one=True)
scheduler("pndm", "trained_betas", "Betas from a list.", 6, skip_prk_steps=True, **TRAINED)

# Those after Karras and others, in terms of sigma.
scheduler("lms", "linspace", "Up to order 4, fractional times.", 8, PLAIN)
scheduler(
    "lms",
    "karras_v",
    "Sigmas after Karras; v.",
    5,
    use_karras_sigmas=True,
    timestep_spacing="leading",
    steps_offset=1,
    prediction_type="v_prediction",
)
scheduler(
    "lms",
    "exponential_sample",
    "A geometric series of sigmas; the network predicts the picture.",
    20,
    use_exponential_sigmas=True,
    timestep_spacing="trailing",
    prediction_type="sample",
)
scheduler("lms", "beta", "Quantiles of a beta distribution.", 3, BATCH, use_beta_sigmas=True)
scheduler("lms", "trained_betas", "Two of a list of betas.", 2, **TRAINED)

scheduler("euler", "one_step", "One step from time 0.", 1, steps_offset=0)
scheduler(
    "euler",
    "trailing_zero_snr_v",
    "The last product is 2^-24, not 0.",
    5,
    PLAIN,
    prediction_type="v_prediction",
    **ZERO_SNR,
)
scheduler(
    "euler",
    "karras_ends",
    "Given ends; stops at the table's smallest sigma.",
    8,
    use_karras_sigmas=True,
    sigma_min=0.05,
    sigma_max=9.0,
    final_sigmas_type="sigma_min",
)
scheduler(
    "euler",
    "exponential_sample",
    "The network predicts the picture.",
    5,
    BATCH,
    use_exponential_sigmas=True,
    sigma_max=11.0,
    prediction_type="sample",
)
scheduler("euler", "beta", "Twenty quantiles.", 20, use_beta_sigmas=True, sigma_min=0.1)
scheduler(
    "euler",
    "leading_capped",
    "Squared cosines up to time 800.",
    5,
    timestep_spacing="leading",
    final_sigmas_type="sigma_min",
    **CAPPED,
)
scheduler(
    "euler",
    "log_linear",
    "Sigmas on a line of logarithms: one more than steps, so the last step ends at the smallest.",
    2,
    interpolation_type="log_linear",
)
scheduler(
    "euler",
    "continuous_v",
    "The network is told a quarter of log sigma.",
    5,
    timestep_type="continuous",
    prediction_type="v_prediction",
    use_karras_sigmas=True,
)
scheduler("euler", "trained_betas", "Betas from a list.", 5, **TRAINED)

scheduler("euler_ancestral", "linspace_v", "v.", 5, PLAIN, prediction_type="v_prediction")
scheduler(
    "euler_ancestral", "two_steps", "Two steps.", 2, BATCH, timestep_spacing="trailing", **LINEAR
)
scheduler(
    "euler_ancestral",
    "zero_snr",
    "The last product is 2^-24, not 0; the network predicts noise all the same.",
    8,
    **ZERO_SNR,
)
scheduler(
    "euler_ancestral",
    "one_step",
    "One step from time 1.",
    1,
    timestep_spacing="leading",
    steps_offset=1,
)
scheduler("euler_ancestral", "trained_betas", "Betas from a list.", 12, **TRAINED)

scheduler(
    "heun",
    "karras_clipped",
    "The picture is cut after each call.",
    5,
    PLAIN,
    use_karras_sigmas=True,
    clip_sample_range=2.5,
    **CUT,
)
scheduler(
    "heun",
    "exponential_v",
    "v.",
    8,
    use_exponential_sigmas=True,
    timestep_spacing="leading",
    steps_offset=1,
    prediction_type="v_prediction",
)
scheduler(
    "heun",
    "beta_sample",
    "The network predicts the picture.",
    3,
    BATCH,
    use_beta_sigmas=True,
    timestep_spacing="trailing",
    prediction_type="sample",
)
scheduler("heun", "one_step", "One step of Euler.", 1, timestep_spacing="trailing", **LINEAR)
scheduler("heun", "trained_betas", "Two of a list of betas.", 2, **TRAINED)

scheduler("kdpm2", "linspace", "The network is asked at the point in between, too.", 5, PLAIN)
scheduler(
    "kdpm2",
    "karras_v",
    "v.",
    8,
    use_karras_sigmas=True,
    timestep_spacing="leading",
    steps_offset=1,
    prediction_type="v_prediction",
)
scheduler("kdpm2", "exponential", "Three steps.", 3, BATCH, use_exponential_sigmas=True)
scheduler("kdpm2", "beta", "Quantiles.", 5, use_beta_sigmas=True, timestep_spacing="trailing")
scheduler("kdpm2", "trained_betas", "Two of a list of betas.", 2, **TRAINED)

scheduler("kdpm2_ancestral", "linspace", "Noise after every second call.", 5, PLAIN)
scheduler(
    "kdpm2_ancestral",
    "karras_v",
    "v.",
    8,
    use_karras_sigmas=True,
    timestep_spacing="leading",
    steps_offset=1,
    prediction_type="v_prediction",
)
scheduler("kdpm2_ancestral", "exponential", "Six steps.", 6, use_exponential_sigmas=True)
scheduler("kdpm2_ancestral", "two_steps", "Two steps.", 2, BATCH, timestep_spacing="trailing")
scheduler(
    "kdpm2_ancestral", "beta", "Quantiles.", 5, use_beta_sigmas=True, timestep_spacing="trailing"
)
scheduler("kdpm2_ancestral", "trained_betas", "Betas from a list.", 5, **TRAINED)

# DPM-Solver and relatives.
MIN = {"final_sigmas_type": "sigma_min"}
SOLVERS = ("dpmsolver", "dpmsolver++", "sde-dpmsolver", "sde-dpmsolver++")
for algorithm in SOLVERS:
    word = algorithm.replace("-", "_").replace("++", "_pp")
    for solver_type in ("midpoint", "heun"):
        scheduler(
            "dpm_multistep",
            f"{word}_{solver_type}",
            "Order 2.",
            5,
            algorithm_type=algorithm,
            solver_type=solver_type,
            **({} if "++" in algorithm else MIN),
        )
    if algorithm != "sde-dpmsolver":  # has no order 3
        scheduler(
            "dpm_multistep",
            f"{word}_order_3",
            "Order 3, down to order 1 at the end.",
            8,
            PLAIN,
            solver_order=3,
            algorithm_type=algorithm,
            timestep_spacing="trailing",
            **({} if "++" in algorithm else MIN),
        )
scheduler(
    "dpm_multistep",
    "order_1_v",
    "Order 1; v; 2^-24 for the last product.",
    5,
    BATCH,
    solver_order=1,
    prediction_type="v_prediction",
    **ZERO_SNR,
)
scheduler("dpm_multistep", "one_step", "One step.", 1, solver_order=3)
scheduler(
    "dpm_multistep",
    "fourteen_steps",
    "The most steps that end with lower orders.",
    14,
    solver_order=3,
    **MIN,
)
scheduler("dpm_multistep", "fifteen_steps", "The fewest that do not.", 15, solver_order=3, **MIN)
scheduler(
    "dpm_multistep",
    "not_lower_sample",
    "Full order to the end; the network predicts the picture.",
    5,
    PLAIN,
    solver_order=3,
    lower_order_final=False,
    prediction_type="sample",
    timestep_spacing="leading",
    steps_offset=1,
    **MIN,
)
scheduler(
    "dpm_multistep",
    "euler_at_final",
    "Only the last step is of order 1.",
    20,
    solver_order=2,
    euler_at_final=True,
    **MIN,
)
scheduler("dpm_multistep", "lu", "Even steps of log sigma.", 8, PLAIN, use_lu_lambdas=True)
scheduler(
    "dpm_multistep",
    "karras_capped_v",
    "Squared cosines: times are cut, not rounded; v.",
    3,
    use_karras_sigmas=True,
    prediction_type="v_prediction",
    **CAPPED,
)
scheduler(
    "dpm_multistep",
    "capped_clipped",
    "Starts where lambda is -5.1.",
    5,
    lambda_min_clipped=-5.1,
    **CAPPED,
)
scheduler("dpm_multistep", "exponential", "Times are cut.", 8, use_exponential_sigmas=True)
scheduler("dpm_multistep", "beta", "Quantiles.", 5, use_beta_sigmas=True, **LINEAR)
scheduler(
    "dpm_multistep",
    "thresholding",
    "At the 0.9 quantile.",
    5,
    PLAIN,
    thresholding=True,
    dynamic_thresholding_ratio=0.9,
    sample_max_value=3.0,
)
scheduler(
    "dpm_multistep",
    "thresholding_of_noise",
    "The noise form turns to the picture and back.",
    5,
    PLAIN,
    eps={"a": 2.0, "b": -0.5},
    algorithm_type="dpmsolver",
    thresholding=True,
    dynamic_thresholding_ratio=0.75,
    sample_max_value=2.0,
    prediction_type="v_prediction",
    **MIN,
)
scheduler("dpm_multistep", "trained_betas", "Betas from a list.", 5, **TRAINED)

for algorithm in ("dpmsolver", "dpmsolver++", "sde-dpmsolver++"):
    word = algorithm.replace("-", "_").replace("++", "_pp")
    for solver_type in ("midpoint", "heun"):
        scheduler(
            "dpm_singlestep",
            f"{word}_{solver_type}",
            "Order 3.",
            6,
            solver_order=3,
            algorithm_type=algorithm,
            solver_type=solver_type,
            lower_order_final=solver_type == "heun",
            **MIN,
        )
        scheduler(
            "dpm_singlestep",
            f"{word}_{solver_type}_order_2",
            "Order 2.",
            4 if solver_type == "midpoint" else 6,
            algorithm_type=algorithm,
            solver_type=solver_type,
            lower_order_final=solver_type == "heun",
            prediction_type="epsilon" if solver_type == "heun" else "v_prediction",
            **MIN,
        )
scheduler(
    "dpm_singlestep",
    "order_1_sample",
    "Order 1; the network predicts the picture.",
    5,
    BATCH,
    solver_order=1,
    prediction_type="sample",
)
scheduler("dpm_singlestep", "one_step", "One step.", 1, solver_order=2, **LINEAR)
scheduler(
    "dpm_singlestep",
    "karras_to_zero",
    "The last step to 0 is of order 1.",
    8,
    PLAIN,
    solver_order=3,
    use_karras_sigmas=True,
    lower_order_final=True,
)
scheduler(
    "dpm_singlestep",
    "exponential",
    "Twenty steps; times are cut.",
    20,
    use_exponential_sigmas=True,
    lower_order_final=True,
)
scheduler("dpm_singlestep", "beta", "Quantiles.", 5, use_beta_sigmas=True, **MIN)
scheduler(
    "dpm_singlestep",
    "thresholding",
    "At the 0.9 quantile.",
    5,
    PLAIN,
    thresholding=True,
    dynamic_thresholding_ratio=0.9,
    sample_max_value=2.0,
)
scheduler(
    "dpm_singlestep",
    "capped_clipped",
    "Starts where lambda is -5.1.",
    5,
    lambda_min_clipped=-5.1,
    **CAPPED,
)
scheduler("dpm_singlestep", "trained_betas", "Betas from a list.", 5, **TRAINED)

for solver_type in ("bh1", "bh2"):
    end = MIN if solver_type == "bh1" else {}  # bh1 divides infinity by itself at 0
    scheduler(
        "unipc",
        f"{solver_type}_order_1",
        "Order 1.",
        5,
        solver_type=solver_type,
        solver_order=1,
        **end,
    )
    scheduler(
        "unipc",
        f"{solver_type}_order_2_noise",
        "Order 2 in the noise form.",
        5,
        PLAIN,
        solver_type=solver_type,
        predict_x0=False,
        timestep_spacing="trailing",
        **MIN,
    )
    scheduler(
        "unipc",
        f"{solver_type}_order_3",
        "Order 3: systems of three equations.",
        8,
        solver_type=solver_type,
        solver_order=3,
        timestep_spacing="leading",
        steps_offset=1,
        **end,
    )
scheduler("unipc", "one_step", "One step.", 1, solver_order=3)
scheduler("unipc", "two_steps_sample", "Two steps.", 2, BATCH, prediction_type="sample", **LINEAR)
scheduler(
    "unipc",
    "not_lower_v",
    "Full order to the end; v.",
    5,
    solver_order=3,
    lower_order_final=False,
    prediction_type="v_prediction",
    **MIN,
)
scheduler(
    "unipc",
    "disable_corrector",
    "Without correction after the first two steps.",
    8,
    PLAIN,
    disable_corrector=[0, 1],
)
scheduler("unipc", "karras", "Sigmas after Karras.", 20, use_karras_sigmas=True, solver_order=3)
scheduler("unipc", "karras_min", "The last step stands still.", 5, use_karras_sigmas=True, **MIN)
scheduler("unipc", "exponential", "Times are cut.", 8, use_exponential_sigmas=True)
scheduler("unipc", "beta", "Quantiles.", 5, use_beta_sigmas=True, **LINEAR, **MIN)
scheduler(
    "unipc",
    "thresholding",
    "At the 0.9 quantile.",
    5,
    PLAIN,
    thresholding=True,
    dynamic_thresholding_ratio=0.9,
    sample_max_value=2.0,
)
scheduler("unipc", "zero_snr", "v, from 2^-24.", 5, prediction_type="v_prediction", **ZERO_SNR)
scheduler("unipc", "trained_betas", "Betas from a list.", 5, **TRAINED)

scheduler("deis", "order_1", "Order 1.", 5, solver_order=1, timestep_spacing="trailing")
scheduler(
    "deis",
    "order_3",
    "Order 3.",
    8,
    PLAIN,
    solver_order=3,
    timestep_spacing="leading",
    steps_offset=1,
)
scheduler("deis", "two_steps_v", "v.", 2, BATCH, prediction_type="v_prediction", **LINEAR)
scheduler("deis", "one_step_sample", "One step.", 1, prediction_type="sample")
scheduler("deis", "not_lower", "Full order to the end.", 5, solver_order=3, lower_order_final=False)
scheduler(
    "deis", "karras", "The last step stands still.", 20, solver_order=3, use_karras_sigmas=True
)
scheduler("deis", "exponential", "Times are cut.", 8, use_exponential_sigmas=True, **LINEAR)
scheduler("deis", "beta", "Quantiles.", 5, use_beta_sigmas=True)
scheduler(
    "deis",
    "thresholding",
    "At the 0.9 quantile.",
    5,
    PLAIN,
    thresholding=True,
    dynamic_thresholding_ratio=0.9,
    sample_max_value=2.0,
)
scheduler("deis", "trained_betas", "Betas from a list.", 5, **TRAINED)

# Those for networks that were taught to take few steps.
scheduler("lcm", "one_step", "One step, without noise.", 1, BATCH)
scheduler(
    "lcm", "clipped_v", "v, cut.", 5, prediction_type="v_prediction", clip_sample_range=1.5, **CUT
)
scheduler(
    "lcm",
    "original_steps_sample",
    "Times from a line of ten; the boundary condition shows with a small scaling.",
    8,
    original_inference_steps=10,
    timestep_scaling=0.001,
    prediction_type="sample",
    **LINEAR,
)
scheduler(
    "lcm",
    "thresholding",
    "At the 0.9 quantile.",
    2,
    PLAIN,
    thresholding=True,
    dynamic_thresholding_ratio=0.9,
    sample_max_value=2.0,
)
scheduler("lcm", "zero_snr", "v.", 5, prediction_type="v_prediction", rescale_betas_zero_snr=True)
scheduler("lcm", "trained_betas", "Betas from a list.", 3, original_inference_steps=6, **TRAINED)

scheduler("tcd", "eta_0", "Nothing is drawn.", 5, PLAIN, eta=0.0)
scheduler("tcd", "eta_0_3_v", "v.", 8, eta=0.3, prediction_type="v_prediction", **CAPPED)
scheduler("tcd", "eta_0_8_sample", "Two steps.", 2, BATCH, eta=0.8, prediction_type="sample")
scheduler(
    "tcd", "original_steps", "Times from a line of 25.", 20, eta=0.3, original_inference_steps=25
)
scheduler("tcd", "one_step", "To the product at time 0.", 1, eta=0.8, **LINEAR)
scheduler(
    "tcd", "zero_snr", "v.", 5, eta=0.3, prediction_type="v_prediction", rescale_betas_zero_snr=True
)
scheduler("tcd", "trained_betas", "Betas.", 3, eta=0.3, original_inference_steps=6, **TRAINED)


# ---- the noise of k-diffusion's SDE samplers
def sde_queries(sigmas, halves):
    """The pairs of sigmas a sampler asks its source of noise for, as sample_dpmpp_sde (halves) and sample_dpmpp_2m_sde do."""
    if not halves:
        return [(a, b) for a, b in zip(sigmas, sigmas[1:]) if b > 0]
    pairs = []
    for sigma, after in zip(sigmas, sigmas[1:]):
        if after > 0:
            t, t_next = -sigma.log(), -after.log()
            s = t + (t_next - t) * 0.5
            pairs += [(t.neg().exp(), s.neg().exp()), (t.neg().exp(), t_next.neg().exp())]
    return pairs


def tree(seed, shape, t0, t1, queries):
    """t0, t1 and the queries are float32; the order of a query's ends is the sampler's."""
    one = k_sampling.BrownianTreeNoiseSampler(torch.zeros(shape), t0, t1, seed=seed)
    direct = torchsde.BrownianTree(t0, torch.zeros(shape), t1, entropy=seed)
    ordered = [(min(a, b), max(a, b)) for a, b in queries]
    return {
        "seed": np.array(seed, np.int64),
        "ends": torch.stack([t0, t1]).numpy(),
        "queries": torch.stack([torch.stack(q) for q in queries]).numpy(),
        "w": torch.stack([direct(*q) for q in ordered]).numpy(),
        "noise": torch.stack([one(*q) for q in queries]).numpy(),
    }


SD_ENDS = torch.tensor(0.02916753850877285), torch.tensor(14.614643096923828)
grid = k_sampling.get_sigmas_karras
numbers = torch.tensor
trees = {
    "karras": tree(0, (4,), *SD_ENDS, sde_queries(grid(6, *SD_ENDS), False)),
    "karras_halves": tree(42, (1, 2, 3, 5), *SD_ENDS, sde_queries(grid(5, *SD_ENDS), True)),
    "karras_long": tree(2**63 - 2, (4,), *SD_ENDS, sde_queries(grid(25, *SD_ENDS), False)),
    "short": tree(
        1234567890123,
        (1, 2, 3, 5),
        numbers(0.1),
        numbers(10.0),
        sde_queries(grid(8, numbers(0.1), numbers(10.0)), False),
    ),
    "any_order": tree(
        7,
        (2, 9),
        numbers(0.0),
        numbers(1.0),
        [
            (numbers(a), numbers(b))
            for a, b in [
                (0.0, 1.0),
                (0.5, 0.25),
                (0.3, 0.7),
                (0.7, 0.3),
                (0.3, 0.300002),
                (1.0, 0.999),
                (0.0, 0.125),
                (0.61803, 0.14142),
            ]
        ],
    ),
}
for name, one in trees.items():
    for what, x in one.items():
        assert x.dtype == np.int64 or np.isfinite(x).all(), (name, what)
write_safetensors(
    ROOT / CHAPTER / "brownian_tree.safetensors",
    {f"{name}.{what}": x for name, one in trees.items() for what, x in one.items()},
    {
        "format": "brownian-tree v1",
        "source": f"torchsde 0.2.6, k-diffusion 0.1.1.post1, torch {torch.__version__.split('+')[0]}, numpy {np.__version__}",
        "note": "ends: t0 and t1. w[i] is torchsde.BrownianTree(t0, zeros, t1, entropy=seed)(a, b), a and b the ends of queries[i] in rising order; "
        "noise[i] is k_diffusion.sampling.BrownianTreeNoiseSampler(zeros, t0, t1, seed)(*queries[i]).",
    },
)
