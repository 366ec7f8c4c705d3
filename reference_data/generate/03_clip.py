"""Chapter 03: words to numbers, and the two towers of CLIP."""
import clip_bpe_tokens
import numpy as np
from cases import function_case, module_case, normal
from stable_diffusion import TextTower, clip_merges, clip_vocabulary
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

MERGES = clip_merges()


# ---- tokenizer
def clip_tokenizer(situation, note, merges, max_length, texts):
    tokenizer = CLIPTokenizer(clip_vocabulary(merges), merges)
    found = tokenizer(
        texts, padding="max_length", max_length=max_length, truncation=True, return_tensors="np"
    )
    function_case(
        f"CLIPTokenizer.{situation}",
        {"max_length": max_length, "merges": merges, "texts": texts},
        {},
        lambda: {name: found[name].astype(np.int32) for name in ("input_ids", "attention_mask")},
        note,
        "transformers.CLIPTokenizer",
    )


PLAIN = [
    "grinning cat",
    "a photograph of an astronaut riding a horse",
    "",
    "Grinning CAT",
    "the the the",
    "it's, they'll, we'd: I'm what you've re'd",
    "3.14 and 2024",
    "semi-detached (half-timbered) house!!!",
]
STRANGE = [
    "  white\tspace\n\u00a0of\u3000every   kind ",
    "na\u00efve cafe\u0301 \u00c5ngstr\u00f6m \u0130stanbul",
    "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f",
    "\u732b\u304c\u597d\u304d \u043a\u043e\u0448\u043a\u0430",
    "1\u00bd\u00b2 x\u2083 \u0663",
    "don't DON'T 's 'S \u2019s",
    "\u00ad\u0001\u0000",
    "a" * 60,
]
clip_tokenizer(
    "openai_3000",
    "The first 3000 of OpenAI's merges on everyday English.",
    MERGES[:3000],
    24,
    PLAIN,
)
clip_tokenizer(
    "strange_texts",
    "Unicode: spaces, composition, lower case, numbers, bytes; the last one is cut.",
    MERGES[:1000],
    32,
    STRANGE,
)
clip_tokenizer(
    "bytes_only", "No merges at all: one token a byte.", [], 9, ["abc", "\u00e9", "", "abcdefghij"]
)

clip_bpe_tokens.main()


# ---- text tower
LEAVES = [
    "*.layers.?.layer_norm1",
    "*.layers.?.self_attn.[qkv]_proj",
    "*.layers.?.self_attn.out_proj",
    "*.layers.?.mlp.fc[12]",
]


def text_config(words, width, layers, heads, length, act="quick_gelu"):
    return {
        "vocab_size": words,
        "hidden_size": width,
        "intermediate_size": 4 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "max_position_embeddings": length,
        "bos_token_id": words - 2,
        "eos_token_id": words - 1,
        "pad_token_id": words - 1,
        "hidden_act": act,
    }


def sentences(words, length, *texts):
    return np.array(
        [([words - 2, *text, *[words - 1] * length])[: length - 1] + [words - 1] for text in texts],
        np.int32,
    )


def text_tower(situation, note, config, input_ids, acts=(), **options):
    module_case(
        f"CLIPTextModel.{situation}",
        TextTower,
        config,
        {"input_ids": input_ids},
        acts=acts,
        cotangents_of=("last_hidden_state", "pooler_output"),
        note=note,
        source="transformers.CLIPTextModel",
        **options,
    )


text_tower(
    "quick_gelu",
    "As in Stable Diffusion 1, small: padding is not masked, later words are not seen.",
    text_config(40, 32, 2, 4, 8),
    sentences(40, 8, [3, 7, 1], [], [5, 6, 7, 8, 9, 10]),
    acts=LEAVES,
)
text_tower(
    "gelu_odd",
    "Exact GELU, odd widths, a text shorter than the table of positions.",
    text_config(33, 21, 3, 3, 11, "gelu"),
    sentences(33, 7, [3, 30, 2], [1, 1, 1, 1, 1]),
)
text_tower(
    "tiny_input",
    "Embeddings around 1e-3: the layer norm's eps 1e-5 shows.",
    text_config(40, 32, 1, 2, 6),
    sentences(40, 6, [4, 5], [20, 30, 4]),
    special={"*embedding.weight": (0.0, 1e-3)},
    eps_matters=True,
)


# ---- both towers
def both_towers(text_config, vision_config, projection_dim):
    model = CLIPModel(
        CLIPConfig(
            text_config=text_config, vision_config=vision_config, projection_dim=projection_dim
        )
    )
    model.set_attn_implementation("eager")
    return model


def contrast(model, input_ids, pixel_values):
    found = model(input_ids=input_ids, pixel_values=pixel_values, return_loss=True)
    return {
        "loss": found.loss,
        "logits_per_text": found.logits_per_text,
        "logits_per_image": found.logits_per_image,
        "zero_shot_probs": found.logits_per_image.softmax(dim=1),
        "text_embeds": found.text_embeds,
        "image_embeds": found.image_embeds,
        "vision_pooler_output": found.vision_model_output.pooler_output,
        "vision_last_hidden_state": found.vision_model_output.last_hidden_state,
    }


def clip_model(
    situation,
    note,
    text,
    input_ids,
    width,
    layers,
    heads,
    image,
    patch,
    projection_dim,
    act="quick_gelu",
    scale=1.0,
    **options,
):
    vision = {
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "image_size": image,
        "patch_size": patch,
        "hidden_act": act,
    }
    special = {"logit_scale": (2.6592, 0.0), **options.pop("special", {})}
    module_case(
        f"CLIPModel.{situation}",
        both_towers,
        {"text_config": text, "vision_config": vision, "projection_dim": projection_dim},
        {
            "input_ids": input_ids,
            "pixel_values": normal(len(input_ids), 3, image, image, scale=scale),
        },
        contrast,
        special=special,
        note=note,
        source="transformers.CLIPModel",
        **options,
    )


clip_model(
    "quick_gelu",
    "Three pictures against three texts, loss and all gradients.",
    text_config(40, 24, 2, 3, 8),
    sentences(40, 8, [3, 7, 1], [9], [5, 6, 7, 8, 9, 10]),
    32,
    2,
    4,
    16,
    8,
    12,
    cotangents_of=("loss", "image_embeds", "text_embeds"),
)
clip_model(
    "gelu_odd",
    "Exact GELU, odd sizes.",
    text_config(21, 15, 1, 3, 5, "gelu"),
    sentences(21, 5, [3], [4, 18]),
    18,
    1,
    3,
    21,
    7,
    9,
    act="gelu",
    cotangents_of=("loss", "logits_per_image", "zero_shot_probs"),
)
clip_model(
    "tiny_input",
    "Pictures and embeddings around 1e-3: the layer norm's eps 1e-5 shows.",
    text_config(40, 24, 1, 2, 6),
    sentences(40, 6, [3], [9]),
    24,
    1,
    2,
    12,
    4,
    8,
    scale=1e-3,
    eps_matters=True,
    special={"*embedding*": (0.0, 1e-3)},
    cotangents_of=("loss", "image_embeds"),
)
