"""What the worker process does before its first job; named in `cvcore.engine.process`."""

import os
from typing import Any

COURTESY = "10"
"""How much the worker steps back (Unix calls it nice): pages are served before runs are trained.

The host's ``CVCORE_COURTESY`` says otherwise, from 0 to 19.
"""


def dask_setup(worker: Any) -> None:  # noqa: ARG001 - dask gives it
    """Let all that this process computes wait for whoever serves a visitor."""
    # Threads that begin later, TensorFlow's too, inherit it.
    if hasattr(os, "nice"):
        wanted = os.environ.get("CVCORE_COURTESY", COURTESY)
        os.nice(min(int(wanted), 19) if wanted.isdecimal() else int(COURTESY))
