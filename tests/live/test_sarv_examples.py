"""Sarv's own examples, as its customers run them: scheme, host, credentials and numbers are ours, all else is theirs.

`examples/` holds them as the document prints them. `docker/setup --with-clients` installs what they are written for.
"""

import asyncio
import json
import os
import re
from pathlib import Path

import pytest

from tests.live.engine import ROOT
from tests.live.lab import settings
from tests.live.sarv import Customer, number

pytestmark = [pytest.mark.asyncio(loop_scope="function"), pytest.mark.timeout(60)]

EXAMPLES = Path(__file__).parent / "examples"
HOST = re.compile(r"https://s-ct3\.sarv\.com(?=/)")
VALUE = re.compile(r"""(?<=["'=])(USER_ID|TOKEN|FROM_NUMBER|TO_NUMBER)(?=["'&])""")
NODE_PACKAGES = ROOT / ".lab/node/node_modules"
RUN_SECONDS = 20


@pytest.mark.parametrize(
    ("runs", "example"), [("php", "click_to_call.php"), ("sh", "click_to_call.sh"), ("node", "click_to_call.js")]
)
async def test_an_example_of_the_document_makes_a_call_with_nothing_changed_but_host_credentials_and_numbers(
    runs: str, example: str, tmp_path: Path
) -> None:
    """ "PHP Example: … cURL Example: … NodeJS Example: …", and "Success Case"."""
    came, went = number("01"), number("60")
    script = tmp_path / example
    script.write_text(filled_in((EXAMPLES / example).read_text(), came, went))
    async with Customer.open() as customer:
        answer = json.loads(await printed(runs, script))
        assert answer == {"callid": answer.get("callid"), "status": "success", "code": "200"}
        seen = await customer.end(answer["callid"], talk_seconds=30)
    assert (seen.cdr["dial_status"], seen.cdr["customer_number"]) == ("ANSWER", went)
    assert [len(seen.dialogs(each)) for each in (came, went)] == [1, 1]


def filled_in(example: str, came: str, went: str) -> str:
    """The example with the lab's host, credentials and these numbers, each in the one place it has."""
    lab = settings()
    values = {"USER_ID": lab["SARV_USER_ID"], "TOKEN": lab["SARV_TOKEN"], "FROM_NUMBER": came, "TO_NUMBER": went}
    moved, hosts = HOST.subn(lab["LEGWORK_URL"], example)
    assert (hosts, sorted(VALUE.findall(moved))) == (1, sorted(values))
    return VALUE.sub(lambda found: values[found[1]], moved)


async def printed(runs: str, script: Path) -> str:
    """What running it writes to its standard output."""
    process = await asyncio.create_subprocess_exec(
        runs,
        script,
        env={"PATH": os.environ["PATH"], "NODE_PATH": str(NODE_PACKAGES)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(RUN_SECONDS):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()
