"""Kolmisoft MOR's poll results: the document's sample from real rows, every error in its order, every hash."""

import hashlib
from typing import Any

import pytest
import pytest_asyncio

from engine.accounts import Accounts, owner
from engine.api.dialects.mor import PATHS
from engine.errors import StoreAway, Unauthorised
from engine.seal import Seal
from engine.store.postgres import Store
from tests.api.conftest import ROUTE, Client, account
from tests.store.rows import AT, CAMPAIGN_ID, OTHER_CAMPAIGN_ID, campaign, cdr, contact, insert, lead, unique_id

pytestmark = pytest.mark.asyncio(loop_scope="function")

STARTS_AT, ENDS_AT = 1577840461.0, 1577926861.0  # 2020-01-01 01:01:01 in UTC, and a day later
HEAD = '<?xml version="1.0" encoding="UTF-8"?><page><status>'
TAIL = "</status></page>"
ANSWERED = "919979270001", "919979270002"


def signed(user: str, campaign_id: str, *, key: str | None = None, with_user: bool = False) -> dict[str, str]:
    """The parameters with their hash."""
    text = (user if with_user else "") + campaign_id + (key or f"key of {user.removeprefix('mor ')}")
    return {"u": user, "id": campaign_id, "hash": hashlib.sha1(text.encode()).hexdigest()}


OWN = signed("mor account_1", CAMPAIGN_ID)


@pytest_asyncio.fixture(loop_scope="function")
async def accounts(store: Store) -> Accounts:
    elsewhere = account("elsewhere", allowed_ips=("192.0.2.0/24",))
    await store.apply([account("account_1"), account("gone"), ROUTE])
    two = account("account_2", poll_separator="space", allow_get_api=True, report_tz="Asia/Kolkata")
    await store.apply([account("account_1"), two, elsewhere, ROUTE])
    accounts = Accounts()
    accounts.replace(await store.applied(), disabled=await store.disabled_accounts())
    return accounts


@pytest_asyncio.fixture(loop_scope="function", autouse=True)
async def sample(database_url: str, store: Store) -> None:
    """Two contacts who pressed four keys each, and one who pressed none."""
    await insert(database_url, "campaigns", campaign(starts_at=STARTS_AT))
    await insert(database_url, "contacts", *(contact(n + 1, number) for n, number in enumerate(ANSWERED)))
    await insert(
        database_url,
        "cdrs",
        cdr(unique_id=unique_id(2), customer_number=ANSWERED[1], digits="2222", ended_at=AT + 5, billsec=4.0),
        cdr(unique_id=unique_id(1), customer_number=ANSWERED[0], digits="1111", ended_at=AT, billsec=9.0),
        cdr(unique_id=unique_id(3), customer_number="919979270003"),
    )


async def ask(client: Client, params: dict[str, str], *, method: str = "POST", path: str = PATHS[0]) -> str:
    async with client.request(method, path, params=params) as reply:
        assert (reply.status, reply.content_type) == (200, "text/xml")
        return await reply.text()


def results(text: str) -> str:
    return f"{HEAD}<ivr_poll_results_string>{text}</ivr_poll_results_string>{TAIL}"


def error(text: str) -> str:
    return f"{HEAD}<error>{text}</error>{TAIL}"


# <?xml version="1.0" encoding="UTF-8"?> <page> <status> <ivr_poll_results_string>1111 2222,2020-01-01 01:01:01,
# 2090-12-31 23:59:59</ivr_poll_results_string> </status> </page>
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("way", ["query", "form", "JSON"])
async def test_the_sample_is_answered_to_the_letter(client: Client, path: str, way: str) -> None:
    how: dict[str, dict[str, Any]] = {"query": {"params": OWN}, "form": {"data": OWN}, "JSON": {"json": OWN}}
    async with client.post(path, **how[way]) as reply:
        assert (reply.status, reply.content_type) == (200, "text/xml")
        assert await reply.text() == results("1111\n2222,2020-01-01 01:01:01,2090-12-31 23:59:59")


async def test_an_account_may_have_spaces_and_has_a_clock_of_its_own(client: Client, database_url: str) -> None:
    theirs = campaign(OTHER_CAMPAIGN_ID, account_id="account_2", starts_at=STARTS_AT, ends_at=ENDS_AT)
    await insert(database_url, "campaigns", theirs)
    pressed = [
        cdr(unique_id=unique_id(n, campaign_id=OTHER_CAMPAIGN_ID), account_id="account_2", customer_number=number,
            digits=digits, ended_at=AT + n)
        for n, (number, digits) in enumerate(zip(ANSWERED, ("1111", "2222"), strict=True))
    ]  # fmt: skip
    await insert(database_url, "cdrs", *pressed)
    text = await ask(client, signed("mor account_2", OTHER_CAMPAIGN_ID))
    assert text == results("1111 2222,2020-01-01 06:31:01,2020-01-02 06:31:01")


# apis.md B1: sha1(id + API_Secret_Key). Of the vendor's own examples these two can be verified: one of
# autodialer_upload_numbers, and "1231252454580answeredVery Sercet Key" (sic) of "MOR API hash construction".
@pytest.mark.parametrize(
    ("text", "key", "proof"),
    [
        ("1", "secret", "bc2f114099d16656d37e45fd9e8744cb9386d462"),
        ("1231252454580answered", "Very Sercet Key", "b93c35d5c6183288322122561a3da7e09abb63b7"),
    ],
)
async def test_the_vendors_own_hashes_are_right(text: str, key: str, proof: str) -> None:
    applied = account("account_1")
    applied["body"]["credentials"]["mor"]["api_secret_key"] = key
    accounts = Accounts()
    accounts.replace([applied])
    found = accounts.authenticate("mor", "mor account_1", proof, known_by="username", signed=("x", text))
    assert found.account_id == "account_1"
    with pytest.raises(Unauthorised):
        accounts.authenticate("mor", "mor account_1", proof, known_by="username", signed=("x", text + "1"))


async def test_an_account_without_a_key_is_proven_by_no_hash() -> None:
    applied = account("account_1")
    del applied["body"]["credentials"]["mor"]
    accounts = Accounts()
    accounts.replace([applied])
    proof = hashlib.sha1(b"1").hexdigest()
    for name, known_by in (("account_1", ""), ("", "username"), ("101", "user_id")):
        with pytest.raises(Unauthorised):
            accounts.authenticate("mor", name, proof, known_by=known_by, signed=("1",))


async def test_a_sealed_key_is_opened_to_look_at_a_hash() -> None:
    seal = Seal(key="a key of thirty-two characters at least")
    applied = account("account_1")
    sealed = seal.close("456789", owner=owner("mor", "account_1"))
    applied["body"]["credentials"]["mor"] = {"username": "some_user", "api_secret_key_sealed": sealed}
    accounts = Accounts(seal)
    accounts.replace([], disabled=[applied])
    proof = hashlib.sha1(b"2456789").hexdigest()
    with pytest.raises(Unauthorised, match="disabled"):
        accounts.authenticate("mor", "some_user", proof, known_by="username", signed=("2",))
    accounts.seal = Seal(key="another key of thirty-two characters, too")
    with pytest.raises(Unauthorised) as refused:
        accounts.authenticate("mor", "some_user", proof, known_by="username", signed=("2",))
    assert "key" not in refused.value.message
    accounts.seal = seal
    accounts.replace([applied])
    assert accounts.authenticate("mor", "some_user", proof, known_by="username", signed=("2",)).name == "account_1"


async def test_the_user_may_be_signed_too_and_capitals_do_not_matter(client: Client) -> None:
    assert "1111" in await ask(client, signed("mor account_1", CAMPAIGN_ID, with_user=True))
    assert "1111" in await ask(client, OWN | {"hash": OWN["hash"].upper()})


# "Access Denied" · "Incorrect hash" · "You are not authorized to use this functionality" ·
# "Campaign was not found" · "Campaign does not have any Numbers"
@pytest.mark.parametrize(
    ("change", "without", "text"),
    [
        ({}, "u", "Access Denied"),
        ({"u": ""}, "", "Access Denied"),
        ({"u": "nobody"}, "", "Access Denied"),
        ({"u": "account_1"}, "", "Access Denied"),
        ({"u": "user account_1"}, "", "Access Denied"),
        ({"u": "nobody", "hash": "x", "id": "nothing"}, "", "Access Denied"),  # before all others
        ({}, "hash", "Incorrect hash"),
        ({"hash": ""}, "", "Incorrect hash"),
        ({"hash": "é\x00"}, "", "Incorrect hash"),
        ({"hash": "key of account_1"}, "", "Incorrect hash"),
        ({"hash": hashlib.sha1(CAMPAIGN_ID.encode()).hexdigest()}, "", "Incorrect hash"),
        (signed("mor account_1", CAMPAIGN_ID, key="key of account_2"), "", "Incorrect hash"),
        ({"id": "CM0000000000"}, "", "Incorrect hash"),  # the other one was signed; before not found
        ({}, "id", "Incorrect hash"),
        (signed("mor elsewhere", CAMPAIGN_ID, key="wrong"), "", "Incorrect hash"),  # before not authorized
        (signed("mor gone", CAMPAIGN_ID, key="wrong"), "", "Incorrect hash"),
        (signed("mor elsewhere", CAMPAIGN_ID), "", "You are not authorized to use this functionality"),
        (signed("mor elsewhere", "nothing"), "", "You are not authorized to use this functionality"),
        (signed("mor gone", CAMPAIGN_ID), "", "You are not authorized to use this functionality"),
        (signed("mor account_1", "CM0000000000"), "", "Campaign was not found"),
        (signed("mor account_1", "nothing"), "", "Campaign was not found"),
        (signed("mor account_1", "9" * 18), "", "Campaign was not found"),
        (signed("mor account_1", "9" * 40), "", "Campaign was not found"),
        (signed("mor account_1", "' OR 1=1 --"), "", "Campaign was not found"),
        (signed("mor account_1", "x\x00y"), "", "Campaign was not found"),
        (signed("mor account_1", "<b>&xxe;"), "", "Campaign was not found"),
        (signed("mor account_1", ""), "", "Campaign was not found"),
        (signed("mor account_2", CAMPAIGN_ID), "", "Campaign was not found"),  # another account's
        (signed("mor account_1", OTHER_CAMPAIGN_ID), "", "Campaign does not have any Numbers"),
    ],
)
async def test_each_error_in_its_order(
    client: Client, database_url: str, change: dict[str, str], without: str, text: str
) -> None:
    await insert(database_url, "campaigns", campaign(OTHER_CAMPAIGN_ID, list_id="LS0000000000"))
    params = OWN | change
    params.pop(without, None)
    assert await ask(client, params) == error(text)


async def test_leads_are_numbers_when_their_contacts_are_gone(client: Client, database_url: str) -> None:
    await insert(database_url, "campaigns", campaign(OTHER_CAMPAIGN_ID, list_id="LS0000000000"))
    await insert(database_url, "leads", lead(1, ANSWERED[0], "queued", 0, campaign_id=OTHER_CAMPAIGN_ID))
    text = await ask(client, signed("mor account_1", OTHER_CAMPAIGN_ID))
    assert text == results(",2023-07-18 05:11:30,2090-12-31 23:59:59")


async def test_a_campaign_is_known_by_its_number_too(client: Client, store: Store) -> None:
    (row,) = await store._fetch("SELECT number FROM campaigns")
    assert "1111" in await ask(client, signed("mor account_1", str(row["number"])))


# "order_by - Possible values [time, src, dst, prefix, nice_billsec, hgc, server, p_name, p_rate, p_price, reseller,
#  r_rate, r_price, user, u_rate, u_price, number, d_provider, d_inc, d_owner]. (Default: time)."
FALLING_BACK = (
    "time src prefix hgc server p_name p_rate p_price reseller r_rate r_price user u_rate u_price d_provider d_inc"
    " d_owner"
)
ORDERED = {
    **dict.fromkeys(FALLING_BACK.split(), "1111\n2222\n3"),
    **dict.fromkeys(("", "id DESC; --", "(SELECT pg_sleep(5))"), "1111\n2222\n3"),
    "dst": "3\n1111\n2222",
    "number": "3\n1111\n2222",
    "nice_billsec": "2222\n1111\n3",
}


async def test_every_order_is_taken(client: Client, database_url: str) -> None:
    last = cdr(unique_id=unique_id(9), customer_number="919979270000", digits="3", ended_at=AT + 9)
    await insert(database_url, "cdrs", last)
    assert len(ORDERED) == 20 + 3
    for order_by, pressed in ORDERED.items():
        text = await ask(client, OWN | {"order_by": order_by})
        assert text == results(f"{pressed},2020-01-01 01:01:01,2090-12-31 23:59:59"), order_by


# "s_reseller - Reseller type User ID in MOR database. (Default: all)."
@pytest.mark.parametrize(("reseller", "pressed"), [("all", "1111\n2222"), ("", "1111\n2222"), ("5", ""), ("x", "")])
async def test_we_have_no_resellers(client: Client, reseller: str, pressed: str) -> None:
    text = await ask(client, OWN | {"s_reseller": reseller})
    assert text == results(f"{pressed},2020-01-01 01:01:01,2090-12-31 23:59:59")


async def test_of_a_contact_that_was_called_twice_the_latest_answer_counts(client: Client, database_url: str) -> None:
    again = cdr(unique_id=unique_id(1, 2), customer_number=ANSWERED[0], digits="4*#", ended_at=AT + 60)
    silent = cdr(unique_id=unique_id(2, 2), customer_number=ANSWERED[1], ended_at=AT + 70)
    await insert(database_url, "cdrs", again, silent)
    assert "2222\n4*#," in await ask(client, OWN)


async def test_what_stands_in_a_row_is_no_markup(client: Client, database_url: str) -> None:
    await insert(database_url, "cdrs", cdr(unique_id=unique_id(4), customer_number="1", digits="<&]]>"))
    assert "&lt;&amp;]]&gt;" in await ask(client, OWN)


async def test_get_is_for_accounts_that_allow_it(client: Client, database_url: str) -> None:
    await insert(database_url, "campaigns", campaign(OTHER_CAMPAIGN_ID, account_id="account_2"))
    for path in PATHS:
        async with client.get(path, params=OWN) as reply:
            assert (reply.status, reply.headers["Allow"], reply.content_type) == (405, "POST", "text/xml")
            assert await reply.text() == error("this URL does not take this method")
        theirs = signed("mor account_2", OTHER_CAMPAIGN_ID)
        assert "ivr_poll_results_string" in await ask(client, theirs, method="GET", path=path)
        assert await ask(client, OWN | {"hash": "x"}, method="GET", path=path) == error("Incorrect hash")


async def test_every_refusal_is_in_xml(client: Client, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    async with client.put(PATHS[1]) as reply:
        assert (reply.status, await reply.text()) == (405, error("this URL does not take this method"))
    async with client.post("/billing/api/nothing") as reply:
        assert (reply.status, await reply.text()) == (404, error("there is no such URL"))

    async def away(*_: Any, **__: Any) -> None:
        raise StoreAway

    monkeypatch.setattr(store.reports, "campaign", away)
    async with client.post(PATHS[0], params=OWN) as reply:
        assert (reply.status, reply.headers["Retry-After"], reply.content_type) == (503, "5", "text/xml")
        assert await reply.text() == error("the database does not answer, please try again")


async def test_guessing_hashes_locks_out(client: Client) -> None:
    for number in range(100):
        assert await ask(client, OWN | {"hash": f"{number:040x}"}) == error("Incorrect hash")
    async with client.post(PATHS[0], params=OWN) as reply:
        assert (reply.status, reply.content_type) == (429, "text/xml")
        assert "too many wrong attempts" in await reply.text()


async def test_no_key_and_no_hash_is_logged(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    await ask(client, OWN | {"hash": "planted"})
    await ask(client, OWN)
    said = capsys.readouterr().out
    assert "planted" not in said
    assert OWN["hash"] not in said


# -- the same as JSON ------------------------------------------------------------------------


async def test_our_own_api_has_the_same_contact_by_contact(client: Client, database_url: str) -> None:
    answers = {"q1": "1", "q2": "2"}
    row = cdr(
        unique_id=unique_id(4),
        customer_number="919979270004",
        digits="12",
        answers=answers,
        ended_at=AT + 9,
        answered_at=AT - 2.25,
    )
    await insert(database_url, "cdrs", row)
    async with client.get(f"/v1/campaigns/{CAMPAIGN_ID}/poll") as reply:
        assert reply.status == 200
        body = await reply.json()
    assert body["campaign_id"] == CAMPAIGN_ID
    assert [(each["number"], each["digits"]) for each in body["contacts"]] == [
        (ANSWERED[0], "1111"),
        (ANSWERED[1], "2222"),
        ("919979270004", "12"),
    ]
    assert body["contacts"][2] == {
        "unique_id": unique_id(4),
        "number": "919979270004",
        "digits": "12",
        "answers": answers,
        "answered_at": "2023-07-18T06:11:28.250+00:00",
        "billsec": 11.2202,
    }
    async with client.get(f"/v1/campaigns/{CAMPAIGN_ID}/poll", params={"limit": "1", "offset": "1"}) as reply:
        assert [each["digits"] for each in (await reply.json())["contacts"]] == ["2222"]


@pytest.mark.parametrize(
    ("path", "params", "status", "code"),
    [
        ("CM0000000000", {}, 404, "not_found"),
        ("%00", {}, 404, "not_found"),
        ("' OR 1=1", {}, 404, "not_found"),
        (CAMPAIGN_ID, {"limit": "0"}, 400, "invalid_request"),
        (CAMPAIGN_ID, {"limit": "1001"}, 400, "invalid_request"),
        (CAMPAIGN_ID, {"offset": "-1"}, 400, "invalid_request"),
    ],
)
async def test_our_own_api_refuses_by_name(
    client: Client, path: str, params: dict[str, str], status: int, code: str
) -> None:
    async with client.get(f"/v1/campaigns/{path}/poll", params=params) as reply:
        assert (reply.status, (await reply.json())["error"]["code"]) == (status, code)
