# The commands people type. Everything else lives in CMake, tools/ and tests/.
.DEFAULT_GOAL := build
.PHONY: build demo test bench format lint install dist setup clean

PREFIX ?= /usr/local
VENV   := .venv/bin

setup:
	@tools/install.sh

build: setup
	@tools/build.sh release millrace

demo: build
	@tools/demo.sh

test: setup
	@tools/test.sh

bench: build
	@$(VENV)/python benchmarks/run.py $(BENCH)

format: setup
	@tools/format.sh fix

lint: setup
	@tools/format.sh check

install: build
	@tools/dist.sh "$(PREFIX)"

dist: build
	@tools/dist.sh dist/millrace

clean:
	@rm -rf build dist demo
