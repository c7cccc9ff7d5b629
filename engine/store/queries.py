"""The SQL of this folder's `.sql` files by name: `QUERIES["cdr"]`."""

import re
from pathlib import Path


def load(path: Path) -> dict[str, str]:
    """The file's statements by the name in front of each."""
    parts = re.split(r"^-- name: (\w+)\n", path.read_text(), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], (statement.strip() for statement in parts[1::2]), strict=True))


QUERIES = {
    name: statement for path in sorted(Path(__file__).parent.glob("*.sql")) for name, statement in load(path).items()
}
