"""What can be taken away of a run: the Keras code that trains it, and the trained network.

`keras_code` needs no TensorFlow; `keras_file` is asked of a worker.
"""

import io
import json
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from cvcore.datasets import DATASETS, PIXEL_SEED, entry_of, pixel_order
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
from cvcore.spec import ONE_CYCLE_RISE, Augmentation, RunSpec
from cvcore.surgery import Operation, arrays_of_filters
from cvcore.waking import import_tensorflow

LABELS_FILE = "labels.json"
"""The member of a ``.keras`` file that holds the classes' names and what the network expects."""

# -- the code


def keras_code(lineage: Sequence[RunSpec]) -> str:
    """Write the Python that trains a run with Keras alone, and prints its history.

    Parameters
    ----------
    lineage : sequence of RunSpec
        The run last; before it, if it is a branch, what it branched off from, the first first.

    Returns
    -------
    str
        A script that needs TensorFlow, and scikit-learn or scikit-image for the data sets
        that come with them. On the same machine it gives the run's own losses, but for what
        floating point adds up in another order.
    """
    spec = lineage[-1]
    parts = [
        f'"""Run {spec.digest()} of the computer-vision laboratory, with Keras alone."""',
        _imports(lineage),
        _data(spec),
        *(_HELPERS[name] for name in _needed(lineage)),
        _TRAIN,
    ]
    ends = [later.from_epoch for later in lineage[1:]] + [spec.epochs]
    for number, (stage, end) in enumerate(zip(lineage, ends, strict=True), start=1):
        parts.append(_stage(stage, number, end))
    parts.append(_TEST)
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _imports(lineage: Sequence[RunSpec]) -> str:
    lines = ["import time"] if any(it.seconds for it in lineage) else []
    lines += ["", "import keras", "import numpy as np"]
    if any(it.augmentation != Augmentation() for it in lineage):
        lines.append("import tensorflow as tf")
    return "\n".join(lines)


_LOAD = {
    "fashion_mnist": "pictures, test = keras.datasets.fashion_mnist.load_data()",
    "mnist": "pictures, test = keras.datasets.mnist.load_data()",
    "cifar10": "pictures, test = keras.datasets.cifar10.load_data()",
    "kmnist": """
import gzip

def idx(name, start):
    path = keras.utils.get_file(name, "{base}" + name, cache_subdir="datasets/kmnist")
    with gzip.open(path) as stream:
        return np.frombuffer(stream.read(), np.uint8, offset=start)

pictures = idx("{files[0]}", 16), idx("{files[1]}", 8)
test = idx("{files[2]}", 16), idx("{files[3]}", 8)
""",
    "digits": """
from sklearn.datasets import load_digits

bunch = load_digits()
images = np.round(bunch.images * (255 / 16)).astype(np.uint8)  # from 0…16 to 0…255
pictures = images[:{training}], bunch.target[:{training}]
test = images[{training}:], bunch.target[{training}:]
""",
    "faces": """
from skimage.data import lfw_subset

# 100 faces, then 100 others: one of each in turn, so that every part holds as many of each.
images = np.round(lfw_subset() * 255).astype(np.uint8).reshape(2, 100, 25, 25)
images = images.swapaxes(0, 1).reshape(-1, 25, 25)
labels = np.tile([0, 1], 100)
pictures, test = (images[:160], labels[:160]), (images[160:], labels[160:])
""",
}


def _data(spec: RunSpec) -> str:
    entry = DATASETS[spec.dataset]
    base = entry.binarises or spec.dataset
    urls = [file.url for file in entry_of(base).files]
    load = _LOAD[base].strip("\n")
    if base in ("kmnist", "digits"):
        load = load.format(
            training=entry.training,
            base=urls[0].rpartition("/")[0] + "/" if urls else "",
            files=[url.rpartition("/")[2] for url in urls],
        )
    height, width, channels = entry.shape
    lines = [
        "# The pictures, with values from 0 to 255.",
        load,
        f"images, labels = pictures[0].reshape(-1, {height}, {width}, {channels}), "
        "pictures[1].ravel().astype(np.int64)",
        f"test_images, test_labels = test[0].reshape(-1, {height}, {width}, {channels}), "
        "test[1].ravel().astype(np.int64)",
    ]
    if entry.binarises:
        lines += [
            f"# Black and white: 255 from {spec.threshold} on, 0 below it.",
            f"images = np.where(images >= {spec.threshold}, 255, 0).astype(np.uint8)",
            f"test_images = np.where(test_images >= {spec.threshold}, 255, 0).astype(np.uint8)",
        ]
    return "\n".join(lines)


_HELPERS = {
    "pixels": f"""
# One order for the pixels of every picture.
places = np.random.default_rng({PIXEL_SEED}).permutation(images[0, :, :, 0].size)


def shuffle_pixels(pictures):
    pixels = pictures.reshape(len(pictures), -1, pictures.shape[-1])
    return pixels[:, places].reshape(pictures.shape)
""",
    "augment": """
def augment(
    pictures, draws, rotation, width_shift, height_shift, shear, zoom, flip, fill_mode
):
    \"\"\"Mirror, turn, slant, zoom and move each picture by its own random numbers.\"\"\"
    height, width = pictures.shape[1:3]
    amounts = 2 * draws - 1
    angle = amounts[:, 0] * np.float32(np.radians(rotation))
    down = amounts[:, 1] * height_shift * height
    across = amounts[:, 2] * width_shift * width
    slant, size = amounts[:, 3] * shear, 1 + amounts[:, 4] * zoom
    mirror = tf.where((draws[:, 5] < 0.5) & flip, -1.0, 1.0)
    cos, sin = tf.cos(angle), tf.sin(angle)
    xx, xy = mirror * size * (cos + slant * sin), mirror * size * (slant * cos - sin)
    yx, yy = size * sin, size * cos
    y, x = (height - 1) / 2, (width - 1) / 2
    x0 = x - xx * (x + across) - xy * (y + down)
    y0 = y - yx * (x + across) - yy * (y + down)
    none = tf.zeros_like(angle)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(pictures, tf.float32),
        transforms=tf.stack([xx, xy, x0, yx, yy, y0, none, none], axis=1),
        output_shape=[height, width],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode=fill_mode.upper(),
    ).numpy()
""",
    "schedule": """
class OneCycle(keras.callbacks.Callback):
    \"\"\"The learning rate rises in a straight line, then falls along half a cosine.\"\"\"

    def __init__(self, highest, epoch, epochs, steps):
        super().__init__()
        self.highest, self.epoch, self.epochs, self.steps = highest, epoch, epochs, steps

    def on_train_batch_begin(self, batch, logs=None):
        done = (self.epoch + (batch + 0.5) / self.steps) / self.epochs
        rise = RISE
        falling = (1 + np.cos(np.pi * (done - rise) / (1 - rise))) / 2
        share = done / rise if done < rise else falling
        self.model.optimizer.learning_rate = self.highest * share
""".replace("RISE", repr(ONE_CYCLE_RISE)),
    "budget": """
class Budget(keras.callbacks.Callback):
    \"\"\"Ends the training after so much processor time; no two machines share it.\"\"\"

    def __init__(self, seconds):
        super().__init__()
        self.until, self.over = time.process_time() + seconds, False

    def on_train_batch_end(self, batch, logs=None):
        if time.process_time() >= self.until:
            self.over = self.model.stop_training = True
""",
    "carry_over": """
def carry_over(old, new):
    \"\"\"Go on with what another network has learned, and with what its optimiser remembers.\"\"\"
    new.set_weights(old.get_weights())
    weights = {id(it) for it in [*old.weights, *new.weights]}
    dropout = [[it for it in net.variables if id(it) not in weights] for net in (old, new)]
    if len(dropout[0]) == len(dropout[1]):
        for mine, theirs in zip(dropout[1], dropout[0]):
            mine.assign(theirs)
    new.optimizer.build(new.trainable_variables)
    if type(new.optimizer) is type(old.optimizer):
        old.optimizer.build(old.trainable_variables)
        state = [
            [it for it in net.optimizer.variables if it.name != "learning_rate"]
            for net in (old, new)
        ]
        if len(state[0]) == len(state[1]):
            for mine, theirs in zip(state[1], state[0]):
                mine.assign(theirs)
""",
    "operate": """
def operate(arrays, one, deed, detail=None):
    \"\"\"Do something to one filter: arrays has a layer, a variable's name and its "off".\"\"\"
    for index, name, off in arrays:
        variable = next(it for it in model.layers[index].weights if it.name == name)
        array = variable.numpy().copy()
        if deed == "swap":
            array[..., [one, detail]] = array[..., [detail, one]]
        elif deed == "off" and off is not None:
            array[..., one] = off
        elif deed == "kernel" and name == "kernel":
            array[..., one] = np.array(detail, np.float32)[..., np.newaxis] / array.shape[2]
        elif deed == "random" and name == "kernel":
            spread = float(np.sqrt(np.square(array, dtype=np.float64).mean()))
            draw = np.random.default_rng(detail).normal(0, spread, array[..., one].shape)
            array[..., one] = draw
        variable.assign(array)
        for memory in model.optimizer.variables:  # of a filter that is no longer what it was
            if memory.name.startswith(variable.path.replace("/", "_") + "_"):
                array = memory.numpy().copy()
                if deed == "swap":
                    array[..., [one, detail]] = array[..., [detail, one]]
                else:
                    array[..., one] = 0
                memory.assign(array)
""",
}


def _needed(lineage: Sequence[RunSpec]) -> list[str]:
    wanted = {
        "pixels": any(it.shuffle_pixels for it in lineage),
        "augment": any(it.augmentation != Augmentation() for it in lineage),
        "schedule": any(it.schedule == "one_cycle" for it in lineage),
        "budget": any(it.seconds for it in lineage),
        "carry_over": len(lineage) > 1,
        "operate": any(it.surgery for it in lineage),
    }
    return [name for name, needed in wanted.items() if needed]


_TRAIN = """
def glorot(seed):
    return keras.initializers.GlorotUniform(seed=int(seed))


def show(epoch, history):
    values = {name: values[-1] for name, values in history.history.items()}
    print(f"epoch {epoch}:", ", ".join(f"{name} {value:.6f}" for name, value in values.items()))
    return values
"""

_TEST = """
loss, accuracy = model.evaluate(see(test_images), as_labels(test_labels), batch_size=256, verbose=0)
print(f"test: loss {loss:.6f}, accuracy {accuracy:.6f}")
"""


def _stage(spec: RunSpec, number: int, end: int) -> str:
    """Write one training: what the network sees, the network, and the loop over its epochs."""
    training, held_back, _ = spec.sizes()
    entry = DATASETS[spec.dataset]
    count = len(entry.classes)
    first = spec.from_epoch
    out = [f"# {'What is learned' if number == 1 else f'The branch after epoch {first}'}."]
    out += [f"learned, learned_labels = images[:{training}], labels[:{training}]"]
    if held_back:
        out += [f"held_back, held_back_labels = images[-{held_back}:], labels[-{held_back}:]"]
    out += [_SCALINGS[spec.scaling], "", ""]
    seen = "shuffle_pixels(pictures)" if spec.shuffle_pixels else "pictures"
    out += ["def see(pictures):"]
    out += [f"    return ({seen}.astype(np.float32) - np.float32(shift)) / np.float32(scale)"]
    out += ["", "", "def as_labels(classes):"]
    one_hot = f"np.eye({count}, dtype=np.float32)[classes]"
    out += [f"    return {one_hot if spec.labels == 'one_hot' else 'classes'}", "", ""]
    if number > 1:
        out.append("earlier = model")
    out.append(f"seeds = np.random.SeedSequence({spec.seed}).generate_state({len(spec.network)})")
    out.append("model = keras.Sequential([")
    out.append(f"    keras.Input({entry.shape}),")
    out += [f"    {_layer(layer, index)}," for index, layer in enumerate(spec.network)]
    out.append("])")
    rate = f"{spec.learning_rate!r}"
    optimiser = (
        f"keras.optimizers.Adam({rate})"
        if spec.optimiser == "adam"
        else f"keras.optimizers.SGD({rate}, momentum={spec.momentum!r})"
    )
    loss = "sparse_categorical_crossentropy" if spec.labels == "integer" else ""
    out += ["model.compile("]
    out += [f"    {optimiser},", f'    loss="{loss or "categorical_crossentropy"}",']
    out += ['    metrics=["accuracy"],', "    jit_compile=False,", ")"]
    if number > 1:
        out.append("carry_over(earlier, model)")
        out += [_operation(spec, it) for it in spec.surgery]
    out += _loop(spec, first, end)
    return "\n".join(out)


def _operation(spec: RunSpec, operation: Operation) -> str:
    arrays = [
        (int(name.partition("/")[0].rpartition("_")[2]) - 1, name.partition("/")[2], off)
        for name, off in arrays_of_filters(spec.network, operation.layer).items()
    ]
    detail = ""
    match operation.deed:
        case "swap":
            detail = f", {operation.other}"
        case "random":
            detail = f", {operation.seed}"
        case "kernel":
            detail = f", {[list(row) for row in operation.kernel]!r}"
    return f"operate({arrays!r}, {operation.filter}, {operation.deed!r}{detail})"


def _loop(spec: RunSpec, first: int, end: int) -> list[str]:
    training, held_back, _ = spec.sizes()
    out, callbacks = [], []
    if spec.seconds is not None:
        out.append(f"budget = Budget({spec.seconds!r})")
    if spec.patience is not None:
        out.append("lowest, waited = np.inf, 0")
    out.append(f"for epoch in range({first}, {end}):")
    out.append(f"    order = np.random.default_rng([{spec.seed}, epoch]).permutation({training})")
    inputs = "learned[order]"
    if spec.augmentation != Augmentation():
        values = ", ".join(f"{name}={value!r}" for name, value in vars(spec.augmentation).items())
        out.append(f"    draws = np.random.default_rng([{spec.seed}, epoch, 1])")
        out.append(f"    draws = draws.random(({training}, 6), np.float32)")
        out.append(f"    changed = augment({inputs}, draws, {values})")
        inputs = "changed"
    if spec.schedule == "one_cycle":
        steps = -(-training // spec.batch_size)
        callbacks.append(f"OneCycle({spec.learning_rate!r}, epoch, {spec.epochs}, {steps})")
    if spec.seconds is not None:
        callbacks.append("budget")
    out += [
        "    history = model.fit(",
        f"        see({inputs}),",
        "        as_labels(learned_labels[order]),",
        f"        batch_size={spec.batch_size},",
        "        shuffle=False,  # `order` has done it",
    ]
    if held_back:
        out.append("        validation_data=(see(held_back), as_labels(held_back_labels)),")
        out.append("        validation_batch_size=256,")
    if callbacks:
        out.append(f"        callbacks=[{', '.join(callbacks)}],")
    out += ["        verbose=0,", "    )", "    values = show(epoch + 1, history)"]
    if spec.early_stop is not None:
        out += [f'    if values["accuracy"] >= {spec.early_stop!r}:', "        break"]
    if spec.patience is not None:
        out += [
            '    better = values["val_loss"] < lowest',
            '    lowest, waited = min(lowest, values["val_loss"]), 0 if better else waited + 1',
            f"    if waited >= {spec.patience}:",
            "        break",
        ]
    if spec.seconds is not None:
        out += ["    if budget.over:", "        break"]
    return out


_SCALINGS = {
    "none": "shift, scale = 0.0, 1.0",
    "unit": "shift, scale = 0.0, 255.0",
    "minmax": "shift = float(learned.min())\nscale = float(learned.max()) - shift or 1.0",
    "standardise": "shift, scale = float(learned.mean()), float(learned.std()) or 1.0",
}


def _layer(layer: Layer, index: int) -> str:
    match layer:
        case Convolution():
            said = [str(layer.filters), str(layer.size)]
            said += [f"strides={layer.stride}"] if layer.stride != 1 else []
            said += [f'padding="{layer.padding}"'] if layer.padding != "valid" else []
            said += [f'activation="{layer.activation}"'] if layer.activation != "linear" else []
            said += [f"kernel_initializer=glorot(seeds[{index}])"]
            return f"keras.layers.Conv2D({', '.join(said)})"
        case Pooling():
            name = "MaxPooling2D" if layer.how == "max" else "AveragePooling2D"
            stride = f", strides={layer.stride}" if layer.stride is not None else ""
            return f"keras.layers.{name}({layer.size}{stride})"
        case GlobalAveragePooling():
            return "keras.layers.GlobalAveragePooling2D()"
        case BatchNormalisation():
            return f"keras.layers.BatchNormalization(momentum={layer.momentum!r})"
        case ActivationLayer():
            return f'keras.layers.Activation("{layer.activation}")'
        case Dropout():
            return f"keras.layers.Dropout({layer.rate!r}, seed=int(seeds[{index}]))"
        case Flatten():
            return "keras.layers.Flatten()"
        case Dense():
            activation = (
                f', activation="{layer.activation}"' if layer.activation != "linear" else ""
            )
            initial = f"kernel_initializer=glorot(seeds[{index}])"
            return f"keras.layers.Dense({layer.units}{activation}, {initial})"


# -- the network


def keras_file(url: str, digest: str, moment: float) -> bytes:
    """Return a run's network as it was at a moment, as a ``.keras`` file; a worker's job.

    Its input is pictures as they are, with values from 0 to 255: what the run did
    to them is inside, in Keras' own layers, so that `keras.models.load_model`
    needs nothing of ours. The member `LABELS_FILE` of the file, which is a zip,
    names the classes in the order of the output.

    Parameters
    ----------
    url : str
        The run store.
    digest : str
    moment : float
        One of the run's moments.

    Returns
    -------
    bytes

    Raises
    ------
    EngineError
        If the weights of that moment are not in the store.
    """
    import_tensorflow()
    import keras

    from cvcore import inference
    from cvcore.runs import RunStore

    model, spec = inference.model_at(RunStore(url), digest, moment)
    entry = DATASETS[spec.dataset]
    shift, scale = inference.scaling(spec, inference.load(spec))
    picture = keras.Input(entry.shape, name="pixels")
    tensor = picture
    if entry.binarises:
        tensor = keras.ops.cast(keras.ops.greater_equal(tensor, spec.threshold), "float32") * 255
    if spec.shuffle_pixels:
        height, width, channels = entry.shape
        tensor = keras.layers.Reshape((height * width, channels))(tensor)
        tensor = keras.ops.take(tensor, pixel_order(height, width).tolist(), axis=1)
        tensor = keras.layers.Reshape(entry.shape)(tensor)
    # What training did, to the last bit: Rescaling would multiply by 1 / scale instead.
    normalise = keras.layers.Normalization(axis=None, mean=shift, variance=scale**2, name="scaling")
    tensor = normalise(tensor)
    for layer in model.layers[1:]:
        tensor = layer(tensor)
    whole = keras.Model(picture, tensor, name="network")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "network.keras")
        whole.save(path)
        data = io.BytesIO(path.read_bytes())
    with zipfile.ZipFile(data, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(LABELS_FILE, json.dumps(_description(spec), ensure_ascii=False, indent=1))
    return data.getvalue()


def _description(spec: RunSpec) -> dict[str, object]:
    height, width, channels = DATASETS[spec.dataset].shape
    return {
        "labels": list(DATASETS[spec.dataset].classes),
        "input": f"uint8 or float pictures, 0 to 255, of shape (n, {height}, {width}, {channels})",
        "output": "a probability for each label",
        "run": spec.digest(),
    }


def loading_code(spec: RunSpec) -> str:
    """Write the Python that opens a `keras_file` and names a picture with it."""
    height, width, channels = DATASETS[spec.dataset].shape
    return f'''import json
import zipfile

import keras
import numpy as np

model = keras.models.load_model("network.keras")
labels = json.loads(zipfile.ZipFile("network.keras").read("{LABELS_FILE}"))["labels"]

pictures = np.zeros((1, {height}, {width}, {channels}), np.uint8)  # yours: values from 0 to 255
for row in model.predict(pictures.astype("float32"), verbose=0):
    print(labels[row.argmax()], row.max())
'''
