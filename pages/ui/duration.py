"""How long something takes, in words."""

from pages.ui.words import Say


def duration(say: Say, seconds: float) -> str:
    """Say a time in seconds, or from a minute and a half on in minutes and seconds."""
    whole = round(seconds)
    if whole < 90:
        return say("{seconds} s", seconds=whole)
    return say("{minutes} min {seconds} s", minutes=whole // 60, seconds=whole % 60)
