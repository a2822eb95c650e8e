"""TensorFlow is imported by one thread at a time."""

import threading
import time

import pytest

from cvcore import waking


def test_a_second_thread_waits_until_the_first_has_imported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inside: list[str] = []
    most = []

    def load(name: str) -> None:
        inside.append(name)
        time.sleep(0.02)  # long enough for the others to come
        most.append(len(inside))
        inside.remove(name)

    monkeypatch.setattr("cvcore.waking.importlib.import_module", load)
    threads = [threading.Thread(target=waking.import_tensorflow) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8  # two modules each, never two at once
