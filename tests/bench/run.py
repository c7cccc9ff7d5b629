"""Entry point of `make bench`: `.venv/bin/python tests/bench/run.py --help`."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    from tests.bench.main import main

    main()
