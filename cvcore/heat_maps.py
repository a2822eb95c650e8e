"""Where in a picture a network finds a class: Grad-CAM, occlusion, and the gradient.

The functions with a store as first argument are jobs for a worker
(`cvcore.engine.client.Engine.ask`), where TensorFlow is imported.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np

from cvcore.arrays import BoolArray, ByteArray, FloatArray, IntArray
from cvcore.convolution import padding_amounts
from cvcore.datasets import DATASETS, pixel_order
from cvcore.display import signed_colours, unsigned_colours
from cvcore.errors import N_, SettingError
from cvcore.networks import Convolution, Layer, Pooling
from cvcore.spec import RunSpec
from cvcore.subjects import Fill, Picture, Subject, hide
from cvcore.time_travel import positions_with_maps
from cvcore.waking import import_tensorflow

if TYPE_CHECKING:  # imported in workers alone
    from cvcore.opened import Opened

Method: TypeAlias = Literal["grad_cam", "hires_cam", "occlusion", "gradient", "gradient_input"]
METHODS: tuple[Method, ...] = get_args(Method)
OF_A_LAYER: tuple[Method, ...] = ("grad_cam", "hires_cam")
"""Those that look at the maps of a layer, and have nothing to say where there are none."""

_BATCH = 256  # pictures with something hidden that exist at a time


@dataclass(frozen=True, kw_only=True)
class Way:
    """How a heat map is made; hashable, so that answers can be remembered.

    Parameters
    ----------
    method : {'grad_cam', 'hires_cam', 'occlusion', 'gradient', 'gradient_input'}
        See the functions of these names; the last is the gradient times the input.
    layer : int, optional
        For Grad-CAM and HiResCAM: the place, from 1, of a layer that gives maps.
    patch, stride : int, optional
        For occlusion: side of the square that hides, and its step, in pixels.
    fill : {'mean', 'black', 'blur'}, optional
        For occlusion: what stands in the square, as in `cvcore.subjects.hide`.
    """

    method: Method = "grad_cam"
    layer: int = 0
    patch: int = 3
    stride: int = 1
    fill: Fill = "mean"


@dataclass(frozen=True, eq=False, kw_only=True)
class HeatMap:
    """What in a picture speaks for a class, pixel by pixel.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, channels)
        The picture, as the data set has it.
    values : ndarray of float32, shape (height, width)
        The map as it is shown: Grad-CAM and HiResCAM after ReLU and the gradient's magnitude
        have no negative values; occlusion and gradient × input have.
    signed : ndarray of float32, shape (height, width)
        The same with its signs: before ReLU, the gradient itself.
    cells : ndarray of float32, shape (rows, columns)
        What was computed, with its signs, before it was brought to the picture's size: a
        value for each of the layer's positions, for each place of the square, or for each
        pixel.
    score, probability : float
        Of the class, before and after softmax.
    """

    image: ByteArray
    values: FloatArray
    signed: FloatArray
    cells: FloatArray
    score: float
    probability: float


def heat_map(url: str, subject: Subject, picture: Picture, label: int | None, way: Way) -> HeatMap:
    """Ask a network what in a picture speaks for a class.

    Parameters
    ----------
    url : str
        The run store.
    subject : Subject
    picture : Picture
    label : int or None
        The class, from 0; None for the likeliest.
    way : Way

    Raises
    ------
    EngineError
        If the weights of that moment are not in the store.
    SettingError
        If there is no such picture or class, the layer gives no maps, or the square does not
        fit into the picture.
    """
    import_tensorflow()
    from cvcore.opened import opened

    with opened(url, subject) as network:
        image = network.image(picture)
        if label is None:
            label = int(network.scores(image[np.newaxis]).argmax())
        return explain(network, image, label, way)


def explain(network: "Opened", image: ByteArray, label: int, way: Way) -> HeatMap:
    """Compute a heat map with a network that is open; in workers alone.

    Parameters
    ----------
    network : Opened
        Its weights stay as they are.
    image : ndarray of uint8, shape (height, width, channels)
    label, way
        As for `heat_map`.
    """
    from cvcore.opened import softmax

    spec = network.spec
    classes = len(DATASETS[spec.dataset].classes)
    if not 0 <= label < classes:
        raise SettingError(
            N_("There are {count} classes; number {number} was asked for."),
            count=classes,
            number=label + 1,
        )
    if way.method == "occlusion":
        cells, signed, scores = occlusion(
            network.scores, image, label, patch=way.patch, stride=way.stride, fill=way.fill
        )
        values = signed
    else:
        of_a_layer = way.method in OF_A_LAYER
        if of_a_layer:
            check_layer(spec, way.layer)
        wanted = np.zeros((1, classes), np.float32)
        wanted[0, label] = 1
        passed, slopes = network.back(network.see(image[np.newaxis]), wanted)
        scores = np.asarray(passed.sums[-1])[0]
        if of_a_layer:
            weigh = grad_cam if way.method == "grad_cam" else hires_cam
            cells = weigh(
                np.asarray(passed.outputs[way.layer - 1])[0],
                np.asarray(slopes.outputs[way.layer - 1])[0],
            )
            layers = spec.network[: way.layer]
            height, width = image.shape[:2]
            # ReLU comes before the enlarging, as in the paper.
            values = _in_place(spec, spread(np.maximum(cells, 0), layers, height, width))
            signed = _in_place(spec, spread(cells, layers, height, width))
        else:
            slope = np.asarray(slopes.picture)[0]
            if way.method == "gradient":
                signed = _in_place(spec, gradient(slope))
                values = np.abs(signed)
            else:
                product: FloatArray = slope * np.asarray(passed.picture)[0]
                signed = values = _in_place(spec, product.sum(axis=2))
            cells = signed
    return HeatMap(
        image=image,
        values=values,
        signed=signed,
        cells=cells,
        score=float(scores[label]),
        probability=float(softmax(scores)[label]),
    )


def grad_cam(maps: FloatArray, slopes: FloatArray) -> FloatArray:
    """Weigh a layer's maps by how much the score rises with each, before ReLU.

    Parameters
    ----------
    maps : ndarray of float32, shape (rows, columns, channels)
        What the layer gives.
    slopes : ndarray of float32, shape (rows, columns, channels)
        The gradient of the class's score before softmax by each value of them.

    Returns
    -------
    ndarray of float32, shape (rows, columns)
        The sum over channels of each map times the mean of its gradient. Grad-CAM is this
        after ReLU.

    References
    ----------
    .. [1] R. R. Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via
       Gradient-based Localization", ICCV 2017, equations 1 and 2.

    Examples
    --------
    >>> maps = np.array([[[1.0, 5.0], [2.0, 6.0]]], np.float32)
    >>> slopes = np.array([[[1.0, 0.0], [3.0, -2.0]]], np.float32)
    >>> grad_cam(maps, slopes)  # 2 × the first map - 1 × the second
    array([[-3., -2.]], dtype=float32)
    """
    weights = slopes.mean(axis=(0, 1))
    summed: FloatArray = maps @ weights
    return summed


def hires_cam(maps: FloatArray, slopes: FloatArray) -> FloatArray:
    """Multiply a layer's maps by the gradient where it is, before ReLU.

    Grad-CAM's mean over space forgets that a network which flattens its maps has other
    weights for each place. Where one dense layer follows, this map and the bias add up to
    the score.

    Parameters
    ----------
    maps, slopes : ndarray of float32, shape (rows, columns, channels)
        As for `grad_cam`.

    Returns
    -------
    ndarray of float32, shape (rows, columns)
        The sum over channels of each map times its gradient.

    References
    ----------
    .. [1] R. L. Draelos, L. Carin, "Use HiResCAM instead of Grad-CAM for faithful
       explanations of convolutional neural networks", arXiv:2011.08891, 2020.
    """
    summed: FloatArray = (maps * slopes).sum(axis=2)
    return summed


def gradient(slope: FloatArray) -> FloatArray:
    """Return, for each pixel, the gradient of the channel where it is steepest.

    Parameters
    ----------
    slope : ndarray of float32, shape (height, width, channels)
        The gradient of the class's score before softmax by what the network sees.

    Returns
    -------
    ndarray of float32, shape (height, width)
        Its magnitude is the saliency map of [1]_: the largest over the channels.

    References
    ----------
    .. [1] K. Simonyan, A. Vedaldi, A. Zisserman, "Deep Inside Convolutional Networks:
       Visualising Image Classification Models and Saliency Maps", arXiv:1312.6034, 2014.
    """
    steepest = np.abs(slope).argmax(axis=2)[..., np.newaxis]
    signed: FloatArray = np.take_along_axis(slope, steepest, axis=2)[..., 0]
    return signed


def occlusion(
    score: Callable[[ByteArray], FloatArray],
    image: ByteArray,
    label: int,
    *,
    patch: int,
    stride: int,
    fill: Fill,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Hide a square of the picture, everywhere in turn, and see how far the score falls.

    Parameters
    ----------
    score : callable
        From pictures, uint8 of shape (n, height, width, channels), to scores before softmax,
        float32 of shape (n, classes).
    image : ndarray of uint8, shape (height, width, channels)
    label : int
    patch : int
        Side of the square in pixels.
    stride : int
        Its step. Where that does not lead to the far edge, a last step is shorter.
    fill : {'mean', 'black', 'blur'}

    Returns
    -------
    drops : ndarray of float32, shape (rows, columns)
        The whole picture's score minus that with the square at each place.
    spread : ndarray of float32, shape (height, width)
        For each pixel the mean of the drops of the squares that lie on it.
    scores : ndarray of float32, shape (classes,)
        The whole picture's.

    Raises
    ------
    SettingError
        If the square does not fit into the picture, or the step leaves pixels out.

    References
    ----------
    .. [1] M. D. Zeiler, R. Fergus, "Visualizing and Understanding Convolutional Networks",
       ECCV 2014, section 4.2.
    """
    height, width = image.shape[:2]
    if not 1 <= patch <= min(height, width):
        raise SettingError(
            N_(
                "The square that hides must have from 1 to {most} pixels a side; it has {patch}. "
                "Choose another size."
            ),
            most=min(height, width),
            patch=patch,
        )
    if not 1 <= stride <= patch:
        raise SettingError(
            N_(
                "With a step of {stride} a square of {patch} pixels would not visit every pixel. "
                "Choose a step from 1 to {patch}."
            ),
            stride=stride,
            patch=patch,
        )
    tops, lefts = places(height, patch, stride), places(width, patch, stride)
    down, across = np.arange(height), np.arange(width)
    in_rows: BoolArray = (down >= tops[:, None]) & (down < tops[:, None] + patch)
    in_columns: BoolArray = (across >= lefts[:, None]) & (across < lefts[:, None] + patch)
    squares = (in_rows[:, None, :, None] & in_columns[None, :, None, :]).reshape(-1, height, width)
    # All pictures at once would take a gigabyte where they are large.
    hidden = [
        score(hide(image, squares[start : start + _BATCH], fill))[:, label]
        for start in range(0, len(squares), _BATCH)
    ]
    scores = score(image[np.newaxis])[0]
    drops: FloatArray = scores[label] - np.concatenate(hidden).reshape(len(tops), len(lefts))
    rows, columns = in_rows.astype(np.float32), in_columns.astype(np.float32)
    visits = np.outer(rows.sum(axis=0), columns.sum(axis=0))
    spread_out: FloatArray = ((rows.T @ drops @ columns) / visits).astype(np.float32)
    return drops, spread_out, scores


def places(size: int, patch: int, stride: int) -> IntArray:
    """Return where a square begins along an axis, so that it visits every pixel.

    Examples
    --------
    >>> places(8, 3, 2)
    array([0, 2, 4, 5])
    """
    return np.unique(np.append(np.arange(0, size - patch + 1, stride), size - patch))


def check_layer(spec: RunSpec, place: int) -> None:
    """Raise a SettingError where a layer gives no maps that Grad-CAM could weigh."""
    known = positions_with_maps(spec)
    if not known:
        raise SettingError(
            N_(
                "This network has no feature maps that Grad-CAM could weigh: it puts all pixels "
                "in one row at once. Occlusion and the gradient work with any network."
            )
        )
    if place not in known:
        raise SettingError(
            N_(
                "Layer {place} gives no feature maps that Grad-CAM could weigh. Choose one of the "
                "layers {layers}."
            ),
            place=place,
            layers=", ".join(map(str, known)),
        )


def usual_layer(spec: RunSpec) -> int:
    """Return the layer that Grad-CAM's authors look at, by its place from 1.

    Returns
    -------
    int
        The last convolution's, whose maps still know where; 0 where there are no maps.

    Examples
    --------
    >>> from cvcore.networks import preset
    >>> usual_layer(RunSpec(dataset="digits", network=preset("cnn", 10)))
    5
    """
    network = spec.network
    found = [it for it in positions_with_maps(spec) if isinstance(network[it - 1], Convolution)]
    return (found or list(positions_with_maps(spec)) or [0])[-1]


def centres(layers: Sequence[Layer], size: int) -> FloatArray:
    """Return where on the picture the positions of a layer's maps look, along one axis.

    Parameters
    ----------
    layers : sequence of Layer
        Up to and with that layer.
    size : int
        Pixels of the picture along the axis.

    Returns
    -------
    ndarray of float32, shape (positions,)
        The middle of each one's receptive field, in pixels; 0 is the middle of the first
        pixel.

    Examples
    --------
    >>> centres([Convolution(filters=1, size=3), Pooling(size=2)], 8)
    array([1.5, 3.5, 5.5], dtype=float32)
    """
    start, jump = 0.0, 1.0
    for layer in layers:
        if isinstance(layer, Convolution):
            padding, stride = layer.padding, layer.stride
        elif isinstance(layer, Pooling):
            padding, stride = "valid", layer.stride or layer.size
        else:
            continue
        before, after = padding_amounts(size, layer.size, stride=stride, padding=padding)
        start += jump * ((layer.size - 1) / 2 - before)
        size = (size + before + after - layer.size) // stride + 1
        jump *= stride
    return (start + jump * np.arange(size)).astype(np.float32)


def spread(cells: FloatArray, layers: Sequence[Layer], height: int, width: int) -> FloatArray:
    """Bring a map of a layer's positions to the picture's size.

    Each value is put at the middle of what its position looks at; the pixels between are
    interpolated linearly, those beyond the outermost middles get the outermost value.

    Parameters
    ----------
    cells : ndarray of float32, shape (rows, columns)
    layers : sequence of Layer
        Up to and with the one whose positions they are.
    height, width : int

    Returns
    -------
    ndarray of float32, shape (height, width)
    """
    down = _between(centres(layers, height), height)
    across = _between(centres(layers, width), width)
    enlarged: FloatArray = (down @ cells @ across.T).astype(np.float32)
    return enlarged


def enlarge(cells: FloatArray, size: int) -> FloatArray:
    """Bring a map to the size of a square picture, values in between interpolated.

    Parameters
    ----------
    cells : ndarray of float32, shape (rows, columns)
    size : int

    Returns
    -------
    ndarray of float32, shape (size, size)
    """
    import cv2

    larger: FloatArray = cv2.resize(cells, (size, size)).astype(np.float32)
    return larger


def _between(middles: FloatArray, size: int) -> FloatArray:
    """Return the share that each position has in each pixel, shape (size, positions)."""
    pixels = np.arange(size)
    shares = [np.interp(pixels, middles, one) for one in np.eye(len(middles))]
    return np.stack(shares, axis=1).astype(np.float32)


def _in_place(spec: RunSpec, seen: FloatArray) -> FloatArray:
    """Put what belongs to the places that a network sees where they are in the picture."""
    if not spec.shuffle_pixels:
        return seen
    image = np.empty(seen.size, np.float32)
    image[pixel_order(*seen.shape)] = seen.ravel()
    return image.reshape(seen.shape)


def rank_correlation(one: FloatArray, other: FloatArray) -> float:
    """Return how alike two maps rank the pixels, whatever their values.

    Parameters
    ----------
    one, other : ndarray of float32, of one shape

    Returns
    -------
    float
        Spearman's: from -1, the opposite order, over 0 to 1, the same order. Equal values
        share the mean of their ranks. NaN where all values of a map are equal.

    Examples
    --------
    >>> rank_correlation(np.array([0.1, 0.2, 0.9]), np.array([1.0, 2.0, 3.0]))
    1.0
    """
    ranks = []
    for values in (one, other):
        _, which, counts = np.unique(values.ravel(), return_inverse=True, return_counts=True)
        middle = np.cumsum(counts) - (counts - 1) / 2
        ranks.append(middle[which] - middle[which].mean())
    size = float(np.sqrt((ranks[0] ** 2).sum() * (ranks[1] ** 2).sum()))
    if not size:
        return float("nan")
    return round(float((ranks[0] * ranks[1]).sum()) / size, 12)


def paint(values: FloatArray, *, signed: bool, limit: float | None = None) -> ByteArray:
    """Colour a map: red, white and blue around zero, or viridis from zero on.

    Parameters
    ----------
    values : ndarray of float32, shape (height, width)
    signed : bool
    limit : float, optional
        The value of the strongest colour; by default the largest magnitude.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
    """
    limit = limit or float(np.abs(values).max()) or 1.0
    if signed:
        return signed_colours(values, limit=limit)
    return unsigned_colours(values, colours="viridis", low=0.0, high=limit)


def lay_over(image: ByteArray, colours: ByteArray, strength: float) -> ByteArray:
    """Lay a coloured map over a picture.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 1 or 3)
    colours : ndarray of uint8, shape (height, width, 3)
    strength : float
        From 0, the picture alone, to 1, the map alone.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)

    Examples
    --------
    >>> lay_over(np.full((1, 1, 1), 100, np.uint8), np.array([[[200, 100, 0]]], np.uint8), 0.5)
    array([[[150, 100,  50]]], dtype=uint8)
    """
    mixed: FloatArray = (1 - strength) * image.astype(np.float32) + strength * colours
    return mixed.round().astype(np.uint8)
