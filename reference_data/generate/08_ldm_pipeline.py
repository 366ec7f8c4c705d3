"""Chapter 08: DDIM, and what happens at both ends of the pipeline: noise in, bytes out."""
import math

import numpy as np
import torch
from cases import CHAPTER, ROOT, function_case, module_case, normal, write_safetensors
from diffusers import AutoencoderTiny
from originals import autoencoder, ddim, ddpm, latent_diffusion, util
from stable_diffusion import TextTower
from torch import nn

SD = {"beta_schedule": "linear", "timesteps": 1000, "linear_start": 0.00085, "linear_end": 0.012}


def timesteps(situation, note, total, *wanted):
    function_case(
        f"DDIMTimesteps.{situation}",
        {"num_ddpm_timesteps": total, "list": [list(w) for w in wanted]},
        {},
        lambda: {
            f"{method}_{count}": np.array(util.make_ddim_timesteps(method, count, total))
            for method, count in wanted
        },
        note,
        "ldm.modules.diffusionmodules.util.make_ddim_timesteps",
    )


timesteps(
    "thousand",
    "7 and 30 do not divide 1000: more steps come out than were asked for.",
    1000,
    ("uniform", 1),
    ("uniform", 5),
    ("uniform", 7),
    ("uniform", 30),
    ("uniform", 50),
    ("uniform", 999),
    ("quad", 5),
    ("quad", 50),
)
timesteps(
    "few",
    "A short schedule, all of it and parts; squares may repeat a step.",
    25,
    ("uniform", 2),
    ("uniform", 3),
    ("uniform", 25),
    ("quad", 1),
    ("quad", 9),
)


def sampler(
    situation, note, shape, S, eps=None, schedule=SD, words=None, masked=False, scale=1.0, **options
):
    """options: eta, ddim_discretize, temperature, log_every_t, unconditional_guidance_scale"""
    eps = eps or {"a": 0.5, "b": 0.4}
    discretize = options.get("ddim_discretize", "uniform")
    steps = len(util.make_ddim_timesteps(discretize, S, schedule["timesteps"], verbose=False))
    inputs = {"x_T": normal(*shape, scale=scale), "noise": normal(steps, *shape)}
    if words:
        inputs |= {"cond": normal(shape[0], *words), "uncond": normal(shape[0], *words)}
    if masked:
        inputs |= {
            "mask": (np.indices((shape[0], 1, *shape[2:])).sum(0) % 3 == 0).astype(np.float32),
            "x0": normal(*shape),
            "q_noise": normal(steps, *shape),
        }

    def sample(x_T, noise, cond=None, uncond=None, mask=None, x0=None, q_noise=None):
        model = latent_diffusion(
            eps,
            schedule,
            conditioning_key="crossattn" if words else None,
            force_null_conditioning=bool(words),
        )
        one, k, xs, x0s = ddim.DDIMSampler(model), iter(range(steps)), [], []
        ddim.noise_like = lambda *_: noise[len(xs)]
        q_sample = model.q_sample
        model.q_sample = lambda x, t: q_sample(x, t, q_noise[len(xs)])
        make_schedule, p_sample = one.make_schedule, one.p_sample_ddim
        one.make_schedule = lambda **settings: make_schedule(**settings, ddim_discretize=discretize)

        def keep(*arguments, **settings):
            x, pred_x0 = p_sample(*arguments, **settings)
            xs.append(x)
            x0s.append(pred_x0)
            return x, pred_x0

        one.p_sample_ddim = keep
        settings = {k: v for k, v in options.items() if k != "ddim_discretize"}
        _, intermediates = one.sample(
            S,
            shape[0],
            shape[1:],
            conditioning=cond,
            unconditional_conditioning=uncond,
            x_T=x_T,
            mask=mask,
            x0=x0,
            **settings,
        )
        return {
            "x_steps": torch.stack(xs),
            "pred_x0_steps": torch.stack(x0s),
            "timesteps": np.array(one.ddim_timesteps),
            **{
                name: np.asarray(getattr(one, "ddim_" + name), x_T.numpy().dtype)
                for name in ("alphas", "alphas_prev", "sigmas")
            },
            "n_intermediates": np.array(len(intermediates["x_inter"])),
        }

    function_case(
        f"DDIMSampler.{situation}",
        {"eps": eps, "schedule": schedule, "S": S, **options},
        inputs,
        sample,
        note,
        "ldm.models.diffusion.ddim.DDIMSampler.sample",
    )


sampler(
    "stable_diffusion",
    "Ten steps without noise along Stable Diffusion's schedule.",
    (1, 4, 8, 8),
    10,
)
sampler(
    "eta1_odd",
    "As much noise as DDPM, a little cooler; 7 steps asked for, 8 taken; odd, non-square picture.",
    (2, 3, 5, 3),
    7,
    eta=1.0,
    temperature=0.8,
    log_every_t=3,
)
sampler(
    "guidance",
    "Away from the empty prompt by a factor of 7.5.",
    (2, 4, 4, 6),
    5,
    eps={"a": 0.6, "b": 0.3, "c": 0.5},
    words=(7, 12),
    unconditional_guidance_scale=7.5,
)
sampler(
    "guidance_of_one",
    "A scale of 1 asks for the prompt only.",
    (1, 2, 4, 3),
    4,
    eps={"a": 0.6, "b": 0.3, "c": 0.5},
    words=(3, 8),
    unconditional_guidance_scale=1.0,
)
sampler(
    "mask",
    "Where the mask is 1 the known picture, noised to the same step, replaces x before each step.",
    (2, 4, 6, 5),
    6,
    masked=True,
    eta=0.5,
)
sampler(
    "quad",
    "Steps closer together towards the end.",
    (1, 1, 4, 4),
    9,
    ddim_discretize="quad",
    eta=0.3,
)
sampler(
    "cosine",
    "A short cosine schedule from inputs around 1e-3.",
    (1, 2, 3, 4),
    5,
    eps={"a": 0.9, "b": 0.0},
    scale=1e-3,
    schedule={"beta_schedule": "cosine", "timesteps": 40},
)


# ---- bytes (formulas of scripts/sample_diffusion.py and scripts/txt2img.py)
def to_uint8(situation, note, x):
    def convert(x):
        x = x.to(torch.get_default_dtype())
        pil = (255 * ((x[0].clamp(-1, 1) + 1) / 2).permute(1, 2, 0).numpy()).astype(np.uint8)
        flat = ((x + 1) * 127.5).clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
        text = (255.0 * torch.clamp((x + 1) / 2, 0, 1).permute(0, 2, 3, 1).numpy()).astype(np.uint8)
        return {"custom_to_pil": pil, "custom_to_np": flat.numpy(), "txt2img": text}

    function_case(
        f"ToUint8.{situation}",
        {},
        {"x": x},
        convert,
        note,
        "scripts/sample_diffusion.py, scripts/txt2img.py of CompVis",
    )


to_uint8(
    "pictures",
    "Beyond both ends too; all three ways cut, none rounds.",
    normal(2, 3, 8, 6, scale=0.8),
)
steps = [b / 127.5 - 1 for b in (0, 1, 64, 127, 128, 200, 254, 255)]
next_to_them = [math.nextafter(x, side) for x in steps for side in (-2, x, 2)]
to_uint8(
    "edges",
    "Values at and next to the steps of a byte.",
    np.array(next_to_them + [-1e30, -1.0, -0.0, 0.0, 1.0, 1e30], np.float32).reshape(1, 3, 5, 2),
)


# ---- the scale factor between the autoencoder and the UNet
class LatentSpace(nn.Module):
    """The two methods of the original LatentDiffusion, around a small autoencoder."""

    def __init__(self, scale_factor, first_stage_config):
        super().__init__()
        self.scale_factor = scale_factor
        self.first_stage_model = autoencoder.AutoencoderKL(
            first_stage_config["ddconfig"],
            {"target": "torch.nn.Identity"},
            first_stage_config["embed_dim"],
        )

    def forward(self, x, noise):
        posterior = self.first_stage_model.encode(x)
        posterior.sample = lambda: posterior.mean + posterior.std * noise
        z = ddpm.LatentDiffusion.get_first_stage_encoding(self, posterior)
        return {"z": z, "picture": ddpm.LatentDiffusion.decode_first_stage.__wrapped__(self, z)}


def latent_space(situation, note, scale_factor, shape, scale=1.0):
    ddconfig = {
        "double_z": True,
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
    n, _, height, width = shape
    module_case(
        f"LatentSpace.{situation}",
        LatentSpace,
        {
            "scale_factor": scale_factor,
            "first_stage_config": {"embed_dim": 4, "ddconfig": ddconfig},
        },
        {"x": normal(*shape, scale=scale), "noise": normal(n, 4, height // 2, width // 2)},
        note=note,
        source="ldm.models.diffusion.ddpm.LatentDiffusion.get_first_stage_encoding, decode_first_stage",
    )


latent_space(
    "stable_diffusion", "Stable Diffusion's factor, there and back.", 0.18215, (2, 3, 8, 8)
)
latent_space("odd", "Another factor; latents of 5 x 3.", 0.9, (1, 3, 10, 6))
latent_space("tiny_input", "A picture around 1e-3.", 0.18215, (1, 3, 8, 4), scale=1e-3)


# ---- TAESD
class TinyDecoder(nn.Sequential):
    """diffusers' decoder under the keys of madebyollin/taesd, where the tanh is layer 0."""

    def __init__(self, latent_channels, decoder_block_out_channels, num_decoder_blocks):
        tiny = AutoencoderTiny(
            latent_channels=latent_channels,
            decoder_block_out_channels=decoder_block_out_channels,
            num_decoder_blocks=num_decoder_blocks,
        )
        super().__init__(nn.Identity(), *tiny.decoder.layers)
        object.__setattr__(self, "decode", tiny.decoder.forward)

    def forward(self, z):
        return self.decode(z)


def tiny_decoder(situation, note, shape, blocks, scale=1.0):
    module_case(
        f"TinyDecoder.{situation}",
        TinyDecoder,
        {
            "latent_channels": shape[1],
            "decoder_block_out_channels": [6] * len(blocks),
            "num_decoder_blocks": blocks,
        },
        {"z": normal(*shape, scale=scale)},
        note=note,
        source="diffusers.AutoencoderTiny",
    )


tiny_decoder("taesd", "TAESD's depth, narrow.", (1, 4, 2, 3), [3, 3, 3, 1])
tiny_decoder("wide_range", "Latents up to about 20, which tanh clamps.", (2, 4, 3, 2), [1, 1], 8.0)


# ---- prompts of several chunks with weights, as AUTOMATIC1111's web UI encodes them
def weighted(config, tower, input_ids, weights, vectors=None):
    """input_ids, weights (B, k, S): text b counts `counts[b]` times in the means. A learned word stands in the place of
    tokens of text, chunk, from a position on."""
    skipped = config["clip_skip"] - 1
    counts = torch.tensor(config["counts"])
    chunks = []
    for i in range(input_ids.shape[1]):

        def insert(_, __, embedded, i=i):
            embedded = embedded.clone()
            for text, chunk, position in config["insertions"]:
                if chunk == i:
                    embedded[text, position : position + len(vectors)] = vectors
            return embedded

        hook = tower.text_model.embeddings.token_embedding.register_forward_hook(insert)
        found = tower.text_model(input_ids[:, i], output_hidden_states=True)
        hook.remove()
        if skipped:
            z = tower.text_model.final_layer_norm(found.hidden_states[-1 - skipped])
        else:
            z = found.last_hidden_state
        y = z * weights[:, i, :, None]
        means = [torch.repeat_interleave(part, counts, 0).mean() for part in (z, y)]
        chunks.append(y * (means[0] / means[1]))
    return torch.hstack(chunks)


def weighted_prompt(situation, note, layers, ids, weights, vectors=0, **settings):
    ids, weights = np.array(ids, np.int32), np.array(weights, np.float32)
    text_config = {
        "vocab_size": 40,
        "hidden_size": 24,
        "intermediate_size": 48,
        "num_hidden_layers": layers,
        "num_attention_heads": 3,
        "max_position_embeddings": ids.shape[2],
        "bos_token_id": 38,
        "eos_token_id": 39,
        "pad_token_id": 39,
        "hidden_act": "quick_gelu",
    }
    config = {
        "text_config": text_config,
        "clip_skip": 1,
        "counts": [1] * len(ids),
        "insertions": [],
        **settings,
    }
    inputs = {"input_ids": ids, "weights": weights}
    if vectors:
        inputs["vectors"] = normal(vectors, text_config["hidden_size"])
    module_case(
        f"WeightedPrompt.{situation}",
        lambda text_config, **_: TextTower(**text_config),
        config,
        inputs,
        lambda tower, **given: weighted(config, tower, **given),
        gradients=False,
        special={"*final_layer_norm.bias": (0.5, 0.1)},  # a mean that is not rounding alone
        note=note,
        source="transformers.CLIPTextModel, with the weights of stable-diffusion-webui 1.10, modules/sd_emphasis.py (Original)",
    )


weighted_prompt(
    "one_chunk",
    "a (b:1.3) [c], padded: start, end and padding weigh 1.",
    2,
    [[[38, 3, 4, 5, 39, 39, 39]]],
    [[[1, 1, 1.3, 1 / 1.1, 1, 1, 1]]],
)
weighted_prompt(
    "schedule",
    "Two chunks of three texts of one schedule, which have their means together; the first text counts four times.",
    2,
    [
        [[38, 3, 4, 5, 6, 39], [38, 7, 39, 39, 39, 39]],
        [[38, 3, 4, 9, 6, 39], [38, 8, 39, 39, 39, 39]],
        [[38, 3, 39, 39, 39, 39], [38, 39, 39, 39, 39, 39]],
    ],
    [
        [[1, 1, 1.5, 1.5, 1, 1], [1, 0.5, 1, 1, 1, 1]],
        [[1, 1, 1.5, -1, 1, 1], [1, 2, 1, 1, 1, 1]],
        [[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]],
    ],
    counts=[4, 1, 2],
)
weighted_prompt(
    "clip_skip_and_word",
    "The output of the last layer but two; a learned word of two vectors in both chunks, weighted in one.",
    4,
    [[[38, 3, 0, 0, 6, 39], [38, 0, 0, 39, 39, 39]]],
    [[[1, 1, 1.2, 1.2, 1, 1], [1, 1, 1, 1, 1, 1]]],
    vectors=2,
    clip_skip=3,
    insertions=[[0, 0, 2], [0, 1, 1]],
)


# ---- the noise of a seed
def philox_randn(seed, n):
    """What torch.randn(n, device='cuda') gives right after manual_seed, for n up to the number of threads of the GPU.

    cuRAND's Philox4x32-10 with counter (0, 0, i, 0) for element i and the seed as key; Box-Muller on the first two words.
    """
    c = [
        np.zeros(n, np.uint64),
        np.zeros(n, np.uint64),
        np.arange(n, dtype=np.uint64),
        np.zeros(n, np.uint64),
    ]
    key, low = [seed % 2**32, seed >> 32], np.uint64(0xFFFFFFFF)
    for _ in range(10):
        a, b = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [
            (b >> np.uint64(32)) ^ c[1] ^ np.uint64(key[0]),
            b & low,
            (a >> np.uint64(32)) ^ c[3] ^ np.uint64(key[1]),
            a & low,
        ]
        key = [(key[0] + 0x9E3779B9) % 2**32, (key[1] + 0xBB67AE85) % 2**32]
    u = c[0].astype(np.float64) / 2**32 + 2.0**-33
    v = c[1].astype(np.float64) / 2**32 + 2.0**-33
    return (np.sqrt(-2 * np.log(u)) * np.sin(2 * math.pi * v)).astype(np.float32)


# as printed by torch.randn(3, 4, device="cuda") with seed 0 (stable-diffusion-webui, modules/rng_philox.py)
printed = [
    -0.92466259,
    -0.42534415,
    -2.6438457,
    0.14518388,
    -0.12086647,
    -0.57972564,
    -0.62285122,
    -0.32838709,
    -1.07454231,
    -0.36314407,
    -1.67105067,
    2.26550497,
]
assert np.abs(philox_randn(0, 12) - printed).max() < 2e-6

draws = {}
for seed in (0, 1, 42, 12345, 2**32 + 7, 2**63 - 1):
    for n in (1, 5, 15, 16, 17, 31, 32, 100, 1000):
        draws[f"randn.{seed}.{n}"] = torch.randn(
            n, generator=torch.Generator().manual_seed(seed)
        ).numpy()
    draws[f"philox.{seed}.100"] = philox_randn(seed, 100)
draws["randn.42.16384"] = torch.randn(
    4 * 64 * 64, generator=torch.Generator().manual_seed(42)
).numpy()
draws["philox.42.16384"] = philox_randn(42, 4 * 64 * 64)
generator = torch.Generator().manual_seed(42)  # one generator asked several times
for i, n in enumerate((20, 3, 16)):
    draws[f"randn.42.then.{i}.{n}"] = torch.randn(n, generator=generator).numpy()
write_safetensors(
    ROOT / CHAPTER / "torch_randn.safetensors",
    draws,
    {
        "format": "torch-randn v1",
        "source": f"torch {torch.__version__.split('+')[0]}",
        "note": "randn.<seed>.<n>: torch.randn(n) on the CPU after manual_seed(seed); randn.<seed>.then.<i>.<n>: the i-th of "
        "several calls. philox.<seed>.<n>: the same on a CUDA device, computed from the published algorithm; a GPU's own "
        "logarithm and sine differ from it in the last bits.",
    },
)
