# A separate environment for dlt, one of the benchmark's contenders. `make dlt` creates it, or reports that it was skipped.

.PHONY: dlt
dlt: .venv-dlt/.made ;

.venv-dlt/.made: benchmarks/dlt.mk
	@$(PYTHON) -m venv .venv-dlt && \
	.venv-dlt/bin/python -m pip install --quiet 'dlt[parquet]>=1.20' && \
	.venv-dlt/bin/python -c 'import dlt' && \
	touch $@ || echo ".venv-dlt: skipped, dlt could not be installed"
