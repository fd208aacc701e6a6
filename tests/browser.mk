# JupyterLab in a headless Chromium: the notebooks and the cards of progress, as a person sees them.
#
#   make test-browser  installs JupyterLab and Playwright into .venv and, if there is none and root or sudo allow it, Chromium by
#                      apt-get; fails without them
#   make notebooks     executes notebooks/*.ipynb and stores their outputs, where they differ in more than times and ids
#   make pictures      writes docs/images/*.png from a real JupyterLab

.PHONY: browser test-browser notebooks pictures
test-browser: browser
	BROWSER_REQUIRED=1 $(BIN)/python -m pytest tests/browser

notebooks: .venv/browser
	PYTHONPATH=tests $(BIN)/python -m support.stored_notebooks

pictures: browser
	PYTHONPATH=tests $(BIN)/python tests/browser/pictures.py $(PICTURES)

browser: .venv/browser
	@for name in chromium chromium-browser google-chrome google-chrome-stable chrome; do \
		if command -v $$name > /dev/null; then exit 0; fi; \
	done; \
	if test "$$(id -u)" = 0; then sudo=; else sudo='sudo -n'; fi; \
	$$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y chromium > /dev/null || \
	{ echo 'No Chromium was found, and apt-get cannot install it: install Chromium or Chrome, and run make again.'; exit 1; }

.venv/browser: .venv/installed pyproject.toml
	$(BIN)/python $(INSTALL) --group browser
	touch $@
