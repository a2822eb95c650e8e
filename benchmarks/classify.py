"""Time until a photo is named, once the network is loaded.

Photos that come with scikit-image and scikit-learn are asked about in turn, squeezed and cut, so
that no answer is remembered: through the engine as a page asks, from the question to the answer
in the web process. The peer is Keras' own MobileNetV2, called in this process on a picture that
was brought to its size before.
"""

import statistics
import sys
import tempfile
import time

import numpy as np

from benchmarks.measure import report
from cvcore import backbones, classify, samples
from cvcore.engine import Engine
from cvcore.large import Photo
from cvcore.runs import RunStore
from cvcore.transfer_spec import Framing
from cvcore.waking import import_tensorflow

NAME = "MobileNetV2"
GOAL = 0.4  # seconds, p50
PHOTOS = ("astronaut", "chelsea", "coffee", "rocket", "china", "flower", "horse", "camera")
WAYS: tuple[Framing, ...] = ("crop", "squeeze")


def bare() -> list[float]:
    """Return the seconds of Keras' own network for one picture."""
    import_tensorflow()
    import keras

    file = backbones.BACKBONES[NAME].file(top=True)
    model = keras.applications.MobileNetV2(weights=file.place)
    picture = np.random.default_rng(0).random((1, 224, 224, 3), np.float32)
    model(picture, training=False)
    times = []
    for _ in range(len(PHOTOS) * len(WAYS)):
        begun = time.perf_counter()
        np.asarray(model(picture, training=False))
        times.append(time.perf_counter() - begun)
    return times


def main() -> int:
    """Measure, print what was done, and return the exit status."""
    if backbones.missing(NAME, top=True):
        backbones.fetch("", NAME, top=True)
    times: list[float] = []
    with tempfile.TemporaryDirectory() as url:
        engine = Engine(RunStore(url))
        begun = time.perf_counter()
        for how in WAYS:
            for photo in PHOTOS:
                if photo not in samples.SAMPLES:
                    continue
                asked = time.perf_counter()
                answer = engine.ask(classify.classify, NAME, Photo(source=photo, framing=how))
                answer.wait(300)
                if answer.state != "ready":
                    raise RuntimeError(str(answer.error))
                now = time.perf_counter()
                if not times:
                    print(f"First answer, with the worker's start: {now - begun:.1f} s")
                times.append(now - asked)
        engine.close()
    rest = times[1:]
    p50, p95 = statistics.median(rest), statistics.quantiles(rest, n=20)[-1]
    alone = statistics.median(bare())
    figure = f"p50 {p50:.3f} s, p95 {p95:.3f} s, {p50 / alone:.2f} x Keras' network alone"
    return report("classify", figure, f"p50 <= {GOAL} s", met=p50 <= GOAL)


if __name__ == "__main__":
    sys.exit(main())
