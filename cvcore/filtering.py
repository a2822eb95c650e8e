"""From a picture to a feature map in named stages, and the script that repeats it."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from cvcore.activations import relu
from cvcore.arithmetic import output_size
from cvcore.arrays import ByteArray, FloatArray
from cvcore.convolution import Padding, PadValue, convolve, padding_amounts
from cvcore.errors import N_
from cvcore.images import scale
from cvcore.pooling import pool

Pooling: TypeAlias = Literal["max", "average"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What is done to a picture, completely.

    Parameters
    ----------
    kernel : tuple of rows of float
        The weights; a row for each of the kernel's.
    scaling : str
        A name in `cvcore.images.SCALINGS`.
    stride, padding, pad_value
        As in `cvcore.convolution.convolve`.
    rectify : bool
        Whether negative answers become zero.
    pooling : {'max', 'average'} or None
        What is kept of each window of `pool_size` × `pool_size`.
    """

    kernel: tuple[tuple[float, ...], ...]
    scaling: str = "unit"
    stride: int = 1
    padding: Padding = "valid"
    pad_value: PadValue = 0.0
    rectify: bool = False
    pooling: Pooling | None = None
    pool_size: int = 2

    @property
    def weights(self) -> FloatArray:
        """The kernel as an array of float32, shape (rows, columns)."""
        return np.array(self.kernel, np.float32)


@dataclass(frozen=True)
class Stage:
    """One step: what it is called, what came out, and its size formula with numbers filled in."""

    name: str
    feature_map: FloatArray
    formula: str | None = None


def stages(image: ByteArray, recipe: Recipe) -> tuple[Stage, ...]:
    """Carry out a recipe and keep what every step gave.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, channels)
    recipe : Recipe

    Returns
    -------
    tuple of Stage
        The scaled picture, the convolution, then ReLU and pooling where the recipe has them;
        each feature map is float32, (rows, columns, channels), not clipped.

    Raises
    ------
    SettingError
        If the kernel or the pooling window does not fit.
    """
    picture = scale(image, recipe.scaling)
    kernel = recipe.weights
    answer = convolve(
        picture, kernel, stride=recipe.stride, padding=recipe.padding, pad_value=recipe.pad_value
    )
    steps = [
        Stage(N_("Picture"), picture),
        Stage(
            N_("Convolution"),
            answer,
            _formulas(picture, kernel.shape, recipe.stride, recipe.padding),
        ),
    ]
    if recipe.rectify:
        steps.append(Stage(N_("ReLU"), relu(answer), r"\max(0,\ x)"))
    if recipe.pooling is not None:
        before = steps[-1].feature_map
        steps.append(
            Stage(
                N_("Max pooling") if recipe.pooling == "max" else N_("Average pooling"),
                pool(before, size=recipe.pool_size, kind=recipe.pooling),
                _formulas(before, (recipe.pool_size, recipe.pool_size), recipe.pool_size, "valid"),
            )
        )
    return tuple(steps)


def _formulas(
    image: FloatArray,
    window: tuple[int, ...],
    stride: int,
    padding: Padding,
) -> str:
    """Write the size formula for rows and columns with the numbers of this step."""
    lines = []
    for n, f in zip(image.shape[:2], window, strict=True):
        before, after = padding_amounts(n, f, stride=stride, padding=padding)
        size = output_size(n, f, stride=stride, padding=padding)
        lines.append(
            rf"\left\lfloor\frac{{{n}+{before + after}-{f}}}{{{stride}}}\right\rfloor+1={size}"
        )
    return (
        lines[0]
        if lines[0] == lines[1]
        else r"\begin{gathered}" + r"\\".join(lines) + r"\end{gathered}"
    )


_SCALING_CODE = {
    "none": "",
    "unit": "image = image / 255\n",
    "minmax": "image = (image - image.min()) / (np.ptp(image) or 1)\n",
    "standardise": "image = (image - image.mean()) / (image.std() or 1)\n",
}


def script(recipe: Recipe, *, rows: int, columns: int) -> str:
    """Write the Python that makes the last feature map of a recipe.

    The script needs NumPy and Pillow alone; it reads ``picture.png`` beside it
    and writes ``feature_map.npy``.

    Parameters
    ----------
    recipe : Recipe
    rows, columns : int
        The picture's size in pixels.

    Returns
    -------
    str
        Python source.
    """
    kernel = recipe.weights
    pads = tuple(
        padding_amounts(n, f, stride=recipe.stride, padding=recipe.padding)
        for n, f in zip((rows, columns), kernel.shape, strict=True)
    )
    mode = (
        f'mode="{recipe.pad_value}"'
        if isinstance(recipe.pad_value, str)
        else f"constant_values={recipe.pad_value}"
    )
    weights = ",\n".join("    [" + ", ".join(map(repr, row)) + "]" for row in kernel.tolist())
    lines = [
        "import numpy as np",
        "from numpy.lib.stride_tricks import sliding_window_view",
        "from PIL import Image",
        "",
        'image = np.asarray(Image.open("picture.png"), np.float32)',
        "image = image.reshape(*image.shape[:2], -1)  # (height, width, channels)",
        _SCALING_CODE[recipe.scaling],
        f"kernel = np.array([\n{weights},\n], np.float32)",
        f"stride = {recipe.stride}",
        "",
    ]
    if any(map(any, pads)):
        lines.append(f"image = np.pad(image, ({pads[0]}, {pads[1]}, (0, 0)), {mode})")
    lines += [
        "windows = sliding_window_view(image, kernel.shape, axis=(0, 1))[::stride, ::stride]",
        "# Each answer is the sum of the products of a window and the kernel.",
        'feature_map = np.einsum("rcdij,ij->rcd", windows, kernel)',
    ]
    if recipe.rectify:
        lines.append("feature_map = np.maximum(feature_map, 0)  # ReLU")
    if recipe.pooling is not None:
        size, reduce = recipe.pool_size, {"max": "max", "average": "mean"}[recipe.pooling]
        lines += [
            f"windows = sliding_window_view(feature_map, ({size}, {size}), axis=(0, 1))",
            f"feature_map = windows[::{size}, ::{size}].{reduce}(axis=(-2, -1))",
        ]
    lines += ['np.save("feature_map.npy", feature_map)', "print(feature_map.shape)", ""]
    return "\n".join(lines)
