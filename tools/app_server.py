"""The app as a process of its own, for tests, benchmarks and pictures."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
APP = ROOT / "app.py"


@dataclass(frozen=True)
class AppServer:
    """A Streamlit server that answers.

    Parameters
    ----------
    url : str
        ``http://127.0.0.1:<port>``, without a slash at the end.
    pid : int
        The web process.
    log : Path
        What it wrote to stdout and stderr.
    seconds : float
        From starting the process to its first answer.
    """

    url: str
    pid: int
    log: Path
    seconds: float


@contextmanager
def serve(
    folder: Path, *, script: Path = APP, environment: Mapping[str, str] | None = None
) -> Iterator[AppServer]:
    """Serve a Streamlit script on a free loopback port, until the block is left.

    Parameters
    ----------
    folder : Path
        Where the log goes, and, unless `environment` says otherwise, runs, uploaded
        pictures, classes and what Keras keeps.
    script : Path, optional
        The app, or another one to compare it with; both get the app's settings.
    environment : mapping of str to str, optional
        Added to this process's own.

    Raises
    ------
    RuntimeError
        If the server ends, or has not answered within a minute; with its log.
    """
    port = _free_port()
    log = folder / f"server-{port}.log"
    command = [sys.executable, "-m", "streamlit", "run", str(script)]
    command += [f"--server.port={port}", "--server.address=127.0.0.1", "--server.headless=true"]
    names = {
        "CVCORE_RUNS": "runs",
        "CVCORE_PICTURES": "pictures",
        "CVCORE_WORK": "work",
        "KERAS_HOME": "keras",
    }
    folders = {name: str(folder / place) for name, place in names.items()}
    began = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,  # where Streamlit finds .streamlit/config.toml, whatever the script
            env=os.environ | folders | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        while not _answers(port):
            if process.poll() is not None or time.perf_counter() - began > 60:
                raise RuntimeError(f"The server does not answer:\n{log.read_text()}")
            time.sleep(0.02)
        yield AppServer(f"http://127.0.0.1:{port}", process.pid, log, time.perf_counter() - began)
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _answers(port: int) -> bool:
    # Not urllib: it would ask a proxy that the machine may name.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/_stcore/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
