"""The data set: every emoji that Unicode CLDR names in English, from Noto Color Emoji's bitmaps."""

import hashlib
import io
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
from fontTools.ttLib import TTFont
from PIL import Image

FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
CLDR = Path("/usr/share/unicode/cldr/common")
EMOJI_TEST = Path("/usr/share/unicode/emoji/emoji-test.txt")
VARIATION_SELECTOR = 0xFE0F
SIZE = 64


def captions():
    """Every (text, English name) of CLDR, in the order of its files."""
    for folder in ("annotations", "annotationsDerived"):
        for node in ElementTree.parse(CLDR / folder / "en.xml").iter("annotation"):
            if node.get("type") == "tts":
                yield node.get("cp"), " ".join(node.text.split())


def spelling(text):
    """An emoji without the characters that only choose its presentation."""
    return text.replace(chr(VARIATION_SELECTOR), "")


def subgroups():
    """The class of every emoji: its subgroup in Unicode's emoji-test.txt, "face-smiling" or "food-fruit"."""
    classes, subgroup = {}, None
    for line in EMOJI_TEST.read_text(encoding="utf-8").splitlines():
        if line.startswith("# subgroup: "):
            subgroup = line.removeprefix("# subgroup: ")
        elif line and not line.startswith("#"):
            points = line.split(";")[0].split()
            classes[spelling("".join(chr(int(point, 16)) for point in points))] = subgroup
    return classes


def is_flag(text, name):
    """Flags of countries and regions: regional indicator letters or tag sequences."""
    return name.startswith("flag") or any(
        0x1F1E6 <= ord(c) <= 0x1F1FF or ord(c) >= 0xE0000 for c in text
    )


class Font:
    """Noto Color Emoji: character map, then the font's ligatures, then one stored bitmap."""

    def __init__(self):
        font = TTFont(FONT)
        self.cmap = font.getBestCmap()
        self.bitmaps = font["CBDT"].strikeData[0]
        self.ligatures = {}
        for lookup in font["GSUB"].table.LookupList.Lookup:
            for table in lookup.SubTable:
                for first, ligatures in getattr(table, "ligatures", {}).items():
                    for ligature in ligatures:
                        self.ligatures.setdefault((first, *ligature.Component), ligature.LigGlyph)

    def picture(self, text, size=SIZE):
        """[size, size, 3] uint8 on white, or None when the font has no single picture for `text`."""
        glyphs = tuple(self.cmap.get(ord(c)) for c in text if ord(c) != VARIATION_SELECTOR)
        if None in glyphs or not glyphs:
            return None  # some character would be drawn as tofu
        glyph = glyphs[0] if len(glyphs) == 1 else self.ligatures.get(glyphs)
        bitmap = self.bitmaps.get(glyph)
        if bitmap is None:
            return None
        emoji = Image.open(io.BytesIO(bitmap.imageData)).convert("RGBA")
        side = max(emoji.size)
        page = Image.new("RGBA", (side, side), "white")
        page.alpha_composite(emoji, ((side - emoji.width) // 2, (side - emoji.height) // 2))
        return np.asarray(page.convert("RGB").resize((size, size), Image.Resampling.LANCZOS))


def concept(name):
    """The caption without its skin tones: "nurse: dark skin tone" and "nurse" are one concept."""
    head, _, tail = name.partition(": ")
    rest = [part for part in tail.split(", ") if part and "skin tone" not in part]
    return head + (": " + ", ".join(rest) if rest else "")


def data_set(font):
    """The table of the pictures: caption, concept, text."""
    rows, captions_seen, pictures_seen = [], set(), set()
    for text, name in captions():
        if is_flag(text, name) or re.fullmatch(r"[\x00-\x7f]", text):
            continue
        picture = font.picture(text)
        if picture is None or picture.std() < 1:
            continue
        digest = hashlib.sha256(picture.tobytes()).hexdigest()
        if name in captions_seen or digest in pictures_seen:  # one caption, one picture
            continue
        captions_seen.add(name)
        pictures_seen.add(digest)
        rows.append({"caption": name, "concept": concept(name), "text": text})
    return rows
