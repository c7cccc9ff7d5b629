"""Files of a folder and of a bucket, by the same tests: each account reads its own, whole, and nothing else."""

import os
import time
from pathlib import Path

import pytest

from engine.errors import InvalidRequest, NotFound, Refusal, StorageAway
from engine.storage.choice import storage_of
from engine.storage.local import Folder
from engine.storage.place import Place
from engine.storage.s3 import Bucket
from tests.storage.conftest import Put
from tests.storage.servers import broken

FILE = "contacts_dynamic_announcement.csv"  # "csv_name": the document's
SECRET = b"contact_name,contact_number\nsecret,919910000101\n"
OUT = (
    "../account_2/contacts.csv",
    "../../etc/passwd",
    "/etc/passwd",
    "//etc/passwd",
    "a/../../account_2/contacts.csv",
    "./contacts.csv",
    "..",
    ".",
    ".hidden",
    "a//b.csv",
    "a/",
    "..\\account_2\\contacts.csv",
    "contacts.csv\0.txt",
    "contacts.csv\n",
    "%2e%2e%2faccount_2%2fcontacts.csv",
    "file:///etc/passwd",
    "s3://other/contacts.csv",
    "ｃontacts.csv",
    "a" * 101,
    "a/" * 200 + "b",
)


def content(place: Place, key: str = FILE, account_id: str = "account_1") -> bytes:
    """All of a file."""
    with storage_of(place).open(account_id, key) as file:
        found = b"".join(file.chunks)
    assert len(found) == file.size
    return found


def refusal(place: Place, key: str = FILE, account_id: str = "account_1") -> Refusal:
    """Why it can not be read."""
    with pytest.raises(Refusal) as refused:
        content(place, key, account_id)
    return refused.value


@pytest.mark.parametrize(
    ("key", "size"), [(FILE, 1), ("2024/june/contacts (1).csv", 131_072), ("a-b_c.d", 1_000_001), ("empty", 0)]
)
def test_a_file_is_read_whole_by_its_account(place: Place, put: Put, key: str, size: int) -> None:
    written = os.urandom(size)
    put(f"account_1/{key}", written)
    assert content(place, key) == written


def test_no_account_reads_another_s(place: Place, put: Put) -> None:
    put("account_2/contacts.csv", SECRET)
    put("contacts.csv", SECRET)
    assert isinstance(refusal(place, "contacts.csv"), NotFound)
    assert content(place, "contacts.csv", "account_2") == SECRET


@pytest.mark.parametrize("key", OUT)
def test_nothing_leads_out_of_an_account_s_prefix(place: Place, put: Put, key: str) -> None:
    put("account_2/contacts.csv", SECRET)
    put("account_1/contacts.csv", b"own")
    found = refusal(place, key)
    assert isinstance(found, InvalidRequest)
    assert found.message == "the name of a file is made of letters, digits and . _ - ( ), and leads nowhere else"


def test_an_account_of_an_odd_id_has_no_files(place: Place) -> None:
    assert isinstance(refusal(place, account_id=".."), InvalidRequest)
    assert isinstance(refusal(place, account_id=""), InvalidRequest)


def test_what_is_not_there_is_not_found(place: Place, put: Put) -> None:
    put("account_1/a.csv", b"1")
    for key in ("b.csv", "a/b.csv", "A.csv"):
        assert isinstance(refusal(place, key), NotFound), key


# -- a folder ----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Place:
    """A folder with account_1's in it."""
    (tmp_path / "imports/account_1/inner").mkdir(parents=True)
    (tmp_path / "secret.csv").write_bytes(SECRET)
    return Place(folder=tmp_path / "imports")


def test_no_link_is_followed_out_of_a_folder(folder: Place) -> None:
    own = folder.folder / "account_1"
    (own / "link.csv").symlink_to(folder.folder.parent / "secret.csv")
    (own / "up").symlink_to("../..")
    (folder.folder / "account_2").symlink_to(folder.folder.parent)
    for key in ("link.csv", "up/secret.csv"):
        assert isinstance(refusal(folder, key), InvalidRequest)
    assert isinstance(refusal(folder, "secret.csv", "account_2"), InvalidRequest)


def test_the_folder_itself_may_be_a_link(folder: Place, tmp_path: Path) -> None:
    (folder.folder / "account_1/a.csv").write_bytes(b"1")
    (tmp_path / "link").symlink_to(folder.folder)
    assert content(Place(folder=tmp_path / "link"), "a.csv") == b"1"


def test_only_files_are_read_and_nobody_waits_for_a_pipe(folder: Place) -> None:
    os.mkfifo(folder.folder / "account_1/pipe.csv")
    (folder.folder / "account_1/a.csv").write_bytes(b"1")
    for key in ("pipe.csv", "inner", "a.csv/b.csv"):
        found = refusal(folder, key)
        assert (type(found), found.message) == (InvalidRequest, "this is no file"), key


def test_a_folder_that_is_not_there_has_no_files(tmp_path: Path) -> None:
    assert isinstance(refusal(Place(folder=tmp_path / "none")), NotFound)


def test_a_file_that_gets_shorter_while_it_is_read_is_no_whole_one(folder: Place) -> None:
    path = folder.folder / "account_1/a.csv"
    path.write_bytes(b"x" * 1_000_000)
    with Folder(folder.folder).open("account_1", "a.csv") as file:
        next(file.chunks)
        os.truncate(path, 500_000)
        with pytest.raises(StorageAway, match=r"the file ends after 500,000 of 1,000,000 bytes"):
            list(file.chunks)


# -- a bucket ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        ("failing", "the bucket refuses: InternalError"),
        ("busy", "the bucket refuses: SlowDown"),
        ("denied", "the bucket refuses: AccessDenied"),
        ("hanging", "the bucket does not answer: ReadTimeoutError"),
        ("half", "the bucket does not answer: IncompleteReadError"),
        ("stalling", "the bucket does not answer: ReadTimeoutError"),
    ],
)
def test_a_bucket_in_trouble_is_away_and_soon_told_so(tmp_path: Path, trouble: str, told: str) -> None:
    began = time.monotonic()
    with broken(trouble) as (bucket, url):
        place = Place(folder=tmp_path, bucket="b", endpoint_url=url)
        with pytest.raises(StorageAway) as away, Bucket(place, read_seconds=0.4).open("account_1", FILE) as file:
            assert b"".join(file.chunks) == b"x"
    assert away.value.message == told
    assert away.value.code == "storage_away"
    assert away.value.__suppress_context__
    assert bucket.requests <= 2
    assert time.monotonic() - began < 8


def test_a_bucket_without_trouble_is_read(tmp_path: Path) -> None:
    with broken("none") as (_, url):
        assert content(Place(folder=tmp_path, bucket="b", endpoint_url=url)) == b"x" * 100_000


def test_nobody_there_is_away(tmp_path: Path) -> None:
    found = refusal(Place(folder=tmp_path, bucket="b", endpoint_url="http://127.0.0.1:1"))
    assert (type(found), found.message) == (StorageAway, "the bucket does not answer: EndpointConnectionError")
    found = refusal(Place(folder=tmp_path, bucket="b", endpoint_url="no url"))
    assert isinstance(found, StorageAway)


def test_a_bucket_that_is_not_there_is_our_fault_and_not_the_caller_s(s3_url: str, tmp_path: Path) -> None:
    found = refusal(Place(folder=tmp_path, bucket="nobodys", endpoint_url=s3_url))
    assert (type(found), found.message) == (StorageAway, "the bucket refuses: NoSuchBucket")


def test_no_credentials_are_told_and_not_waited_for(
    s3_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    found = refusal(Place(folder=tmp_path, bucket="b", endpoint_url=s3_url))
    assert (type(found), found.message) == (StorageAway, "the bucket does not answer: NoCredentialsError")
