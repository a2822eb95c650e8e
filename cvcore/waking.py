"""TensorFlow's import, in a process whose threads may want it at the same time."""

import importlib
import threading

_LOCK = threading.Lock()


def import_tensorflow() -> None:
    """Import TensorFlow and Keras; a second thread waits until the first has done it.

    A worker trains in one thread and answers in another. Python locks each
    module alone, and those of TensorFlow import one another in circles: two
    threads that begin at once would each find modules half made. So every job
    that needs TensorFlow calls this before it imports what builds on it.
    """
    with _LOCK:
        importlib.import_module("tensorflow")
        importlib.import_module("keras")
