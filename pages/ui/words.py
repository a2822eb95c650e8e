"""Every sentence in the reader's language, through gettext."""

import gettext
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

LOCALE = Path(__file__).parent / "locale"
LANGUAGES = {"en": "English", "ko": "한국어"}


@lru_cache
def _catalogue(language: str) -> gettext.NullTranslations:
    # English is in the code, so a language without a catalogue speaks it.
    return gettext.translation("messages", LOCALE, [language], fallback=True)


@dataclass(frozen=True)
class Say:
    """Speaks one language: ``say("{count} pictures", count=3)``.

    Parameters
    ----------
    language : str
        One of `LANGUAGES`.
    """

    language: str

    def __call__(self, sentence: str, /, **values: object) -> str:
        """Translate a sentence, then fill its blanks."""
        translated = _catalogue(self.language).gettext(sentence) if sentence else ""
        return translated.format(**values) if values else translated


def plain(text: object) -> str:
    """Escape what Markdown would act on, so that a visitor's words stay words."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>$~:])", r"\\\1", str(text))
