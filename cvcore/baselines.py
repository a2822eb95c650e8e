"""Ways to name a picture, on the same pictures: networks of Keras, classifiers of scikit-learn.

A network is a run like any other. A classifier of scikit-learn is fitted by
`fit`, a job of the worker, and what came of it is kept beside the runs, so
that it opens at once. Nothing here imports scikit-learn before that job does.
"""

import contextlib
import dataclasses
import hashlib
import importlib
import json
import math
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, TypeVar

import fsspec
import numpy as np

from cvcore.arrays import AnyArray, FloatArray
from cvcore.datasets import DATASETS, entry_of, load
from cvcore.errors import N_, EngineError, SettingError
from cvcore.networks import NETWORKS, Convolution, Dense, Flatten, Layer, Network, Pooling
from cvcore.spec import RunSpec

FOLDER = "baselines"
"""Beside the runs, where the outcomes of `fit` are kept."""

DATA = ("digits", "mnist", "fashion_mnist")
"""The data sets that are compared, by their names in `DATASETS`."""

SIZES = (1_000, 10_000)
"""Numbers of training pictures that are offered beside all of them."""

_CHUNK = 1_000  # test pictures that are named together
_TREES = 10  # of a forest that are grown together
_WRITE_SECONDS = 0.3


@dataclass(frozen=True, kw_only=True)
class Published:
    """A figure that somebody else measured.

    Parameters
    ----------
    accuracy : float
        Of the test pictures, from 0 to 1.
    note : str
        What was different there, as the page says it.
    source : str
        Who measured it.
    """

    accuracy: float
    note: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Rival:
    """A row of the comparison.

    Parameters
    ----------
    label : str
        Its name.
    published : mapping of str to Published
        By the name of the data set.
    """

    label: str
    published: Mapping[str, Published] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class NetworkRival(Rival):
    """A network that Keras trains.

    Parameters
    ----------
    layers : tuple of Layer
        For ten classes.
    learning_rate : float, optional
        Adam's.
    """

    layers: Network
    learning_rate: float = 0.001


@dataclass(frozen=True, kw_only=True)
class ClassifierRival(Rival):
    """A classifier of scikit-learn.

    Parameters
    ----------
    module, name : str
        Where it is imported from, and the name of its class.
    settings : mapping of str to object
        What its class is called with; the rest is scikit-learn's own choice.
    """

    module: str
    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def call(self) -> str:
        """The Python that makes it."""
        settings = ", ".join(f"{name}={value!r}" for name, value in self.settings.items())
        return f"{self.name}({settings})"


def _dense(*units: int) -> Network:
    hidden = tuple(Dense(units=it, activation="relu") for it in units)
    return (Flatten(), *hidden, Dense(units=10, activation="softmax"))


RIVALS: Mapping[str, NetworkRival | ClassifierRival] = MappingProxyType(
    {
        "linear": NetworkRival(
            label=N_("Linear classifier"),
            layers=_dense(),
            learning_rate=0.003,
            published={
                "mnist": Published(
                    accuracy=0.924,
                    note=N_(
                        "for each pair of classes a line of its own, slanted digits set upright"
                    ),
                    source="Y. LeCun et al., 1998",
                )
            },
        ),
        "two_layers": NetworkRival(
            label=N_("2-layer network"),
            layers=_dense(800),
            published={
                "mnist": Published(
                    accuracy=0.984,
                    note=N_("800 hidden units, as here"),
                    source="P. Simard et al., 2003",
                ),
                "fashion_mnist": Published(
                    accuracy=0.87,
                    note=N_("the lecture's run: 128 hidden units, 5 epochs"),
                    source="Lecture notes",
                ),
            },
        ),
        # A fifth of the published one's width: twelve million weights are not for a lesson.
        "six_layers": NetworkRival(
            label=N_("6-layer network"),
            layers=_dense(500, 400, 300, 200, 100),
            published={
                "mnist": Published(
                    accuracy=0.9965,
                    note=N_(
                        "five times as wide, for hundreds of epochs, on digits bent anew "
                        "(elastic deformations) each time"
                    ),
                    source="D. Cireşan et al., arXiv:1003.0358, 2010",
                )
            },
        ),
        "cnn": NetworkRival(
            label=N_("The lecture's CNN"),
            layers=NETWORKS["cnn"].layers,
            published={
                "mnist": Published(
                    accuracy=0.9979,
                    note=N_("five larger CNNs that vote, with shifted, turned and scaled digits"),
                    source="L. Wan et al., Regularization of Neural Networks using DropConnect, "
                    "2013",
                ),
                "fashion_mnist": Published(
                    accuracy=0.9048,
                    note=N_(
                        "the lecture's run: 45,000 pictures, 20 epochs, measured on its "
                        "validation pictures"
                    ),
                    source="Lecture notes",
                ),
            },
        ),
        "logistic": ClassifierRival(
            label=N_("Logistic regression"),
            module="sklearn.linear_model",
            name="LogisticRegression",
            settings={"max_iter": 200},
        ),
        "neighbours": ClassifierRival(
            label=N_("k nearest neighbours"),
            module="sklearn.neighbors",
            name="KNeighborsClassifier",
            settings={"n_neighbors": 5},
        ),
        "forest": ClassifierRival(
            label=N_("Random forest"),
            module="sklearn.ensemble",
            name="RandomForestClassifier",
            settings={"n_estimators": 100, "random_state": 0},
        ),
    }
)
"""What is compared, in the order of the table."""


def run_of(name: str, dataset: str, size: int | None) -> RunSpec:
    """Return a network's training in the comparison.

    Parameters
    ----------
    name : str
        A name in `RIVALS`, of a network.
    dataset : str
        A name in `DATA`.
    size : int or None
        How many pictures to learn from; None for all.

    Returns
    -------
    RunSpec
        Without validation: all training pictures may be learned from.
    """
    rival = RIVALS[name]
    if not isinstance(rival, NetworkRival):
        raise _no_such(name, dataset)
    few = (size or DATASETS[dataset].training) < SIZES[-1]
    return RunSpec(
        dataset=dataset,
        network=rival.layers,
        training_size=size,
        validation_split=0.0,
        learning_rate=rival.learning_rate,
        batch_size=32 if few else 128,
        epochs=20 if few else 10,
    )


@dataclass(frozen=True, kw_only=True)
class FitSpec:
    """The fitting of a classifier of scikit-learn, said completely.

    Parameters
    ----------
    classifier : str
        A name in `RIVALS`, of a classifier.
    dataset : str
        A name in `DATA`.
    size : int or None
        How many pictures to learn from, the first ones; None for all.
    """

    classifier: str
    dataset: str
    size: int | None = None

    def validate(self) -> None:
        """Refuse what cannot be fitted.

        Raises
        ------
        SettingError
            If there is no such classifier or data set, or the size is not within it.
        """
        if self.dataset not in DATA or not isinstance(RIVALS.get(self.classifier), ClassifierRival):
            raise _no_such(self.classifier, self.dataset)
        most = DATASETS[self.dataset].training
        if self.size is not None and not 1 <= self.size <= most:
            raise SettingError(
                N_(
                    "There are {most} training pictures; {size} were asked for. Choose a number "
                    "from 1 to {most}."
                ),
                most=most,
                size=self.size,
            )

    def digest(self) -> str:
        """Return the name under which its outcome is kept."""
        rival = _classifier(self)
        said = [self.dataset, self.size, rival.module, rival.call]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


def _no_such(name: str, dataset: str) -> SettingError:
    return SettingError(
        N_("There is no comparison of {name} on {dataset}. Choose one of {names}, on {data}."),
        name=name,
        dataset=dataset,
        names=", ".join(RIVALS),
        data=", ".join(DATA),
    )


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a fitting has come.

    Parameters
    ----------
    doing : {'learning', 'naming'}
    done : float
        From 0 to 1, of that part; NaN where it cannot be told.
    """

    doing: Literal["learning", "naming"]
    done: float


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """What came of fitting a classifier of scikit-learn.

    Parameters
    ----------
    accuracy : float
        Of the test pictures, from 0 to 1.
    learning_seconds, naming_seconds : float
        Of processor time: in ``fit``, and in ``predict`` for all test pictures.
    kept_bytes : int
        What it needs in memory to name a picture.
    iterations : int or None
        Of an optimiser that stops by itself; None for a classifier without one.
    converged : bool
        Whether it stopped before its limit.
    version : str
        Of scikit-learn.
    """

    accuracy: float
    learning_seconds: float
    naming_seconds: float
    kept_bytes: int
    iterations: int | None
    converged: bool
    version: str


Tell: TypeAlias = Callable[[Progress], None]
Found = TypeVar("Found", Fitted, Progress)


def fit(url: str, spec: FitSpec) -> Fitted:
    """Fit a classifier and name the test pictures; a job of the worker.

    Parameters
    ----------
    url : str
        The run store, where the outcome is kept.
    spec : FitSpec

    Returns
    -------
    Fitted
        The one that is kept, where there is one.

    Raises
    ------
    SettingError, AssetError, EngineError
        If the specification makes no sense, the data set cannot be had, or the store cannot
        be written.
    """
    spec.validate()
    kept = recall(url, spec)
    if kept is not None:
        return kept
    told_at = -math.inf

    def tell(progress: Progress) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= _WRITE_SECONDS:
            _write(url, _name(spec, "progress"), progress)
            told_at = time.monotonic()

    outcome = fit_and_name(spec, tell)
    _write(url, _name(spec, "fitted"), outcome)
    return outcome


def fit_and_name(spec: FitSpec, tell: Tell) -> Fitted:
    """Do what `fit` does, and keep nothing.

    Parameters
    ----------
    spec : FitSpec
    tell : callable
        Hears how far it has come.
    """
    import sklearn

    data = load(spec.dataset)
    pictures, test = flat(data.training_images[: spec.size]), flat(data.test_images)
    labels = data.training_labels[: spec.size]
    rival = _classifier(spec)
    classifier = getattr(importlib.import_module(rival.module), rival.name)(**rival.settings)
    tell(Progress(doing="learning", done=math.nan))
    begun = time.process_time()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        _learn(classifier, pictures, labels, tell)
    learned = time.process_time()
    named = []
    for start in range(0, len(test), _CHUNK):
        tell(Progress(doing="naming", done=start / len(test)))
        named.append(classifier.predict(test[start : start + _CHUNK]))
    ended = time.process_time()
    iterations = getattr(classifier, "n_iter_", None)
    return Fitted(
        accuracy=float((np.concatenate(named) == data.test_labels).mean()),
        learning_seconds=learned - begun,
        naming_seconds=ended - learned,
        kept_bytes=kept_bytes(classifier),
        iterations=None if iterations is None else int(np.max(iterations)),
        converged=not any(it.category.__name__ == "ConvergenceWarning" for it in said),
        version=sklearn.__version__,
    )


def _learn(classifier: Any, pictures: FloatArray, labels: AnyArray, tell: Tell) -> None:
    """Call ``fit``; a forest's in parts, which grow the same trees, to tell how far it is."""
    trees = getattr(classifier, "n_estimators", 0)
    for grown in range(_TREES, trees, _TREES):
        classifier.set_params(n_estimators=grown, warm_start=True)
        classifier.fit(pictures, labels)
        tell(Progress(doing="learning", done=grown / trees))
    if trees:
        classifier.set_params(n_estimators=trees)
    classifier.fit(pictures, labels)


def flat(images: AnyArray) -> FloatArray:
    """Return pictures as scikit-learn takes them.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, height, width, channels)

    Returns
    -------
    ndarray of float32, shape (n, height * width * channels)
        From 0 to 1.
    """
    rows: FloatArray = images.reshape(len(images), -1).astype(np.float32) / np.float32(255)
    return rows


def kept_bytes(classifier: Any) -> int:
    """Return the bytes of the arrays that a fitted classifier of scikit-learn needs to predict.

    Parameters
    ----------
    classifier : LogisticRegression, KNeighborsClassifier or RandomForestClassifier
        Weights, the training pictures themselves, or the nodes of all trees.
    """
    if hasattr(classifier, "coef_"):
        arrays = [classifier.coef_, classifier.intercept_]
    elif hasattr(classifier, "_fit_X"):
        arrays = [classifier._fit_X, classifier._y]
    else:
        states = [tree.tree_.__getstate__() for tree in classifier.estimators_]
        arrays = [array for state in states for array in (state["nodes"], state["values"])]
    return sum(array.nbytes for array in arrays)


def recall(url: str, spec: FitSpec) -> Fitted | None:
    """Return what came of a fitting that is kept, or None."""
    return _read(url, _name(spec, "fitted"), Fitted)


def recall_progress(url: str, spec: FitSpec) -> Progress | None:
    """Return how far a fitting has come that is under way, or None."""
    return _read(url, _name(spec, "progress"), Progress)


def _name(spec: FitSpec, what: Literal["fitted", "progress"]) -> str:
    return f"{spec.digest()}-{what}.json"


def _classifier(spec: FitSpec) -> ClassifierRival:
    rival = RIVALS.get(spec.classifier)
    if not isinstance(rival, ClassifierRival):
        raise _no_such(spec.classifier, spec.dataset)
    return rival


def _place(url: str) -> tuple[Any, str]:
    # A listing that is remembered would miss what other processes write.
    files, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
    return files, f"{root.rstrip('/')}/{FOLDER}"


def _write(url: str, name: str, found: Fitted | Progress) -> None:
    files, folder = _place(url)
    try:
        files.makedirs(folder, exist_ok=True)
        files.pipe_file(f"{folder}/{name}", json.dumps(dataclasses.asdict(found)).encode())
    except OSError as error:
        raise EngineError(
            N_(
                "What was computed could not be written to the run store ({reason}). Make room "
                "there, or set CVCORE_RUNS to another folder."
            ),
            reason=error.strerror or type(error).__name__,
        ) from error


def _read(url: str, name: str, kind: type[Found]) -> Found | None:
    files, folder = _place(url)
    # Not there, or just being written.
    with contextlib.suppress(OSError, ValueError, TypeError):
        return kind(**json.loads(files.cat_file(f"{folder}/{name}")))
    return None


# -- the code of both libraries


def sklearn_code(spec: FitSpec) -> str:
    """Return the Python that `fit` runs, but for its clocks.

    Parameters
    ----------
    spec : FitSpec

    Returns
    -------
    str
        It expects ``training_images``, ``training_labels``, ``test_images`` and
        ``test_labels`` as Keras loads them.
    """
    rival, entry = _classifier(spec), entry_of(spec.dataset)
    count, values = spec.size or entry.training, math.prod(entry.shape)
    return "\n".join(
        (
            f"from {rival.module} import {rival.name}",
            "",
            f'x = training_images[:{count}].reshape({count}, {values}).astype("float32") / 255',
            f'x_test = test_images.reshape({entry.test}, {values}).astype("float32") / 255',
            "",
            f"classifier = {rival.call}",
            f"classifier.fit(x, training_labels[:{count}])",
            "classifier.score(x_test, test_labels)",
        )
    )


def keras_code(spec: RunSpec) -> str:
    """Return Python that builds a network of the comparison and trains it as `run_of` says.

    Parameters
    ----------
    spec : RunSpec

    Returns
    -------
    str
        It expects what that of `sklearn_code` expects. The first weights and the order of the
        pictures are left to chance there.
    """
    entry, count = entry_of(spec.dataset), spec.sizes()[0]
    height, width, channels = entry.shape
    return "\n".join(
        (
            "import keras",
            "",
            f"x = training_images[:{count}].reshape({count}, {height}, {width}, {channels}) / 255",
            f"x_test = test_images.reshape({entry.test}, {height}, {width}, {channels}) / 255",
            "",
            "network = keras.Sequential([",
            f"    keras.Input({entry.shape}),",
            *(f"    keras.layers.{_keras_call(layer)}," for layer in spec.network),
            "])",
            "network.compile(",
            f"    keras.optimizers.Adam({spec.learning_rate:g}),",
            '    loss="sparse_categorical_crossentropy",',
            '    metrics=["accuracy"],',
            ")",
            f"network.fit(x, training_labels[:{count}], batch_size={spec.batch_size}, "
            f"epochs={spec.epochs})",
            "network.evaluate(x_test, test_labels)",
        )
    )


def _keras_call(layer: Layer) -> str:
    match layer:
        case Dense():
            return f'Dense({layer.units}, activation="{layer.activation}")'
        case Convolution():
            return f'Conv2D({layer.filters}, {layer.size}, padding="{layer.padding}")'
        case Pooling():
            return f"MaxPooling2D({layer.size})"
    return "Flatten()"
