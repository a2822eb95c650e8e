"""Mistakes that a visitor can understand and mend.

Every message is one sentence with blanks that says what is wrong, what was
received and what to do. The sentence is the English message and the key of
its translation, so it is marked with `N_` where it stands.
"""

from typing import Any


def N_(sentence: str) -> str:  # noqa: N802 - gettext's own name for "translate later"
    """Mark a sentence for the translators and return it unchanged."""
    return sentence


def _rebuild(kind: type["CvCoreError"], sentence: str, values: dict[str, object]) -> "CvCoreError":
    return kind(sentence, **values)


class CvCoreError(Exception):
    """A mistake that a visitor can understand and mend.

    Parameters
    ----------
    sentence : str
        What is wrong, what was received and what to do, with ``{blanks}``.
    **values : object
        What fills the blanks.
    """

    def __init__(self, sentence: str, /, **values: object) -> None:
        super().__init__(sentence.format(**values))
        self.sentence, self.values = sentence, values

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors come from the worker by pickle, and Exception forgets keyword arguments.
        return _rebuild, (type(self), self.sentence, self.values)


class PictureError(CvCoreError):
    """A file that is not a picture, or not one that can be opened safely."""


class SettingError(CvCoreError):
    """A setting, or a combination of settings, that has no answer."""


class AssetError(CvCoreError):
    """A data set or weights that are neither on disk nor to be had."""


class EngineError(CvCoreError):
    """The process that trains is not there, or died at its work."""
