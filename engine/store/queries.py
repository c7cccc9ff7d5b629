"""The SQL of `queries.sql` by name: `QUERIES["cdr"]`."""

import re
from pathlib import Path


def load(path: Path) -> dict[str, str]:
    """The file's statements by the name in front of each."""
    parts = re.split(r"^-- name: (\w+)\n", path.read_text(), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], (statement.strip() for statement in parts[1::2]), strict=True))


QUERIES = load(Path(__file__).with_name("queries.sql"))
