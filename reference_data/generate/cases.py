"""Runs one piece of published code and writes what it did as an `ldm-case v1` file (format: reference_data/README.md).

    module_case("ResBlock.plain", openaimodel.ResBlock, {...config...}, {"x": normal(2, 32, 5, 7), "emb": normal(2, 24)})

Every number is reproducible: inputs and weights come from an integer hash of their names, torch runs on one thread.
Every tolerance is derived: the same code in float64 is the truth, and what float32 loses against it is its noise, the
largest over a few evaluations: at these inputs with two sets of kernels, and at inputs a few millionths away (a sum that
happens to come out exact here would otherwise promise too much).
"""
import contextlib
import fnmatch
import io
import json
import math
import os
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import torch

from originals import diffusers, float64_throughout, transformers

torch.set_num_threads(1)
warnings.filterwarnings("ignore", message="TF32 acceleration")

ROOT = Path(os.environ.get("LDM_REFERENCE_OUT", Path(__file__).resolve().parents[1]))
CHAPTER = Path(sys.argv[0]).stem
VERSIONS = (
    f"torch {torch.__version__.split('+')[0]} CPU float32 1 thread, stable-diffusion-sdkit 2.1.5, "
    f"diffusers {diffusers.__version__}, transformers {transformers.__version__}, numpy {np.__version__}"
)
STORED_PARAMETER_BYTES = 60_000  # larger sets of parameters are written as a recipe
FULL_GRADIENT_ELEMENTS = 4_096  # larger gradients are written as a fingerprint;
FULL_GRADIENT_OF_RECIPE = 64  # earlier, where there are many
ALL_BYTES = 600_000
NEARBY_INPUTS = 3  # further evaluations that a noise is taken from


# ---------------------------------------------------------------- numbers from names: recipe procgen-v1
def fill(name, shape, seed, mean=0.0, std=1.0):
    """Roughly normal float32 numbers that depend on the arguments only, to the last bit, in every language."""

    def mix(z):
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))

    hashed = 0xCBF29CE484222325
    for byte in name.encode():
        hashed = ((hashed ^ byte) * 0x100000001B3) % 2**64
    out = np.empty(math.prod(shape), np.float32)
    step = float(np.float32(std / 37837.22740))
    with np.errstate(over="ignore"):
        start = mix(np.array(hashed ^ (seed % 2**64), np.uint64))
        for at in range(0, out.size, 1 << 20):  # in pieces: a full-size tensor has 30 million
            count = np.arange(at + 1, min(at + (1 << 20), out.size) + 1, dtype=np.uint64)
            z = mix(start + count * np.uint64(0x9E3779B97F4A7C15))
            low = np.uint64(0xFFFF)
            four = (
                (z & low)
                + ((z >> np.uint64(16)) & low)
                + ((z >> np.uint64(32)) & low)
                + (z >> np.uint64(48))
            )
            out[at : at + count.size] = (
                mean + (four.astype(np.int64) - 131070).astype(np.float64) * step
            )
    return out.reshape(shape)


def probe(key, gradient):
    """Fingerprint of a large gradient: sum, length, product with a fixed noise, 16 evenly spaced elements."""
    g = np.asarray(gradient, np.float64).ravel()
    count = min(16, g.size)
    noise = fill(key + "#probe", [g.size], 1).astype(np.float64)
    return np.array(
        [g.sum(), np.sqrt(g @ g), g @ noise, *g[[j * g.size // count for j in range(count)]]]
    )


class normal:
    """An input to be filled: normal(2, 3, scale=1e-3) is a 2x3 tensor of small normal numbers."""

    def __init__(self, *shape, scale=1.0, mean=0.0):
        self.shape, self.scale, self.mean = shape, scale, mean


def made(inputs, seed):
    return {
        name: fill("in/" + name, x.shape, seed, x.mean, x.scale)
        if isinstance(x, normal)
        else np.asarray(x)
        for name, x in inputs.items()
    }


def recipe_of(shapes, seed, special=None):
    """Weights that keep activations near 1: products by 1/sqrt(fan in), norms around 1, biases small."""
    entries = []
    for name, shape in shapes.items():
        if len(shape) > 1:
            mean, std = 0, float(f"{1 / math.sqrt(math.prod(shape[1:])):.4g}")
        else:
            mean, std = (1, 0.1) if name.endswith("weight") else (0, 0.1)
        for pattern, (special_mean, special_std) in (special or {}).items():
            if fnmatch.fnmatch(name, pattern):
                mean, std = special_mean, special_std
        entries.append({"name": name, "shape": list(shape), "mean": mean, "std": std})
    return {"name": "procgen-v1", "seed": seed, "tensors": entries}


def load_recipe(module, recipe):
    state = module.state_dict()
    for t in recipe["tensors"]:
        state[t["name"]].copy_(
            torch.from_numpy(fill(t["name"], t["shape"], recipe["seed"], t["mean"], t["std"]))
        )
    return module.eval()


# ---------------------------------------------------------------- running
def as_torch(array, dtype):
    tensor = torch.from_numpy(np.array(array))
    return tensor.to(dtype) if tensor.is_floating_point() else tensor.long()


def as_dict(result):
    return result if isinstance(result, dict) else {"out": result}


@contextlib.contextmanager
def quiet():
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def run(module, call, inputs, acts, cotangents, dtype, full_gradient=0):
    """One evaluation: {full tensor name: float64 array or integer array}."""
    tensors = {name: as_torch(x, dtype) for name, x in inputs.items()}
    leaves = {
        name: x.requires_grad_()
        for name, x in tensors.items()
        if cotangents and x.is_floating_point()
    }
    seen, hooks = {}, []
    for path, child in module.named_modules():
        if any(fnmatch.fnmatchcase(path, pattern) for pattern in acts):

            def keep(_, __, out, path=path):
                assert path not in seen, f"{path} runs more than once"
                seen[path] = out

            hooks.append(child.register_forward_hook(keep))
    module.zero_grad(set_to_none=True)
    with torch.set_grad_enabled(bool(cotangents)), quiet():
        outputs = as_dict(call(module, **tensors))
    for hook in hooks:
        hook.remove()
    result = {"act/" + k: v for k, v in seen.items()} | {"out/" + k: v for k, v in outputs.items()}
    if cotangents:
        loss = sum((outputs[k] * as_torch(r, dtype)).sum() for k, r in cotangents.items())
        loss.backward()
        result |= {"grad/in/" + k: x.grad for k, x in leaves.items() if x.grad is not None}
        for name, p in module.named_parameters():
            if p.grad is not None and p.numel() <= full_gradient:
                result["grad/param/" + name] = p.grad
            elif p.grad is not None:
                result["gradprobe/param/" + name] = probe(name, p.grad.numpy())
    return {k: np.array(v.detach() if torch.is_tensor(v) else v) for k, v in result.items()}


def to_float64(module):
    module.double()
    for child in module.modules():
        if isinstance(child.__dict__.get("dtype"), torch.dtype):
            child.dtype = torch.float64
    return module


def nearby(inputs, step):
    return {
        k: (x * np.float32(1 + step * 2.0**-18)).astype(x.dtype) if x.dtype.kind == "f" else x
        for k, x in inputs.items()
    }


def largest_difference(name, evaluations):
    return max(
        float(np.abs(x[name].astype(np.float64) - exact[name]).max()) for x, exact in evaluations
    )


def tolerances(reference, evaluations):
    """reference: what is stored. evaluations: pairs of a float32 and a float64 evaluation, of the reference first; or none."""
    truth = evaluations[0][1] if evaluations else None
    largest = {}
    for name, x in reference.items():
        if name.startswith("grad"):
            largest[name.split("/")[0]] = max(
                largest.get(name.split("/")[0], 0.0), float(np.abs(x).max())
            )
    table = {}
    for name, x in reference.items():
        if x.dtype.kind != "f":
            table[name] = {
                "max_abs": float(np.abs(x).max()) if x.size else 0.0,
                "noise": 0,
                "tol": 0,
            }
            continue
        max_abs = float(np.abs(x).max())
        noise = largest_difference(name, evaluations) if evaluations else None
        entry = {
            "max_abs": max_abs,
            "noise": noise,
            "tol": max(1e-5 * max_abs, 10 * (noise or 0.0)),
        }
        kind = name.split("/")[0]
        if kind.startswith("grad") and np.abs(truth[name]).max() <= 1e-12 * largest[kind]:
            entry |= {"zero": True, "tol": max(entry["tol"], 1e-5 * largest[kind])}
        table[name] = {
            k: float(f"{v:.3g}") if isinstance(v, float) else v for k, v in entry.items()
        }
    return table


# ---------------------------------------------------------------- cases
def module_case(
    name,
    build,
    config,
    inputs,
    call=None,
    acts=(),
    gradients=True,
    cotangents_of=None,
    special=None,
    eps_matters=False,
    careful=True,
    note="",
    source=None,
):
    """build(**config) is a torch module; call(module, **inputs) returns its output or a dict of outputs.

    acts: patterns of submodules whose outputs are stored. gradients: True, "inputs" (not of parameters) or False.
    special: {pattern of parameter names: (mean, std)}. eps_matters: make sure that a wrong eps of the norms would show.
    careful: take the noise from several evaluations; False where one takes minutes.
    """
    seed = zlib.crc32(name.encode())
    call = call or (lambda module, **tensors: module(**tensors))
    with quiet():
        module = build(**config)
    recipe = recipe_of({k: list(v.shape) for k, v in module.state_dict().items()}, seed, special)
    load_recipe(module, recipe).requires_grad_(gradients is True)
    inputs = made(inputs, seed)

    cotangents = {}
    if gradients:
        outputs = run(module, call, inputs, (), {}, torch.float32)
        cotangents = {
            k[4:]: fill("cotangent/" + k[4:], x.shape, seed)
            for k, x in outputs.items()
            if x.dtype.kind == "f" and (cotangents_of is None or k[4:] in cotangents_of)
        }
    stored = 0 < sum(v.nbytes for v in module.state_dict().values()) <= STORED_PARAMETER_BYTES
    parameters = (
        {"param/" + k: v.numpy().copy() for k, v in module.state_dict().items()} if stored else {}
    )
    full_gradient = FULL_GRADIENT_ELEMENTS if stored else FULL_GRADIENT_OF_RECIPE

    def evaluate(step, dtype, kernels=True):
        with torch.backends.mkldnn.flags(enabled=kernels):
            return run(module, call, nearby(inputs, step), acts, cotangents, dtype, full_gradient)

    steps = range(1 + (NEARBY_INPUTS if careful else 0))
    reference, *shifted = [evaluate(i, torch.float32) for i in steps]
    other = [evaluate(0, torch.float32, kernels=False)] if careful else []
    with float64_throughout():
        to_float64(module)
        truth, *shifted_truth = [evaluate(i, torch.float64) for i in steps]
    table = tolerances(
        reference, [(reference, truth), *((x, truth) for x in other), *zip(shifted, shifted_truth)]
    )
    if eps_matters:
        print(
            f"  {name}: a wrong eps is {wrong_eps(module, call, inputs, truth, table):.0f} tolerances away"
        )

    tensors = (
        {"in/" + k: v for k, v in inputs.items()}
        | {"cotangent/" + k: v for k, v in cotangents.items()}
        | reference
    )
    write_case(
        name,
        config,
        tensors | parameters,
        table,
        note,
        source or f"{build.__module__}.{build.__qualname__}",
        recipe if recipe["tensors"] and not stored else None,
    )


def wrong_eps(module, call, inputs, truth, table):
    """How far off the outputs are, in tolerances, when every norm has 1e-5 for 1e-6 and the other way round."""
    for child in module.modules():
        if isinstance(child, (torch.nn.GroupNorm, torch.nn.LayerNorm)):
            child.eps = 1e-6 if child.eps == 1e-5 else 1e-5
    with float64_throughout():
        wrong = run(module, call, inputs, (), {}, torch.float64)
    factor = max(np.abs(wrong[k] - truth[k]).max() / table[k]["tol"] for k in wrong)
    assert factor > 10, f"eps does not show: {factor}"
    return factor


def function_case(name, config, inputs, function, note="", source=""):
    """function(**inputs) -> {output name: tensor, array or number}; float64 arrays stay float64 and have no noise."""
    inputs = made(inputs, zlib.crc32(name.encode()))

    def outputs(step, dtype):
        with torch.no_grad(), quiet():
            found = function(**{k: as_torch(v, dtype) for k, v in nearby(inputs, step).items()})
        return {"out/" + k: np.asarray(v) for k, v in found.items()}

    steps = range(1 + 2 * NEARBY_INPUTS)
    reference, *shifted = [outputs(i, torch.float32) for i in steps]
    with float64_throughout():
        truths = [outputs(i, torch.float64) for i in steps]
    tables = {k: v for k, v in reference.items() if v.dtype == np.float64}
    table = tolerances(
        {k: v for k, v in reference.items() if k not in tables},
        list(zip([reference, *shifted], truths)),
    ) | tolerances(tables, [])
    write_case(
        name,
        config,
        {"in/" + k: v for k, v in inputs.items()} | reference,
        table,
        note,
        source,
        None,
        keep_float64=True,
    )


# ---------------------------------------------------------------- files
def write_case(name, config, tensors, tolerance, note, source, recipe, keep_float64=False):
    component, situation = name.split(".")
    metadata = {
        "format": "ldm-case v1",
        "component": component,
        "situation": situation,
        "config": compact(config),
        "source": f"{source}; {VERSIONS}",
        "tolerance": compact(tolerance),
        "note": note,
    }
    if recipe:
        metadata["recipe"] = compact(recipe)
    path = ROOT / CHAPTER / f"{name}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    size = write_safetensors(
        path, {k: small(v, keep_float64) for k, v in tensors.items()}, metadata
    )
    assert size <= ALL_BYTES, f"{path.name} has {size} bytes"
    print(f"{path.relative_to(ROOT)}  {size} bytes")


def compact(value):
    return json.dumps(value, separators=(",", ":"))


def small(array, keep_float64):
    array = np.asarray(array)
    if array.dtype.kind in "iub":
        return array.astype(np.int32)
    assert np.isfinite(array).all()
    return array if keep_float64 and array.dtype == np.float64 else array.astype(np.float32)


def write_safetensors(path, tensors, metadata):
    """The same bytes for the same content: tensors by element size, then by name."""
    kinds = {"<f8": "F64", "<f4": "F32", "<f2": "F16", "<i4": "I32", "<i8": "I64", "|u1": "U8"}
    header, at = {"__metadata__": metadata}, 0
    order = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    for name in order:
        x = tensors[name]
        header[name] = {
            "dtype": kinds[x.dtype.str],
            "shape": list(x.shape),
            "data_offsets": [at, at + x.nbytes],
        }
        at += x.nbytes
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in order:
            file.write(np.ascontiguousarray(tensors[name]).tobytes())
    return path.stat().st_size
