"""What came of a run, class by class and picture by picture.

The functions with a store as first argument are jobs for a worker
(`cvcore.engine.client.Engine.ask`), where scikit-learn and TensorFlow are imported.
"""

from dataclasses import dataclass

import numpy as np

from cvcore import datasets
from cvcore.arrays import ByteArray, FloatArray, IntArray
from cvcore.datasets import DATASETS, Dataset
from cvcore.errors import N_, EngineError, SettingError
from cvcore.runs import RunStore
from cvcore.spec import DEFAULT_THRESHOLD, RunSpec
from cvcore.subjects import Picture, Subject
from cvcore.waking import import_tensorflow


@dataclass(frozen=True, eq=False, kw_only=True)
class Report:
    """How a network did on the test pictures of each class.

    Parameters
    ----------
    counts : ndarray of int64, shape (classes, classes)
        The confusion matrix: how many pictures of the row's class got the column's name.
    precision : ndarray of float64, shape (classes,)
        Of the pictures that got a class's name, the fraction that is of it; NaN where none got it.
    recall : ndarray of float64, shape (classes,)
        Of a class's pictures, the fraction that got its name; NaN where there are none.
    f1 : ndarray of float64, shape (classes,)
        Their harmonic mean, 2PR / (P + R); NaN where the class has no pictures and no names.
    support : ndarray of int64, shape (classes,)
        Test pictures of each class.
    """

    counts: IntArray
    precision: FloatArray
    recall: FloatArray
    f1: FloatArray
    support: IntArray


@dataclass(frozen=True, eq=False, kw_only=True)
class Scores:
    """What a network gives for one picture, before and after softmax.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, channels)
        As the data set has it.
    label : int or None
        Its true class; None for a visitor's own.
    scores : ndarray of float32, shape (classes,)
        What the last layer gives without its softmax: also called logits.
    probabilities : ndarray of float32, shape (classes,)
        ``exp(scores) / sum(exp(scores))``.
    """

    image: ByteArray
    label: int | None
    scores: FloatArray
    probabilities: FloatArray


# -- what a page knows without asking


def confident_mistakes(labels: IntArray, probabilities: FloatArray) -> IntArray:
    """Return which pictures get a wrong name, the surest first.

    Parameters
    ----------
    labels : ndarray of int64, shape (n,)
        The true classes.
    probabilities : ndarray of float32, shape (n, classes)

    Returns
    -------
    ndarray of int64
        Their places from 0; of equally sure ones, the earlier first.

    Examples
    --------
    >>> confident_mistakes(np.array([0, 0, 1]), np.array([[0.4, 0.6], [0.1, 0.9], [0.2, 0.8]]))
    array([1, 0])
    """
    said = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(said != labels)
    return wrong[np.argsort(-probabilities[wrong, said[wrong]], kind="stable")]


def in_cell(labels: IntArray, probabilities: FloatArray, true: int, said: int) -> IntArray:
    """Return which pictures of a class get a certain name, the surest first.

    Parameters
    ----------
    labels : ndarray of int64, shape (n,)
    probabilities : ndarray of float32, shape (n, classes)
    true, said : int
        The cell's row and column in the confusion matrix.

    Returns
    -------
    ndarray of int64
        Their places from 0.
    """
    places = np.flatnonzero((labels == true) & (probabilities.argmax(axis=1) == said))
    return places[np.argsort(-probabilities[places, said], kind="stable")]


def most_confused(counts: IntArray) -> tuple[int, int]:
    """Return the true class and the wrong name that meet most often.

    Parameters
    ----------
    counts : ndarray of int64, shape (classes, classes)
        A confusion matrix, of two classes or more.

    Examples
    --------
    >>> most_confused(np.array([[9, 1, 0], [0, 9, 3], [2, 0, 9]]))
    (1, 2)
    """
    wrong = counts.copy()
    np.fill_diagonal(wrong, -1)
    true, said = np.unravel_index(wrong.argmax(), wrong.shape)
    return int(true), int(said)


# -- what a worker is asked


def report(url: str, digest: str, moment: float = 0.0) -> Report:  # noqa: ARG001
    """Count a run's right and wrong answers, and rate each class.

    Parameters
    ----------
    url : str
        The run store.
    digest : str
        A finished or stopped run.
    moment : float, optional
        The last one that is kept. A stopped run can go on: its earlier answers, which the
        engine remembers by the question, are not those to a question with a later moment.

    Raises
    ------
    EngineError
        If what it says of the test pictures is not in the store.
    """
    from sklearn import metrics

    store = RunStore(url)
    spec, predictions = store.spec(digest), store.predictions(digest)
    if spec is None or predictions is None:
        raise _gone()
    classes = np.arange(len(DATASETS[spec.dataset].classes))
    true, said = predictions.labels, predictions.probabilities.argmax(axis=1)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        true, said, labels=classes, zero_division=np.nan
    )
    return Report(
        counts=metrics.confusion_matrix(true, said, labels=classes).astype(np.int64),
        precision=precision,
        recall=recall,
        f1=f1,
        support=support.astype(np.int64),
    )


def pictures(url: str, digest: str, places: tuple[int, ...]) -> ByteArray:
    """Return test pictures as the data set has them.

    Parameters
    ----------
    url : str
    digest : str
        A run, whose data set and threshold are meant.
    places : tuple of int
        Which ones, from 0.

    Returns
    -------
    ndarray of uint8, shape (len(places), height, width, channels)

    Raises
    ------
    EngineError
        If there is no such run.
    SettingError
        If there is no such picture.
    """
    spec = RunStore(url).spec(digest)
    if spec is None:
        raise _gone()
    images = _data(spec).test_images
    for place in places:
        _check(place, len(images))
    chosen: ByteArray = images[list(places)]
    return chosen


def scores(url: str, subject: Subject, picture: Picture) -> Scores:
    """Show a network one picture, and return what it gives before and after softmax.

    Parameters
    ----------
    url : str
    subject : Subject
    picture : Picture

    Raises
    ------
    EngineError
        If the weights of that moment are not in the store.
    SettingError
        If there is no such picture, or an operation is not possible.
    """
    import_tensorflow()
    from cvcore.opened import opened, softmax

    with opened(url, subject) as network:
        image = network.image(picture)
        raw = network.scores(image[np.newaxis])[0]
        label = network.label(picture)
    return Scores(image=image, label=label, scores=raw, probabilities=softmax(raw))


def _data(spec: RunSpec) -> Dataset:
    if spec.threshold == DEFAULT_THRESHOLD:
        return datasets.load(spec.dataset)
    return datasets.load(spec.dataset, threshold=spec.threshold)


def _check(place: int, count: int) -> None:
    if not 0 <= place < count:
        raise SettingError(
            N_("There are {count} test pictures; number {number} was asked for."),
            count=count,
            number=place + 1,
        )


def _gone() -> EngineError:
    return EngineError(
        N_(
            "What this run says of the test pictures is not in the run store any more. "
            "Press Train to train this network again."
        )
    )
