"""The engine's process: a scheduler, and a nanny that keeps one worker process alive."""

import asyncio
import os
import sys
import tempfile
import threading
import time
from typing import TextIO

SETTINGS = {
    # A worker that died of a run would die of it again.
    "distributed.scheduler.allowed-failures": 0,
    "distributed.worker.profile.enabled": False,
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": False,
    # dask's own would give memory back to the system at every step, to fetch it anew.
    "distributed.nanny.pre-spawn-environ": {},
}

ENVIRONMENT = {
    "DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "error",
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "2",
}
"""For this process and the worker, which reads it before it reads any settings."""

FAREWELL_SECONDS = 5.0
LOOPBACK = "127.0.0.1"

RESOURCES = {"training": 1, "question": 1, "download": 1}
"""What one worker does at a time: a training, a question beside it, and a download."""


def main() -> None:
    """Serve until standard input is closed; the first line of standard output is the address."""
    # What the worker prints must neither mix with it nor fill a pipe that nobody reads.
    said = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    os.environ.update(ENVIRONMENT)
    import dask

    dask.config.set(SETTINGS)
    with tempfile.TemporaryDirectory(prefix="cvcore-") as folder:
        asyncio.run(_serve(said, folder))


async def _serve(said: TextIO, folder: str) -> None:
    from distributed import Nanny, Scheduler

    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def watch() -> None:
        sys.stdin.buffer.read()  # returns when the web process has closed its end, or is no more
        loop.call_soon_threadsafe(ended.set)
        time.sleep(FAREWELL_SECONDS)
        os._exit(1)  # the worker, if it still hangs in something, ends with this process

    # Loopback alone, on a port that the system chooses.
    async with (
        Scheduler(
            host=LOOPBACK, port=0, dashboard=False, dashboard_address=f"{LOOPBACK}:0"
        ) as scheduler,
        Nanny(
            scheduler.address,
            host=LOOPBACK,
            nthreads=sum(RESOURCES.values()),
            resources=RESOURCES,
            preload=["cvcore.engine.worker"],
            memory_limit=0,
            local_directory=folder,
            dashboard=False,
            dashboard_address=f"{LOOPBACK}:0",
        ) as nanny,
    ):
        said.write(scheduler.address + "\n")
        said.close()
        threading.Thread(target=watch, daemon=True).start()
        await ended.wait()
        await nanny.kill(timeout=0.5)  # a training has nobody left to hear of it
