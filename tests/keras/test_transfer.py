"""Learning one's own classes in four ways: what learns, what stays, what comes again."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cvcore import pace, transfer, transfer_models, work_store
from cvcore.errors import EngineError, PictureError, SettingError
from cvcore.spec import Augmentation
from cvcore.transfer_spec import Head, TransferSpec
from tests.collections_of import lecture


@pytest.fixture(scope="module")
def token(keras_home: Path, lecture_pictures: Path) -> str:
    return lecture(lecture_pictures)


@pytest.fixture
def spec(token: str) -> TransferSpec:
    """The smallest backbone on 64 × 64 pixels, ten of 30 pictures held out."""
    return TransferSpec(
        work=token, content=work_store.load(token).digest(), backbone="MobileNet-0.25",
        size=64, epochs=4, held_out=1 / 3, learning_rate=0.01,
    )  # fmt: skip


def anew(spec: TransferSpec) -> transfer.Learned:
    """Learn, whatever is kept."""
    transfer.forget(spec)
    return transfer.learn("", spec)


def arrays(layers: Any) -> list[Any]:
    return [np.asarray(it) for layer in layers for it in layer.weights]


def test_features_are_computed_once_and_a_head_learns_on_them(
    spec: TransferSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "TELL_SECONDS", 0.0)  # However fast it learns, all of it is told.
    told: list[tuple[float, Any]] = []
    with pace.watched(lambda *it: told.append(it), lambda: None):
        learned = anew(spec)
    assert learned.names == ("faces", "animals")
    assert len(learned.loss) == len(learned.val_loss) == learned.fine_from == 4
    assert learned.loss[-1] < learned.loss[0]
    assert learned.held.sum() == 10
    assert_array_equal(np.bincount(learned.labels[learned.held]), [5, 5])
    assert learned.features.shape == (30, 256)
    assert (learned.trainable, learned.frozen) == (256 * 2 + 2, 218_544)
    # What is kept is what the last epoch was tested with.
    held = learned.probabilities[learned.held, learned.labels[learned.held]]
    assert learned.val_loss[-1] == pytest.approx(-np.log(held).mean(), abs=1e-5)
    right, of = learned.right(held=True)
    assert learned.val_accuracy[-1] == pytest.approx(right / of)
    shares = [it[0] for it in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1

    other = anew(replace(spec, head=Head(units=(8,)), seed=5))
    assert not other.computed


def test_the_same_specification_gives_the_same_result(spec: TransferSpec) -> None:
    spec = replace(
        spec, way="fine_tune", epochs=1, thawed=1, fine_epochs=1, head=Head(dropout=0.4),
        augmentation=Augmentation(rotation=10, flip=True),
    )  # fmt: skip
    first, second = anew(spec), anew(spec)
    for name in ("loss", "accuracy", "val_loss", "val_accuracy", "probabilities", "features"):
        assert_array_equal(getattr(first, name), getattr(second, name))
    other = anew(replace(spec, seed=1))
    assert (other.probabilities != first.probabilities).any()


def test_what_was_learned_is_found_again_and_not_learned_twice(spec: TransferSpec) -> None:
    learned = anew(spec)
    kept = transfer.recall(spec)
    assert kept is not None
    for name in vars(learned):
        assert_array_equal(getattr(kept, name), getattr(learned, name))
    written = transfer.kept_at(spec)
    transfer.learn("", spec)
    assert transfer.kept_at(spec) == written
    assert transfer.recall(replace(spec, seed=99)) is None


@pytest.mark.parametrize("way", ["scratch", "features", "augmented", "fine_tune"])
def test_a_network_that_has_learned_is_built_again_as_it_was(way: Any, spec: TransferSpec) -> None:
    spec = replace(
        spec, way=way, epochs=1, thawed=2, fine_epochs=1, fine_rate=1e-3,
        augmentation=Augmentation() if way == "features" else Augmentation(zoom=0.1),
    )  # fmt: skip
    learned = anew(spec)
    network = transfer.restore(spec, 2)
    said = transfer.sender(network.network)(transfer.load(spec).images)
    assert_allclose(said, learned.probabilities, atol=1e-5)
    counts = transfer_models.counts(network.network)
    assert (counts.trainable, counts.frozen) == (learned.trainable, learned.frozen)
    assert len(learned.loss) == (2 if way == "fine_tune" else 1)
    keras.backend.clear_session()


def test_every_frozen_array_is_bit_identical_after_fine_tuning(
    spec: TransferSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[transfer_models.Transferred, list[list[Any]]]] = []
    build = transfer_models.build

    def look(*given: Any, **more: Any) -> transfer_models.Transferred:
        network = build(*given, **more)
        seen.append((network, [arrays(block) for block in network.blocks]))
        return network

    monkeypatch.setattr(transfer_models, "build", look)
    anew(replace(spec, way="fine_tune", epochs=1, thawed=2, fine_epochs=2, fine_rate=0.01))
    network, before = seen[0]
    for block, arrays_before in zip(network.blocks[:-2], before[:-2], strict=True):
        for now, then in zip(arrays(block), arrays_before, strict=True):
            assert_array_equal(now, then)
    changed = []
    for block in network.blocks[-2:]:
        for layer in block:
            if isinstance(layer, keras.layers.BatchNormalization):
                continue
            changed += [layer.name] * bool(layer.weights)
    assert changed
    for block, arrays_before in zip(network.blocks[-2:], before[-2:], strict=True):
        still = iter(arrays_before)
        for layer in block:
            for weight in layer.weights:
                then = next(still)
                if isinstance(layer, keras.layers.BatchNormalization):
                    assert_array_equal(np.asarray(weight), then)
                else:
                    assert (np.asarray(weight) != then).any(), layer.name


def test_a_frozen_network_sees_new_pictures_each_epoch_and_stays_as_it_is(
    spec: TransferSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Any] = []
    show = transfer._Teacher._show

    def look(teacher: transfer._Teacher, part: Any, rng: Any) -> Any:
        shown.append(np.asarray(show(teacher, part, rng)))
        return shown[-1]

    monkeypatch.setattr(transfer._Teacher, "_show", look)
    spec = replace(spec, epochs=2, augmentation=Augmentation(rotation=20))
    anew(replace(spec, way="augmented"))
    assert len(shown) == 4  # 20 pictures in batches of 16, twice
    assert shown[0].shape == (16, 64, 64, 3)
    originals = transfer.load(spec).images.astype(np.float32)
    assert not any((it == shown[0][0]).all() for it in originals)
    shown.clear()
    anew(replace(spec, augmentation=Augmentation()))
    assert shown[0].shape == (16, 256)  # features alone


def test_a_single_sigmoid_is_high_for_the_first_class_with_the_lectures_loss(
    spec: TransferSpec,
) -> None:
    head = Head(pooled=False, units=(32, 16), dropout=0.0, output="sigmoid")
    spec = replace(
        spec, head=head, loss="mse", epochs=60, learning_rate=0.001, cut="conv_pw_5_relu"
    )
    learned = anew(spec)
    assert learned.loss[-1] < 0.01
    assert learned.right(held=False) == (20, 20)
    assert_allclose(learned.probabilities.sum(axis=1), 1, atol=1e-6)
    faces = ~learned.held & (learned.labels == 0)
    assert (learned.probabilities[faces, 0] > 0.5).all()
    # The mean of squared differences of the first column, as the last epoch was tested.
    wanted = (learned.labels[learned.held] == 0).astype(np.float32)
    errors = learned.probabilities[learned.held, 0] - wanted
    assert learned.val_loss[-1] == pytest.approx(float((errors**2).mean()), abs=1e-5)


@pytest.mark.parametrize("after", [2, 40])
def test_a_training_ends_on_a_word_with_what_it_has_learned(after: int, spec: TransferSpec) -> None:
    asked = iter(range(10_000))

    def end() -> Any:
        return "stop" if next(asked) > after else None

    spec = replace(spec, epochs=150, seed=after)
    transfer.forget(spec)
    with pace.watched(lambda *_: None, end):
        learned = transfer.learn("", spec)
    assert learned.stopped
    assert len(learned.loss) < 150
    assert transfer.recall(spec) is not None
    assert learned.probabilities.shape == (30, 2)


def test_pictures_that_have_changed_are_not_learned_under_the_old_name(
    lecture_pictures: Path, spec: TransferSpec
) -> None:
    token = lecture(lecture_pictures, 3)
    old = replace(spec, work=token, content=work_store.load(token).digest())
    first = work_store.load(token).classes[0].pictures[0].name
    work_store.remove(token, 0, first)
    with pytest.raises(SettingError, match="have changed"):
        transfer.learn("", old)


def test_a_collection_that_is_gone_and_weights_that_are_gone_are_named(spec: TransferSpec) -> None:
    with pytest.raises(PictureError, match="no longer kept"):
        transfer.learn("", replace(spec, work="0" * 32))
    anew(spec)
    (transfer.folder(spec) / f"{spec.digest()}.weights.npz").write_bytes(b"cut short")
    with pytest.raises(EngineError, match="no longer kept"):
        transfer.restore(spec, 2)
    (transfer.folder(spec) / f"{spec.digest()}.npz").write_bytes(b"cut short")
    assert transfer.recall(spec) is None


def test_what_would_fill_a_small_servers_memory_is_refused_before_it_is_computed(
    spec: TransferSpec,
) -> None:
    # 32 × 32 × 16 values of four bytes from each of 30 pictures are 2 MB, and fit.
    wide = replace(spec, cut="conv_pw_1_relu", head=Head(pooled=False), epochs=1)
    assert anew(wide).features.shape == (30, 32 * 32 * 16)
    many = TransferSpec(work="mnist", backbone="MobileNet-0.25", size=96, count=60_000)
    with pytest.raises(SettingError) as refused:
        transfer.learn("", many)
    assert refused.value.values["size"] == f"{60_000 * 3 * 96**2 // 10**6:,}"


def test_of_one_collection_no_more_is_kept_than_may_be(
    lecture_pictures: Path, spec: TransferSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = lecture(lecture_pictures, 4)
    own = replace(spec, work=token, content=work_store.load(token).digest(), epochs=1)
    transfer.learn("", own)
    size = sum(it.stat().st_size for it in transfer.folder(own).iterdir())
    monkeypatch.setattr(transfer, "_KEPT_BYTES", 2 * size)
    for seed in range(1, 4):
        for pixels in (64, 80, 96):
            transfer.learn("", replace(own, seed=seed, size=pixels))
    kept = sum(it.stat().st_size for it in transfer.folder(own).iterdir())
    assert kept <= 2 * size
    newest = replace(own, seed=3, size=96)
    assert transfer.recall(newest) is not None


def test_digits_are_learned_as_the_lecture_does(keras_home: Path) -> None:
    spec = TransferSpec(
        work="mnist", backbone="MobileNet-0.25", size=64, framing="squeeze", epochs=10, count=600,
        head=Head(pooled=False, units=(64,), dropout=0.0), optimiser="rmsprop",
        learning_rate=0.0005, cut="conv_pw_8_relu",
    )  # fmt: skip
    learned = anew(spec)
    assert learned.held.sum() == pytest.approx(150, abs=5)
    assert learned.accuracy[-1] > 0.8
    assert learned.probabilities.shape == (600, 10)
    # What is said of an epoch is said of all its pictures, not of the last batch.
    right, of = learned.right(held=True)
    assert learned.val_accuracy[-1] == pytest.approx(right / of, abs=1e-6)
    said = learned.probabilities[learned.held, learned.labels[learned.held]]
    assert learned.val_loss[-1] == pytest.approx(-np.log(said).mean(), abs=1e-4)
    # Twenty-nine batches, the last one with two pictures: no such mean is a multiple of a half.
    count = (~learned.held).sum()
    assert_allclose(learned.accuracy * count, np.rint(learned.accuracy * count), atol=1e-2)


@pytest.mark.parametrize(
    ("probabilities", "wanted"),
    [([[0.8], [0.1]], [[0.8, 0.2], [0.1, 0.9]]), ([[0.3, 0.7]], [[0.3, 0.7]])],
)
def test_both_sides_of_a_sigmoid(probabilities: Any, wanted: Any) -> None:
    assert_allclose(transfer.both_sides(np.array(probabilities, np.float32)), wanted, rtol=1e-6)


def test_a_learned_head_is_logistic_regression(spec: TransferSpec) -> None:
    # A head of one dense layer on fixed features is scikit-learn's model: trained long without
    # dropout, it separates the same pictures and says nearly the same of the others.
    from sklearn.linear_model import LogisticRegression

    spec = replace(spec, head=Head(dropout=0.0), epochs=200, learning_rate=0.002)
    learned = anew(spec)
    reader: Callable[..., Any] = LogisticRegression(C=10.0, max_iter=2000).fit
    fitted = reader(learned.features[~learned.held], learned.labels[~learned.held])
    said = fitted.predict(learned.features[learned.held])
    assert (said == learned.said[learned.held]).mean() >= 0.8
    assert learned.right(held=False) == (20, 20)
