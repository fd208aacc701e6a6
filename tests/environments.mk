# The tests against the built wheel, each time in an environment of its own.
#
#   make test-3.13    with another Python; skipped, by name, if there is none
#   make test-lowest  with the lowest versions that pyproject.toml allows
#   make test-newest  with the newest versions, and with crowd-kit
#   make test-httpx2  the transport with httpx2 and without httpx; not part of `make test-all`
#
# They run in the unpacked sdist without its package, so that nothing of the checkout can be imported, and nothing that the tests
# need can be missing from the sdist.

UNPACKED := dist/unpacked

# Arguments of pytest, one a line, which leave out what depends neither on Python nor on the versions of dependencies; `make test`
# runs it, and CI reads the same file:
#
#   test_architecture, test_depth, test_docs   the source and the guides
#   test_bench, test_memory                    the benchmark, and the memory of streams
#   test_every_list                            every filter and sort order of the local service, against a search by brute force
#   test_doubt, test_exactly_once              every status of a response, and an upload that is killed at any line
#
# test-newest runs all of it but the benchmark, also the notebooks that use crowd-kit.
LEFT_OUT := @tests/left_out.txt

.PHONY: dist test-lowest test-newest test-httpx2
dist: .venv/installed
	rm -rf dist
	$(BIN)/python -m build --outdir dist
	mkdir $(UNPACKED)
	tar -xf dist/*.tar.gz -C $(UNPACKED) --strip-components 1
	rm -r $(UNPACKED)/toloka_frames

test-lowest: dist
	$(BIN)/python tests/lowest.py > dist/lowest.txt
	$(call test-wheel,lowest,$(PYTHON),--group test --constraint dist/lowest.txt,$(LEFT_OUT))

test-newest: dist
	$(call test-wheel,newest,$(PYTHON),--group test --group crowd,--ignore=tests/test_bench.py)

# The tests import httpx: a .pth file gives each process httpx2 by that name. It imports anyio before pytest, which warns.
# The environment has another name, because a test looks for the library's name in a traceback.
test-httpx2: dist
	$(call test-wheel,successor,$(PYTHON),--group test httpx2,--collect-only --quiet tests/transport > /dev/null)
	.venv-successor/bin/python -m pip uninstall --quiet --yes httpx httpcore
	.venv-successor/bin/python -c 'import pathlib, sysconfig; \
		pathlib.Path(sysconfig.get_path("purelib"), "alias.pth").write_text("import httpx2; httpx2.alias_httpx()")'
	cd $(UNPACKED) && ../../.venv-successor/bin/python -m pytest $(PYTEST_OPTIONS) -W ignore::pytest.PytestAssertRewriteWarning \
		tests/transport

# An interpreter is found when it runs: first as python3.13 on the PATH (where a shim of pyenv may lie that does not run), then
# among pyenv's versions, also those next to pyenv itself when its root is in another home.
test-3.%: dist
	@pyenv=$$(command -v pyenv); \
	for python in python3.$* "$$(pyenv root 2>/dev/null)"/versions/3.$*.*/bin/python3.$* \
		"$${pyenv%/bin/pyenv}"/versions/3.$*.*/bin/python3.$*; do \
		if "$$python" -c '' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if test -z "$$found"; then echo "test-3.$*: skipped, no Python 3.$* was found"; exit 0; fi; \
	$(call test-wheel,3.$*,"$$found",--group test,$(LEFT_OUT))

# $(1): the name of the environment, $(2): its Python, $(3): what is installed with the wheel, $(4): what pytest leaves out
define test-wheel
echo "test-$(1): $$($(2) --version)" && \
$(2) -m venv --clear .venv-$(1) && \
.venv-$(1)/bin/python $(INSTALL) --upgrade pip && \
.venv-$(1)/bin/python $(INSTALL) "$$(echo dist/*.whl)[local,plot,dask]" $(3) && \
cd $(UNPACKED) && ../../.venv-$(1)/bin/python -m pytest $(PYTEST_OPTIONS) $(4)
endef
