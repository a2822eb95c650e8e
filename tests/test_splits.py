"""What is held out: of each class its share, and never half of what belongs together."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal

from cvcore import splits


@given(
    labels=arrays(np.int64, st.integers(2, 60), elements=st.integers(0, 3)),
    share=st.floats(0.05, 0.9),
    seed=st.integers(0, 99),
    data=st.data(),
)
def test_groups_are_never_divided_and_no_class_is_used_up(
    labels: np.ndarray, share: float, seed: int, data: st.DataObject
) -> None:
    groups = data.draw(arrays(np.int64, len(labels), elements=st.integers(0, 20)))
    held = splits.hold_out(labels, groups, share, seed)
    for group in np.unique(groups):
        assert len(set(held[groups == group].tolist())) == 1
    for label in np.unique(labels):
        own = held[labels == label]
        assert not own.all()
    assert_array_equal(held, splits.hold_out(labels, groups, share, seed))


@given(sizes=st.lists(st.integers(2, 40), min_size=2, max_size=5), share=st.floats(0.05, 0.9))
def test_of_pictures_without_groups_exactly_the_share_is_held_out(
    sizes: list[int], share: float
) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    held = splits.hold_out(labels, np.arange(len(labels)), share, 0)
    for label, size in enumerate(sizes):
        wanted = min(max(int(np.rint(share * size)), 1), size - 1)
        assert held[labels == label].sum() == wanted


def test_a_class_of_two_bursts_holds_the_smaller_one_out() -> None:
    labels = np.array([0] * 7 + [1] * 4)
    groups = np.array([0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5])
    held = splits.hold_out(labels, groups, 0.25, 0)
    assert_array_equal(np.flatnonzero(held[:7]), [5, 6])
    assert held[7:].sum() == 1


def test_a_class_of_one_burst_is_learned_from_alone() -> None:
    held = splits.hold_out(np.array([0, 0, 0, 1, 1]), np.array([0, 0, 0, 1, 2]), 0.3, 0)
    assert not held[:3].any()
    assert held[3:].sum() == 1
