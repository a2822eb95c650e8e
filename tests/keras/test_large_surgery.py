"""Operations on a large network's filters: against the same weights written into Keras' own."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cvcore import (
    backbone_models,
    large,
    large_ablation,
    large_surgery,
    pretrained,
    transfer,
    work_store,
)
from cvcore.convolution import convolve_layer
from cvcore.errors import SettingError
from cvcore.large import CELLS, Large, Photo
from cvcore.opened import softmax
from cvcore.subjects import hide, pack
from cvcore.surgery import Operation
from cvcore.transfer_spec import Head, TransferSpec
from tests.collections_of import lecture

pytestmark = pytest.mark.usefixtures("keras_home")

SMALL = Large(backbone="MobileNet-0.25")
CAT = Photo(source="chelsea")
CONV1, DEPTHWISE, POINTWISE = 3, 6, 9  # conv1, conv_dw_1, conv_pw_1
LAPLACIAN = ((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0))

Change = Callable[[keras.Model], None]


@pytest.fixture
def own(keras_home: Path) -> keras.Model:
    """Keras' network, for this test alone."""
    return backbone_models.build("MobileNet-0.25", size=224, top=True)


def on(network: Large, *operations: Operation) -> Large:
    return replace(network, operations=operations)


def off(layer: int, one: int) -> Operation:
    return Operation(layer=layer, filter=one, deed="off")


def set_columns(variable: Any, places: list[int], values: Any) -> None:
    value = np.asarray(variable).copy()
    value[..., places] = values(value) if callable(values) else values
    variable.assign(value)


def silence(model: keras.Model, convolution: str, normalisation: str, one: int) -> None:
    """Switch a filter off as Keras' user would: its kernel, and what batch norm adds, become 0."""
    kernel = model.get_layer(convolution).kernel
    value = np.asarray(kernel).copy()
    if value.shape[-1] == 1 and value.shape[-2] > 1:
        value[:, :, one] = 0
    else:
        value[..., one] = 0
    kernel.assign(value)
    layer = model.get_layer(normalisation)
    set_columns(layer.beta, [one], 0.0)
    set_columns(layer.moving_mean, [one], 0.0)


def swap(model: keras.Model) -> None:
    layer = model.get_layer("conv1_bn")
    for variable in (model.get_layer("conv1").kernel, layer.gamma, layer.beta,
                     layer.moving_mean, layer.moving_variance):  # fmt: skip
        set_columns(variable, [2, 5], lambda value: value[..., [5, 2]])


def laplacian(model: keras.Model) -> None:
    plane = np.repeat(np.array(LAPLACIAN, np.float32)[..., np.newaxis, np.newaxis] / 3, 3, axis=2)
    set_columns(model.get_layer("conv1").kernel, [4], plane)


@pytest.mark.parametrize(
    ("operation", "change"),
    [
        (off(CONV1, 6), lambda model: silence(model, "conv1", "conv1_bn", 6)),
        (off(DEPTHWISE, 1), lambda model: silence(model, "conv_dw_1", "conv_dw_1_bn", 1)),
        (off(POINTWISE, 9), lambda model: silence(model, "conv_pw_1", "conv_pw_1_bn", 9)),
        (Operation(layer=CONV1, filter=2, deed="swap", other=5), swap),
        (Operation(layer=CONV1, filter=4, deed="kernel", kernel=LAPLACIAN), laplacian),
    ],
)
def test_an_operation_does_what_the_same_weights_do_in_keras(
    own: keras.Model, operation: Operation, change: Change
) -> None:
    before = pretrained.scores("", SMALL, CAT)
    picture = before.image[np.newaxis].astype(np.float32)
    change(own)
    wanted = np.asarray(own(picture, training=False))[0]
    found = pretrained.scores("", on(SMALL, operation), CAT)
    assert_allclose(found.scores, wanted, atol=1e-4)
    assert np.abs(found.scores - before.scores).max() > 0.01
    # Nobody else's network is another one.
    assert_array_equal(pretrained.scores("", SMALL, CAT).scores, before.scores)


def test_a_filter_that_is_off_gives_zeros_and_the_others_what_they_gave() -> None:
    for place, one in ((CONV1, 6), (DEPTHWISE, 1), (POINTWISE, 9)):
        effect = large_ablation.effect("", on(SMALL, off(place, one)), CAT, place)
        assert not effect.maps_after[..., one].any()
        assert effect.maps_before[..., one].any()
        others = np.arange(effect.maps_before.shape[2]) != one
        assert_array_equal(effect.maps_after[..., others], effect.maps_before[..., others])
        assert effect.after.sum() == pytest.approx(1, abs=1e-5)


def test_a_laplacian_in_a_large_network_is_that_of_the_filters_page() -> None:
    operation = Operation(layer=CONV1, filter=4, deed="kernel", kernel=LAPLACIAN)
    seen, maps = pretrained.maps("", on(SMALL, operation), CAT, "conv1")
    grey = (seen.astype(np.float32) / 127.5 - 1).mean(axis=2, keepdims=True)
    kernel = np.array(LAPLACIAN, np.float32)[..., np.newaxis, np.newaxis]
    by_hand = convolve_layer(grey, kernel, stride=2, padding="same")
    assert_allclose(maps.maps[..., 4], by_hand[..., 0], atol=1e-4)
    summed, channels = large_ablation.weights("", on(SMALL, operation), CONV1)
    assert channels == 3
    assert_allclose(summed[..., 4], LAPLACIAN, atol=1e-6)


def test_every_view_sees_what_was_done(own: keras.Model) -> None:
    operated = on(SMALL, off(CONV1, 6))
    silence(own, "conv1", "conv1_bn", 6)
    picture = large.see(CAT, 224)[np.newaxis].astype(np.float32)
    model = keras.Model(own.input, own.get_layer("conv_pw_13_relu").output)
    wanted = np.asarray(model(picture, training=False))[0]
    assert_allclose(
        pretrained.maps("", operated, CAT, "conv_pw_13_relu")[1].maps, wanted, atol=1e-4
    )
    assert not pretrained.kernels("", operated, "conv1", 0).weights[..., 6].any()
    heat = pretrained.heat("", operated, CAT, "conv_pw_13_relu", 285, "grad_cam")
    scores = np.asarray(own(picture, training=False))[0]
    assert heat.score == pytest.approx(float(scores[285]), abs=1e-4)
    assert heat.probability == pytest.approx(float(softmax(scores)[285]), abs=1e-5)
    # A filter that is off is dead: no picture raises it.
    values = pretrained.ascend("", operated, "conv1_relu", 6, 0).values[0]
    assert_array_equal(values, 0)
    occluded = pretrained.heat("", operated, CAT, "", 285, "occlusion")
    assert occluded.score == pytest.approx(float(scores[285]), abs=1e-4)


def test_without_each_filter_is_one_operation_after_the_other() -> None:
    found = large_ablation.without_each("", SMALL, CAT, CONV1, 285)
    assert found.without.shape == (8,)
    assert found.whole == pytest.approx(
        float(pretrained.scores("", SMALL, CAT).probabilities[285]), abs=1e-5
    )
    for one in (0, 3, 6):
        single = pretrained.scores("", on(SMALL, off(CONV1, one)), CAT)
        assert found.without[one] == pytest.approx(float(single.probabilities[285]), abs=1e-5)
    # On top of what was done before.
    more = large_ablation.without_each("", on(SMALL, off(CONV1, 6)), CAT, CONV1, 285)
    assert more.whole == pytest.approx(float(found.without[6]), abs=1e-5)
    assert more.without[6] == pytest.approx(more.whole, abs=1e-6)


def test_without_each_filter_several_pictures_are_tried() -> None:
    found = large_ablation.without_each("", on(SMALL, off(CONV1, 1)), None, CONV1, 0)
    assert found.whole == large_ablation.examine("", on(SMALL, off(CONV1, 1))).right / 8
    for one in (0, 3, 6):
        tried = large_ablation.examine("", on(SMALL, off(CONV1, 1), off(CONV1, one)))
        assert found.without[one] == tried.right / 8
    assert found.without[1] == found.whole


def test_a_network_of_imagenets_classes_is_tried_on_the_laboratorys_photos() -> None:
    whole = large_ablation.examine("", SMALL)
    assert (whole.right, whole.pictures) == (8, 8)
    operated = on(SMALL, off(CONV1, 6), off(CONV1, 1))
    right = 0
    for name in large_ablation.PANEL:
        one = Photo(source=name)
        before, after = (pretrained.scores("", it, one).scores for it in (SMALL, operated))
        right += int(before.argmax() == after.argmax())
    assert large_ablation.examine("", operated).right == right < 8


def test_what_was_learned_is_tried_on_its_held_out_pictures(lecture_pictures: Path) -> None:
    token = lecture(lecture_pictures, 8)
    spec = TransferSpec(
        work=token, content=work_store.load(token).digest(), backbone="MobileNet-0.25",
        size=64, epochs=3, learning_rate=0.01, head=Head(output="sigmoid"),
    )  # fmt: skip
    learned = transfer.learn("", spec)
    network = Large(backbone=spec.backbone, spec=spec, classes=2)
    found = large_ablation.examine("", network)
    assert (found.right, found.pictures) == learned.right(held=True)
    operated = on(network, off(CONV1, 6))
    photo = Photo(source=work_store.load(token).classes[0].pictures[0].name, work=token)
    effect = large_ablation.effect("", operated, photo, CONV1)
    assert effect.before.shape == effect.after.shape == (2,)
    assert not effect.maps_after[..., 6].any()
    best = pretrained.excited("", network, "conv_pw_3_relu")
    assert list(best.sources) == [it.name for _, it in work_store.load(token).pictures()]
    chosen = tuple(best.sources[it] for it in best.places[4].tolist())
    for name, image in zip(chosen, pretrained.pictures("", network, chosen), strict=True):
        assert_array_equal(image, large.see(Photo(source=name, work=token), 64))


def test_the_pictures_that_excite_a_filter_come_in_order_with_their_places() -> None:
    found = pretrained.excited("", SMALL, "conv_pw_3_relu")
    assert len(found.sources) == 17
    assert found.values.shape == (32, 9)
    assert (np.diff(found.values, axis=1) <= 0).all()
    chosen = [found.sources[it] for it in found.places[4].tolist()]
    images = pretrained.pictures("", SMALL, tuple(chosen))
    for place in (0, 8):
        seen, maps = pretrained.maps("", SMALL, Photo(source=chosen[place]), "conv_pw_3_relu")
        assert_array_equal(images[place], seen)
        plane = maps.maps[..., 4]
        assert plane.shape == found.shape
        assert found.values[4, place] == pytest.approx(float(plane.max()), rel=1e-4)
        row, column = found.cells[4, place]
        assert plane[row, column] == pytest.approx(float(plane.max()), rel=1e-4)
    # Nothing else of the seventeen answers more than the last of them.
    others = [it for it in found.sources if it not in chosen]
    largest = [
        pretrained.maps("", SMALL, Photo(source=it), "conv_pw_3_relu")[1].maps[..., 4].max()
        for it in others
    ]
    assert max(largest) <= found.values[4, -1] + 1e-4


def test_what_is_hidden_from_a_photo_the_network_does_not_see() -> None:
    mask = np.zeros((CELLS, CELLS), bool)
    mask[3:9, 10:20] = True
    hidden = replace(CAT, hidden=pack(mask), fill="black")
    whole = large.see(CAT, 224)
    pixels = np.kron(mask, np.ones((8, 8), bool))
    assert_array_equal(large.see(hidden, 224), hide(whole, pixels, "black"))
    found = pretrained.scores("", SMALL, hidden)
    assert not found.image[24:72, 80:160].any()
    assert found.probabilities.sum() == pytest.approx(1, abs=1e-5)
    with pytest.raises(SettingError, match="another size"):
        large.see(replace(CAT, hidden=b"12"), 224)


def test_what_follows_a_convolution_is_silenced_with_it_as_far_as_it_is_its_own() -> None:
    picture = keras.Input((6, 6, 3))
    first = keras.layers.Conv2D(4, 3, use_bias=False)(picture)
    # As in InceptionV3: no factor that could be 0, so the mean would be left over.
    normalised = keras.layers.BatchNormalization(scale=False)(first)
    shared = keras.layers.ReLU()(normalised)
    gate = keras.layers.Conv2D(4, 1, activation="sigmoid")(shared)
    both = keras.layers.Multiply()([shared, gate])
    model = keras.Model(picture, [shared, gate, both])
    rng = np.random.default_rng(0)
    for variable in model.weights:
        variable.assign(rng.normal(1, 0.5, variable.shape))
    kinds = [type(it).__name__ for it in model.layers]
    assert kinds[1:] == ["Conv2D", "BatchNormalization", "ReLU", "Conv2D", "Multiply"]
    chain = large_surgery.with_followers(model.layers, 2)
    assert [type(it).__name__ for it in chain] == ["Conv2D", "BatchNormalization", "ReLU"]
    seen = rng.normal(0, 1, (1, 6, 6, 3)).astype(np.float32)
    whole = [np.asarray(it) for it in model(seen, training=False)]
    with keras.StatelessScope(large_surgery.changed(model.layers, [off(2, 1), off(5, 3)])):
        maps, gates, _ = (np.asarray(it) for it in model(seen, training=False))
    assert whole[0][..., 1].any()
    assert not maps[..., 1].any()
    assert_array_equal(maps[..., [0, 2, 3]], whole[0][..., [0, 2, 3]])
    assert whole[1][..., 3].min() > 0.01
    assert gates[..., 3].max() < 1e-30  # a gate that is off lets nothing through
    assert_array_equal(np.asarray(model(seen, training=False)[0]), whole[0])


def test_a_separable_convolution_is_operated_on_where_its_filters_are_its_own() -> None:
    # As in Xception and NASNet: the kernels are all filters', each filter has a factor for each.
    picture = keras.Input((6, 6, 3))
    maps = keras.layers.SeparableConv2D(4, 3, use_bias=False)(picture)
    model = keras.Model(picture, keras.layers.ReLU()(keras.layers.BatchNormalization()(maps)))
    rng = np.random.default_rng(0)
    for variable in model.weights:
        variable.assign(rng.normal(1, 0.5, variable.shape))
    seen = rng.normal(0, 1, (1, 6, 6, 3)).astype(np.float32)
    whole = np.asarray(model(seen, training=False))

    def after(operation: Operation) -> Any:
        with keras.StatelessScope(large_surgery.changed(model.layers, [operation])):
            return np.asarray(model(seen, training=False))

    silenced = after(off(2, 1))
    assert whole[..., 1].any()
    assert not silenced[..., 1].any()
    assert_array_equal(silenced[..., [0, 2, 3]], whole[..., [0, 2, 3]])
    swapped = after(Operation(layer=2, filter=0, deed="swap", other=3))
    assert_allclose(swapped, whole[..., [3, 1, 2, 0]], atol=1e-6)
    others = after(Operation(layer=2, filter=2, deed="random"))
    assert np.abs(others[..., 2] - whole[..., 2]).max() > 0.01
    assert_array_equal(others[..., [0, 1, 3]], whole[..., [0, 1, 3]])
    layer = large.Row(
        name="sepconv1", kind="SeparableConv2D", shape=(4, 4, 4), parameters=39, has_maps=True,
        kernel=(3, 3), filters=4,
    )  # fmt: skip
    last = replace(layer, name="predictions", kind="Dense", kernel=(), has_maps=False)
    assert large_surgery.places([layer, last]) == (1,)
    by_hand = Operation(layer=1, filter=0, deed="kernel", kernel=LAPLACIAN)
    with pytest.raises(SettingError, match="another size"):
        large_surgery.check([layer, last], by_hand)


def test_impossible_operations_are_refused_with_a_sentence() -> None:
    with pytest.raises(SettingError, match="Layer 4 has no filters"):
        pretrained.scores("", on(SMALL, off(4, 0)), CAT)  # batch normalisation
    with pytest.raises(SettingError, match="Layer 3 has 8 filters; number 9"):
        pretrained.scores("", on(SMALL, off(CONV1, 8)), CAT)
    with pytest.raises(SettingError, match="another size"):
        pretrained.scores(
            "", on(SMALL, Operation(layer=CONV1, filter=0, deed="kernel", kernel=((1.0,),))), CAT
        )
    with pytest.raises(SettingError, match="no filters"):
        large_ablation.effect("", SMALL, CAT, 1)
    rows = pretrained.rows("", SMALL)
    places = large_surgery.places(rows)
    assert len(places) == 27
    # The last convolution gives the classes.
    assert max(it for it, row in enumerate(rows, 1) if row.kernel) not in places
