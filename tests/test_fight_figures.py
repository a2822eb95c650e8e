"""The charts of a fight: what is averaged, where it stands, and how it is told apart."""

import pyarrow as pa
from numpy.testing import assert_allclose

from cvcore import fight_figures
from cvcore.fight_figures import CNN, DENSE, Corner, curve
from cvcore.history import Epoch, History, Partial, Snapshot
from cvcore.networks import NETWORKS
from cvcore.spec import RunSpec

SPEC = RunSpec(dataset="digits", network=NETWORKS["dense"].layers, epochs=9)
CORNERS = (Corner(name="A", colour=DENSE), Corner(name="B", colour=CNN))


def run(*accuracies: float, seconds: float = 1.0, partial: float | None = None) -> Snapshot:
    """Return a run whose epochs took as many seconds each; a partial one ends it at a quarter."""
    past, told = History(SPEC), {"loss": 0.5, "accuracy": 0.5, "attempt": 1, "at": 1.0}
    for index, accuracy in enumerate(accuracies):
        past.add(
            Epoch(
                **told,  # type: ignore[arg-type]
                number=index,
                epoch=index + 1,
                val_loss=1 - accuracy,
                val_accuracy=accuracy,
                images_per_second=1.0,
                processor_seconds=seconds * (index + 1),
            )
        )
    if partial is not None:
        past.add(
            Partial(
                **told,  # type: ignore[arg-type]
                number=99,
                moment=len(accuracies) + 0.25,
                val_loss=1 - partial,
                val_accuracy=partial,
                learning_rate=0.001,
                processor_seconds=seconds * (len(accuracies) + 0.25),
            )
        )
    return past.snapshot()


def test_the_mean_and_the_spread_are_over_the_runs_that_have_got_so_far() -> None:
    found = curve([run(0.5, 0.75, seconds=1), run(0.25, seconds=3)], "accuracy", "seconds")
    assert_allclose(found.at, [2, 2])  # (1 + 3) / 2, and 2 of the first run alone
    assert_allclose(found.mean, [0.375, 0.75])
    assert_allclose(found.low, [0.25, 0.75])
    assert_allclose(found.high, [0.5, 0.75])
    assert_allclose(curve([run(0.5)], "loss", "epochs").mean, [0.5])


def test_a_run_that_ends_inside_an_epoch_ends_its_curve_there() -> None:
    found = curve([run(0.5, partial=0.625)], "accuracy", "epochs")
    assert_allclose(found.at, [1, 1.25])
    assert_allclose(found.mean, [0.5, 0.625])
    # 20,224 multiply-adds for a picture, 1,077 pictures.
    each = 20_224 * 1_077
    assert_allclose(
        curve([run(0.5, partial=0.625)], "accuracy", "multiply_adds").at, [each, 1.25 * each]
    )


def test_nothing_known_is_an_empty_chart() -> None:
    nothing = curve([], "accuracy", "epochs")
    data = fight_figures.line_data(CORNERS, (nothing, nothing))
    assert all(pa.ipc.open_stream(it).read_all().num_rows == 0 for it in data.values())


def test_corners_are_told_apart_by_colour_dash_and_marker() -> None:
    layers = fight_figures.lines(CORNERS, across="x", up="y")["layer"]
    line = next(it["encoding"] for it in layers if it["mark"]["type"] == "line")
    assert line["color"]["scale"] == {"domain": ["A", "B"], "range": ["#E69F00", "#009E73"]}
    assert line["strokeDash"]["scale"]["range"] == [[1, 0], [7, 4]]
    assert [it["mark"]["shape"] for it in layers if it["mark"]["type"] == "point"] == [
        "circle",
        "diamond",
    ]
