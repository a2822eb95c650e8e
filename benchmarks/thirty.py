"""How long each of thirty visitors waits on the Look inside page, when all of them click.

The digits' CNN is opened after its training by thirty visitors, who come within three seconds.
Each then asks for one test picture after another, with a second or two in between, as a student
does who looks at what comes. No two ask about the same picture at once, so every answer is
computed anew. The visitors speak Streamlit's own protocol instead of sitting in browsers, of
which two cores could not draw thirty; so what is measured is the server's part: from the click
until the view's new picture has arrived.
"""

import asyncio
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from benchmarks.inside import trained
from benchmarks.measure import report
from tools import chromium
from tools.app_server import AppServer, serve

VISITORS = 30
CLICKS = 8
PAUSE = (1.0, 2.0)  # seconds between an answer and the next click
GOAL = 300.0  # ms, p95
ASKED = "test_picture"
VIEWS: Mapping[str, str] = {
    "maps": "in_maps_grid",
    "trust": "in_trust_map",
    "walk": "in_walk_after",
}
"""The views, and the key of the picture in each that shows the answer."""


class Visitor:
    """One who has the page open.

    Parameters
    ----------
    socket : ClientConnection
    query : str
        The page's address, behind its question mark.
    picture : str
        The key of the picture that is watched.
    """

    def __init__(self, socket: ClientConnection, query: str, picture: str) -> None:
        self._socket, self._query, self._picture = socket, query, picture
        self._page = ""
        self._controls: dict[str, tuple[str, str]] = {}  # what the server calls each, and where

    async def opens(self) -> None:
        """Open the page, and wait until its picture is there."""
        message = BackMsg()
        message.rerun_script.page_name = "inside"
        await self._asks(message)

    async def clicks(self, number: int) -> float:
        """Ask for a test picture; return the milliseconds until the view's picture has come."""
        message = BackMsg()
        control, fragment = self._controls[ASKED]
        state = message.rerun_script.widget_states.widgets.add(id=control)
        state.double_value = number
        message.rerun_script.page_script_hash = self._page
        message.rerun_script.fragment_id = fragment
        return 1000 * await self._asks(message)

    async def _asks(self, message: BackMsg) -> float:
        message.rerun_script.query_string = self._query
        begun, shown = time.perf_counter(), 0.0
        await self._socket.send(message.SerializeToString())
        async with asyncio.timeout(60):
            while True:
                heard = ForwardMsg()
                heard.ParseFromString(bytes(await self._socket.recv(decode=False)))
                kind = heard.WhichOneof("type")
                if kind == "new_session":
                    self._page = heard.new_session.page_script_hash
                elif kind == "delta" and heard.delta.WhichOneof("type") == "new_element":
                    if self._notes(heard) == self._picture:
                        shown = time.perf_counter()
                elif kind == "script_finished" and shown:
                    return shown - begun

    def _notes(self, heard: ForwardMsg) -> str:
        """Remember what a new element is called; return its key."""
        element = heard.delta.new_element
        name = str(getattr(getattr(element, element.WhichOneof("type") or ""), "id", ""))
        key = name.split("-", 2)[-1]  # $$ID-<digest>-<key>
        self._controls[key] = name, heard.delta.fragment_id
        return key


async def visit(server: AppServer, query: str, picture: str, number: int) -> list[float]:
    """Come as one of the visitors; return the milliseconds of the clicks."""
    pauses = np.random.default_rng(number).uniform(*PAUSE, CLICKS)
    await asyncio.sleep(0.1 * number)
    address = f"{server.url.replace('http', 'ws', 1)}/_stcore/stream"
    protocols = [Subprotocol("streamlit")]
    async with connect(address, subprotocols=protocols, max_size=None) as socket:
        visitor = Visitor(socket, query, picture)
        await visitor.opens()
        times = []
        for click, pause in enumerate(pauses.tolist()):
            await asyncio.sleep(pause)
            times.append(await visitor.clicks(2 + number * CLICKS + click))
        return times


async def all_visit(server: AppServer, query: str, picture: str) -> list[float]:
    """Let all of them come; return the milliseconds of all clicks."""
    own = await asyncio.gather(
        *(visit(server, query, picture, number) for number in range(VISITORS))
    )
    return list(itertools.chain.from_iterable(own))


def main() -> int:
    """Measure, print what was done, and return the exit status."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name,
        serve(Path(name)) as server,
    ):
        with sync_playwright() as playwright, chromium.launch(playwright) as browser:
            run = trained(browser.new_page(locale="en-GB"), server)
        times = []
        for view, picture in VIEWS.items():
            own = asyncio.run(all_visit(server, f"lang=en&run={run}&inside={view}", picture))
            times += own
            print(f"{view:>5}: p50 {statistics.median(own):.0f} ms, slowest {max(own):.0f} ms")
    p50, p95 = statistics.median(times), statistics.quantiles(times, n=20)[-1]
    return report(
        "thirty",
        f"{VISITORS} visitors, {len(times)} clicks: p50 {p50:.0f}, p95 {p95:.0f} ms",
        f"p95 <= {GOAL:.0f} ms",
        met=p95 <= GOAL,
    )


if __name__ == "__main__":
    sys.exit(main())
