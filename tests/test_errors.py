"""Errors travel from the worker and keep their sentence and its blanks."""

import pickle

from cvcore.errors import CvCoreError, SettingError


def test_an_error_survives_pickling_with_its_sentence_and_values() -> None:
    error = SettingError("The stride was {stride}.", stride=0)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert isinstance(copy, SettingError)
    assert isinstance(copy, CvCoreError)
    assert (copy.sentence, copy.values) == ("The stride was {stride}.", {"stride": 0})
    assert str(copy) == "The stride was 0."
