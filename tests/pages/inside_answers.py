"""A page's engine that answers at once, for the views of Look inside."""

from collections.abc import Callable
from typing import Any

import numpy as np

from cvcore import ablation, evaluation
from cvcore.ablation import Effect, Examined, WithoutEach
from cvcore.arithmetic import layer_table
from cvcore.arrays import AnyArray
from cvcore.datasets import DATASETS
from cvcore.engine import Answer, Engine
from cvcore.engine.client import Slot
from cvcore.errors import CvCoreError
from cvcore.evaluation import Scores
from cvcore.runs import RunStore, TrainingState
from cvcore.spec import RunSpec
from cvcore.subjects import Picture, Subject
from cvcore.surgery import count_of_filters
from tests import kept_runs


class Told(Engine):
    """Does what needs no TensorFlow itself, and says something plain of the rest."""

    def __init__(self, store: RunStore) -> None:
        super().__init__(store)
        self.asked: list[tuple[Any, ...]] = []
        self.submitted: list[RunSpec] = []
        self.right: list[int] = []
        self._made: dict[tuple[Any, ...], Answer] = {}

    def ask(self, job: Callable[..., Any], *arguments: Any) -> Answer:
        self.asked.append((job.__name__, *arguments))
        return self._answer(job, *arguments)

    def ask_together(self, *questions: tuple[Any, ...]) -> list[Answer]:
        return [self.ask(*question) for question in questions]

    def compute(self, job: Callable[..., Any], *arguments: Any, slot: Slot = "training") -> Answer:  # noqa: ARG002
        return self._answer(job, *arguments)

    def computed(self, job: Callable[..., Any], *arguments: Any) -> Answer | None:
        return self._made.get((job, *arguments))

    def submit(self, spec: RunSpec) -> str:
        spec.validate()
        self.submitted.append(spec)
        return keep_run(self._store, spec)

    def _answer(self, job: Callable[..., Any], *arguments: Any) -> Answer:
        answer = self._made.setdefault((job, *arguments), Answer())
        if answer.state == "pending":
            stand_ins: dict[Callable[..., Any], Callable[..., Any]] = {
                evaluation.scores: self._scores,
                ablation.effect: self._effect,
                ablation.examine: self._examine,
                ablation.without_each: self._without_each,
            }
            try:
                answer.give(stand_ins.get(job, job)(self._store.url, *arguments))
            except CvCoreError as error:
                answer.fail(error)
        return answer

    def _spec(self, subject: Subject) -> RunSpec:
        spec = self._store.spec(subject.run)
        assert spec is not None
        return spec

    def _scores(self, _: str, subject: Subject, __: Picture) -> Scores:
        shape = DATASETS[self._spec(subject).dataset].shape
        probabilities = _one(len(DATASETS[self._spec(subject).dataset].classes), 2)
        return Scores(
            image=np.zeros(shape, np.uint8),
            label=2,
            scores=probabilities,
            probabilities=probabilities,
        )

    def _effect(self, _: str, subject: Subject, __: Picture, layer: int) -> Effect:
        """Each operation takes its filter's map away; the first makes the network say 3."""
        spec = self._spec(subject)
        shape = layer_table(spec.network, DATASETS[spec.dataset].shape)[layer - 1].output_shape
        before = np.ones(shape if len(shape) == 3 else (1, 1, *shape), np.float32)
        after = before.copy()
        for it in subject.operations:
            after[..., it.filter] = 0
        return Effect(
            image=np.zeros(DATASETS[spec.dataset].shape, np.uint8),
            label=2,
            maps_before=before,
            maps_after=after,
            before=_one(10, 2),
            after=_one(10, 3 if subject.operations else 2),
        )

    def _examine(self, _: str, subject: Subject) -> Examined:
        """Each operation costs ten pictures."""
        right = 300 - 10 * len(subject.operations)
        return Examined(right=right, pictures=360, all_pictures=360)

    def _without_each(self, _: str, subject: Subject, layer: int) -> WithoutEach:
        """Without the second filter 100 pictures fewer are right, without the last 1 more."""
        count = count_of_filters(self._spec(subject).network, layer)
        right = np.full(count, 300, np.int64)
        right[1], right[-1] = 200, 301
        return WithoutEach(whole=Examined(right=300, pictures=360, all_pictures=360), right=right)


def _one(count: int, place: int) -> Any:
    return np.eye(count, dtype=np.float32)[place]


def keep_run(store: RunStore, spec: RunSpec) -> str:
    """Keep a finished run of three epochs, whose weights grow with each."""
    digest = kept_runs.keep_finished(store, spec)
    rng = np.random.default_rng(0)
    first = {name: rng.normal(0, 1, shape).astype(np.float32) for name, shape in _shapes(spec)}
    for epoch in (1, 2, 3):
        state = TrainingState(
            optimiser=(), seeds=(), accuracy=0.5, lowest=1.0, waited=0, processor_seconds=1.0
        )
        store.save_state(digest, epoch, state)
    for moment in (0.0, 0.25, 1.0, 2.0, 3.0):
        weights: dict[str, AnyArray] = {name: it * (1 + moment) for name, it in first.items()}
        store.save_weights(digest, moment, weights)
    return digest


def _shapes(spec: RunSpec) -> list[tuple[str, tuple[int, ...]]]:
    """Return the names and the shapes of a network's kernels and biases."""
    shapes: list[tuple[str, tuple[int, ...]]] = []
    for place, row in enumerate(layer_table(spec.network, DATASETS[spec.dataset].shape), start=1):
        kind, seen, given = row.layer.kind, row.input_shape[-1], row.output_shape[-1]
        if kind == "convolution":
            size = getattr(row.layer, "size", 0)
            shapes.append((f"convolution_{place}/kernel", (size, size, seen, given)))
            shapes.append((f"convolution_{place}/bias", (given,)))
        if kind == "dense":
            shapes.append((f"dense_{place}/kernel", (seen, given)))
            shapes.append((f"dense_{place}/bias", (given,)))
    return shapes
