#!/usr/bin/env python3
"""Makes the pictures of this folder: each kind that load_image reads, small, and what PIL reads in
it as <name>.expected.png. Needs Pillow and numpy; run it in this folder."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

rng = np.random.default_rng(0)
y, x = np.mgrid[0:11, 0:13]
smooth = np.stack([x * 19, y * 22, 255 - x * 9 - y * 7], -1).astype(np.uint8)
rgb = Image.fromarray(smooth)
grey = rgb.convert("L")
alpha = Image.fromarray((x * 20 % 256).astype(np.uint8))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


ADAM7 = [
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
]


def png(rows, depth, color, interlaced=False):
    """A PNG of the bytes of `rows` [H, W, bytes of a pixel], without filters."""
    height, width = rows.shape[:2]
    parts = [rows[y0::dy, x0::dx] for x0, y0, dx, dy in ADAM7] if interlaced else [rows]
    raw = b"".join(b"\0" + row.tobytes() for part in parts if part.size for row in part)
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, int(interlaced))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(raw))
        + chunk(b"IEND", b"")
    )


def on_white(image):
    """As load_image shows it: the same rounding."""
    rgba = np.asarray(image.convert("RGBA")).astype(int)
    color, a = rgba[..., :3], rgba[..., 3:]
    return Image.fromarray(((color * a + 255 * (255 - a) + 127) // 255).astype(np.uint8))


def write(name, data, expected=None):
    with open(name, "wb") as file:
        file.write(data)
    expected = expected or on_white(Image.open(io.BytesIO(data)))
    expected.save(name + ".expected.png", optimize=True)


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


wide = (smooth.astype(int) * 257).astype(">u2")
write("palette.png", saved(rgb.quantize(17), "PNG"))
palette = rgb.quantize(17)
write("palette_with_transparency.png", saved(palette, "PNG", transparency=3))
write("grey.png", saved(grey, "PNG"))
write("black_and_white.png", saved(grey.convert("1"), "PNG"))
write("grey_with_alpha.png", saved(Image.merge("LA", (grey, alpha)), "PNG"))
write("rgba.png", saved(Image.merge("RGBA", (*rgb.split(), alpha)), "PNG"))
write("transparent_color.png", saved(rgb, "PNG", transparency=(19, 22, 239)))
write("rgb_16_bits.png", png(wide.view(np.uint8), 16, 2), rgb)
write(
    "grey_16_bits.png",
    png(wide[..., :1].copy().view(np.uint8), 16, 0),
    Image.fromarray(smooth[..., 0]).convert("RGB"),
)
write("interlaced.png", png(smooth, 8, 2, interlaced=True), rgb)
write(
    "interlaced_rgba_16_bits.png",
    png(np.concatenate([wide, wide[..., :1]], -1).copy().view(np.uint8), 16, 6, True),
    on_white(Image.fromarray(np.concatenate([smooth, smooth[..., :1]], -1))),
)

write("rgb.jpg", saved(rgb, "JPEG", quality=95))
write("rgb_444.jpg", saved(rgb, "JPEG", quality=95, subsampling=0))
write("grey.jpg", saved(grey, "JPEG", quality=95))
write("progressive.jpg", saved(rgb, "JPEG", quality=95, progressive=True))
cmyk = Image.fromarray(np.concatenate([smooth, smooth[..., 1:2] // 2], -1), "CMYK")
data = saved(cmyk, "JPEG", quality=95)
read = np.asarray(Image.open(io.BytesIO(data))).astype(int)
write(
    "cmyk.jpg",
    data,
    Image.fromarray(
        (((255 - read[..., :3]) * (255 - read[..., 3:]) + 127) // 255).astype(np.uint8)
    ),
)

write("rgb.bmp", saved(rgb, "BMP"))
write("grey.bmp", saved(grey, "BMP"))
write("black_and_white.bmp", saved(grey.convert("1"), "BMP"))
