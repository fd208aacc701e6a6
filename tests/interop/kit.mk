# An environment of its own for the official client, Toloka-Kit, which needs older packages than the project.
#
# `make kit` makes it, or says that it is left out, as without a network; tests/interop then skips.

# autoquality: crowd-kit, which toloka.autoquality aggregates with
KIT := 'toloka-kit[pandas,autoquality]==1.2.3' 'httpx<0.28' 'cattrs<24' 'setuptools<81'

.PHONY: kit
kit: .venv-kit/.made ;

.venv-kit/.made: tests/interop/kit.mk
	@$(PYTHON) -m venv .venv-kit && \
	.venv-kit/bin/python -m pip install --quiet $(KIT) && \
	.venv-kit/bin/python -c 'import toloka.client' && \
	touch $@ || echo ".venv-kit: skipped, Toloka-Kit could not be installed"
