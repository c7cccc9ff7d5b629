# Legwork's commands. Each does all of its own set-up.
PYTHON := .venv/bin/python
LAB := $(PYTHON) -m docker.lab
# These work before set-up, and after a set-up that was cut short.
ANY_LAB := PATH="$(CURDIR)/.venv/bin:$$PATH" python3 -m docker.lab

.DEFAULT_GOAL := help
.PHONY: help setup up down status demo test lint bench bench-developer bench-passwords bench-callbacks bench-campaign bench-amd bench-inbound bench-live bench-pace bench-imports bench-reports memory faults host walk sim clean

help:    ## list these commands
	@sed -n 's/^\([a-z-]*\): .*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 24

setup:   ## install what is missing: packages, .venv, the Asterisk image
	@docker/setup

up: setup   ## start the lab in the background: two Asterisks, Postgres, the engine
	@$(LAB) up

down:    ## stop what this checkout started
	@$(ANY_LAB) down

status:  ## say what runs
	@$(ANY_LAB) status || true

demo: setup   ## a call, a spoken password, a small campaign: followed live, with their records and their sound
	@$(LAB) demo

test: lint   ## every check and every test; takes the lab down again if it was not up
	@docker/setup --with-clients
	@docker/test

lint: setup   ## ruff and mypy
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy --strict --explicit-package-bases engine tests docker

bench:   ## CPU and latency per call, beside plain dialplan and a peer
	@docker/setup --with-sipp
	@$(LAB) up
	$(PYTHON) tests/bench/run.py

bench-developer: up   ## 200 requests a second of Sarv's mode=developer, and how long each took
	$(PYTHON) tests/bench/developer.py

bench-passwords: up   ## 300 one-time passwords in a minute: who heard nothing, how late the event loop was
	$(PYTHON) tests/bench/passwords.py

bench-callbacks: up   ## a thousand callbacks on two engines, one of them killed half-way
	$(PYTHON) tests/bench/callbacks.py

bench-campaign: up   ## a campaign of 300: recordings, wire, CDRs, four vendors' reports compared; then ten kills
	$(PYTHON) tests/bench/campaign.py
	$(PYTHON) tests/bench/campaign.py --kills 10 --per-minute 150

bench-amd: up   ## fifty calls to an answering machine and to two people each: who is taken for whom, and how soon
	$(PYTHON) tests/bench/amd.py

bench-inbound: up   ## 200 calls from outside to an agent, a group, an extension, an endpoint, an IVR: who reached whom
	$(PYTHON) tests/bench/inbound.py

bench-live: up   ## five minutes of all kinds of calls: the live statistics each second beside Asterisk's own list
	$(PYTHON) tests/bench/live_calls.py

bench-pace: up   ## three minutes of a campaign at 60 calls a minute: the most in any minute, the rate reached
	$(PYTHON) tests/bench/campaign_pace.py

bench-imports: setup   ## a million contacts from a file: seconds, CPU, memory
	$(PYTHON) tests/bench/imports.py

bench-reports: setup   ## every report on five million CDRs, in a Postgres of its own: how long each took
	$(PYTHON) tests/bench/reports.py

memory:  ## three times 500 calls at 20 a second: CDRs, leftovers, the engine's memory
	@docker/setup --with-sipp
	@$(LAB) up
	$(PYTHON) tests/bench/run.py --memory

faults:  ## half an hour: fifty runs of twenty calls and one fault each, then what is larger (FAULTS="--help")
	@docker/setup --with-sipp
	@$(LAB) up
	$(PYTHON) tests/faults/run.py $(or $(FAULTS),--all)

host: setup   ## as root: the unit in a container that systemd boots, then docker/compose.yml and a call through it
	docker/host/boot || [ $$? = 77 ]
	docker/host/together

walk: setup   ## a hundred thousand random lives of a call
	WALK_LIVES=100000 $(PYTHON) -m pytest tests/core/test_walk.py

sim: setup   ## ten thousand runs of the engine against a simulated Asterisk, with faults (SIM_RUNS, SIM_SEED)
	SIM_RUNS=$${SIM_RUNS:-10000} $(PYTHON) -m pytest --capture=no tests/sim

clean: down   ## forget the lab's state and the virtual environment
	rm -rf .lab .venv
