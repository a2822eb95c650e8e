"""The Baselines page: what its table, sentence and code say of what is kept."""

import re

from streamlit.testing.v1 import AppTest

from cvcore import baselines, runs
from cvcore.baselines import RIVALS, FitSpec, Fitted, NetworkRival
from cvcore.engine import Engine
from cvcore.history import Done, Epoch, Failed
from cvcore.runs import RunStore
from tests import kept_runs
from tests.pages import open_page
from tests.test_engine import until

# What has not settled is said; the seconds are whole parts of two, so that they print exactly.
FITTED = Fitted(
    accuracy=0.8125,
    learning_seconds=1.25,
    naming_seconds=0.5,
    kept_bytes=2_600,
    iterations=200,
    converged=False,
    version="1",
)


def cells(page: AppTest) -> dict[str, list[str]]:
    """Return the table's rows by their first cell."""
    (body,) = (it.proto.body for it in page.get("html") if "cv-table" in it.proto.body)
    rows = (re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr.*?</tr>", body))
    return {row[0]: row[1:] for row in rows if row}


def keep_all(dataset: str) -> None:
    """Keep every row, of all pictures, in the store that the pages use."""
    store = RunStore(runs.location())
    for number, (name, rival) in enumerate(RIVALS.items()):
        if not isinstance(rival, NetworkRival):
            spec = FitSpec(classifier=name, dataset=dataset)
            baselines._write(store.url, baselines._name(spec, "fitted"), FITTED)
            continue
        kept_runs.keep(
            store,
            baselines.run_of(name, dataset, None),
            Epoch(
                attempt=1,
                number=2,
                at=110.0,
                epoch=1,
                loss=0.5,
                accuracy=0.9,
                val_loss=None,
                val_accuracy=None,
                images_per_second=1.0,
                processor_seconds=7.5,
            ),
            Done(
                attempt=1,
                number=3,
                at=111.0,
                test_loss=0.5,
                test_accuracy=0.9 + number / 100,
                early=False,
            ),
        )


def test_what_was_computed_is_shown_at_once_beside_what_was_published() -> None:
    keep_all("mnist")
    page = open_page("baselines", base_data="mnist", base_count="all")
    assert not page.exception
    assert cells(page) == {
        "Linear classifier": ["90.00 %", "92.4 %", "7.5", "0"],
        "2-layer network": ["91.00 %", "98.4 %", "7.5", "0"],
        "6-layer network": ["92.00 %", "99.65 %", "7.5", "0"],
        "The lecture&#x27;s CNN": ["93.00 %", "99.79 %", "7.5", "0"],
        "Logistic regression": ["81.25 %", "–", "1.2", "3"],
        "k nearest neighbours": ["81.25 %", "–", "1.2", "3"],
        "Random forest": ["81.25 %", "–", "1.2", "3"],
    }
    (notice,) = page.info
    assert "The lecture's CNN, with 700 of 10,000 test pictures wrong." in notice.value
    assert "(90.0 % and 81.2 %)" in notice.value
    assert "ended after 200 rounds" in notice.value
    assert page.button(key="base_all").disabled
    assert page.button(key="base_compute_forest").disabled


def test_where_nothing_was_computed_every_row_can_be_asked_for() -> None:
    page = open_page("baselines", base_data="fashion_mnist", base_count="10000")
    assert not page.exception
    shown = cells(page)
    assert shown.pop("2-layer network") == ["–", "87 %", "–", "–"]
    assert shown.pop("The lecture&#x27;s CNN") == ["–", "90.48 %", "–", "–"]
    assert all(row == ["–"] * 4 for row in shown.values())
    assert len(shown) == 5
    assert not page.info
    disabled = [it.key for it in page.button if it.disabled]
    assert disabled == ["base_stop"]


def test_a_row_that_failed_says_why_and_can_be_asked_for_again() -> None:
    store, spec = RunStore(runs.location()), baselines.run_of("cnn", "mnist", 10_000)
    sentence = "It broke for {reason}."
    failed = Failed(
        attempt=1,
        number=2,
        at=110.0,
        error="EngineError",
        sentence=sentence,
        values={"reason": "x"},
    )
    kept_runs.keep(store, spec, failed)
    page = open_page("baselines", base_data="mnist", base_count="10000")
    (warning,) = page.warning
    assert warning.value == "The lecture's CNN: It broke for x."
    assert not page.button(key="base_compute_cnn").disabled


def test_the_code_says_the_shapes_that_each_library_takes() -> None:
    page = open_page("baselines", base_data="mnist", base_count="10000")
    sklearn, keras = (it.value for it in page.code)
    assert "LogisticRegression(max_iter=200)" in sklearn
    assert "reshape(10000, 784)" in sklearn
    assert "keras.Input((28, 28, 1))" in keras
    assert "Dense(10" in keras
    page.selectbox(key="base_classifier").set_value("neighbours").run()
    page.selectbox(key="base_network").set_value("cnn").run()
    sklearn, keras = (it.value for it in page.code)
    assert "KNeighborsClassifier(n_neighbors=5)" in sklearn
    assert 'Conv2D(64, 3, padding="same")' in keras
    text = " ".join(it.value for it in page.markdown)
    assert "(10000, 784)" in text
    assert "(10000, 28, 28, 1)" in text


def test_a_network_that_is_stopped_says_so_and_its_button_goes_on(trainer: Engine) -> None:
    page = open_page("baselines", base_data="digits", base_count="all")
    page.button(key="base_compute_cnn").click().run()
    assert page.button(key="base_compute_cnn").disabled
    page.button(key="base_stop").click().run()
    digest = baselines.run_of("cnn", "digits", None).digest()
    until(lambda: (now := trainer.snapshot(digest)) is not None and now.state == "stopped")
    page.run()
    assert not page.button(key="base_compute_cnn").disabled
    assert page.button(key="base_stop").disabled
    assert page.warning[-1].value.startswith("The lecture's CNN: It was ended before its last")
