"""ldm_text_to_image.py FOLDER LDM: latent diffusion's text-to-image model at full size, by the original code and by `ldm txt2img`.

FOLDER/ldm_text_to_image.ckpt, what torch.save makes of the sizes of configs/latent-diffusion/txt2img-1p4B-eval.yaml with weights by
recipe in f16, is made if it is missing (3 GB of disk). Then ldm's UNet, autoencoder and DDIMSampler with a BERTEmbedder of
x-transformers and transformers' BertTokenizerFast, and `ldm txt2img`, draw a picture of 256x256 with guidance. The final latents
may differ by 1e-3 of the largest value. 8 GB of memory.
"""
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from cases import fill, quiet, recipe_of
from originals import autoencoder, ddim, ddpm, latent_diffusion
from originals_x_transformer import transformer
from safetensors.numpy import load_file
from stable_diffusion import FIRST_STAGE, UNET
from torch import nn
from transformers import BertTokenizerFast

PROMPT, SEED, SIZE, STEPS, SCALE, ALLOWED = (
    "an oil painting of a lighthouse, stormy sea",
    42,
    256,
    4,
    5.0,
    1e-3,
)
SCHEDULE = {
    "beta_schedule": "linear",
    "linear_start": 0.00085,
    "linear_end": 0.012,
    "timesteps": 1000,
}
VOCABULARY = Path(__file__).resolve().parents[2] / "bert_wordpiece/vocab.txt"


class LatentDiffusion(nn.Module):
    """The parts of the checkpoint under its names."""

    def __init__(self):
        super().__init__()
        unet = {
            "target": "ldm.modules.diffusionmodules.openaimodel.UNetModel",
            "params": UNET | {"context_dim": 1280},
        }
        self.model = ddpm.DiffusionWrapper(unet, "crossattn")
        self.first_stage_model = autoencoder.AutoencoderKL(
            FIRST_STAGE["ddconfig"], {"target": "torch.nn.Identity"}, FIRST_STAGE["embed_dim"]
        )
        self.cond_stage_model = nn.Module()
        self.cond_stage_model.transformer = transformer(
            {"dim": 1280, "depth": 32}, num_tokens=30522, max_seq_len=77
        )


def make_model(path):
    with torch.device("meta"), quiet():
        shapes = {k: list(v.shape) for k, v in LatentDiffusion().state_dict().items()}
    plan = recipe_of(shapes, seed=14, special={"cond_stage_model.*_emb*weight": (0, 0.5)})
    state = {
        t["name"]: torch.from_numpy(
            fill(t["name"], t["shape"], plan["seed"], t["mean"], t["std"]).astype(np.float16)
        )
        for t in plan["tensors"]
    }
    torch.save({"global_step": 0, "state_dict": state}, path)


def drawn_by_original(path):
    with quiet():
        model = LatentDiffusion().eval()
    model.load_state_dict({k: v.float() for k, v in torch.load(path)["state_dict"].items()})
    vocabulary = VOCABULARY.read_text(encoding="utf-8").split("\n")[:-1]
    tokenizer = BertTokenizerFast(vocab={token: i for i, token in enumerate(vocabulary)})
    with torch.no_grad(), quiet():
        ids = tokenizer([PROMPT, ""], max_length=77, padding="max_length", truncation=True)
        contexts = model.cond_stage_model.transformer(
            torch.tensor(ids["input_ids"]), return_embeddings=True
        )
        diffusion = latent_diffusion({"a": 0, "b": 0}, SCHEDULE)
        diffusion.apply_model = lambda x, t, c: model.model(x, t, c_crossattn=[c])
        shape = (4, SIZE // 8, SIZE // 8)
        noise = torch.randn((1, *shape), generator=torch.Generator().manual_seed(SEED))
        samples, _ = ddim.DDIMSampler(diffusion).sample(
            STEPS,
            1,
            shape,
            contexts[:1],
            verbose=False,
            x_T=noise,
            unconditional_guidance_scale=SCALE,
            unconditional_conditioning=contexts[1:],
        )
    return samples.numpy()


def drawn_by_ldm(ldm, full):
    words = [ldm, "txt2img", "--model", full / "ldm_text_to_image.ckpt", "--prompt", PROMPT]
    words += ["--steps", STEPS, "--seed", SEED, "--save-latents", full / "drawn.safetensors"]
    words += ["--output", full / "drawn.png", "--overwrite"]
    subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL)
    return load_file(full / "drawn.safetensors")["final"]


def main():
    full, ldm = Path(sys.argv[1]), sys.argv[2]
    torch.set_num_threads(2)
    full.mkdir(parents=True, exist_ok=True)
    path = full / "ldm_text_to_image.ckpt"
    if not path.exists():
        unfinished = path.with_suffix(".part")
        make_model(unfinished)
        unfinished.rename(path)
    start = time.time()
    expected = drawn_by_original(path)
    middle = time.time()
    got = drawn_by_ldm(ldm, full)
    error = float(np.abs(expected.astype(np.float64) - got).max() / np.abs(expected).max())
    print(
        f"{'PASS' if error <= ALLOWED else 'FAIL'} {STEPS} steps at {SIZE}x{SIZE}, guidance {SCALE:g}: {error:.2g} of the largest "
        f"value (original {middle - start:.1f} s, ldm {time.time() - middle:.1f} s, both with loading)"
    )
    sys.exit(0 if error <= ALLOWED else 1)


main()
