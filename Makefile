# The face of CMake and Ninja: what people type every day. `make help` lists it.
.PHONY: all configure test quick asan tsan poison fuzz lint bench install demo docs clean help
.DEFAULT_GOAL := all
T ?=
PREFIX ?= /usr/local

all: build/build.ninja          ## build build/rein and everything beside it
	@ninja -C build

build/build.ninja:
	@cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=$(PREFIX) >/dev/null

# $(call some,FOLDER,TYPE): the test programs whose names hold T, built in FOLDER and run
define some
	@cmake -S . -B $(1) -G Ninja -DCMAKE_BUILD_TYPE=$(2) >/dev/null
	@list=$$(ninja -C $(1) -t targets all | sed -nE 's/^(test\.[^:]*): phony$$/\1/p' | grep -F -- '$(T)'); \
	  [ -n "$$list" ] || { echo "no test program has '$(T)' in its name" >&2; exit 2; }; \
	  ninja -C $(1) --quiet rein-bin $$list || exit; \
	  for t in $$list; do echo "== $$t"; $(1)/tests/$$t || bad="$$bad $$t"; done; [ -z "$$bad" ] || { echo "failed:$$bad" >&2; exit 1; }
endef

test:                           ## run test programs: make test T=iql (none: script/test quick)
ifeq ($(T),)
	@script/test quick
else
	$(call some,build,Release)
endif

asan: ; $(call some,build-asan,ASAN)            ## the same under the address and undefined-behaviour sanitisers, T=NAME
tsan: ; $(call some,build-tsan,TSAN)            ## under the thread sanitiser, T=NAME
poison: ; $(call some,build-poison,POISON)      ## with poisoned memory, T=NAME

fuzz:                           ## every fuzzer for ten seconds (RN_TEST_ALL=1: five minutes)
	@script/test fuzz

lint:                           ## what a reviewer need not look for
	@script/lint

bench: all                      ## each figure beside its floor: make bench T=gemm
	@build/rein bench $(or $(T),all)

demo:                           ## from a log to a deployed policy
	@script/demo

docs: all                       ## docs/systems.md again
	@script/systems

install: all                    ## program, manual page, completions; PREFIX=/usr/local
	@cmake -DCMAKE_INSTALL_PREFIX=$(PREFIX) -S . -B build >/dev/null
	@cmake --install build

clean:                          ## remove every build folder
	rm -rf build build-asan build-tsan build-poison build-fuzz

help:                           ## this list
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 18
