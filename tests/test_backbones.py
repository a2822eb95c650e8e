"""Backbones as a table: which are allowed, what is downloaded, what a failed download says."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from cvcore import backbones, pace
from cvcore.backbones import BACKBONES
from cvcore.errors import AssetError, SettingError

NAME = "MobileNet-0.25"


class Weights:
    """Serves a backbone's files from this machine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: dict[str, bytes] = {"/body.h5": b"b" * 700_000, "/whole.h5": b"w" * 900_000}
        self.asked: list[str] = []
        self.lie = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                data = outer.answers.get(self.path)
                if data is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(data) + outer.lie))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=[0.01], daemon=True).start()
        base = f"http://127.0.0.1:{self.server.server_port}"
        entry = BACKBONES[NAME]
        whole, body = entry.files
        files = (replace(whole, url=f"{base}/whole.h5"), replace(body, url=f"{base}/body.h5"))
        table = dict(BACKBONES) | {NAME: replace(entry, files=files)}
        monkeypatch.setattr(backbones, "BACKBONES", table)
        names = replace(backbones.CLASS_NAMES, url=f"{base}/names.json", checksum="")
        monkeypatch.setattr(backbones, "CLASS_NAMES", names)
        self.answers["/names.json"] = json.dumps(
            {it: ["n", f"c_{it}"] for it in range(1000)}
        ).encode()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A KERAS_HOME with nothing in it."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("http_proxy", raising=False)
    backbones._read_names.cache_clear()
    return tmp_path


@pytest.fixture
def weights(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Weights]:
    one = Weights(monkeypatch)
    yield one
    one.server.shutdown()
    one.server.server_close()
    backbones._read_names.cache_clear()


def refusal(name: str = NAME, *, top: bool = False) -> AssetError:
    with pytest.raises(AssetError) as refused:
        backbones.fetch("", name, top)
    return refused.value


def test_the_usual_one_is_the_one_whose_features_are_1280_long() -> None:
    name, entry = next(iter(BACKBONES.items()))
    assert (name, entry.size, entry.features) == ("MobileNetV2", 224, 1280)
    assert all(it.smallest <= it.size for it in BACKBONES.values())
    assert entry.megabytes(top=False) == pytest.approx(9.03, abs=0.01)


def test_what_is_missing_is_downloaded_once_with_progress(weights: Weights, home: Path) -> None:
    assert len(backbones.missing(NAME, top=True)) == 2
    told: list[float] = []
    with pace.watched(lambda share, _: told.append(share), lambda: None):
        backbones.fetch("", NAME, top=True)
    assert told[-1] == 1
    assert weights.asked == ["/names.json", "/whole.h5"]
    assert backbones.missing(NAME, top=True) == ()
    assert [it.path for it in backbones.missing(NAME, top=False)] == [BACKBONES[NAME].files[1].path]
    backbones.fetch("", NAME, top=True)
    assert len(weights.asked) == 2
    assert backbones.class_names()[7] == "c 7"
    assert len(list((home / "models").iterdir())) == 2


def test_one_that_is_not_there_names_the_file_and_what_to_do(weights: Weights, home: Path) -> None:
    del weights.answers["/body.h5"]
    error = refusal()
    assert error.values["file"] == "models/mobilenet_2_5_224_tf_no_top.h5"
    assert "404" in str(error) or "Not Found" in str(error)
    assert not list((home / "models").iterdir())


def test_a_download_that_is_cut_short_leaves_nothing(weights: Weights, home: Path) -> None:
    weights.lie = 1000
    assert "700,000 of 701,000 bytes" in str(refusal())
    assert not list((home / "models").iterdir())
    weights.lie = 0
    backbones.fetch("", NAME, top=False)
    assert backbones.missing(NAME, top=False) == ()


def test_a_computer_without_a_network_is_told_so(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # the port for what is thrown away
    error = refusal()
    assert "could not be downloaded" in str(error)
    assert "KERAS_HOME" in str(error)


def test_a_download_is_stopped_on_a_word(weights: Weights, home: Path) -> None:
    with (
        pytest.raises(pace.CancelledError),
        pace.watched(lambda *_: None, lambda: "pause"),
    ):
        backbones.fetch("", NAME, top=False)
    assert not list((home / "models").iterdir())


def test_the_host_says_which_are_allowed(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("CVCORE_BACKBONES", "VGG16, MobileNetV2,unknown")
    assert backbones.allowed() == ("MobileNetV2", "VGG16")
    with pytest.raises(SettingError, match="not offered") as refused:
        backbones.check_allowed("VGG19")
    assert refused.value.values["names"] == "MobileNetV2, VGG16"
    with pytest.raises(SettingError, match="not offered"):
        backbones.fetch("", "VGG19", top=False)


def test_a_small_server_does_not_load_vgg19(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CVCORE_BACKBONES", raising=False)
    monkeypatch.setattr(backbones, "_memory_megabytes", lambda: 1_000.0)
    offered = backbones.allowed()
    assert "VGG19" not in offered
    assert "VGG16" not in offered
    assert "MobileNetV2" in offered
    monkeypatch.setattr(backbones, "_memory_megabytes", lambda: 16_000.0)
    assert set(backbones.allowed()) == set(BACKBONES)


def test_one_that_nobody_knows_is_named() -> None:
    with pytest.raises(SettingError, match="ResNeXt"):
        backbones.entry_of("ResNeXt")


@pytest.mark.parametrize("names", [b"", b"{", b"[]", b'{"0": ["n", "cat"]}'])
def test_class_names_that_are_cut_short_are_put_aside(names: bytes, home: Path) -> None:
    (home / "models").mkdir()
    place = backbones.CLASS_NAMES.place
    place.write_bytes(names)
    with pytest.raises(AssetError, match="put aside"):
        backbones.class_names()
    assert not place.exists()
    with pytest.raises(AssetError, match="Download"):
        backbones.class_names()
