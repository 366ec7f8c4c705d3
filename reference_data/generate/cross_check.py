"""A second opinion: do diffusers' modules, with the same weights under their names, agree with the original ones?

The originals are what the cases are made with. Where diffusers has the same thing, both must give the same numbers.
"""
import sys
import warnings
import zlib

warnings.filterwarnings("ignore", category=FutureWarning)

import torch
from cases import fill, load_recipe, quiet, recipe_of
from diffusers import AutoencoderKL, DDIMScheduler, DDPMScheduler, UNet2DConditionModel
from diffusers.loaders.single_file_utils import (
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
)
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.attention_processor import Attention
from diffusers.models.embeddings import get_timestep_embedding
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from originals import attention, autoencoder, ddim, latent_diffusion, openaimodel, util, vae

failed = []
torch.set_grad_enabled(False)


def numbers(name, *shape):
    return torch.from_numpy(fill(name, shape, 1))


def filled(module):
    return load_recipe(
        module,
        recipe_of(
            {k: list(v.shape) for k, v in module.state_dict().items()}, zlib.crc32(b"cross check")
        ),
    )


def renamed(module, names):
    """The weights of a module with parts of their names exchanged, the longest first."""
    found = {}
    for key, value in module.state_dict().items():
        for old in sorted(names, key=len, reverse=True):
            if key.startswith(old):
                key = names[old] + key[len(old) :]
                break
        found[key] = value
    return found


def report(name, ours, theirs, allowed=2e-5):
    error = float((ours - theirs).abs().max() / ours.abs().max())
    if not error < allowed:
        failed.append(name)
    print(
        f"{'agree ' if error < allowed else 'DIFFER'} {name:58s} {error:.1e} of the largest value"
    )


def agree(name, original, theirs, names, call_original, call_theirs=None):
    original = filled(original)
    theirs.load_state_dict(names(original) if callable(names) else renamed(original, names))
    report(name, call_original(original), (call_theirs or call_original)(theirs.eval()))


x, odd, emb = numbers("x", 2, 32, 6, 4), numbers("odd", 2, 32, 5, 7), numbers("emb", 2, 24)
words, tokens = numbers("words", 2, 5, 16), numbers("tokens", 2, 7, 24)

RES = {
    "in_layers.0": "norm1",
    "in_layers.2": "conv1",
    "emb_layers.1": "time_emb_proj",
    "out_layers.0": "norm2",
    "out_layers.3": "conv2",
    "skip_connection": "conv_shortcut",
}
for name, ours, theirs in [
    ("plain", {}, {}),
    ("scale and shift", {"use_scale_shift_norm": True}, {"time_embedding_norm": "scale_shift"}),
    ("up", {"up": True}, {"up": True}),
    ("down", {"down": True}, {"down": True}),
]:
    agree(
        f"ResBlock, {name} = ResnetBlock2D",
        openaimodel.ResBlock(32, 24, 0, 64, **ours),
        ResnetBlock2D(in_channels=32, out_channels=64, temb_channels=24, eps=1e-5, **theirs),
        RES,
        lambda m: m(x, emb),
    )
agree(
    "ResnetBlock of the autoencoder = ResnetBlock2D",
    vae.ResnetBlock(in_channels=32, out_channels=64, dropout=0, temb_channels=0),
    ResnetBlock2D(in_channels=32, out_channels=64, temb_channels=None, eps=1e-6),
    {"nin_shortcut": "conv_shortcut"},
    lambda m: m(odd, None),
)

agree(
    "CrossAttention = Attention",
    attention.CrossAttention(24, 16, heads=3, dim_head=8),
    Attention(query_dim=24, cross_attention_dim=16, heads=3, dim_head=8),
    {},
    lambda m: m(tokens, words),
)
agree(
    "SpatialSelfAttention = Attention",
    attention.SpatialSelfAttention(32),
    Attention(
        query_dim=32,
        heads=1,
        dim_head=32,
        bias=True,
        norm_num_groups=32,
        eps=1e-6,
        residual_connection=True,
    ),
    lambda m: {
        k: v.flatten(1) if v.dim() == 4 else v
        for k, v in renamed(
            m, {"norm": "group_norm", "q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0"}
        ).items()
    },
    lambda m: m(x),
)
agree(
    "BasicTransformerBlock",
    attention.BasicTransformerBlock(24, 3, 8, context_dim=16),
    BasicTransformerBlock(24, 3, 8, cross_attention_dim=16, activation_fn="geglu"),
    {},
    lambda m: m(tokens, context=words),
    lambda m: m(tokens, encoder_hidden_states=words),
)
agree(
    "SpatialTransformer, depth 2 = Transformer2DModel",
    attention.SpatialTransformer(32, 2, 12, depth=2, context_dim=[16, 16]),
    Transformer2DModel(
        2, 12, in_channels=32, num_layers=2, cross_attention_dim=16, norm_num_groups=32
    ),
    {},
    lambda m: m(odd, [words, words]),
    lambda m: m(odd, encoder_hidden_states=words).sample,
)

with quiet():
    kl = autoencoder.AutoencoderKL(
        {
            "double_z": True,
            "z_channels": 4,
            "resolution": 32,
            "in_channels": 3,
            "out_ch": 3,
            "ch": 32,
            "ch_mult": [1, 2, 4],
            "num_res_blocks": 2,
            "attn_resolutions": [],
            "dropout": 0.0,
        },
        {"target": "torch.nn.Identity"},
        4,
    )
vae_config = {
    "block_out_channels": [32, 64, 128],
    "down_block_types": ["DownEncoderBlock2D"] * 3,
    "up_block_types": ["UpDecoderBlock2D"] * 3,
    "layers_per_block": 2,
    "latent_channels": 4,
}
picture, latent = numbers("picture", 1, 3, 16, 24), numbers("latent", 1, 4, 4, 6)


def as_vae(module):
    return convert_ldm_vae_checkpoint(
        {"first_stage_model." + k: v for k, v in module.state_dict().items()}, vae_config
    )


agree(
    "AutoencoderKL, encode",
    kl,
    AutoencoderKL(**vae_config),
    as_vae,
    lambda m: m.encode(picture).parameters,
    lambda m: m.encode(picture).latent_dist.parameters,
)
agree(
    "AutoencoderKL, decode",
    kl,
    AutoencoderKL(**vae_config),
    as_vae,
    lambda m: m.decode(latent),
    lambda m: m.decode(latent).sample,
)

unet_config = {
    "block_out_channels": (32, 64, 128),
    "layers_per_block": 2,
    "attention_head_dim": 4,
    "cross_attention_dim": 16,
    "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
}
times, latents = torch.tensor([981, 3]), numbers("latents", 2, 4, 8, 12)
agree(
    "UNetModel = UNet2DConditionModel",
    openaimodel.UNetModel(
        32,
        4,
        32,
        4,
        2,
        [1, 2],
        channel_mult=[1, 2, 4],
        num_heads=4,
        use_spatial_transformer=True,
        context_dim=16,
        legacy=False,
    ),
    UNet2DConditionModel(**unet_config),
    lambda m: convert_ldm_unet_checkpoint(
        {"model.diffusion_model." + k: v for k, v in m.state_dict().items()},
        {**unet_config, "class_embed_type": None},
    ),
    lambda m: m(latents, times, words),
    lambda m: m(latents, times, words).sample,
)

t = torch.tensor([0.0, 1.0, 17.25, 999.0])
report(
    "timestep_embedding",
    util.timestep_embedding(t, 320),
    get_timestep_embedding(t, 320, flip_sin_to_cos=True, downscale_freq_shift=0),
)
report(
    "get_timestep_embedding (sines first)",
    vae.get_timestep_embedding(t, 64),
    get_timestep_embedding(t, 64),
    1e-4,
)  # 999 times a rounded frequency

schedule = {
    "beta_schedule": "linear",
    "timesteps": 1000,
    "linear_start": 0.00085,
    "linear_end": 0.012,
}
betas = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
model = latent_diffusion({"a": 0.5, "b": 0.4}, schedule)
scheduler = DDIMScheduler(**betas, clip_sample=False, set_alpha_to_one=False, steps_offset=1)
report(
    "q_sample = add_noise",
    model.q_sample(latents, times, latents.flip(0)),
    scheduler.add_noise(latents, latents.flip(0), times),
)
scheduler.set_timesteps(10)
z = latents
for step in scheduler.timesteps:
    z = scheduler.step(model.model(z, step.repeat(2)), step, z).prev_sample
with quiet():
    ours, _ = ddim.DDIMSampler(model).sample(10, 2, latents.shape[1:], x_T=latents)
report("DDIMSampler, 10 steps = DDIMScheduler", ours, z)
ancestral = DDPMScheduler(**betas, clip_sample=False, variance_type="fixed_small")
z, ours = latents, latents
for step in (999, 998, 997):
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(step))
    mean, _, log_variance = model.p_mean_variance(
        ours, None, torch.full((2,), step), clip_denoised=False
    )
    ours = mean + (0.5 * log_variance).exp() * noise
    z = ancestral.step(
        model.model(z, torch.full((2,), step)),
        step,
        z,
        generator=torch.Generator().manual_seed(step),
    ).prev_sample
report("p_sample, 3 steps = DDPMScheduler", ours, z)
sys.exit(f"{len(failed)} disagree" if failed else 0)
