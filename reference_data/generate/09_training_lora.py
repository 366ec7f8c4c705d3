"""Chapter 09: weights with low-rank changes merged in, every family of LoRA that people share."""
import cases
import numpy as np
import peft
import torch
from cases import function_case, normal
from peft import LoHaConfig, LoKrConfig, LoraConfig, get_peft_model
from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict

cases.CHAPTER = "09_training"  # other scripts write there too

# A matrix and a kernel, in numbers of channels that have factors.
WEIGHTS = {"linear": (12, 20), "conv": (12, 20, 3, 3), "pixel": (12, 20, 1, 1)}


# ---- what peft merges: the tensors of its own files are the inputs
def base_model(dtype):
    model = torch.nn.Module()
    for name, shape in WEIGHTS.items():
        layer = torch.nn.Linear(shape[1], shape[0], bias=False)
        if len(shape) == 4:
            layer = torch.nn.Conv2d(shape[1], shape[0], shape[2], bias=False)
        model.add_module(name, layer)
    return model.to(dtype)


# peft's names of the parts, where they differ from kohya's and LyCORIS's
PARTS = {"lora_A.weight": "lora_down", "lora_B.weight": "lora_up"}
PREFIX = "base_model.model."


def peft_case(situation, note, config, layers, **settings):
    """config: the class; alpha is an input, so that it is in the case as it is in a file."""
    name_of_alpha = "lora_alpha" if config is LoraConfig else "alpha"

    def make(dtype, alpha):
        changed = {name_of_alpha: alpha, "target_modules": layers, "init_weights": False}
        if config is LoraConfig:
            changed["init_lora_weights"] = changed.pop("init_weights")
        return get_peft_model(base_model(dtype), config(**settings, **changed))

    stored = {
        key: value.shape
        for key, value in get_peft_model_state_dict(make(torch.float32, 1.0)).items()
    }

    def input_name(key):
        layer, part = key.removeprefix(PREFIX).split(".", 1)
        return f"{layer}.0.{PARTS.get(part, part)}"

    inputs = {f"{layer}.weight": normal(*WEIGHTS[layer], scale=0.3) for layer in layers}
    for key, shape in stored.items():
        is_magnitude = "magnitude" in key
        inputs[input_name(key)] = normal(*shape, scale=0.5, mean=2.0 if is_magnitude else 0.0)
    for layer in layers:
        inputs[f"{layer}.0.alpha"] = np.float32(3.0)

    def merged(**tensors):
        weight = tensors[layers[0] + ".weight"]
        model = make(weight.dtype, float(tensors[layers[0] + ".0.alpha"]))
        set_peft_model_state_dict(model, {key: tensors[input_name(key)] for key in stored})
        for layer in layers:
            base = model.get_submodule(PREFIX + layer).get_base_layer()
            base.weight.copy_(tensors[layer + ".weight"])
        result = model.merge_and_unload()
        return {layer: result.get_submodule(layer).weight.detach() for layer in layers}

    parts = {
        layer: [{"parts": sorted(k.split(".")[2] for k in inputs if k.startswith(layer + ".0."))}]
        for layer in layers
    }
    function_case(
        f"LoraMerge.{situation}",
        {"layers": parts},
        inputs,
        merged,
        note,
        f"peft {peft.__version__} {config.__name__}, merge_and_unload",
    )


EVERYWHERE = list(WEIGHTS)
peft_case("lora", "LoRA and LoCon.", LoraConfig, EVERYWHERE, r=2)
peft_case(
    "dora_peft",
    "DoRA with the length of each output's row, as PEFT stores it.",
    LoraConfig,
    EVERYWHERE,
    r=2,
    use_dora=True,
)
peft_case("loha", "LoHa, the kernel flattened.", LoHaConfig, EVERYWHERE, r=2)
peft_case(
    "loha_tucker",
    "LoHa, the kernel as two Tucker products.",
    LoHaConfig,
    ["conv"],
    r=3,
    use_effective_conv2d=True,
)
peft_case("lokr", "LoKr: w1 whole, w2 a product.", LoKrConfig, EVERYWHERE, r=2)
peft_case("lokr_both", "LoKr: two products.", LoKrConfig, EVERYWHERE, r=1, decompose_both=True)
peft_case(
    "lokr_tucker",
    "LoKr: w2 a Tucker product.",
    LoKrConfig,
    ["conv"],
    r=2,
    use_effective_conv2d=True,
)


# ---- what peft has not: the published formulas (LyCORIS, arXiv:2309.14859; DoRA, arXiv:2402.09353)
def lora(p, weight):
    down, up = p["lora_down"], p["lora_up"]
    rank = down.shape[0]
    if "lora_mid" in p:
        product = np.einsum("pi,ijkl,jq->pqkl", up[..., 0, 0], p["lora_mid"], down[..., 0, 0])
    else:
        product = up.reshape(len(up), rank) @ down.reshape(rank, -1)
    return p["alpha"] / rank * product.reshape(weight.shape)


def loha(p, weight):
    first, second = p["hada_w1_a"] @ p["hada_w1_b"], p["hada_w2_a"] @ p["hada_w2_b"]
    return (p["alpha"] / len(p["hada_w1_b"]) * first * second).reshape(weight.shape)


def lokr(p, weight):
    w2, scale = p.get("lokr_w2"), 1.0
    if w2 is None:
        w2, scale = p["lokr_w2_a"] @ p["lokr_w2_b"], p["alpha"] / len(p["lokr_w2_b"])
    w1 = p["lokr_w1"].reshape(p["lokr_w1"].shape + (1,) * (w2.ndim - 2))
    return (scale * np.kron(w1, w2)).reshape(weight.shape)


def change(p, weight):
    if "diff" in p:
        return p["diff"].reshape(weight.shape)
    family = lora if "lora_down" in p else loha if "hada_w1_a" in p else lokr
    added = family(p, weight)
    if "dora_scale" not in p:
        return added
    turned = weight + added
    kept = 0 if p["dora_scale"].shape[0] == len(weight) else 1
    others = tuple(i for i in range(weight.ndim) if i != kept)
    length = np.sqrt((turned**2).sum(axis=others, keepdims=True)) + np.finfo(np.float32).eps
    return p["dora_scale"] * turned / length - weight


def formula_case(situation, note, layers):
    """layers: name -> [{"strength", "parts": {part: normal(…) or number}}], all in float64."""
    inputs = {}
    for layer, loras in layers.items():
        inputs[f"{layer}.weight"] = normal(*WEIGHTS[layer], scale=0.3)
        for i, one in enumerate(loras):
            for part, value in one["parts"].items():
                inputs[f"{layer}.{i}.{part}"] = value

    def merged(**tensors):
        exact = {name: x.numpy().astype(np.float64) for name, x in tensors.items()}
        result = {}
        for layer, loras in layers.items():
            weight = exact[layer + ".weight"]
            total = weight
            for i, one in enumerate(loras):
                parts = {part: exact[f"{layer}.{i}.{part}"] for part in one["parts"]}
                total = total + one.get("strength", 1.0) * change(parts, weight)
            result[layer] = total.astype(tensors[layer + ".weight"].numpy().dtype)
        return result

    config = {
        layer: [{**one, "parts": sorted(one["parts"])} for one in loras]
        for layer, loras in layers.items()
    }
    function_case(
        f"LoraMerge.{situation}",
        {"layers": config},
        inputs,
        merged,
        note,
        "the published formulas in NumPy, float64",
    )


def plain(rank, *kernel):
    return {
        "lora_down": normal(rank, 20, *kernel, scale=0.5),
        "lora_up": normal(12, rank, *(1 for _ in kernel), scale=0.5),
        "alpha": np.float32(1.5),
    }


TUCKER = {
    "lora_down": normal(3, 20, 1, 1, scale=0.5),
    "lora_mid": normal(3, 3, 3, 3, scale=0.5),
    "lora_up": normal(12, 3, 1, 1, scale=0.5),
    "alpha": np.float32(2.0),
}
LOHA = {
    "hada_w1_a": normal(12, 2, scale=0.5),
    "hada_w1_b": normal(2, 20, scale=0.5),
    "hada_w2_a": normal(12, 2, scale=0.5),
    "hada_w2_b": normal(2, 20, scale=0.5),
    "alpha": np.float32(1.0),
}
WHOLE_LOKR = {
    "lokr_w1": normal(3, 4, scale=0.5),
    "lokr_w2": normal(4, 5, 3, 3, scale=0.5),
    "alpha": np.float32(7.0),
}
LOKR = {
    "lokr_w1": normal(3, 4, scale=0.5),
    "lokr_w2_a": normal(4, 2, scale=0.5),
    "lokr_w2_b": normal(2, 5, scale=0.5),
    "alpha": np.float32(1.0),
}


def length(*shape):
    return {"dora_scale": normal(*shape, scale=0.5, mean=2.0)}


formula_case("tucker", "LoCon with a kernel in the middle.", {"conv": [{"parts": TUCKER}]})
formula_case(
    "lokr_whole",
    "LoKr of two whole factors: no rank, so alpha changes nothing.",
    {"conv": [{"parts": WHOLE_LOKR}]},
)
formula_case(
    "dora_outputs",
    "dora_scale with the length of each output's row: of a LoRA, a LoCon, a LoHa.",
    {
        "linear": [{"parts": LOHA | length(12, 1)}],
        "conv": [{"parts": plain(2, 3, 3) | length(12, 1, 1, 1)}],
        "pixel": [{"parts": plain(2, 1, 1) | length(12, 1, 1, 1)}],
    },
)
formula_case(
    "dora_inputs",
    "dora_scale with the length of each input's column: of a LoKr, a Tucker LoCon, a LoRA.",
    {
        "linear": [{"parts": LOKR | length(1, 20)}],
        "conv": [{"parts": TUCKER | length(1, 20, 1, 1)}],
        "pixel": [{"parts": plain(2, 1, 1) | length(1, 20, 1, 1)}],
    },
)
formula_case(
    "several",
    "Several at once, with strengths, each relative to the base weight, DoRAs, too.",
    {
        "linear": [
            {"strength": 0.5, "parts": plain(2) | length(12, 1)},
            {"strength": -0.75, "parts": LOHA},
            {"strength": 0.25, "parts": plain(3) | length(1, 20)},
        ],
        "pixel": [
            {"parts": {"diff": normal(12, 20, 1, 1, scale=0.1)}},
            {"strength": 0.5, "parts": plain(2)},
        ],
    },
)
