"""A network that has learned, to take away: one file for Keras, a script, and a check of both.

The file holds everything between the bytes of a picture's pixels and the names of the classes:
framing, preprocessing, network, labels. What reads picture files is in the script, which needs
TensorFlow alone and turns and flattens them as this laboratory does. Three of the visitor's own
files and the scores that were computed here travel along, so that a network that predicts
differently somewhere else is found out.
"""

import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from cvcore import images, transfer, work_store
from cvcore.arrays import ByteArray, FloatArray
from cvcore.display import encode_png
from cvcore.transfer_spec import TransferSpec
from cvcore.waking import import_tensorflow

if TYPE_CHECKING:
    import keras

_TURNED = 6  # Exif's word for: show it turned by 90 degrees

_SCRIPT = '''"""Name pictures with network.keras; needs TensorFlow alone.

python classify.py            checks that this computer gives the scores that the page gave
python classify.py a.jpg …    names your pictures
"""

import json
import struct
import sys
from pathlib import Path

import keras
import tensorflow as tf

HERE = Path(__file__).parent
TOLERANCE = 1e-4  # of a probability
BEFORE = 1e-3  # of a score before softmax: where a network is sure, probabilities hardly move


def orientation(data):
    """Return how a JPEG wants to be turned, from 1 to 8 (Exif 2.3, section 4.6.4)."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        if marker == 0xDA:
            break
        part = data[place + 4 : place + 2 + length]
        if marker == 0xE1 and part[:6] == b"Exif\\0\\0":
            tiff = part[6:]
            order = "<" if tiff[:2] == b"II" else ">"
            try:
                start = struct.unpack_from(order + "I", tiff, 4)[0]
                for number in range(struct.unpack_from(order + "H", tiff, start)[0]):
                    entry = start + 2 + 12 * number
                    if struct.unpack_from(order + "H", tiff, entry)[0] == 0x0112:
                        return struct.unpack_from(order + "H", tiff, entry + 8)[0]
            except struct.error:
                return 1
        place += 2 + length
    return 1


def upright(image, how):
    """Turn and mirror a picture as its camera says."""
    if how in (5, 6, 7, 8):
        image = tf.transpose(image, (1, 0, 2))
    if how in (2, 3, 6, 7):
        image = tf.reverse(image, [1])
    if how in (3, 4, 7, 8):
        image = tf.reverse(image, [0])
    return image


def read(path):
    """Return a picture in red, green and blue, 0 to 255; what is transparent is white."""
    data = Path(path).read_bytes()
    if data[:2] == b"\\xff\\xd8":
        image = tf.io.decode_jpeg(data, dct_method="INTEGER_ACCURATE")
        image = upright(image, orientation(data))
    elif data[:8] == b"\\x89PNG\\r\\n\\x1a\\n":
        image = tf.io.decode_png(data)
    elif data[:2] == b"BM":
        image = tf.io.decode_bmp(data)
    elif data[:4] == b"RIFF":
        image = tf.io.decode_webp(data)
    else:
        image = tf.io.decode_gif(data)[0]
    image = tf.cast(image, tf.int32)
    if image.shape[2] in (2, 4):
        colour, alpha = image[..., :-1], image[..., -1:]
        image = (colour * alpha + 255 * (255 - alpha) + 127) // 255
    if image.shape[2] == 1:
        image = tf.repeat(image, 3, axis=2)
    return tf.cast(image, tf.float32)


def main():
    network = keras.models.load_model(HERE / "network.keras")
    names = [str(name) for name in network.get_layer("labels").get_vocabulary()]
    expected = json.loads((HERE / "scores.json").read_text(encoding="utf-8"))
    wrong = []
    for path in sys.argv[1:] or [HERE / name for name in expected]:
        said = network(read(path)[None])
        scores = said["probabilities"][0].numpy()
        print(Path(path).name, said["label"][0].numpy().decode())
        for name, score in zip(names, scores):
            print(f"   {score:.6f}  {name}")
        if not sys.argv[1:]:
            page = expected[Path(path).name]
            apart = max(abs(a - b) for a, b in zip(scores, page["probabilities"]))
            before = max(abs(a - b) for a, b in zip(said["scores"][0].numpy(), page["scores"]))
            if not (apart <= TOLERANCE and before <= BEFORE):
                wrong.append(f"{Path(path).name}: {apart:.6f} from the page's scores, "
                             f"{before:.6f} before softmax")
    if wrong:
        sys.exit("This network predicts differently here.\\n" + "\\n".join(wrong))


if __name__ == "__main__":
    main()
'''

_README = """network.keras  the network with its framing, preprocessing and labels
classify.py    python classify.py          checks it on the three pictures beside it
               python classify.py a.jpg    names your own
scores.json    what the page said of these three pictures

It needs Python and: pip install tensorflow=={version}
Pictures are uint8 values from 0 to 255 in red, green and blue, of any size; give them as float32.

network.keras  정사각형 맞춤, 전처리, 클래스 이름까지 들어 있는 신경망
classify.py    python classify.py          함께 들어 있는 이미지 세 장으로 점검
               python classify.py a.jpg    당신의 이미지에 이름 붙이기
scores.json    이 이미지 세 장에 대해 페이지가 말한 점수
"""


def pack(url: str, spec: TransferSpec, classes: int) -> bytes:  # noqa: ARG001 - every job has it
    """Pack a network that has learned into a zip file.

    Parameters
    ----------
    url : str
        The run store, which is not needed here.
    spec : TransferSpec
        Of a collection.
    classes : int

    Returns
    -------
    bytes
        A zip file with ``network.keras``, ``classify.py``, ``scores.json``, three pictures and
        a README.

    Raises
    ------
    EngineError
        If what the network learned is no longer kept.
    PictureError
        If the collection is no longer kept.
    """
    import_tensorflow()
    import tensorflow as tf

    network = transfer.restore(spec, classes)
    whole = in_one(spec, network.network, work_store.load(spec.work).names)
    files = three_files(spec)
    scores = {
        name: {
            kind: values.tolist()
            for kind, values in said(whole, images.to_colour(images.decode(data))).items()
        }
        for name, data in files.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.keras"
        whole.save(path)
        kept = path.read_bytes()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("network.keras", kept)
        archive.writestr("classify.py", _SCRIPT)
        archive.writestr("scores.json", json.dumps(scores, indent=1))
        archive.writestr("README.txt", _README.format(version=tf.__version__))
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()


def in_one(spec: TransferSpec, network: "keras.Model", names: tuple[str, ...]) -> "keras.Model":
    """Put framing, network and labels into one model.

    Returns
    -------
    keras.Model
        Takes one picture as float32 from 0 to 255, shape (1, height, width, 3), and returns
        ``probabilities``, (1, classes), ``scores`` before softmax or sigmoid, and ``label``, the
        likeliest class's name.
    """
    import keras

    from cvcore.framing import resizing, to_bytes

    last, before = network.layers[-1], []

    def call(layer: keras.Layer, *inputs: Any, **settings: Any) -> Any:
        if isinstance(layer, keras.layers.Dropout):
            return inputs[0]
        if layer is last:
            before.append(inputs[0])
        return layer(*inputs, **settings)

    # Keras' Resizing takes it for training where nobody says that it is not, and all layers
    # behind it believe it: called as users do, a network with dropout would predict at random.
    network = keras.models.clone_model(
        network, clone_function=lambda layer: layer, call_function=call
    )
    photo = keras.Input((None, None, 3), name="photo")
    both = keras.Model(network.input, [before[-1], network.output])
    scores, probabilities = both(to_bytes(resizing(spec.size, spec.framing)(photo)))
    if probabilities.shape[-1] == 1 and len(names) == 2:
        probabilities = keras.ops.concatenate([probabilities, 1 - probabilities], axis=-1)
    labels = keras.layers.StringLookup(
        vocabulary=list(names), invert=True, num_oov_indices=0, mask_token=None, name="labels"
    )
    label = labels(keras.ops.argmax(probabilities, axis=-1))
    outputs = {"probabilities": probabilities, "scores": scores, "label": label}
    return keras.Model(photo, outputs, name="classifier")


def said(model: "keras.Model", image: ByteArray) -> dict[str, FloatArray]:
    """Return what a packed model says of a picture, uint8 of shape (height, width, 3).

    Returns
    -------
    dict of str to ndarray of float32, shape (classes,)
        ``probabilities``, and ``scores`` before softmax or sigmoid.
    """
    shown = model(image[np.newaxis].astype(np.float32))
    return {kind: np.asarray(shown[kind])[0] for kind in ("probabilities", "scores")}


def three_files(spec: TransferSpec) -> dict[str, bytes]:
    """Choose three picture files of a collection: one plain, one turned, one transparent.

    Where no file of the visitor's is turned by its camera, or has an alpha channel, one is made
    of a plain one.
    """
    pictures = work_store.place(spec.work) / "pictures"
    kept = [it for _, it in work_store.load(spec.work).pictures()]
    # Apart from each other, so that they are of different classes.
    chosen = [kept[place] for place in np.linspace(0, len(kept) - 1, 3).astype(int).tolist()]
    data = [work_store.file_of(pictures, it.name) for it in chosen]
    plain = images.to_colour(images.decode(data[0]))
    return {
        "plain" + _ending(data[0]): data[0],
        "turned.jpg": turned(images.to_colour(images.decode(data[1]))),
        "transparent.png": encode_png(_with_alpha(plain)),
    }


def turned(image: ByteArray) -> bytes:
    """Write a JPEG that lies on its side, with a note of the camera that says so."""
    lying = np.ascontiguousarray(np.rot90(image))
    data = cv2.imencode(".jpg", lying[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
    # One entry: orientation (0x0112), a short (3), one of it.
    tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0" + bytes((_TURNED, 0, 0, 0)) + bytes(4)
    note = b"Exif\0\0" + tiff
    return data[:2] + b"\xff\xe1" + (len(note) + 2).to_bytes(2, "big") + note + data[2:]


def _with_alpha(image: ByteArray) -> ByteArray:
    """Let a picture fade out towards its right edge."""
    fade = np.linspace(255, 0, image.shape[1]).astype(np.uint8)
    alpha = np.broadcast_to(fade[:, np.newaxis], (*image.shape[:2], 1))
    return np.concatenate([image, alpha], axis=2)


def _ending(data: bytes) -> str:
    for start, ending in ((b"\xff\xd8", ".jpg"), (b"\x89PNG", ".png"), (b"GIF", ".gif"),
                          (b"BM", ".bmp"), (b"RIFF", ".webp")):  # fmt: skip
        if data.startswith(start):
            return ending
    return ".png"
