"""The example dialplan: what an earlier question found is not taken for an answer."""

import re
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "dialplan/legwork-agi.conf"
AGENT = {"LEGWORK_AGENT", "LEGWORK_AGENT_NUMBER"}
# As its first lines document the paths.
SETS = {
    "sticky": AGENT,
    "permit": {"LEGWORK_ALLOWED"},
    "dnd": {"LEGWORK_DND"},
    "caller": AGENT | {f"LEGWORK_CALLER_{name}" for name in ("NUMBER", "REGION", "CALLS")},
}


@pytest.mark.parametrize("path", SETS)
def test_all_that_a_path_sets_is_cleared_before_it_is_asked(path: str) -> None:
    found = re.search(rf"^exten => {path},1,(.*?)AGI\(agi://127.0.0.1:4573/{path}\b", EXAMPLE.read_text(), re.M | re.S)
    assert found
    cleared = set(re.findall(r"Set\((LEGWORK_[A-Z_]+)=\)", found[1]))
    assert cleared == {"LEGWORK_STATUS", "LEGWORK_REASON"} | SETS[path]
