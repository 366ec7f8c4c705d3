"""Chapter 13: what pictures are degraded by, and how near two of them are.

The operations run in CompVis's ldm.modules.image_degradation, in OpenCV and in Pillow. LSUNBase.__getitem__ of ldm/data/lsun.py is in no
published package; it is transcribed here.
"""
import cv2
import numpy as np
import torch
from cases import fill, function_case, tolerances, write_case
from originals_degradation import bsrgan, integers_drawn, uniform_drawn, utils_image
from PIL import Image, __version__ as pillow_version

SOURCE = "ldm.modules.image_degradation"
LIBRARIES = f"opencv {cv2.__version__}, pillow {pillow_version}"
INTERPOLATIONS = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC, "area": cv2.INTER_AREA}


def waves(height, width, seed=0):
    """A picture in [0, 1] with large shapes, an edge, and some noise; whole 255ths."""
    y, x = np.mgrid[0:height, 0:width]
    colors = [0.5 + 0.4 * np.sin(0.3 * x + c + 0.2 * y * (c - 1)) for c in range(3)]
    picture = np.stack(colors, -1) + 0.1 * fill("noise", (height, width, 3), seed)
    picture[height // 3 : height // 2, width // 4 :] = [0.9, 0.1, 0.3]
    return np.round(255 * picture.clip(0, 1)) / 255


# ---- operations
def operation(img, kernels, op):
    """img: (H, W, 3), float32 or float64."""
    settings = {k: v for k, v in op.items() if k not in ("out", "op")}
    if "kernel" in settings:
        settings["kernel"] = kernels[settings["kernel"]]
    match op["op"]:
        case "imresize":
            assert settings.get("layout", "hwc") in ("hwc", "chw")
            if settings.get("layout") == "chw":
                chw = torch.from_numpy(img.transpose(2, 0, 1).copy())
                return utils_image.imresize(chw, settings["scale"], settings["antialiasing"])
            return utils_image.imresize_np(img, settings["scale"], settings["antialiasing"])
        case "gen_kernel":
            uniform, field = settings.pop("uniform"), settings.pop("uniform_field")
            arrays = {k: np.array(settings.pop(k)) for k in ("k_size", "scale_factor")}
            with uniform_drawn(uniform, field):
                return bsrgan.gen_kernel(**arrays, **settings)
        case "anisotropic_gaussian":
            return bsrgan.anisotropic_Gaussian(**settings)
        case "shift_pixel":
            return bsrgan.shift_pixel(
                settings["kernel"].copy(), settings["sf"], settings["upper_left"]
            )
        case "analytic_kernel":
            return bsrgan.analytic_kernel(settings["kernel"])
        case "fspecial_gaussian" | "fspecial_laplacian":
            return getattr(bsrgan, op["op"])(**settings)
        case "convolve":
            kernel = np.expand_dims(settings["kernel"], axis=2)
            return bsrgan.ndimage.filters.convolve(img, kernel, mode=settings["mode"])
        case "srmd_degradation" | "dpsr_degradation" | "classical_degradation":
            return getattr(bsrgan, op["op"])(img, settings["kernel"], settings["sf"])
        case "bicubic_degradation":
            return bsrgan.bicubic_degradation(img, **settings)
        case "blur":
            nchw = torch.from_numpy(img.transpose(2, 0, 1).copy())[None]
            return bsrgan.blur(
                nchw, torch.from_numpy(settings["kernel"].astype(img.dtype))[None, None]
            )
        case "modcrop":
            return utils_image.modcrop(img, settings["scale"])
        case "augment":
            crop = img[: settings["crop"], : settings["crop"]]
            return np.stack([utils_image.augment_img(crop, mode=mode) for mode in range(8)])
        case "single2uint":
            return utils_image.single2uint(img)
        case "add_sharpening":
            return bsrgan.add_sharpening(img, **settings)
        case "cv_resize":
            size = (settings["width"], settings["height"])
            return cv2.resize(img, size, interpolation=INTERPOLATIONS[settings["interpolation"]])
    raise ValueError(op["op"])


def degradation(situation, note, img, ops):
    def run(img):
        kernels, found = {}, {}
        for op in ops:
            result = operation(img.numpy(), kernels, op)
            if result.ndim == 2:
                kernels[op["out"]] = result
                result = result.astype(img.numpy().dtype)
            found[op["out"]] = np.asarray(result).astype(
                np.int32 if op["op"] == "single2uint" else img.numpy().dtype
            )
        # float64 outputs are taken for tables without noise
        return {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in found.items()}

    function_case(
        f"Degradation.{situation}",
        {"ops": ops},
        {"img": img.astype(np.float32)},
        run,
        note,
        f"{SOURCE}.bsrgan, utils_image; {LIBRARIES}",
    )


def resized(height, width):
    return [
        {
            "out": f"cv_{name}_{height}x{width}",
            "op": "cv_resize",
            "width": width,
            "height": height,
            "interpolation": name,
        }
        for name in INTERPOLATIONS
    ]


def imresized(scale, antialiasing=True, layout="hwc"):
    return {
        "out": f"imresize_{scale:.3g}{'' if antialiasing else '_plain'}_{layout}",
        "op": "imresize",
        "scale": scale,
        "antialiasing": antialiasing,
        "layout": layout,
    }


degradation(
    "resizing",
    "Both sides smaller, both larger, one of each; whole factors and others; down to one pixel.",
    waves(13, 17),
    [
        *[imresized(s) for s in (1.0, 0.5, 1 / 3, 0.29, 2.0, 1.7)],
        imresized(0.5, False),
        imresized(0.29, False),
        imresized(0.6, True, "chw"),
        imresized(0.6, False, "chw"),
        *resized(13, 17),
        *resized(6, 8),
        *resized(1, 1),
        *resized(19, 5),
        *resized(5, 31),
        *resized(13, 9),
        *resized(13, 20),
        {"out": "bicubic", "op": "bicubic_degradation", "sf": 3},
    ],
)
degradation(
    "halves",
    "Sides that 12 divides: by 2, 3 and 4 without a remainder.",
    waves(12, 24, 1),
    [
        *[imresized(s) for s in (0.5, 0.25)],
        *resized(6, 12),
        *resized(4, 8),
        *resized(3, 6),
        *resized(24, 48),
        {"out": "bicubic", "op": "bicubic_degradation", "sf": 2},
        {"out": "modcrop", "op": "modcrop", "scale": 5},
        {"out": "augment", "op": "augment", "crop": 5},
    ],
)

KERNELS = [
    {
        "out": "wide",
        "op": "anisotropic_gaussian",
        "ksize": 9,
        "theta": 0.6,
        "l1": 7.5,
        "l2": 0.9,
    },
    {"out": "even", "op": "anisotropic_gaussian", "ksize": 6, "theta": 2.4, "l1": 1.1, "l2": 3},
    {"out": "round", "op": "fspecial_gaussian", "hsize": 8, "sigma": 1.9},
    {"out": "narrow", "op": "fspecial_gaussian", "hsize": 5, "sigma": 0.11},
    {"out": "laplacian", "op": "fspecial_laplacian", "alpha": 0.2},
    {"out": "corners", "op": "fspecial_laplacian", "alpha": 3},
    {"out": "twice", "op": "analytic_kernel", "kernel": "even"},
    {"out": "shifted", "op": "shift_pixel", "kernel": "wide", "sf": 2, "upper_left": True},
    {"out": "far", "op": "shift_pixel", "kernel": "even", "sf": 8, "upper_left": False},
    {
        "out": "drawn",
        "op": "gen_kernel",
        "k_size": [8, 8],
        "scale_factor": [4, 3],
        "noise_level": 0.25,
        "min_var": 0.2,
        "max_var": 5.0,
        "uniform": [0.9, 0.05, 0.35],
        "uniform_field": 0.2,
    },
]
degradation(
    "kernels",
    "Kernels with odd and even numbers of pixels, and what they do to a picture of odd size.",
    waves(11, 14, 2),
    [
        *KERNELS,
        *[
            {"out": f"{mode}_{kernel}", "op": "convolve", "kernel": kernel, "mode": mode}
            for kernel in ("wide", "even", "laplacian")
            for mode in ("mirror", "wrap")
        ],
        {"out": "blur", "op": "blur", "kernel": "wide"},
        {"out": "srmd", "op": "srmd_degradation", "kernel": "even", "sf": 2},
        {"out": "dpsr", "op": "dpsr_degradation", "kernel": "even", "sf": 2},
        {"out": "classical", "op": "classical_degradation", "kernel": "even", "sf": 3},
    ],
)
degradation(
    "narrow",
    "A kernel wider than the picture: edges are mirrored more than once.",
    waves(4, 3, 3),
    [
        KERNELS[0],
        {"out": "mirror", "op": "convolve", "kernel": "wide", "mode": "mirror"},
        {"out": "wrap", "op": "convolve", "kernel": "wide", "mode": "wrap"},
        *resized(2, 5),
        {"out": "augment", "op": "augment", "crop": 3},
    ],
)
degradation(
    "sharpening",
    "The settings of bsrgan.py, and others.",
    waves(15, 19, 4),
    [
        {"out": "usual", "op": "add_sharpening"},
        {"out": "strong", "op": "add_sharpening", "weight": 1.5, "radius": 10, "threshold": 20},
    ],
)
# beyond [0, 1], and between two bytes: 0.5 / 255 becomes 0, 1.5 / 255 becomes 2
degradation(
    "rounding",
    "Numbers halfway between bytes, and outside of their range.",
    np.arange(-12, 24).reshape(3, 4, 3) / 4 / 255 + np.array([0, 0.5, 1 - 5 / 255]),
    [{"out": "bytes", "op": "single2uint"}],
)


# ---- metrics
def metrics(situation, note, a, b, border):
    def run(a, b):
        a, b = a.numpy().astype(np.uint8), b.numpy().astype(np.uint8)
        ycbcr = utils_image.rgb2ycbcr(a, only_y=False)
        return {
            "psnr": np.array(utils_image.calculate_psnr(a, b)),
            "psnr_border": np.array(utils_image.calculate_psnr(a, b, border=border)),
            "ssim": np.array(utils_image.calculate_ssim(a, b)),
            "ssim_border": np.array(utils_image.calculate_ssim(a, b, border=border)),
            "ssim_gray": np.array(utils_image.calculate_ssim(a[..., 0], b[..., 0])),
            "y_u8": utils_image.rgb2ycbcr(a),
            "bgr_y_u8": utils_image.bgr2ycbcr(a),
            "ycbcr_u8": ycbcr,
            "rgb_back_u8": utils_image.ycbcr2rgb(ycbcr),
            "y_f": utils_image.rgb2ycbcr(a.astype(np.float32) / np.float32(255)).astype(np.float32),
        }

    function_case(
        f"Metrics.{situation}",
        {"border": border},
        {"a": a, "b": b},
        run,
        note,
        f"{SOURCE}.utils_image; {LIBRARIES}",
    )


def as_bytes(picture):
    return np.round(255 * picture.clip(0, 1)).astype(np.int32)


picture = waves(23, 19, 5)
metrics(
    "noisy",
    "A picture and the same with noise; a border of two pixels.",
    as_bytes(picture),
    as_bytes(picture + 0.05 * fill("more", picture.shape, 6)),
    2,
)
y, x = np.mgrid[0:12, 0:18]
extremes = np.stack([255 * (x // 3 % 2), 255 * (x // 6 % 2), 255 * (x // 12 % 2)], -1)
metrics(
    "corners",
    "The eight colours whose channels are 0 or 255: conversions back wrap around. Moved by four pixels; no border.",
    extremes + (y[..., None] // 6) * (1 - extremes // 128),
    np.roll(extremes, 4, axis=1),
    0,
)


# ---- JPEG
def jpeg(situation, note, img, quality):
    """Compared loosely: another libjpeg may round otherwise, and one coefficient moves a whole block."""
    img = img.astype(np.float32)
    tensors, table = {"in/img": img}, {}
    for q in quality:
        with integers_drawn(q):
            result = bsrgan.add_JPEG_noise(img)
        mse = np.mean((result.astype(np.float64) - img) ** 2)
        tensors |= {f"out/q{q}": result, f"out/q{q}.mse": np.array(mse)}
        exact = tolerances({k: tensors[k] for k in (f"out/q{q}", f"out/q{q}.mse")}, [])
        exact[f"out/q{q}"]["tol"] = 0.048
        exact[f"out/q{q}.mse"]["tol"] = float(f"{0.04 * mse:.3g}")
        table |= exact
    write_case(
        f"JPEGNoise.{situation}",
        {"quality": quality},
        tensors,
        table,
        note,
        f"{SOURCE}.bsrgan.add_JPEG_noise; {LIBRARIES}",
        None,
    )


jpeg("odd_sizes", "No side is a multiple of 16 pixels.", waves(19, 27, 7), [1, 30, 60, 95])
jpeg(
    "light",
    "The ends of bsrgan_light's qualities, and the best of all.",
    waves(16, 16, 8),
    [80, 95, 100],
)


# ---- LSUN
def preprocessed(image, size, interpolation):
    """LSUNBase.__getitem__ without its random flip; transcribed from CompVis/latent-diffusion ldm/data/lsun.py (MIT)."""
    crop = min(image.shape[0], image.shape[1])
    h, w = image.shape[0], image.shape[1]
    image = image[(h - crop) // 2 : (h + crop) // 2, (w - crop) // 2 : (w + crop) // 2]
    resample = {"bilinear": 2, "bicubic": 3, "lanczos": 1}[interpolation]
    image = Image.fromarray(image).resize((size, size), resample=resample)
    return (np.array(image).astype(np.uint8) / 127.5 - 1.0).astype(np.float32)


def lsun(situation, note, images, sizes):
    interpolations = ["bilinear", "bicubic", "lanczos"]

    def run(**images):
        return {
            f"{name}.{interpolation}.{size}": preprocessed(
                image.numpy().astype(np.uint8), size, interpolation
            )
            for name, image in images.items()
            for interpolation in interpolations
            for size in sizes
        }

    function_case(
        f"LSUNPreprocess.{situation}",
        {"images": list(images), "sizes": sizes, "interpolations": interpolations},
        images,
        run,
        note,
        f"ldm/data/lsun.py of CompVis/latent-diffusion: LSUNBase.__getitem__; {LIBRARIES}",
    )


lsun(
    "square",
    "Nothing to crop: the same size, smaller, larger, and a single pixel.",
    {"square": as_bytes(waves(21, 21, 9))},
    [21, 1, 8, 30],
)
lsun(
    "odd_crops",
    "An odd number of pixels to be cut off, on either axis.",
    {"flat": as_bytes(waves(12, 31, 10)), "high": as_bytes(waves(17, 10, 11))},
    [7, 16],
)
