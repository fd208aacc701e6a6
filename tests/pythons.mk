# Environments of further Pythons, whose kernels run the notebooks (tests/test_notebooks.py).
#
# `make pythons` makes those it finds an interpreter for and names those it leaves out. An interpreter is found when it runs:
# first as python3.12 on the PATH (where a shim of pyenv may stand that does not), then among pyenv's versions, also those beside
# pyenv itself when its root is another home's.

PYTHONS := 3.12 3.13
PYTHON_ENVIRONMENTS := $(PYTHONS:%=.venv-%)

.PHONY: pythons
pythons: $(PYTHON_ENVIRONMENTS)

$(PYTHON_ENVIRONMENTS): .venv-%: .venv-%/.made ;

$(PYTHON_ENVIRONMENTS:=/.made): .venv-%/.made: pyproject.toml
	@pyenv=$$(command -v pyenv); \
	for python in python$* "$$(pyenv root 2>/dev/null)"/versions/$*.*/bin/python$* \
		"$${pyenv%/bin/pyenv}"/versions/$*.*/bin/python$*; do \
		if "$$python" -c '' 2>/dev/null; then found=$$python; fi; \
		if test -n "$$found"; then break; fi; \
	done; \
	if test -z "$$found"; then echo ".venv-$*: skipped, no Python $* was found"; exit 0; fi; \
	echo ".venv-$*: made with $$found"; \
	"$$found" -m venv .venv-$* && \
	.venv-$*/bin/python -m pip install --quiet --upgrade pip && \
	.venv-$*/bin/python -m pip install --quiet --editable '.[local,plot]' --group notebooks && \
	touch $@
