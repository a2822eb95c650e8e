"""What the benchmarks share: rounds that alternate, ratios within a round, the closing line."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence


def alternate(
    candidates: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Time every candidate once a round, so that a slow moment of the machine meets all alike.

    Parameters
    ----------
    candidates : mapping of str to callable
        Each is called once more before the first round, unmeasured.
    rounds : int
    clock : callable, optional
        `time.process_time` counts the processor's seconds instead of the wall's.

    Returns
    -------
    dict of str to list of float
        Seconds, one for each round.
    """
    for run in candidates.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, run in candidates.items():
            start = clock()
            run()
            seconds[name].append(clock() - start)
    return seconds


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median of the ratios within each round."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def report(name: str, figure: str, goal: str, *, met: bool) -> int:
    """Print a benchmark's last line and return its exit status: 1 when the goal is missed."""
    print(f"{name}: {figure} (goal {goal})")
    return 0 if met else 1
