"""How far a campaign is, and when it will be over at its pace."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from engine.core.amd import Amd
from engine.core.campaign import Campaign, Settings, State, settings
from engine.core.causes import Disposition
from engine.core.progress import Progress
from engine.core.speech import Manner

NOW = 1_700_000_000.0


def campaign_of(campaign_id: str = "CMcc0cb33a01", **more: Any) -> Campaign:
    """A running campaign of account_1 that may start ten calls a minute."""
    values: dict[str, Any] = {
        "campaign_id": campaign_id,
        "account_id": "account_1",
        "name": f"campaign {campaign_id}",
        "list_id": "LS608c393614",
        "dnd_list_id": "",
        "settings": Settings(campaign_type=0, caller_id="15168148111", text="Hello {field1}"),
        "calls_per_minute": 10,
        "starts_at": NOW - 600,
        "ends_at": None,
        "created_at": NOW - 600,
        "state": State.RUNNING,
        "started_at": NOW - 600,
    }
    return Campaign(**values | more)


def progress_of(campaign: Campaign, **more: Any) -> Progress:
    """A hundred contacts, half of them enrolled, ten of these queued."""
    counts = {"contacts": 100, "enrolled": 50, "queued": 10, "retrying": 2, "calling": 1, "done": 39}
    return Progress(campaign=campaign, at=NOW, **counts | more)


@pytest.mark.parametrize("amd", [None, Amd(on_machine="beep", greeting=2000)])
def test_settings_come_back_from_json_as_they_were(amd: Amd | None) -> None:
    given = Settings(campaign_type=1, caller_id="15168148111", manner=Manner(rate="slow"), amd=amd, max_retries=2)
    assert settings(orjson.loads(orjson.dumps(given))) == given


@pytest.mark.parametrize(
    ("change", "counts", "seconds"),
    [
        ({}, {}, 60 / 10 * 60),  # 50 not enrolled and 10 queued, at ten a minute
        ({}, {"last_minute": 5}, 60 / 5 * 60),
        ({"started_at": NOW - 5}, {"last_minute": 1}, 60 / 10 * 60),  # too early to tell its pace
        ({}, {"enrolled": 100, "queued": 1, "last_due_at": NOW + 900}, 900),
        ({"ends_at": NOW + 60}, {}, 60),
        ({"state": State.SCHEDULED, "starts_at": NOW + 100, "started_at": None}, {}, 100 + 360),
        ({"state": State.PAUSED}, {}, None),
        ({"state": State.COMPLETED}, {}, None),
    ],
)
def test_the_end_is_expected_at_the_pace_it_has(
    change: dict[str, Any], counts: dict[str, Any], seconds: float | None
) -> None:
    expected = progress_of(replace(campaign_of(), **change), **counts).expected_end
    assert expected == (None if seconds is None else NOW + seconds)


def test_a_campaign_is_over_when_its_last_call_is() -> None:
    stopped = campaign_of(state=State.STOPPED)
    assert not progress_of(stopped).is_over
    assert progress_of(stopped, calling=0).is_over
    assert not progress_of(campaign_of(), calling=0).is_over


def test_every_disposition_has_its_figure() -> None:
    figures = progress_of(campaign_of(), outcomes=dict.fromkeys(Disposition, 2), verdicts={"machine": 1}).figures()
    assert sum(figures["attempts"].values()) == 2 * len(Disposition)
    assert (figures["answered_by"]["machine"], figures["left"]) == (1, 60)
