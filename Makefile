# The logic is in tools/, so that a machine without make has it too: python -m tools.run
PYTHON ?= $(shell command -v python3 || command -v python)

.PHONY: run test words screenshots

run:
	$(PYTHON) -m tools.run $(ARGS)

test:
	$(PYTHON) -m tools.test $(ARGS)

words:
	$(PYTHON) -m tools.words

screenshots:
	$(PYTHON) -m tools.screenshots
