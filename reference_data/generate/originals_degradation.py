"""CompVis's ldm.modules.image_degradation, made importable, with the random numbers that its operations draw given to them.

The package asks for albumentations and torchvision, which none of these functions use, and for two functions that scipy no longer has:
`ndimage.filters`, which only moved, and `interpolate.interp2d`, whose linear interpolation RegularGridInterpolator does.
"""
import contextlib
import types

import numpy as np
import torch
from originals import _stand_ins
from scipy import ndimage
from scipy.interpolate import RegularGridInterpolator

with _stand_ins(
    albumentations={}, torchvision={}, torchvision__utils={"make_grid": None}
):  # the folder's __init__ loads both files
    import ldm.modules.image_degradation.bsrgan as bsrgan
    import ldm.modules.image_degradation.utils_image as utils_image

bsrgan.ndimage = types.SimpleNamespace(filters=ndimage)
bsrgan.scipy = types.SimpleNamespace(finfo=np.finfo)


def _interp2d(x, y, table):
    on_grid = RegularGridInterpolator((y, x), table)
    return lambda u, v: on_grid(np.stack(np.meshgrid(v, u, indexing="ij"), -1))


bsrgan.interp2d = _interp2d

# imresize asks for float32 by name; within float64_throughout() it is to compute in float64.
utils_image.torch = types.SimpleNamespace(**{**vars(torch), "FloatTensor": torch.zeros})


@contextlib.contextmanager
def integers_drawn(value):
    """Within, `random.randint` of bsrgan.py gives this value."""
    original = bsrgan.random
    bsrgan.random = types.SimpleNamespace(randint=lambda low, high: value)
    try:
        yield
    finally:
        bsrgan.random = original


@contextlib.contextmanager
def uniform_drawn(numbers, field):
    """Within, `np.random.rand()` of bsrgan.py gives these numbers, one after the other, and `rand(h, w)` is `field` everywhere."""
    left = list(numbers)

    def rand(*shape):
        return np.full(shape, field) if shape else left.pop(0)

    original = bsrgan.np
    bsrgan.np = types.SimpleNamespace(**{**vars(np), "random": types.SimpleNamespace(rand=rand)})
    try:
        yield
    finally:
        bsrgan.np = original
