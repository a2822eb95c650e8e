"""Backbones as networks: their scaling and every count on the freeze dial are Keras' own."""

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

from cvcore import backbone_models, backbones, transfer_models, transfer_views
from cvcore.backbones import BACKBONES
from cvcore.errors import AssetError, SettingError
from cvcore.transfer_spec import Head, TransferSpec

SPEC = TransferSpec(work="mnist")
LECTURE = replace(
    SPEC,
    backbone="InceptionV3",
    cut="mixed7",
    size=75,
    head=Head(pooled=False, units=(64,), dropout=0.0),
    optimiser="rmsprop",
    learning_rate=0.0005,
)


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    keras.backend.clear_session()


def counted(model: keras.Model) -> tuple[int, int]:
    """Return Keras' own counts: what learns, and all."""
    trainable = sum(int(np.prod(it.shape)) for it in model.trainable_weights)
    return trainable, model.count_params()


@pytest.mark.parametrize("name", list(BACKBONES))
def test_the_scaling_in_front_is_keras_applications_own(name: str) -> None:
    entry = BACKBONES[name]
    module = {
        "MobileNetV2": "mobilenet_v2", "MobileNet": "mobilenet", "VGG16": "vgg16",
        "VGG19": "vgg19", "InceptionV3": "inception_v3", "Xception": "xception",
        "ResNet50": "resnet", "ResNet50V2": "resnet_v2", "DenseNet121": "densenet",
        "InceptionResNetV2": "inception_resnet_v2", "NASNetMobile": "nasnet",
        "EfficientNetB0": "efficientnet",
    }[entry.keras_name]  # fmt: skip
    pictures = np.random.default_rng(0).integers(0, 256, (2, 5, 4, 3)).astype(np.float32)
    wanted = import_module(f"keras.applications.{module}").preprocess_input(pictures.copy())
    given = backbone_models.preprocess(keras.ops.convert_to_tensor(pictures), entry.preprocessing)
    assert_allclose(np.asarray(given), wanted, atol=1e-4)  # of values up to 151


@pytest.mark.parametrize("name", list(BACKBONES))
def test_the_table_and_every_stop_of_the_dial_agree_with_keras(name: str) -> None:
    entry = BACKBONES[name]
    spec = replace(SPEC, backbone=name, size=entry.smallest, head=Head(units=(7,)))
    network = transfer_models.build(spec, 4, weights=False)
    assert network.body.count_params() == entry.body_parameters
    head = entry.features * 7 + 7 + 7 * 4 + 4
    assert counted(network.network) == (head, entry.body_parameters + head)
    before = head
    for blocks in range(1, len(network.blocks) + 1):
        transfer_models.thaw(network, blocks)
        counts = transfer_models.counts(network.network)
        trainable, total = counted(network.network)
        assert (counts.trainable, counts.total) == (trainable, total)
        assert trainable > before  # every stop lets more learn
        before = trainable
    # All that is left frozen is batch normalisation.
    still = sum(
        layer.count_params()
        for layer in network.network.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    )
    own = sum(
        layer.count_params()
        for layer in network.network.layers
        if isinstance(layer, keras.layers.Normalization)
    )
    assert total - trainable == still + own


def test_the_lectures_network_has_its_numbers_without_weights() -> None:
    network = transfer_models.build(LECTURE, 10, weights=False)
    counts = transfer_models.counts(network.network)
    assert (counts.trainable, counts.frozen, counts.total) == (443_082, 8_975_264, 9_418_346)
    shape = transfer_views.shape("", LECTURE, 10)
    assert (shape.trainable, shape.frozen) == (443_082, 8_975_264)
    assert shape.maps == (3, 3, 768)
    assert shape.features == 6_912


def test_the_lectures_faces_network_learns_its_3638401_weights() -> None:
    spec = replace(
        LECTURE, head=Head(pooled=False, units=(512, 128, 256), dropout=0.0, output="sigmoid")
    )
    # 6,912 × 512 + 512, 512 × 128 + 128, 128 × 256 + 256, 256 + 1
    counts = transfer_models.counts(transfer_models.build(spec, 2, weights=False).network)
    assert counts.trainable == 3_638_401


def test_layers_are_called_as_in_a_fresh_process_whatever_was_built_before() -> None:
    first = backbone_models.build("InceptionV3", size=75, top=False, weights=False)
    second = backbone_models.build("InceptionV3", size=75, top=False, weights=False)
    assert [it.name for it in first.layers] != [it.name for it in second.layers]
    names = backbone_models.names_of(second)
    assert names == backbone_models.names_of(first)
    assert len(set(names)) == len(names)
    assert {"conv2d", "conv2d_93", "mixed7", "batch_normalization"} <= set(names)


def test_the_network_is_flat_and_keeps_the_backbones_own_layers() -> None:
    network = transfer_models.build(replace(SPEC, backbone="MobileNet-0.25"), 2, weights=False)
    assert not any(isinstance(it, keras.Model) for it in network.network.layers)
    names = {it.name for it in network.network.layers}
    assert {"conv_pw_13_relu", "scaling", "features"} <= names


@pytest.mark.parametrize("cut", ["mixed77", "picture", "scaling"])
def test_a_cut_where_there_are_no_feature_maps_is_refused(cut: str) -> None:
    spec = replace(LECTURE, cut=cut)
    with pytest.raises(SettingError, match="Choose"):
        transfer_models.build(spec, 2, weights=False)


def test_a_head_that_is_too_large_is_refused_before_it_is_built() -> None:
    head = Head(pooled=False, units=(4096,))
    with pytest.raises(SettingError):
        transfer_models.build(replace(SPEC, cut="block_1_expand_relu", head=head), 2, weights=False)


@pytest.mark.parametrize("kept", [0, 1_000, 500_000])
def test_weights_that_are_cut_short_are_put_aside(
    kept: int, keras_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = BACKBONES["MobileNet-0.25"].file(top=False)
    whole = file.place.read_bytes()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    file.place.parent.mkdir()
    file.place.write_bytes(whole[:kept])
    with pytest.raises(AssetError, match="put aside"):
        backbone_models.build("MobileNet-0.25", size=32, top=False)
    assert backbones.missing("MobileNet-0.25", top=False) == (file,)
    with pytest.raises(AssetError, match="Download"):
        backbone_models.build("MobileNet-0.25", size=32, top=False)


def test_weights_are_those_that_keras_itself_loads(keras_home: Path) -> None:
    ours = backbone_models.build("MobileNet-0.25", size=128, top=False)
    theirs = keras.applications.MobileNet(
        input_shape=(128, 128, 3), alpha=0.25, include_top=False,
        weights=BACKBONES["MobileNet-0.25"].file(top=False).place,
    )  # fmt: skip
    picture = np.random.default_rng(0).integers(0, 256, (1, 128, 128, 3)).astype(np.float32)
    assert_allclose(
        np.asarray(ours(picture, training=False)),
        np.asarray(theirs(picture / 127.5 - 1, training=False)),
        atol=1e-3,  # of values up to 6: scaling rounds otherwise in the last digit
    )
