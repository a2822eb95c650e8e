"""The comparison: scikit-learn's own figures, what a classifier keeps, the code that is shown."""

import itertools
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from numpy.testing import assert_array_equal
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from cvcore import baselines
from cvcore.arithmetic import layer_table
from cvcore.baselines import RIVALS, ClassifierRival, FitSpec, Fitted, NetworkRival, Progress
from cvcore.datasets import DATASETS, load
from cvcore.engine import Engine
from cvcore.errors import EngineError, SettingError
from tests.test_engine import until

CLASSIFIERS = [name for name, rival in RIVALS.items() if isinstance(rival, ClassifierRival)]
NETWORKS = [name for name, rival in RIVALS.items() if isinstance(rival, NetworkRival)]


def digits(classifier: str, size: int | None = None) -> FitSpec:
    return FitSpec(classifier=classifier, dataset="digits", size=size)


def fitted(spec: FitSpec) -> tuple[Fitted, list[Progress]]:
    told: list[Progress] = []
    return baselines.fit_and_name(spec, told.append), told


def run_code(code: str, dataset: str) -> dict[str, Any]:
    """Run a printed program on a data set and return its names."""
    names = vars(load(dataset)).copy()
    exec(code, names)  # noqa: S102 - our own text, which a student would run
    return names


@pytest.mark.parametrize("classifier", CLASSIFIERS)
@pytest.mark.parametrize("size", [None, 300])
def test_the_table_holds_what_the_printed_code_gives(classifier: str, size: int | None) -> None:
    spec = digits(classifier, size)
    ours, _ = fitted(spec)
    names = run_code(baselines.sklearn_code(spec), "digits")
    assert ours.accuracy == names["classifier"].score(names["x_test"], names["test_labels"])
    assert ours.kept_bytes == baselines.kept_bytes(names["classifier"])


def test_a_forest_grown_ten_trees_at_a_time_is_the_forest_grown_at_once() -> None:
    data = load("digits")
    pictures, labels = baselines.flat(data.training_images), data.training_labels
    whole = RandomForestClassifier(n_estimators=30, random_state=0).fit(pictures, labels)
    parts = RandomForestClassifier(n_estimators=30, random_state=0)
    told: list[Progress] = []
    baselines._learn(parts, pictures, labels, told.append)
    test = baselines.flat(data.test_images)
    assert_array_equal(parts.predict_proba(test), whole.predict_proba(test))
    assert [it.done for it in told] == [1 / 3, 2 / 3]


def test_what_is_kept_is_weights_or_pictures_or_nodes() -> None:
    data = load("digits")
    pictures, labels = baselines.flat(data.training_images[:500]), data.training_labels[:500]
    weights = LogisticRegression().fit(pictures, labels)
    assert baselines.kept_bytes(weights) == 4 * (10 * 64 + 10)  # float32
    pictures_kept = KNeighborsClassifier().fit(pictures, labels)
    assert baselines.kept_bytes(pictures_kept) == 500 * (4 * 64 + 8)
    one, two = (
        baselines.kept_bytes(RandomForestClassifier(count, random_state=0).fit(pictures, labels))
        for count in (1, 2)
    )
    assert one < two


def test_a_regression_that_was_cut_short_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    settled, _ = fitted(digits("logistic"))
    assert settled.converged
    assert settled.iterations is not None
    assert settled.iterations < 200
    rival = RIVALS["logistic"]
    assert isinstance(rival, ClassifierRival)
    short = replace(rival, settings={"max_iter": 3})
    monkeypatch.setattr(baselines, "RIVALS", {**RIVALS, "logistic": short})
    cut, _ = fitted(digits("logistic"))
    assert (cut.converged, cut.iterations) == (False, 3)


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_progress_never_goes_back(classifier: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = fitted(digits(classifier))
    monkeypatch.setattr(baselines, "_CHUNK", 100)  # of 360 test pictures
    parts, told = fitted(digits(classifier))
    assert parts.accuracy == whole.accuracy
    assert [it.done for it in told if it.doing == "naming"] == [0, 100 / 360, 200 / 360, 300 / 360]
    assert told[0].doing == "learning"
    assert math.isnan(told[0].done)
    for part in ("learning", "naming"):
        shares = [it.done for it in told if it.doing == part and not math.isnan(it.done)]
        assert all(0 <= a < b < 1 for a, b in itertools.pairwise(shares))


def test_what_was_computed_once_is_recalled_not_computed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = digits("neighbours")
    assert baselines.recall(str(tmp_path), spec) is None
    first = baselines.fit(str(tmp_path), spec)
    assert baselines.recall(str(tmp_path), spec) == first
    monkeypatch.setattr(baselines, "fit_and_name", None)  # not called
    assert baselines.fit(str(tmp_path), spec) == first
    (torn,) = tmp_path.glob("baselines/*-fitted.json")
    torn.write_text('{"accuracy": 0.9')
    assert baselines.recall(str(tmp_path), spec) is None


def test_where_nothing_can_be_written_a_sentence_says_so(tmp_path: Path) -> None:
    (tmp_path / "baselines").write_text("a file where the folder should be")
    with pytest.raises(EngineError, match="could not be written to the run store"):
        baselines.fit(str(tmp_path), digits("neighbours"))


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (digits("linear"), "There is no comparison of linear on digits."),
        (
            FitSpec(classifier="forest", dataset="faces"),
            "There is no comparison of forest on faces.",
        ),
        (digits("forest", 0), "There are 1437 training pictures; 0 were asked for."),
        (digits("forest", 1438), "There are 1437 training pictures; 1438 were asked for."),
    ],
)
def test_what_cannot_be_compared_is_refused(spec: FitSpec, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=sentence):
        baselines.fit(str(tmp_path), spec)


def test_the_published_figures_are_the_lectures() -> None:
    mnist = {
        name: rival.published["mnist"].accuracy
        for name, rival in RIVALS.items()
        if "mnist" in rival.published
    }
    assert mnist == {"linear": 0.924, "two_layers": 0.984, "six_layers": 0.9965, "cnn": 0.9979}


@pytest.mark.parametrize("dataset", baselines.DATA)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_can_be_trained_on_every_data_set(name: str, dataset: str) -> None:
    for size in (None, *baselines.SIZES):
        if size is None or size < DATASETS[dataset].training:
            spec = baselines.run_of(name, dataset, size)
            spec.validate()
            assert spec.sizes() == (size or DATASETS[dataset].training, 0, DATASETS[dataset].test)


@pytest.mark.parametrize(("name", "dense"), [("linear", 1), ("two_layers", 2), ("six_layers", 6)])
def test_a_network_has_as_many_dense_layers_as_its_name_says(name: str, dense: int) -> None:
    rival = RIVALS[name]
    assert isinstance(rival, NetworkRival)
    assert [layer.kind for layer in rival.layers].count("dense") == dense


def test_the_worker_computes_in_turn_and_answers_the_same_question_once(trainer: Engine) -> None:
    spec = digits("neighbours", 100)
    assert trainer.computed(baselines.fit, spec) is None
    answer = trainer.compute(baselines.fit, spec)
    assert trainer.compute(baselines.fit, spec) is answer
    until(lambda: answer.state != "pending")
    assert answer.value.accuracy == fitted(spec)[0].accuracy
    refused = trainer.compute(baselines.fit, digits("linear"))
    until(lambda: refused.state != "pending")
    assert isinstance(refused.error, SettingError)
    assert trainer.compute(baselines.fit, digits("linear")) is not refused


def test_a_network_keeps_four_bytes_for_each_parameter_of_its_arithmetic() -> None:
    spec = baselines.run_of("two_layers", "mnist", None)
    rows = layer_table(spec.network, (28, 28, 1))
    assert sum(row.parameters for row in rows) == 784 * 800 + 800 + 800 * 10 + 10
