"""The lines of a FastAGI question, read without a socket: what is taken and what is refused."""

import pytest

from engine.agi.answers import checked
from engine.agi.asked import Asked, Refused, read

# As Asterisk 22 sends them; `agi_network_script` is what follows the host in AGI(agi://…).
ASKED = """\
agi_network: yes
agi_network_script: {script}
agi_request: agi://127.0.0.1:4573/{script}
agi_channel: PJSIP/carrier-00000001
agi_language: en
agi_type: PJSIP
agi_uniqueid: 1795268731.1
agi_version: 22.10.1
agi_callerid: {caller}
agi_calleridname: {name}
agi_callingpres: 0
agi_callingani2: 0
agi_callington: 0
agi_callingtns: 0
agi_dnid: {dnid}
agi_rdnis: unknown
agi_context: legwork-inbound
agi_extension: {exten}
agi_priority: 1
agi_enhanced: 0.0
agi_accountcode:
agi_threadid: 139712345"""


def lines(script: str, *, caller: str = "919910000202", name: str = "", dnid: str = "unknown", exten: str = "s") -> str:
    return ASKED.format(script=script, caller=caller, name=name, dnid=dnid, exten=exten)


def refusal(text: str) -> str:
    with pytest.raises(Refused) as caught:
        read(text.split("\n"))
    return caught.value.reason


def test_a_question_is_its_path_and_what_it_is_asked_with() -> None:
    text = lines("permit?number=+919910000203&caller_id=15168148111&account=account_1", dnid="+15168148111")
    assert read(text.split("\n")) == Asked(
        path="permit",
        number="+919910000203",
        account_id="account_1",
        caller_id="15168148111",
        dids=("15168148111",),
    )


@pytest.mark.parametrize(("path", "number"), [("sticky", "919910000202"), ("caller", "919910000202")])
def test_without_a_number_the_callers_is_meant(path: str, number: str) -> None:
    asked = read(lines(path).split("\n"))
    assert (asked.number, asked.of_caller) == (number, True)
    assert not read(lines(f"{path}?number=919910000202").split("\n")).of_caller


@pytest.mark.parametrize("path", ["permit", "dnd"])
def test_whether_somebody_may_be_called_is_never_asked_of_the_caller_by_mistake(path: str) -> None:
    assert read(lines(path).split("\n")).number == ""


def test_the_dialed_numbers_are_looked_for_in_their_order() -> None:
    assert read(lines("sticky", dnid="15168148111", exten="+919910099999").split("\n")).dids == (
        "15168148111",
        "919910099999",
    )


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("", "unknown_path"),
        ("nothing?number=1", "unknown_path"),
        ("sticky/../permit?number=919910000202", "unknown_path"),
        ("STICKY?number=919910000202", "unknown_path"),
        # A caller id of `1&account=account_2`, put into the address as it came.
        ("sticky?account=account_1&number=1&account=account_2", "invalid_query"),
        ("sticky?number=1&number=2", "invalid_query"),
        ("dnd?number=1&caller_id=2", "invalid_query"),
        ("sticky?number", "invalid_query"),
        ("sticky?" + "&".join(f"x{n}=1" for n in range(50)), "invalid_query"),
        ("sticky?number=1&account=../etc", "unknown_account"),
        ("sticky?number=1&account=a%0ab", "unknown_account"),
    ],
)
def test_what_it_does_not_know_is_refused(script: str, reason: str) -> None:
    assert refusal(lines(script)) == reason


@pytest.mark.parametrize(
    "text",
    [
        "GET / HTTP/1.1\nHost: x",
        "agi_network yes",
        "agi_network: yes\nagi_network: yes",
        lines("sticky") + "\nagi_network_script: permit",
        lines("sticky") + "\n\x00",
        lines("sticky") + "\nAGI_CALLERID: 1",
    ],
)
def test_what_is_not_agi_is_refused(text: str) -> None:
    assert refusal(text) == "not_agi"


def test_a_callers_name_can_say_what_it_likes() -> None:
    assert read(lines("sticky", name='"); System(rm -rf /) ${SHELL(id)}').split("\n")).number == "919910000202"


@pytest.mark.parametrize(
    "value", ['"', "a b", "${SHELL(id)}", "a,b", "a\nSET", "a]", "\u0661", "x" * 65, "1&account=2"]
)
def test_nothing_hostile_goes_back_into_a_dialplan(value: str) -> None:
    assert checked({"LEGWORK_AGENT": value, "LEGWORK_STATUS": "ok"}) == {
        "LEGWORK_REASON": "unsafe_value",
        "LEGWORK_STATUS": "refused",
    }
