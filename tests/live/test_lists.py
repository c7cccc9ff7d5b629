"""Lists in the lab: a file in its folder of imports is imported, and nobody waits for that but who asked for it."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.live.engine import Api
from tests.live.lab import settings

pytestmark = [pytest.mark.asyncio(loop_scope="function"), pytest.mark.timeout(120)]

ROWS = 100_000
ANSWER_SECONDS = 0.5


@pytest_asyncio.fixture(loop_scope="function")
async def api() -> AsyncIterator[Api]:
    """account_1's client."""
    api = await Api.open()
    yield api
    await api.http.close()


async def test_a_file_of_the_lab_s_folder_is_imported_while_the_api_answers(api: Api) -> None:
    name = f"contacts-{secrets.token_hex(4)}.csv"
    path = Path(settings()["IMPORTS_DIR"]) / settings()["CPAAS_ACCOUNT"] / name
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (f"name {row},91991{row:07},{row}\n" for row in range(ROWS))
    path.write_text("contact_name,contact_number,field1\n" + "".join(lines))
    slowest = 0.0
    try:
        status, made = await api.post("/api/create_campaign_list", {"list_name": name})
        assert status == 200, made
        body = {"list_id": made["list_id"], "csv_name": name}
        importing = asyncio.create_task(api.post("/api/import_broadcast_contacts_csv", body))
        while not importing.done():
            began = time.monotonic()
            await api.get("/api/get_cdr_statistics")
            slowest = max(slowest, time.monotonic() - began)
            await asyncio.sleep(0.02)
    finally:
        path.unlink()
    status, told = await importing
    assert (status, told["message"]) == (200, f"({ROWS}) contacts imported successfully")
    assert slowest < ANSWER_SECONDS
