"""CLIP's byte-pair encoding with a vocabulary of the model's own, trained on the training captions.

The order of the vocabulary, the pieces and the file format are OpenAI CLIP's (simple_tokenizer.py).

    python tokenizer.py        trains merges.txt
"""

import unicodedata
from collections import Counter

import regex

from common import CONFIG, MODEL, Pictures, write_atomically

MERGES = 1200
PIECES = regex.compile(
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+", regex.IGNORECASE)


def byte_units():
    """Every byte as one printable character; the order of the values is the order of the vocabulary."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    return {b: chr(b) for b in plain} | {b: chr(256 + i) for i, b in enumerate(others)}


UNITS = byte_units()


def pieces(text):
    text = regex.sub(r"\s+", " ", unicodedata.normalize("NFC", text)).strip().lower()
    for piece in PIECES.findall(text):
        units = [UNITS[b] for b in piece.encode("utf-8")]
        yield tuple(units[:-1] + [units[-1] + "</w>"])


def merge(word, pair):
    out, i = [], 0
    while i < len(word):
        if word[i:i + 2] == pair:
            out.append(word[i] + word[i + 1])
            i += 2
        else:
            out.append(word[i])
            i += 1
    return tuple(out)


def train(captions, count):
    """The `count` most frequent pairs, one after the other; ties go to the first in the alphabet."""
    words = Counter(piece for caption in captions for piece in pieces(caption))
    merges = []
    while len(merges) < count:
        pairs = Counter()
        for word, times in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += times
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        merged = Counter()
        for word, times in words.items():
            merged[merge(word, best)] += times
        words = merged
    return merges


class Tokenizer:
    def __init__(self, path=MODEL / "merges.txt"):
        lines = path.read_text(encoding="utf-8").split("\n")[1:]
        self.merges = [tuple(line.split(" ")) for line in lines if line]
        self.rank = {pair: i for i, pair in enumerate(self.merges)}
        units = list(UNITS.values())
        words = units + [u + "</w>" for u in units] + [a + b for a, b in self.merges]
        words += ["<|startoftext|>", "<|endoftext|>"]
        self.vocabulary = {word: i for i, word in enumerate(words)}
        assert len(self.vocabulary) == len(words)
        self.start, self.end = len(words) - 2, len(words) - 1

    def tokens(self, text):
        for word in pieces(text):
            while len(word) > 1:
                best = min(zip(word, word[1:]), key=lambda pair: self.rank.get(pair, len(self.rank)))
                if best not in self.rank:
                    break
                word = merge(word, best)
            yield from (self.vocabulary[unit] for unit in word)

    def __call__(self, text, length=CONFIG["cond_stage_config"]["text_config"]["max_position_embeddings"]):
        ids = [self.start, *self.tokens(text)][: length - 1] + [self.end]
        return ids + [self.end] * (length - len(ids))


def main():
    pictures = Pictures()
    captions = [c for c, held in zip(pictures.captions, pictures.held_out) if not held]
    merges = train(captions, MERGES)
    MODEL.mkdir(parents=True, exist_ok=True)
    text = "#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges)
    write_atomically(MODEL / "merges.txt", lambda path: path.write_text(text, encoding="utf-8"))
    tokenizer = Tokenizer()
    lengths = [len(list(tokenizer.tokens(c))) + 2 for c in pictures.captions]
    print(f"{len(merges)} merges, {len(tokenizer.vocabulary)} tokens in the vocabulary;"
          f" captions have {sum(lengths) / len(lengths):.1f} tokens on average, {max(lengths)} at most")


if __name__ == "__main__":
    main()
