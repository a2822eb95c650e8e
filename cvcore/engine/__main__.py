"""``python -m cvcore.engine``: started by the web process, ends with it."""

from cvcore.engine.process import main

# A worker is a process of its own that imports this module under another name.
if __name__ == "__main__":
    main()
