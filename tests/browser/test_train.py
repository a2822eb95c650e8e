"""What only a browser shows of the Train page: curves that grow, reloads, a second visitor."""

import json
import os
import re
import signal
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Locator, Page, expect

from cvcore.networks import NETWORKS
from cvcore.runs import RunStore
from cvcore.spec import RunSpec
from tests.browser.helpers import Visit, settle, sticking_out
from tests.kept_runs import keep_finished
from tools.app_server import AppServer

# Batches of one picture: an epoch takes seconds on any machine, so there is a middle to look at.
LONG = "train?network=dense&batch=1&epochs=200"
KEPT = RunSpec(dataset="fashion_mnist", network=NETWORKS["cnn"].layers, epochs=3)
MINUTE = 60_000
TENSORFLOW = re.compile("libtensorflow|_pywrap_tensorflow")


def status(page: Page) -> Locator:
    return page.locator(".st-key-run_state").get_by_role("status")


def sentence(page: Page) -> Locator:
    return page.locator(".st-key-run_sentence").get_by_role("status")


def chart(page: Page) -> Locator:
    return page.get_by_test_id("stVegaLiteChart").first


def tiles(page: Page) -> Locator:
    return page.locator(".st-key-run_tiles").get_by_role("listitem")


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def run_of(page: Page) -> str:
    found = re.search(r"run=([0-9a-f]{16})", page.url)
    assert found is not None, page.url
    return found[1]


def runs(server: AppServer) -> Path:
    return server.log.parent / "runs"


def worker_of(server: AppServer, run: str) -> int:
    """Return the process that trains a run, which the run's first event names."""
    line = (runs(server) / run / "events.jsonl").read_text().splitlines()[0]
    return int(json.loads(line)["process"])


def tensorflow_in(process: int) -> bool:
    """Say whether a process has TensorFlow's libraries in its memory."""
    return TENSORFLOW.search(Path(f"/proc/{process}/maps").read_text()) is not None


def different_views(page: Page, what: Locator, *, count: int, seconds: float = 60) -> list[bytes]:
    """Look at something until it has looked different so often."""
    seen: list[bytes] = []
    deadline = time.monotonic() + seconds
    while len(seen) < count:
        assert time.monotonic() < deadline, f"It has looked different {len(seen)} times."
        now = what.screenshot()
        if now not in seen:
            seen.append(now)
        page.wait_for_timeout(300)
    return seen


def tab_to(page: Page, what: Locator) -> None:
    for _ in range(60):
        if what.evaluate("it => it === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError("The Tab key does not lead there.")


def test_a_run_grows_live_survives_a_reload_is_shared_and_stopped(
    visit: Visit, server: AppServer
) -> None:
    assert not tensorflow_in(server.pid)
    page = visit(f"{LONG}&train_seed=1")
    tab_to(page, page.get_by_role("button", name="Train", exact=True))
    page.keyboard.press("Enter")
    # At once, whatever the engine still has to do: its own start takes much longer than this.
    said = re.compile("engine that trains is starting|Queued|made ready|Running")
    expect(status(page)).to_have_text(said)
    expect(status(page)).to_have_text("Running: the network learns.", timeout=MINUTE)
    place = chart(page).bounding_box()
    different_views(page, chart(page), count=3)
    assert chart(page).bounding_box() == place  # it has grown where it was
    assert not tensorflow_in(server.pid)
    assert tensorflow_in(worker_of(server, run_of(page)))  # the look would notice it

    run = run_of(page)
    page.reload()
    settle(page)
    assert run_of(page) == run
    expect(status(page)).to_have_text("Running: the network learns.")
    different_views(page, chart(page), count=2)

    other = visit("train?" + page.url.partition("?")[2])
    expect(status(other)).to_have_text("Running: the network learns.")
    press(other, "Train")  # joins it: nothing is queued, nothing begins anew
    expect(status(other)).to_have_text("Running: the network learns.")
    press(other, "Stop training")
    for each in (page, other):
        expect(status(each)).to_have_text(re.compile("Stopped after"), timeout=MINUTE)
        expect(each.get_by_role("button", name="Stop training")).to_be_disabled()
    assert (runs(server) / run / "events.jsonl").read_text().count('"started"') == 1
    assert not tensorflow_in(server.pid)


def test_a_killed_worker_is_said_and_its_run_goes_on_from_its_last_epoch(
    visit: Visit, server: AppServer
) -> None:
    page = visit("train?network=dense&batch=8&epochs=200&train_seed=2")
    press(page, "Train")
    expect(sentence(page)).to_have_text(re.compile("^After ([2-9]|[1-9][0-9])"), timeout=MINUTE)
    os.kill(worker_of(server, run_of(page)), signal.SIGKILL)
    expect(page.get_by_text("The process that trains was killed")).to_be_visible(timeout=3_000)
    expect(status(page)).to_have_text(re.compile("^Broken off after"))
    found = re.search(r"after (\d+) of 200", status(page).inner_text())
    assert found is not None
    press(page, "Resume")
    expect(status(page)).to_have_text("Running: the network learns.", timeout=MINUTE)
    press(page, "Pause")
    expect(status(page)).to_have_text(re.compile("^Paused after"), timeout=MINUTE)
    assert int(status(page).inner_text().split()[2]) >= int(found[1])
    expect(sentence(page)).to_have_text(re.compile("^After ([2-9]|[1-9][0-9])"))


def test_runs_are_pinned_with_the_keyboard_and_compared_after_a_reload(
    visit: Visit, server: AppServer
) -> None:
    store = RunStore(str(runs(server)))
    one, two = keep_finished(store, KEPT), keep_finished(store, replace(KEPT, seed=1))
    page = visit(f"train?show=runs&run={two}&runs={two}-{one}", phone=True)
    pin = page.get_by_role("button", name="Pin").last
    tab_to(page, pin)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Unpin")).to_have_count(1)
    page.wait_for_url(re.compile(f"pins={one}"))
    page.reload()
    settle(page)
    expect(page.get_by_role("region", name="What the runs differ in")).to_contain_text("Seed")
    assert sticking_out(page) == []


def test_the_page_opens_on_a_run_that_ends_with_its_test_pictures(
    visit: Visit, server: AppServer
) -> None:
    page = visit("train", phone=True)
    expect(status(page)).to_have_text("Finished: 20 of 20 epochs.", timeout=MINUTE)
    expect(tiles(page)).to_have_count(20)
    expect(sentence(page)).to_have_text(re.compile("^After 20 of 20 epochs: training loss 0"))
    assert sticking_out(page) == []
    # Nothing ticks any more.
    told: list[object] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda it: told.append(it)))
    page.reload()
    settle(page)
    page.wait_for_timeout(500)
    told.clear()
    page.wait_for_timeout(2_500)
    assert told == []

    page = visit("train?show=time&moment=18&lang=en")
    moment = page.get_by_role("slider", name="Moment of the training")
    expect(moment).to_have_attribute("aria-valuetext", "after epoch 18", timeout=MINUTE)
    press(page, "Play")
    expect(moment).to_have_attribute("aria-valuetext", "after epoch 20", timeout=20_000)
    expect(page.get_by_role("button", name="Play")).to_be_visible()  # it has stopped by itself


@pytest.mark.parametrize(("language", "phone"), [("en", False), ("ko", True)])
def test_the_address_of_a_finished_run_opens_at_once_and_without_an_engine(
    visit: Visit, fresh_server: AppServer, language: str, phone: bool
) -> None:
    run = keep_finished(RunStore(str(runs(fresh_server))), KEPT, said=(9, 2, 1, 1, 0))
    page = visit(f"train?run={run}", language=language, phone=phone, server=fresh_server)
    expect(tiles(page)).to_have_count(5)
    names = {"en": ("✓ Ankle boot, 75 %", "✗ T-shirt/top, 75 %"), "ko": ("✓ 앵클부츠", "✗ 티셔츠")}
    for tile, name in zip((tiles(page).first, tiles(page).last), names[language], strict=True):
        expect(tile).to_contain_text(name)
    expect(page.get_by_test_id("stMetricValue").nth(4)).to_have_text("0.8000")
    expect(chart(page)).to_be_visible()
    assert psutil.Process(fresh_server.pid).children() == []
    assert "data=fashion_mnist" in page.url


def test_a_run_that_there_is_not_gets_a_sentence(visit: Visit) -> None:
    page = visit("train?run=zzz&epochs=3")
    expect(page.get_by_text("There is no run called zzz here")).to_be_visible()
    expect(status(page)).to_have_text(re.compile("Nothing is trained with these settings"))


def test_the_numbers_stay_open_while_they_grow_and_are_taken_away(
    visit: Visit, server: AppServer, tmp_path: Path
) -> None:
    run = keep_finished(RunStore(str(runs(server))), KEPT)
    page = visit(f"train?run={run}")
    page.get_by_role("button", name="Numbers", exact=True).click()
    expect(page.get_by_role("table")).to_contain_text("0.8438")
    with page.expect_download() as download:
        page.get_by_role("button", name="Numbers (CSV)").click()
    download.value.save_as(tmp_path / "run.csv")
    lines = (tmp_path / "run.csv").read_text().splitlines()
    assert lines[0] == "epoch,loss,accuracy,val_loss,val_accuracy"
    assert lines[3] == "3,0.25,0.9375,0.625,0.84375"
