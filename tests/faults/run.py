"""Entry point of `make faults`: `.venv/bin/python tests/faults/run.py --help`."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    from tests.faults.main import main

    main()
