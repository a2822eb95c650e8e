"""View walk."""

from pages.ui.inside.scene import Scene
from pages.ui.words import Say


def show(say: Say, scene: Scene) -> None:
    """Draw it."""
