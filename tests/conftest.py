"""What all tests share: folders of their own, the shared assets, and one engine.

Data sets and weights are found in ``../shared/keras`` beside the checkout. They are linked into
a temporary KERAS_HOME, because Keras writes into it. Where they are missing, the tests that ask
for `keras_home` are skipped; on a build machine (``CI`` is set) they fail.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from cvcore.engine import Engine, engine

# A busy machine is slow; that is no mistake of the code that is tested.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

SHARED = Path(__file__).parents[2] / "shared"
ASSETS, PICTURES = SHARED / "keras", SHARED / "data" / "seed"


def pytest_configure(config: pytest.Config) -> None:
    # Before the tests are collected: Keras looks for its folder when it is imported.
    folder = tempfile.TemporaryDirectory(prefix="cvcore-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(folder.cleanup)
    home = Path(folder.name) / "keras"
    for part in ("datasets", "models"):
        (home / part).mkdir(parents=True)
        for asset in (ASSETS / part).glob("*"):
            (home / part / asset.name).symlink_to(asset)
    os.environ["KERAS_HOME"] = str(home)
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    os.environ["CVCORE_RUNS"] = str(Path(folder.name) / "runs")
    os.environ["CVCORE_WORK"] = str(Path(folder.name) / "work")
    for name in ("CVCORE_WORK_HOURS", "CVCORE_WORK_LIMIT", "CVCORE_BACKBONES"):
        os.environ.pop(name, None)
    os.environ.pop("CVCORE_SCHEDULER", None)
    # Beside two busy processes of tests, trainings that step back far would not come to their turn.
    os.environ["CVCORE_COURTESY"] = "1"


@pytest.fixture(scope="session")
def keras_home() -> Path:
    """A KERAS_HOME with the shared data sets and weights."""
    _need(ASSETS)
    return Path(os.environ["KERAS_HOME"])


@pytest.fixture(scope="session")
def lecture_pictures() -> Path:
    """The lectures' own pictures: folders ``faces`` and ``animals``, 15 JPEG files in each."""
    _need(PICTURES)
    return PICTURES


def _need(assets: Path) -> None:
    if not assets.is_dir():
        where = f"There is nothing in ../shared/{assets.relative_to(SHARED)} beside the checkout."
        if "CI" in os.environ:
            pytest.fail(where)
        pytest.skip(where)


@pytest.fixture(scope="session")
def trainer() -> Iterator[Engine]:
    """The engine that pages use, with a process that all tests share; ended with the last."""
    yield engine()
    engine().close()
