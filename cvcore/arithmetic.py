"""The arithmetic of layers: shapes, visits, receptive fields, counts, the products of a pixel."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cvcore.arrays import FloatArray, IntArray
from cvcore.convolution import (
    Padding,
    PadValue,
    as_image,
    as_weights,
    check_depth,
    pad,
    padding_amounts,
)
from cvcore.errors import N_, SettingError
from cvcore.networks import (
    ActivationLayer,
    BatchNormalisation,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling,
    Layer,
    Pooling,
)

OUTPUT_SIZE = r"\left\lfloor \frac{n + 2p - f}{s} \right\rfloor + 1"
"""What `output_size` computes, for the page: n pixels, p of padding, kernel f, stride s."""

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Reach:
    """How much of the picture one value sees after a layer, along one axis.

    Parameters
    ----------
    layer : Layer
    size : int
        The receptive field in pixels of the picture.
    jump : int
        Pixels of the picture between the receptive fields of two neighbours.
    """

    layer: Layer
    size: int
    jump: int


@dataclass(frozen=True)
class LayerRow:
    """One layer of a network, counted.

    Parameters
    ----------
    layer : Layer
    input_shape, output_shape : tuple of int
        (height, width, channels), or (values,) once they are in one row.
    parameters : int
        Weights and biases, and the running means and variances of batch normalisation, which
        are not learned by descent: half of its four for each channel.
    connections : int
        Lines from an input, or from a bias, to an output: one for each weight each
        time it is used, as LeCun counts them. Windows over padding count in full.
    multiply_adds : int
        Multiplications by a weight, each with its addition; none where there are no weights.
    """

    layer: Layer
    input_shape: Shape
    output_shape: Shape
    parameters: int
    connections: int
    multiply_adds: int

    @property
    def kind(self) -> str:
        """The layer's kind, a name in `cvcore.networks.LAYERS`."""
        return self.layer.kind

    @property
    def trainable(self) -> int:
        """How many of the parameters descend the gradient: all but running means and variances."""
        half = isinstance(self.layer, BatchNormalisation)
        return self.parameters // 2 if half else self.parameters


@dataclass(frozen=True, eq=False, kw_only=True)
class Products:
    """How one pixel of a feature map comes about.

    Parameters
    ----------
    patch : ndarray of float32, shape (rows, columns) or (rows, columns, channels)
        What the kernel lay on, padding included.
    kernel : ndarray of float32, shape (rows, columns) or (rows, columns, channels)
    products : ndarray of float32, of the patch's shape
    total : float
        The pixel: the sum of the products.
    top, left : int
        Where the patch's first pixel lies in the picture; negative in the padding.
    """

    patch: FloatArray
    kernel: FloatArray
    products: FloatArray
    total: float
    top: int
    left: int


def output_size(n: int, f: int, *, stride: int = 1, padding: Padding = 0) -> int:
    """Return how many stops a kernel makes along one axis.

    Parameters
    ----------
    n : int
        Pixels of the image along the axis.
    f : int
        Pixels of the kernel along the axis.
    stride : int, optional
        Pixels between stops; where it does not divide, the rest is dropped.
    padding : int or {'valid', 'same'}, optional
        Pixels added on each side, or a rule of `cvcore.convolution.convolve`.

    Returns
    -------
    int
        `OUTPUT_SIZE`; for 'same' that is ``ceil(n / stride)``.

    Raises
    ------
    SettingError
        If a number is out of range, or the kernel does not fit into the padded image.

    References
    ----------
    .. [1] V. Dumoulin, F. Visin, "A guide to convolution arithmetic for deep
       learning", arXiv:1603.07285, 2016, relationship 6.

    Examples
    --------
    >>> output_size(32, 5)
    28
    """
    before, after = padding_amounts(n, f, stride=stride, padding=padding)
    return (n + before + after - f) // stride + 1


def unused(n: int, f: int, *, stride: int = 1, padding: Padding = 0) -> int:
    """Return how many pixels at the end of an axis lie behind the last window.

    Parameters
    ----------
    n, f, stride, padding
        As for `output_size`.

    Returns
    -------
    int
        Pixels of the image, not of its padding.

    Raises
    ------
    SettingError
        As for `output_size`.

    Examples
    --------
    >>> unused(8, 3, stride=2)
    1
    """
    before, _ = padding_amounts(n, f, stride=stride, padding=padding)
    end = (output_size(n, f, stride=stride, padding=padding) - 1) * stride + f - before
    return min(max(n - end, 0), n)


def visits(n: int, f: int, *, stride: int = 1, padding: Padding = 0) -> IntArray:
    """Count how often the kernel lies on each pixel along one axis.

    Rows and columns are visited independently: ``np.outer(visits(height, …),
    visits(width, …))`` counts for every pixel of an image.

    Parameters
    ----------
    n, f, stride, padding
        As for `output_size`.

    Returns
    -------
    ndarray of int64, shape (n,)
        Stops whose window covers the pixel.

    Raises
    ------
    SettingError
        As for `output_size`.

    Examples
    --------
    A corner is visited once; with a pixel of padding, 2 · 2 = 4 times.

    >>> visits(5, 3)
    array([1, 2, 3, 2, 1])
    >>> visits(5, 3, padding=1)
    array([2, 3, 3, 3, 2])
    """
    before, _ = padding_amounts(n, f, stride=stride, padding=padding)
    stops = output_size(n, f, stride=stride, padding=padding)
    starts = np.arange(stops, dtype=np.int64) * stride - before
    pixels = np.arange(n, dtype=np.int64)
    # Windows that began at or before the pixel, less those that had ended by then.
    return np.searchsorted(starts, pixels, "right") - np.searchsorted(starts + f, pixels, "right")


def receptive_field(layers: Sequence[Layer]) -> tuple[Reach, ...]:
    """Follow how much of the picture one value sees, layer by layer.

    Parameters
    ----------
    layers : sequence of Layer
        Counted up to the first that brings maps into one row: behind it every value
        sees the whole picture.

    Returns
    -------
    tuple of Reach
        A row for each layer that was counted.

    References
    ----------
    .. [1] A. Araujo, W. Norris, J. Sim, "Computing receptive fields of
       convolutional neural networks", Distill, 2019, equation 2.

    Examples
    --------
    Two 3 × 3 convolutions see as much as one of 5 × 5.

    >>> [reach.size for reach in receptive_field([Convolution(filters=1)] * 2)]
    [3, 5]
    """
    size = jump = 1
    reaches = []
    for layer in layers:
        if isinstance(layer, Flatten | Dense | GlobalAveragePooling):
            break
        if isinstance(layer, Convolution | Pooling):
            size += (layer.size - 1) * jump
            jump *= _stride(layer)
        reaches.append(Reach(layer, size, jump))
    return tuple(reaches)


def window_seen(
    layers: Sequence[Layer], input_shape: Shape, row: int, column: int, *, steps: int | None = None
) -> tuple[int, int, int, int]:
    """Return the rectangle that one value of a feature map sees.

    Parameters
    ----------
    layers : sequence of Layer
        Up to and with the one that gives the map; all of them give maps.
    input_shape : tuple of int
        (height, width, channels) of the picture.
    row, column : int
        Of the value, from 0.
    steps : int, optional
        How many layers to go back: 1 for what it sees of the maps before it; all if not given.

    Returns
    -------
    top, left, height, width : int
        Padding counts: the rectangle can reach over the edges.

    Examples
    --------
    >>> window_seen([Convolution(filters=1, padding="same"), Pooling()], (8, 8, 1), 0, 3)
    (-1, 5, 4, 4)
    """
    table = layer_table(layers, input_shape)
    first, last = [row, column], [row, column]
    for it in reversed(table if steps is None else table[len(table) - steps :]):
        if isinstance(it.layer, Convolution | Pooling):
            size, stride = it.layer.size, _stride(it.layer)
            padding = it.layer.padding if isinstance(it.layer, Convolution) else "valid"
            for axis in (0, 1):
                before, _ = padding_amounts(
                    it.input_shape[axis], size, stride=stride, padding=padding
                )
                first[axis] = first[axis] * stride - before
                last[axis] = last[axis] * stride - before + size - 1
    return first[0], first[1], last[0] - first[0] + 1, last[1] - first[1] + 1


def layer_table(layers: Sequence[Layer], input_shape: Shape) -> tuple[LayerRow, ...]:
    """Count the shapes, parameters, connections and multiplications of a network.

    Parameters
    ----------
    layers : sequence of Layer
    input_shape : tuple of int
        (height, width, channels) of a picture, or (values,).

    Returns
    -------
    tuple of LayerRow
        A row for each layer.

    Raises
    ------
    SettingError
        If a layer cannot follow the one before it; the sentence names its position, from 1.

    References
    ----------
    .. [1] Y. LeCun et al., "Gradient-based learning applied to document
       recognition", Proc. IEEE 86(11), 1998, section II.B.

    Examples
    --------
    >>> network = [Flatten(), Dense(units=128), Dense(units=10)]
    >>> [row.parameters for row in layer_table(network, (28, 28, 1))]
    [0, 100480, 1290]
    """
    rows, error = count_possible(layers, input_shape)
    if error is not None:
        raise error
    return rows


def count_possible(
    layers: Sequence[Layer], input_shape: Shape
) -> tuple[tuple[LayerRow, ...], SettingError | None]:
    """Count a network up to the layer that breaks it, if there is one.

    Parameters
    ----------
    layers, input_shape
        As for `layer_table`.

    Returns
    -------
    rows : tuple of LayerRow
        A row for each layer before the one that breaks; for all of a possible network.
    error : SettingError or None
        What is wrong with the layer behind them.

    Examples
    --------
    >>> rows, error = count_possible([Flatten(), Pooling(), Dense(units=10)], (28, 28, 1))
    >>> [row.output_shape for row in rows], error.values["position"]
    ([(784,)], 2)
    """
    rows: list[LayerRow] = []
    shape = tuple(input_shape)
    for position, layer in enumerate(layers, start=1):
        try:
            row = _count(layer, shape, position)
        except SettingError as error:
            return tuple(rows), error
        rows.append(row)
        shape = row.output_shape
    return tuple(rows), None


def products(
    image: npt.ArrayLike,
    kernel: npt.ArrayLike,
    row: int,
    column: int,
    *,
    stride: int = 1,
    padding: Padding = "valid",
    pad_value: PadValue = 0.0,
) -> Products:
    """Show the products behind one pixel of a convolution's answer.

    Parameters
    ----------
    image : array_like, shape (height, width) or (height, width, channels)
        Taken as float32.
    kernel : array_like, shape (rows, columns) or (rows, columns, channels)
        As deep as the image: for `cvcore.convolution.convolve`, which filters channels
        one by one, give one channel; for a filter of `convolve_layer` all of them.
    row, column : int
        A pixel of the answer, counted from 0.
    stride, padding, pad_value
        As for `cvcore.convolution.convolve`.

    Returns
    -------
    Products
        Its total is the answer's pixel, to float32 rounding.

    Raises
    ------
    SettingError
        As for `convolve`, and if the answer has no such pixel or the kernel is not as
        deep as the image.

    Examples
    --------
    >>> behind = products([[1, 2], [3, 4]], [[1, 0], [0, -1]], 0, 0)
    >>> behind.products
    array([[ 1.,  0.],
           [ 0., -4.]], dtype=float32)
    >>> behind.total
    -3.0
    """
    picture, weights = as_image(image), as_weights(kernel)
    check_depth(picture, weights.shape[2] if weights.ndim == 3 else 1)
    picture = picture.reshape(*picture.shape[:2], *weights.shape[2:])
    size = weights.shape[0], weights.shape[1]
    padded = pad(picture, size, stride=stride, padding=padding, pad_value=pad_value)
    rows, columns = (
        output_size(n, f, stride=stride) for n, f in zip(padded.shape[:2], size, strict=True)
    )
    if not (0 <= row < rows and 0 <= column < columns):
        raise SettingError(
            N_(
                "The answer has {rows} rows and {columns} columns, counted from 0; "
                "it has no pixel in row {row}, column {column}."
            ),
            rows=rows,
            columns=columns,
            row=row,
            column=column,
        )
    top, left = row * stride, column * stride
    patch = padded[top : top + size[0], left : left + size[1]].copy()
    each = patch * weights
    before = [
        padding_amounts(n, f, stride=stride, padding=padding)[0]
        for n, f in zip(picture.shape[:2], size, strict=True)
    ]
    return Products(
        patch=patch,
        kernel=weights,
        products=each,
        total=float(each.sum(dtype=np.float64)),  # exact enough for any order of the sum
        top=top - before[0],
        left=left - before[1],
    )


def _stride(layer: Convolution | Pooling) -> int:
    return layer.size if layer.stride is None else layer.stride


def _count(layer: Layer, shape: Shape, position: int) -> LayerRow:
    _check_numbers(layer, position)
    match layer:
        case Flatten():
            return LayerRow(layer, shape, (math.prod(shape),), 0, 0, 0)
        case Dense(units=units):
            if len(shape) != 1:
                raise SettingError(
                    N_(
                        "Layer {position} is dense, but feature maps reach it instead of one row "
                        "of values. Put a flatten layer before it."
                    ),
                    position=position,
                )
            weights = shape[0] * units
            return LayerRow(layer, shape, (units,), weights + units, weights + units, weights)
        case Convolution(filters=filters, padding=padding):
            height, width, _ = _maps(layer, shape, position, padding)
            cells = layer.size**2 * shape[2]
            values = height * width * filters
            return LayerRow(
                layer,
                shape,
                (height, width, filters),
                parameters=(cells + 1) * filters,
                connections=(cells + 1) * values,
                multiply_adds=cells * values,
            )
        case Pooling():
            maps = _maps(layer, shape, position, "valid")
            return LayerRow(layer, shape, maps, 0, math.prod(maps) * layer.size**2, 0)
        case GlobalAveragePooling():
            if len(shape) != 3:
                raise SettingError(
                    N_(
                        "Layer {position} takes the mean of each feature map, but the values "
                        "before it are already in one row. Remove it, or put it before the "
                        "layer that brings them there."
                    ),
                    position=position,
                )
            return LayerRow(layer, shape, shape[2:], 0, math.prod(shape), 0)
        case BatchNormalisation():
            # Once it has learned, its means and scales are one factor and one addend a value.
            values = math.prod(shape)
            return LayerRow(layer, shape, shape, 4 * shape[-1], 2 * values, values)
        case ActivationLayer() | Dropout():
            return LayerRow(layer, shape, shape, 0, math.prod(shape), 0)


def _maps(
    layer: Convolution | Pooling, shape: Shape, position: int, padding: Padding
) -> tuple[int, int, int]:
    """Return the (height, width, channels) to which a layer's window brings feature maps."""
    if len(shape) != 3:
        raise _in_a_row(position)
    height, width, channels = shape
    if padding == "valid" and layer.size > min(height, width):
        raise SettingError(
            N_(
                "Layer {position} slides a window of {size} × {size} pixels, but only "
                "{height} × {width} reach it. Choose a smaller window, 'same' padding in the "
                "convolutions, or fewer poolings before it."
            ),
            position=position,
            size=layer.size,
            height=height,
            width=width,
        )
    rows, columns = (
        output_size(n, layer.size, stride=_stride(layer), padding=padding) for n in (height, width)
    )
    return rows, columns, channels


def _in_a_row(position: int) -> SettingError:
    return SettingError(
        N_(
            "Layer {position} slides a window, but the values before it are already in one "
            "row. Put it before the layer that brings them there."
        ),
        position=position,
    )


def _check_numbers(layer: Layer, position: int) -> None:
    """Refuse a layer that has no filter, no unit, no window, or no step."""
    for name, number in vars(layer).items():
        if isinstance(number, int) and number < 1:
            raise SettingError(
                N_("Layer {position} has {name} = {number}; it must be at least 1."),
                position=position,
                name=name,
                number=number,
            )
        if isinstance(number, float) and not 0 <= number < 1:
            raise SettingError(
                N_("Layer {position} has {name} = {number}; it must be from 0 to below 1."),
                position=position,
                name=name,
                number=number,
            )
