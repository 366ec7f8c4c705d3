#!/usr/bin/env python3
"""One picture by `ldm txt2img`, by diffusers (PyTorch) and by stable-diffusion.cpp, from the same weights, in turns: seconds from
the command to the file, loading included, and peak memory. DPM++ 2M Karras with guidance, float32.

    tests/benchmarks/compare_programs.py --model FILE [--diffusers FOLDER] [--sd-cpp PROGRAM] [--steps 20] [--size 512]
        [--rounds 1] [--ldm build/cpu/bin/ldm] [--python .../venv/bin/python] [--threads 2]

FILE and FOLDER: reference_data/generate/full_pipeline/run makes both. PROGRAM: `sd-cli` of stable-diffusion.cpp, whose source
comes with PyPI's stable-diffusion-cpp-python (vendor/stable-diffusion.cpp; cmake -DSD_BUILD_EXAMPLES=ON).
"""
import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from measure import ROOT, run

ENVIRONMENT = os.environ.get(
    "LDM_REFERENCE_VENV", os.path.expanduser("~/.cache/ldm-reference/venv")
)
PROMPT, GUIDANCE, SEED = "a photograph of an astronaut riding a horse", 7.5, 42

DIFFUSERS = """
import sys, torch
from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline
folder, prompt, steps, size, guidance, seed, threads, output = sys.argv[1:]
torch.set_num_threads(int(threads))
pipeline = StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32)
pipeline.scheduler = DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config, use_karras_sigmas=True)
pipeline.set_progress_bar_config(disable=True)
pipeline(prompt, num_inference_steps=int(steps), guidance_scale=float(guidance), height=int(size), width=int(size),
         generator=torch.Generator().manual_seed(int(seed))).images[0].save(output)
"""


def commands(options, output):
    """Of each program that is there, {name: command}."""
    size = ["--width", options.size, "--height", options.size]
    common = ["--steps", options.steps, "--cfg-scale", GUIDANCE, "--seed", SEED]
    threads = options.threads
    all_of_them = {
        "ldm": [options.ldm, "txt2img", "--model", options.model, "--prompt", PROMPT]
        + ["--sampler", "dpm++2m", "--schedule", "karras", "--threads", threads]
        + [*common, *size, "--output", output, "--overwrite"]
    }
    if options.diffusers:
        all_of_them["diffusers"] = [options.python, "-c", DIFFUSERS, options.diffusers, PROMPT]
        all_of_them["diffusers"] += [options.steps, options.size, GUIDANCE, SEED, threads, output]
    if options.sd_cpp:
        all_of_them["stable-diffusion.cpp"] = [options.sd_cpp, "-m", options.model, "-p", PROMPT]
        all_of_them["stable-diffusion.cpp"] += ["--sampling-method", "dpm++2m"]
        all_of_them["stable-diffusion.cpp"] += ["--scheduler", "karras", "-t", threads]
        all_of_them["stable-diffusion.cpp"] += [*common, "-W", options.size, "-H", options.size]
        all_of_them["stable-diffusion.cpp"] += ["-o", output]
    return all_of_them


def main():
    options = argparse.ArgumentParser(description="Times whole pictures of several programs.")
    options.add_argument("--model", required=True, help="a single SD 1.x .safetensors file")
    options.add_argument("--diffusers", help="the same weights as a diffusers folder")
    options.add_argument("--sd-cpp", help="sd-cli of stable-diffusion.cpp")
    options.add_argument("--ldm", default=str(ROOT / "build/cpu/bin/ldm"))
    options.add_argument("--python", default=ENVIRONMENT + "/bin/python")
    options.add_argument("--steps", type=int, default=20)
    options.add_argument("--size", type=int, default=512)
    options.add_argument("--rounds", type=int, default=1)
    options.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options = options.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        programs = commands(options, Path(folder) / "picture.png")
        seconds, memory = {name: [] for name in programs}, dict.fromkeys(programs, 0)
        for _ in range(options.rounds):
            for name, command in programs.items():
                start = time.time()
                _, peak = run(command)
                seconds[name].append(time.time() - start)
                memory[name] = max(memory[name], peak)
    ours = statistics.median(seconds["ldm"])
    print(f"| {options.steps} steps, {options.size} x {options.size} | seconds | x ldm | peak GB |")
    print("|---|---|---|---|")
    for name, times in seconds.items():
        median = statistics.median(times)
        print(f"| {name} | {median:.1f} | {median / ours:.2f} | {memory[name] / 1e9:.2f} |")


if __name__ == "__main__":
    main()
