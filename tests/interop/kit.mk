# An environment of its own for the official client, Toloka-Kit, which needs older packages than the project.
#
# `make kit` makes it, or says that it is left out, as without a network; tests/interop then skips.

# autoquality: crowd-kit, which toloka.autoquality aggregates with
KIT := 'toloka-kit[pandas,autoquality]==1.2.3' 'httpx<0.28' 'cattrs<24' 'setuptools<81'

# where its functional tests are, which no package has, and what they need besides
KIT_REPOSITORY ?= https://github.com/Toloka/toloka-kit
FUNCTIONAL := 'pytest<8' pytest-lazy-fixture requests

.PHONY: kit
kit: .venv-kit/.made .venv-kit/.functional ;

.venv-kit/.made: tests/interop/kit.mk
	@$(PYTHON) -m venv .venv-kit && \
	.venv-kit/bin/python -m pip install --quiet $(KIT) && \
	.venv-kit/bin/python -c 'import toloka.client' && \
	touch $@ || echo ".venv-kit: skipped, Toloka-Kit could not be installed"

.venv-kit/.functional: .venv-kit/.made
	@rm -rf .venv-kit/source && \
	.venv-kit/bin/python -m pip install --quiet $(FUNCTIONAL) && \
	GIT_TERMINAL_PROMPT=0 git clone --quiet --depth 1 --branch v1.2.3 --no-checkout $(KIT_REPOSITORY) .venv-kit/source && \
	git -C .venv-kit/source checkout --quiet HEAD -- functional_tests && \
	touch $@ || echo "Toloka-Kit's functional tests: skipped, they could not be cloned from $(KIT_REPOSITORY)"
