"""Tests: a name is a sentence that can be false."""
