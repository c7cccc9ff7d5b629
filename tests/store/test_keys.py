"""Idempotency keys in a real Postgres: with their call or not at all, nobody waiting in a ring, gone when over."""

import asyncio

import pytest

from engine.core.idempotency import Answer, KeptAnswer, Key
from engine.errors import KeyReused, KeyTaken
from engine.store.connection import connect
from engine.store.postgres import Store
from tests.store.conftest import execute
from tests.store.test_store import new_call

pytestmark = pytest.mark.asyncio(loop_scope="function")


def key(text: str, *, fingerprint: str = "f", keep_seconds: int = 60) -> Key:
    return Key(account_id="account_1", text=text, fingerprint=fingerprint, keep_seconds=keep_seconds)


def kept(text: str, *, keep_seconds: int = 60) -> KeptAnswer:
    return KeptAnswer(key(text, keep_seconds=keep_seconds), Answer(200, f'{{"ü\\u0000": "{text}"}}'))


async def test_an_answer_is_kept_as_it_is(store: Store) -> None:
    await store.writer.accept(new_call(), kept("a"))
    assert await store.replay(key("a")) == Answer(200, '{"ü\\u0000": "a"}', replayed=True)
    assert await store.replay(key("b")) is None
    with pytest.raises(KeyReused):
        await store.replay(key("a", fingerprint="g"))


async def test_a_call_whose_key_was_taken_is_not_written_and_takes_no_other_with_it(store: Store) -> None:
    await store.writer.accept(new_call("first00000"), kept("a"))
    results = await asyncio.gather(
        store.writer.accept(new_call("second0000"), kept("a")),
        store.writer.accept(new_call("third00000"), kept("b")),
        store.writer.commit(new_call("fourth0000")),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [KeyTaken, type(None), type(None)]
    assert {row["call_id"] for row, _ in await store.live_calls()} == {"first00000", "third00000", "fourth0000"}
    assert all(len(legs) == 1 for _, legs in await store.live_calls())


async def test_a_call_whose_id_another_had_before_leaves_its_key_free(store: Store) -> None:
    await store.writer.commit(new_call())
    with pytest.raises(KeyTaken):  # the API then finds no answer, and tries again
        await store.writer.accept(new_call(at=1688710099.0), kept("a"))
    assert await store.replay(key("a")) is None
    (row, _), *rest = await store.live_calls()
    assert (row["requested_at"], rest) == (1688710079.5, [])


async def test_engines_take_keys_in_one_order_and_never_wait_in_a_ring(store: Store, database_url: str) -> None:
    """Another engine holds `a` and wants `b`; we want both, `b` first."""
    other = await connect(database_url)
    take = "INSERT INTO idempotency_keys VALUES ('account_1', $1, 'f', 'other', 200, '', now() + interval '1 hour')"
    async with other.transaction():
        await other.execute(take, "a")
        ours = asyncio.gather(
            store.writer.accept(new_call("second0000"), kept("b")),
            store.writer.accept(new_call("first00000"), kept("a")),
            return_exceptions=True,
        )
        await asyncio.sleep(0.3)
        await other.execute(take, "b")
    await other.close()
    assert [type(result) for result in await ours] == [KeyTaken, KeyTaken]


async def test_what_is_written_after_the_first_commit_needs_no_key(store: Store) -> None:
    call = new_call()
    await store.writer.accept(call, kept("a"))
    await execute(store._url, "DELETE FROM idempotency_keys")
    await store.writer.commit(call)
    assert len(await store.live_calls()) == 1


async def test_keys_whose_time_is_over_are_deleted_and_no_others(store: Store) -> None:
    for number in range(5):
        await store.writer.accept(new_call(f"{number:010x}"), kept(str(number), keep_seconds=0 if number < 3 else 60))
    assert await store.delete_expired_keys(2) == 2
    assert await store.delete_expired_keys(2) == 1
    assert await store.delete_expired_keys(2) == 0
    assert [await store.replay(key(str(number))) is None for number in range(5)] == [True] * 3 + [False] * 2
    assert len(await store.live_calls()) == 5
