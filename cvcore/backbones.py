"""Networks trained on ImageNet: a table that pages list; what loads them is in the worker."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeAlias

from cvcore.downloads import REASONS, DataFile, download
from cvcore.errors import N_, AssetError, SettingError

Preprocessing: TypeAlias = Literal["tf", "torch", "caffe", "inside", "unit"]

MOST_BYTES = 700 * 10**6
"""Of a file with weights; VGG19's, the largest, has 575 MB."""

PREPROCESSING: Mapping[Preprocessing, str] = MappingProxyType(
    {
        "tf": N_("−1 to 1"),
        "torch": N_("0 to 1, then mean and deviation of ImageNet"),
        "caffe": N_("Blue, green, red, each less its mean"),
        "inside": N_("0 to 255; the network scales them itself"),
        "unit": N_("0 to 1"),
    }
)
"""What a network is given for the pixels, as the page calls it."""

_BASE = "https://storage.googleapis.com/tensorflow/keras-applications/"
_KERNELS = "weights_tf_dim_ordering_tf_kernels"
_SHARE = 0.5  # of the machine's memory that one backbone may need

CLASS_NAMES = DataFile(
    "models/imagenet_class_index.json",
    "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json",
    "c2c37ea517e94d9795004a39431a14cb",
)
"""What ImageNet's thousand classes are called."""


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A network trained on ImageNet, before anything of it is loaded.

    Parameters
    ----------
    keras_name : str
        Its name in `keras.applications`.
    width : float
        Its filters as a share of the usual ones; MobileNet comes in several.
    size : int
        Pixels a side of the pictures that it was trained with.
    smallest : int
        Pixels a side that it needs at least, without its last layers.
    preprocessing : {'tf', 'torch', 'caffe', 'inside'}
        A name in `PREPROCESSING`.
    features : int
        How many feature maps come out at its end: the length of a picture's feature vector.
    parameters, body_parameters : int
        With the layers that name ImageNet's classes, and without them.
    files : tuple of DataFile
        The weights of the one and of the other.
    year : int
    source : str
        Where it is described.
    """

    keras_name: str
    width: float = 1.0
    size: int
    smallest: int
    preprocessing: Preprocessing
    features: int
    parameters: int
    body_parameters: int
    files: tuple[DataFile, DataFile]
    year: int
    source: str

    def file(self, *, top: bool) -> DataFile:
        """Return the weights with the layers that name ImageNet's classes, or without."""
        return self.files[0] if top else self.files[1]

    def megabytes(self, *, top: bool) -> float:
        """Return about how much is downloaded: four bytes a parameter."""
        return (self.parameters if top else self.body_parameters) * 4 / 1e6

    @property
    def memory_megabytes(self) -> float:
        """About how much memory it needs: its weights, once more while they are read, and 120."""
        return 2 * self.megabytes(top=True) + 120


def _pair(folder: str, stem: str, *checksums: str) -> tuple[DataFile, DataFile]:
    """Return the files of a network, with its last layers and without."""
    names = (f"{stem}_{_KERNELS}.h5", f"{stem}_{_KERNELS}_notop.h5")
    whole, body = (
        DataFile(f"models/{name}", f"{_BASE}{folder}/{name}", checksum)
        for name, checksum in zip(names, checksums, strict=True)
    )
    return whole, body


def _files(folder: str, *names: str) -> tuple[DataFile, DataFile]:
    """Return files of other names, whose checksums nobody publishes."""
    whole, body = (DataFile(f"models/{name}", f"{_BASE}{folder}/{name}") for name in names)
    return whole, body


BACKBONES: Mapping[str, Backbone] = MappingProxyType(
    {
        "MobileNetV2": Backbone(
            keras_name="MobileNetV2",
            size=224,
            smallest=32,
            preprocessing="tf",
            features=1280,
            parameters=3_538_984,
            body_parameters=2_257_984,
            files=_files(
                "mobilenet_v2",
                f"mobilenet_v2_{_KERNELS}_1.0_224.h5",
                f"mobilenet_v2_{_KERNELS}_1.0_224_no_top.h5",
            ),
            year=2018,
            source="M. Sandler et al., arXiv:1801.04381",
        ),
        "MobileNet": Backbone(
            keras_name="MobileNet",
            size=224,
            smallest=32,
            preprocessing="tf",
            features=1024,
            parameters=4_253_864,
            body_parameters=3_228_864,
            files=_files("mobilenet", "mobilenet_1_0_224_tf.h5", "mobilenet_1_0_224_tf_no_top.h5"),
            year=2017,
            source="A. G. Howard et al., arXiv:1704.04861",
        ),
        "MobileNet-0.25": Backbone(
            keras_name="MobileNet",
            width=0.25,
            size=224,
            smallest=32,
            preprocessing="tf",
            features=256,
            parameters=475_544,
            body_parameters=218_544,
            files=_files("mobilenet", "mobilenet_2_5_224_tf.h5", "mobilenet_2_5_224_tf_no_top.h5"),
            year=2017,
            source="A. G. Howard et al., arXiv:1704.04861",
        ),
        "VGG16": Backbone(
            keras_name="VGG16",
            size=224,
            smallest=32,
            preprocessing="caffe",
            features=512,
            parameters=138_357_544,
            body_parameters=14_714_688,
            files=_pair(
                "vgg16",
                "vgg16",
                "64373286793e3c8b2b4e3219cbf3544b",
                "6d6bbae143d832006294945121d1f1fc",
            ),
            year=2014,
            source="K. Simonyan, A. Zisserman, arXiv:1409.1556",
        ),
        "VGG19": Backbone(
            keras_name="VGG19",
            size=224,
            smallest=32,
            preprocessing="caffe",
            features=512,
            parameters=143_667_240,
            body_parameters=20_024_384,
            files=_pair(
                "vgg19",
                "vgg19",
                "cbe5617147190e668d6c5d5026f83318",
                "253f8cb515780f3b799900260a226db6",
            ),
            year=2014,
            source="K. Simonyan, A. Zisserman, arXiv:1409.1556",
        ),
        "InceptionV3": Backbone(
            keras_name="InceptionV3",
            size=299,
            smallest=75,
            preprocessing="tf",
            features=2048,
            parameters=23_851_784,
            body_parameters=21_802_784,
            files=_pair(
                "inception_v3",
                "inception_v3",
                "9a0d58056eeedaa3f26cb7ebd46da564",
                "bcbd6486424b2319ff4ef7d526e38f63",
            ),
            year=2015,
            source="C. Szegedy et al., arXiv:1512.00567",
        ),
        "Xception": Backbone(
            keras_name="Xception",
            size=299,
            smallest=71,
            preprocessing="tf",
            features=2048,
            parameters=22_910_480,
            body_parameters=20_861_480,
            files=_pair(
                "xception",
                "xception",
                "0a58e3b7378bc2990ea3b43d5981f1f6",
                "b0042744bf5b25fce3cb969f33bebb97",
            ),
            year=2016,
            source="F. Chollet, arXiv:1610.02357",
        ),
        "ResNet50": Backbone(
            keras_name="ResNet50",
            size=224,
            smallest=32,
            preprocessing="caffe",
            features=2048,
            parameters=25_636_712,
            body_parameters=23_587_712,
            files=_pair(
                "resnet",
                "resnet50",
                "2cb95161c43110f7111970584f804107",
                "4d473c1dd8becc155b73f8504c6f6626",
            ),
            year=2015,
            source="K. He et al., arXiv:1512.03385",
        ),
        "ResNet50V2": Backbone(
            keras_name="ResNet50V2",
            size=224,
            smallest=32,
            preprocessing="tf",
            features=2048,
            parameters=25_613_800,
            body_parameters=23_564_800,
            files=_pair(
                "resnet",
                "resnet50v2",
                "3ef43a0b657b3be2300d5770ece849e0",
                "fac2f116257151a9d068a22e544a4917",
            ),
            year=2016,
            source="K. He et al., arXiv:1603.05027",
        ),
        "InceptionResNetV2": Backbone(
            keras_name="InceptionResNetV2",
            size=299,
            smallest=75,
            preprocessing="tf",
            features=1536,
            parameters=55_873_736,
            body_parameters=54_336_736,
            files=_pair(
                "inception_resnet_v2",
                "inception_resnet_v2",
                "e693bd0210a403b3192acc6073ad2e96",
                "d19885ff4a710c122648d3b5c3b684e4",
            ),
            year=2016,
            source="C. Szegedy et al., arXiv:1602.07261",
        ),
        "DenseNet121": Backbone(
            keras_name="DenseNet121",
            size=224,
            smallest=32,
            preprocessing="torch",
            features=1024,
            parameters=8_062_504,
            body_parameters=7_037_504,
            files=_pair(
                "densenet",
                "densenet121",
                "9d60b8095a5708f2dcce2bca79d332c7",
                "30ee3e1110167f948a6b9946edeeb738",
            ),
            year=2016,
            source="G. Huang et al., arXiv:1608.06993",
        ),
        "NASNetMobile": Backbone(
            keras_name="NASNetMobile",
            size=224,
            smallest=32,
            preprocessing="tf",
            features=1056,
            parameters=5_326_716,
            body_parameters=4_269_716,
            files=(
                DataFile(
                    "models/nasnet_mobile.h5",
                    _BASE + "nasnet/NASNet-mobile.h5",
                    "020fb642bf7360b370c678b08e0adf61",
                ),
                DataFile(
                    "models/nasnet_mobile_no_top.h5",
                    _BASE + "nasnet/NASNet-mobile-no-top.h5",
                    "1ed92395b5b598bdda52abe5c0dbfd63",
                ),
            ),
            year=2017,
            source="B. Zoph et al., arXiv:1707.07012",
        ),
        "EfficientNetB0": Backbone(
            keras_name="EfficientNetB0",
            size=224,
            smallest=32,
            preprocessing="inside",
            features=1280,
            parameters=5_330_571,
            body_parameters=4_049_571,
            files=(
                DataFile(
                    "models/efficientnetb0.h5",
                    "https://storage.googleapis.com/keras-applications/efficientnetb0.h5",
                    "902e53a9f72be733fc0bcb005b3ebbac",
                ),
                DataFile(
                    "models/efficientnetb0_notop.h5",
                    "https://storage.googleapis.com/keras-applications/efficientnetb0_notop.h5",
                    "50bc09e76180e00e4465e1a485ddc09d",
                ),
            ),
            year=2019,
            source="M. Tan, Q. V. Le, arXiv:1905.11946",
        ),
    }
)
"""By name, the first is the usual one. ResNeXt is not in `keras.applications`."""


def entry_of(name: str) -> Backbone:
    """Return the row of a backbone.

    Raises
    ------
    SettingError
        If there is no such backbone.
    """
    if name not in BACKBONES:
        raise SettingError(
            N_("There is no backbone called {name}. Choose one of {names}."),
            name=name[:40],
            names=", ".join(BACKBONES),
        )
    return BACKBONES[name]


def allowed() -> tuple[str, ...]:
    """Return the backbones that this host lets visitors load.

    Those that ``CVCORE_BACKBONES`` names, with commas in between; by default, those that need
    no more than half of the machine's memory.
    """
    asked = os.environ.get("CVCORE_BACKBONES")
    if asked is not None:
        named = {it.strip() for it in asked.split(",")}
        return tuple(name for name in BACKBONES if name in named)
    most = _SHARE * _memory_megabytes()
    return tuple(name for name, it in BACKBONES.items() if it.memory_megabytes <= most)


def check_allowed(name: str) -> Backbone:
    """Return the row of a backbone that visitors may load here.

    Raises
    ------
    SettingError
        If there is no such backbone, or the host does not allow it.
    """
    entry = entry_of(name)
    if name not in allowed():
        raise SettingError(
            N_(
                "{name} is not offered on this server: it needs about {memory} MB of memory. "
                "Choose one of {names}."
            ),
            name=name,
            memory=round(entry.memory_megabytes),
            names=", ".join(allowed()) or "–",
        )
    return entry


def missing(name: str, *, top: bool) -> tuple[DataFile, ...]:
    """Return what must be downloaded before a backbone can be used.

    Parameters
    ----------
    name : str
    top : bool
        With the layers, and the names, of ImageNet's classes.
    """
    files = (entry_of(name).file(top=top), *((CLASS_NAMES,) if top else ()))
    return tuple(file for file in files if not file.place.is_file())


def fetch(url: str, name: str, top: bool) -> None:  # noqa: ARG001 - every job has it
    """Download what is missing of a backbone; a long job.

    Parameters
    ----------
    url : str
        The run store, which is not needed here.
    name : str
    top : bool

    Raises
    ------
    SettingError
        If the host does not allow it.
    AssetError
        If a file cannot be downloaded.
    """
    check_allowed(name)
    # The small one first: its progress would jump at the end.
    for file in reversed(missing(name, top=top)):
        try:
            download(file, most_bytes=MOST_BYTES)
        except REASONS as error:
            raise AssetError(
                N_(
                    "The weights of {name} could not be downloaded ({reason}). Put {file} into "
                    "Keras' folder (KERAS_HOME, usually ~/.keras), or choose a backbone that is "
                    "on this computer."
                ),
                name=name,
                reason=str(getattr(error, "reason", error))[:200],
                file=file.path,
            ) from error


def absent(name: str, files: tuple[DataFile, ...]) -> AssetError:
    """Return the sentence for a backbone whose weights are not on this computer."""
    return AssetError(
        N_("The weights of {name} are not on this computer ({files}). Download them first."),
        name=name,
        files=", ".join(file.path for file in files),
    )


def put_aside(name: str, file: DataFile) -> AssetError:
    """Move weights that cannot be read out of the way, and return the sentence that says so.

    Where Keras' folder cannot be written, they stay.
    """
    try:
        file.place.replace(file.place.with_name(file.place.name + ".damaged"))
    except OSError:
        return AssetError(
            N_(
                "The weights of {name} are damaged ({file}, in Keras' folder). Delete this file, "
                "so that it is downloaded anew."
            ),
            name=name,
            file=file.path,
        )
    return AssetError(
        N_(
            "The weights of {name} were damaged or cut short ({file}), and are put aside. "
            "Download them anew."
        ),
        name=name,
        file=file.path,
    )


def class_names() -> tuple[str, ...]:
    """Return what ImageNet's thousand classes are called, in the order of the labels.

    Raises
    ------
    AssetError
        If the file with the names is not there, or is damaged.
    """
    if not CLASS_NAMES.place.is_file():
        raise absent("ImageNet", (CLASS_NAMES,))
    return _read_names(CLASS_NAMES.place)


@lru_cache(maxsize=1)
def _read_names(place: Path) -> tuple[str, ...]:
    try:
        read = json.loads(place.read_bytes())
        return tuple(str(read[str(it)][1]).replace("_", " ") for it in range(1000))
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise put_aside("ImageNet", CLASS_NAMES) from error


@lru_cache(maxsize=1)
def _memory_megabytes() -> float:
    """Return how much memory this process may use: the machine's, or what a container allows."""
    import psutil

    total = psutil.virtual_memory().total
    for place in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            total = min(total, int(Path(place).read_text()))
        except (OSError, ValueError):  # no container, or no limit
            continue
    return total / 1e6
