# Pulls of one and ten million app items, with Dask and Ray in an environment of their own; `make bench-large` takes minutes and
# writes benchmarks/large.md. What cannot be installed is named there as left out. It is not part of CI or `make test`.

LARGE ?= --rows 1000000 10000000 --into benchmarks/large.md

.PHONY: bench-large
bench-large: .venv-large/.made
	.venv-large/bin/python benchmarks/large.py $(LARGE)

.venv-large/.made: benchmarks/large.mk pyproject.toml
	@$(PYTHON) -m venv .venv-large && \
	.venv-large/bin/python $(INSTALL) --editable '.[dask]'
	@for package in distributed 'ray[data]'; do \
		.venv-large/bin/python $(INSTALL) "$$package" || echo "bench-large: $$package could not be installed and is left out"; \
	done
	@touch $@
