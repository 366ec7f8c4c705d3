"""CLIP's byte-pair encoding (OpenAI's simple_tokenizer.py) with a vocabulary of the model's own."""

import unicodedata

import regex

PIECES = regex.compile(
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
    regex.IGNORECASE,
)


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
        if word[i : i + 2] == pair:
            out.append(word[i] + word[i + 1])
            i += 2
        else:
            out.append(word[i])
            i += 1
    return tuple(out)


class Tokenizer:
    """Captions to `length` ids: start, tokens, end, padded with end."""

    def __init__(self, merges, length):
        lines = merges.read_text(encoding="utf-8").splitlines()[1:]
        pairs = [tuple(line.split(" ")) for line in lines if line]
        self.rank = {pair: i for i, pair in enumerate(pairs)}
        units = list(UNITS.values())
        words = (
            units
            + [unit + "</w>" for unit in units]
            + [a + b for a, b in pairs]
            + ["<|startoftext|>", "<|endoftext|>"]
        )
        self.number = {word: i for i, word in enumerate(words)}
        assert len(self.number) == len(words)
        self.start, self.end, self.length = len(words) - 2, len(words) - 1, length

    def tokens(self, text):
        for word in pieces(text):
            while len(word) > 1:
                best = min(
                    zip(word, word[1:]), key=lambda pair: self.rank.get(pair, len(self.rank))
                )
                if best not in self.rank:
                    break
                word = merge(word, best)
            yield from (self.number[unit] for unit in word)

    def __call__(self, text):
        ids = [self.start, *self.tokens(text)][: self.length - 1] + [self.end]
        return ids + [self.end] * (self.length - len(ids))
