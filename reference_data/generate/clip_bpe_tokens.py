"""Chapter 03: texts that tokenizers disagree about, and what transformers' CLIPTokenizer makes of them with OpenAI's merges.

Writes 03_clip/clip_bpe_tokens.json: a list of [text, ids], the ids without start, end and padding.
"""
import json
import os
import random
from pathlib import Path

from transformers import CLIPTokenizer

HERE = Path(__file__).resolve().parents[1]
OUT = Path(os.environ.get("LDM_REFERENCE_OUT", HERE)) / "03_clip" / "clip_bpe_tokens.json"


def openai_tokenizer():
    merges = [
        tuple(line.split())
        for line in (HERE / "clip_bpe" / "merges.txt").read_text(encoding="utf-8").splitlines()[1:]
    ]
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    units = [chr(b) for b in printable] + [chr(256 + i) for i in range(256 - len(printable))]
    tokens = [
        *units,
        *(unit + "</w>" for unit in units),
        *("".join(pair) for pair in merges),
        "<|startoftext|>",
        "<|endoftext|>",
    ]
    return CLIPTokenizer({token: i for i, token in enumerate(tokens)}, merges)


PROMPTS = """grinning cat
a photograph of an astronaut riding a horse
masterpiece, best quality, (ultra-detailed:1.2), 8k UHD, f/1.8, ISO 100, --ar 16:9
a painting by Greg Rutkowski and Alphonse Mucha, trending on ArtStation
antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis
http://www.example.com/a_b?c=d&e=f#g user@example.org
#hashtag @mention $100 50% 1,000,000.00 1e-5 0x1F 3.14159
C++20 F# .NET x86_64 a.b.c v2.0-rc1
((nested [brackets] {of} <all> kinds)) "quotes" `ticks` 'single'
...!!! ??? ;;; --- ___ *** ~~~ ^^^ ||| \\\\\\ ///
it's they'll we'd I'm you've they're don't can't IT'S DON'T 'tis rock'n'roll
's 't 're 've 'm 'll 'd 'S 'LL ' '' '''s ''s'' a'b'c x's's 'sunny 'dark 'mother 'really 'very
!'s ?'t -'re .'ve ,'m ;'ll :'d 1's 2'd 3'll é's 猫's
\u2019s don\u2019t \u2018quoted\u2019 \u201cdouble\u201d \u00abguillemets\u00bb
na\u00efve caf\u00e9 cafe\u0301 \u00c5ngstr\u00f6m A\u030angstro\u0308m \u212bngstrom
\u0130stanbul I\u0307stanbul \u0131 DI\u015e\u0130 \u00df \u1e9e STRASSE
\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2 \u039f\u0394\u039f\u03a3 \u039f\u0394\u03a5\u03a3\u03a3\u0395\u03a5\u03a3 \u1f88 \u1fbc \u03f4 \u2126
\ufb01 \ufb03 \ufb06 \u01c4 \u01c5 \u01c6 \u0132 \u0149 \u1e96
\u041f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440 \u0419 \u0418\u0306 \u0401 \u0415\u0308 \u040c
\u4f60\u597d\uff0c\u4e16\u754c\u3002 \u732b\u304c\u597d\u304d\u3067\u3059 \u30ab\u3099 \u304b\u3099 \uff76\uff9e \uff21\uff22\uff23 \uff11\uff12
\ud55c\uad6d\uc5b4 \u1112\u1161\u11ab\u1100\u1173\u11af \uac00\u11a8
\u0627\u0644\u0639\u0631\u0628\u064a\u0629 \u0645\u064e\u0631\u0652\u062d\u064e\u0628\u064b\u0627 \u0661\u0662\u0663 \ufefb \u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd \ufb2a
\u0939\u093f\u0928\u094d\u0926\u0940 \u0928\u092e\u0938\u094d\u0924\u0947 \u0967\u0968\u0969 \u0958 \u0e44\u0e17\u0e22 \u0e51\u0e52 \u1019\u103c\u1014\u103a\u1019\u102c
ti\u1ebfng Vi\u1ec7t tie\u0302\u0301ng Vie\u0323\u0302t \u1e69 s\u0323\u0307 s\u0307\u0323
1\u00bd \u00b2 \u00b3 x\u2083 \u2167 \u2160 \u216b \u2460 \u24b6 \u3007 \u5341 \U0001d7d8 \U00010107
\U0001d400\U0001d41b\U0001d504 \U00010400\U00010428 \U0001e900 \U00020000 \U0002f800
\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 \u2764\ufe0f \u2764 \U0001f44d\U0001f3fd \U0001f1e9\U0001f1ea \U0001f3f4\U000e0067\U000e0062\U000e007f
cat\U0001f431dog \U0001f6001\U0001f602two \U0001f600's :-) ;) <3 \u00af\\_(\u30c4)_/\u00af
\u20ac\u00a3\u00a5\u20bf \u2122 \u00ae \u00a9 \u2190\u2192 \u221e\u2211\u222b \u2713 \u2605 \u266b \u2500\u2502
z\u0335\u0321\u0361a\u0336\u0322\u0318l\u0337\u030d\u0309g\u0338\u0322o\u0334\u0352
\u0301 \u0301\u0301 a\u0301\u0323 \u0344 \u0f73 \u2adc \ufb1d
\u00ad soft\u00adhyphen zero\u200bwidth non\u200cjoiner join\u200der word\u2060joiner \ufeffbom
\u00aa \u00ba \u02b0 \u02bc \u1d2c \u2071 \u207f \u3005 \u2e2f \ua78c
<|startoftext|> <|endoftext|> <|STARTOFTEXT|> <|EndOfText|> a<|endoftext|>b !<|endoftext|>! <|endoftext <|pad|> endoftext
</w> a</w> <w> cat</w> &lt; &amp; &#39;
\u2019 \u2032 \u02b9 ` \u00b4 ' \uff07 \u2018s \u2032s \uff07s""".split(
    "\n"
)

SPACES = [
    "",
    " ",
    "   ",
    "\t",
    "\n",
    "\r\n",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x1d",
    "\x1e",
    "\x1f",
    "\x85",
    "\u00a0",
    "\u1680",
    "\u180e",
    "\u2000",
    "\u2007",
    "\u200a",
    "\u2028",
    "\u2029",
    "\u202f",
    "\u205f",
    "\u3000",
    "\ufeff",
    "\u200b",
]
CONTROLS = [
    "\x00",
    "\x01",
    "\x07",
    "\x08",
    "\x1b[31m",
    "\x7f",
    "\x80",
    "\x9f",
    "\u200e",
    "\u202e",
    "\ue000",
    "\ufdd0",
    "\uffff",
    "\ufffd",
    "\U0001ffff",
    "\U0010ffff",
    "\u0378",
    "\U000e0001",
]
LONG = [
    "a" * 300,
    "ab" * 200,
    "\u00e9" * 120,
    "\U0001f600" * 40,
    "1" * 100,
    "!" * 200,
    "hello" * 50,
    "-=" * 90,
    "the " * 90,
    "aaaaaaa " * 30,
]


def random_texts(count):
    """Characters of every kind side by side; the seed is fixed, so is the result."""
    dice = random.Random(5)
    pools = [
        "abcdefghijklmnopqrstuvwxyz",
        "ABCXYZ",
        "0123456789",
        " \t\u00a0",
        "'\u2019.,!?-_<|>",
        "stremvld'",
        "\u00e9\u00df\u0130\u03a3\u01c5\ufb01",
        "\u0301\u0323\u0308\u0307",
        "\u732b\u304b\u3099\uac00\u11a8",
        "\u0661\u00bd\u2167",
        "\U0001f600\u200d\ufe0f\U0001f3fd",
        "\x00\x7f\u00ad",
    ]
    for _ in range(count):
        yield "".join(dice.choice(dice.choice(pools)) for _ in range(dice.randint(1, 30)))


def main():
    texts = (
        PROMPTS
        + [f"a{c}b {c} c{c}{c}d{c}" for c in SPACES + CONTROLS]
        + SPACES
        + LONG
        + list(random_texts(160))
    )
    words = [word for prompt in PROMPTS for word in prompt.split(" ")]
    texts = list(dict.fromkeys(texts + words))
    tokenizer = openai_tokenizer()
    rows = [[text, tokenizer(text)["input_ids"][1:-1]] for text in texts]
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(
        "[" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "]\n",
        encoding="utf-8",
    )
    print(f"{OUT}: {len(rows)} texts")


if __name__ == "__main__":
    main()
