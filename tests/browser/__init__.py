"""The app as a visitor meets it, in a real browser."""

import pytest

# So that a failed assertion of a helper says what it compared.
pytest.register_assert_rewrite("tests.browser.helpers")
