# Satchel's commands. Each sets up what it needs first; see packaging/setup_env.py.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup run test test-slow check format gallery lock third-party docs desktop bundle deb appimage flatpak clean

PYTEST = PYTEST_QT_API=pyside6 .venv/bin/python -m pytest
# The window's test plugin cannot even load where Qt's system libraries are missing.
WITHOUT_WINDOW = $$(QT_QPA_PLATFORM=offscreen .venv/bin/python -c 'import PySide6.QtWidgets' \
	2> /dev/null || echo '-p no:pytest-qt')

help:
	@echo 'make setup      make .venv and fetch the starter models'
	@echo 'make run        open the window; without a display, a demo on the command line'
	@echo 'make test       format, lint, types and tests'
	@echo 'make test-slow  the fault and scale tests, which take minutes'
	@echo 'make check      format, lint and types alone'
	@echo 'make format     rewrite the code in the house format'
	@echo 'make gallery    draw every page and state of the window into build/gallery'
	@echo 'make desktop    an entry in the menu of your desktop that starts this checkout'
	@echo 'make lock       resolve the versions in pyproject.toml into lock files'
	@echo 'make bundle     make dist/satchel, which starts without a Python'
	@echo 'make deb        the bundle, and a package of it for Debian'
	@echo 'make appimage   the bundle, and one file of it that runs on most Linux desktops'
	@echo 'make flatpak    the bundle, and what packaging/flatpak makes a Flatpak of'
	@echo 'make third-party  write THIRD_PARTY.md, the list of packages, models and licences'
	@echo 'make docs       write docs/reference and draw docs/pictures from the program'
	@echo 'make clean      delete .venv and what tools left in this folder'

setup:
	@python=$$(packaging/find_python.sh) && "$$python" packaging/setup_env.py

# The demo runs on the command line; it needs no display.
run: setup
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || [ "$$(uname)" = Darwin ]; then \
		.venv/bin/satchel; else .venv/bin/python -m app.demo; fi

gallery: setup
	@QT_QPA_PLATFORM=offscreen .venv/bin/python tests/ui/gallery.py

desktop: setup
	@QT_QPA_PLATFORM=offscreen .venv/bin/python packaging/desktop.py \
		"$${XDG_DATA_HOME:-$$HOME/.local/share}" --exec "$$PWD/.venv/bin/satchel"

check: setup
	@echo '==> ruff format --check' && .venv/bin/ruff format --check .
	@echo '==> ruff check' && .venv/bin/ruff check .
	@echo '==> mypy, for Linux, Windows and macOS' && packaging/check_types.sh
	@MYPYPATH=packaging .venv/bin/mypy packaging/*.py

test: check
	@echo '==> pytest' && $(PYTEST) $(WITHOUT_WINDOW) -n 2 --dist loadfile --timeout 600 -m 'not slow'

test-slow: setup
	@echo '==> pytest, the slow tests' && $(PYTEST) $(WITHOUT_WINDOW) --timeout 1800 -m slow

format: setup
	@.venv/bin/ruff check --fix-only --quiet . && .venv/bin/ruff format .

lock:
	@python=$$(packaging/find_python.sh) && packaging/lock.sh "$$python"

bundle:
	@python=$$(packaging/find_python.sh) && "$$python" packaging/bundle.py

deb:
	@python=$$(packaging/find_python.sh) && "$$python" packaging/bundle.py --deb

appimage:
	@python=$$(packaging/find_python.sh) && "$$python" packaging/bundle.py --appimage

flatpak:
	@python=$$(packaging/find_python.sh) && "$$python" packaging/bundle.py --flatpak

third-party: setup
	@.venv/bin/python packaging/third_party.py

docs: setup
	@.venv/bin/python packaging/reference.py
	@QT_QPA_PLATFORM=offscreen .venv/bin/python tests/ui/pictures.py

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo 'Models and compiled packages are shared by all checkouts and stay where they are.'
