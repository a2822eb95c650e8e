"""The engine: a process that trains and answers, asked by the web process.

`engine()` is what pages use. ``python -m cvcore.engine`` is the process itself;
the first run that is submitted starts it.
"""

from cvcore.engine.client import Answer, Engine, engine

__all__ = ["Answer", "Engine", "engine"]
