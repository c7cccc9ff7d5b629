"""`python -m engine` is `legwork`."""

from engine.cli import main

main()
