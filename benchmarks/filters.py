"""How fast `convolve` is: level with cv2.filter2D, and faster where the FFT wins.

One kernel of random weights, so that no shortcut for separable or empty ones
helps, over a picture of 533 × 800 × 3 random float32 values. Each round
filters once with each; a ratio is the median over the rounds.
"""

import statistics
import sys
import time
from functools import partial

import cv2
import numpy as np
from numpy.testing import assert_allclose

from benchmarks.measure import alternate, ratio, report
from cvcore.arrays import FloatArray
from cvcore.convolution import convolve

SIZES = range(3, 32, 2)
BY_FFT = 13  # the first odd size that `convolve` does not leave to cv2
ROUNDS = 41
TOLERANCE = 1.10  # as far as cv2 differs from itself


def lecture_convolution(image: FloatArray, kernel: FloatArray) -> FloatArray:
    """Filter as the lecture's lab does: a loop over rows, a loop over columns."""
    f, g = kernel.shape
    rows, columns = image.shape[0] - f + 1, image.shape[1] - g + 1
    answer = np.zeros((rows, columns, image.shape[2]), np.float32)
    for row in range(rows):
        for column in range(columns):
            patch = image[row : row + f, column : column + g]
            answer[row, column] = (patch * kernel[:, :, np.newaxis]).sum(axis=(0, 1))
    return answer


def main() -> int:
    """Measure every size, print a table, and return the exit status."""
    rng = np.random.default_rng(0)
    image = rng.random((533, 800, 3), np.float32)
    print(f"533 × 800 × 3 float32, {cv2.getNumThreads()} threads, {ROUNDS} rounds a size")
    print(f"{'size':>7} {'ours ms':>9} {'cv2 ms':>9} {'ours/cv2':>9} {'cv2/cv2':>9}")
    ratios = {}
    for size in SIZES:
        kernel = rng.standard_normal((size, size), np.float32)
        middle = slice(size // 2, -(size // 2))
        expected = cv2.filter2D(image, cv2.CV_32F, kernel)[middle, middle]
        bound = 1e-6 * float(np.abs(kernel).sum())  # the picture's values are at most 1
        assert_allclose(convolve(image, kernel), expected, rtol=0, atol=bound)
        seconds = alternate(
            {
                "ours": partial(convolve, image, kernel),
                "cv2": partial(cv2.filter2D, image, cv2.CV_32F, kernel),
                "again": partial(cv2.filter2D, image, cv2.CV_32F, kernel),
            },
            rounds=ROUNDS,
        )
        ratios[size] = ratio(seconds["ours"], seconds["cv2"])
        ours, theirs = (1000 * statistics.median(seconds[name]) for name in ("ours", "cv2"))
        noise = ratio(seconds["again"], seconds["cv2"])
        print(
            f"{f'{size}×{size}':>7} {ours:9.2f} {theirs:9.2f} {ratios[size]:9.2f} {noise:9.2f}",
            flush=True,
        )

    kernel = rng.standard_normal((3, 3), np.float32)
    start = time.perf_counter()
    looped = lecture_convolution(image, kernel)
    print(
        f"The lecture's double loop, 3×3, whole picture, once: {time.perf_counter() - start:.1f} s"
    )
    assert_allclose(convolve(image, kernel), looped, atol=1e-5)

    worst = max(ratios.values())
    worst_by_fft = max(ratio for size, ratio in ratios.items() if size >= BY_FFT)
    return report(
        "filters",
        f"{worst:.2f} × cv2.filter2D at worst, {worst_by_fft:.2f} × from {BY_FFT}×{BY_FFT}",
        f"<= {TOLERANCE:.2f} at every size, < 1.00 from {BY_FFT}×{BY_FFT}",
        met=worst <= TOLERANCE and worst_by_fft < 1,
    )


if __name__ == "__main__":
    sys.exit(main())
