"""What an account may learn from its CDRs and campaigns: reports, counted and looked up."""

from dataclasses import dataclass
from typing import Any, assert_never

from engine.api.turns import Turns
from engine.core.account import Account
from engine.core.asks import CdrRow, CdrsByDate
from engine.core.campaign_asks import (
    AttemptReports,
    AttemptsFound,
    CampaignStatistics,
    CdrPage,
    CdrsByCampaign,
    MachineCodes,
    MachineCodesFound,
    Poll,
    PollAnswers,
    PollPage,
    PollResults,
    ReportAsk,
    ReportRow,
)
from engine.core.report_refusals import CampaignUnknown, NoNumbers, TokenBusy, TooManyRecords
from engine.core.vendor_words import WOLKVOX_COLUMNS
from engine.store.reports import ATTEMPT, DEEP, Reports

ALL = "all"  # in the place of a campaign
MOST_TELEPHONES = 60_000  # in one answer: what is more than that would be tens of megabytes
SEPARATORS = {"newline": "\n", "space": " "}


@dataclass(frozen=True, slots=True)
class Archive:
    """The reports of every account. A campaign that is not the account's is unknown."""

    reports: Reports
    counting: Turns
    busy: set[str]  # the accounts whose machine codes are being counted

    async def answer(self, account: Account, ask: ReportAsk) -> Any:
        """What was asked for, within that account. Raises `CampaignUnknown`, `NoNumbers`, `TokenBusy`."""
        reports = self.reports
        match ask:
            case CdrsByCampaign(campaign_id=name, count=count, offset=offset):
                campaign = await self._campaign(account, name)
                async with self.counting.of(account.account_id):
                    rows = await reports.cdrs_by_campaign(campaign["campaign_id"], count=count + 1, offset=offset)
                return CdrPage(rows[:count], more=len(rows) > count)
            case CampaignStatistics(campaign_id=name):
                campaign = await self._campaign(account, name)
                async with self.counting.of(account.account_id):
                    return await reports.campaign_dispositions(campaign["campaign_id"])
            case AttemptReports(unique_ids=ids):
                cdrs, waiting = await reports.attempts(account.account_id, ids)
                return AttemptsFound(ids=ids, cdrs=cdrs, waiting=waiting, time_zone=account.report_tz)
            case PollResults():
                return await self._poll(account, ask)
            case PollAnswers(campaign_id=name, count=count, offset=offset):
                found = (await self._campaign(account, name))["campaign_id"]
                async with self.counting.of(account.account_id):
                    return PollPage(found, await reports.poll(found, order_by="time", count=count, offset=offset))
            case MachineCodes():
                return await self._machine_codes(account, ask)
            case _:
                assert_never(ask)

    async def cdrs(self, account: Account, ask: CdrsByDate) -> list[CdrRow]:
        """A page of the account's CDRs. Raises `OverCapacity` where many ask for one far behind."""
        if ask.offset <= DEEP:
            return await self._page(account, ask)
        async with self.counting.of(account.account_id):
            return await self._page(account, ask)

    async def dispositions(self, account: Account) -> dict[str, int]:
        """How all that the account asked for came out, counted. Raises `OverCapacity`."""
        async with self.counting.of(account.account_id):
            return await self.reports.dispositions(account.account_id)

    async def of_attempt(self, account: Account, unique_id: str) -> list[CdrRow] | None:
        """The CDR of a campaign's attempt, empty while it has none; None where there is no such attempt."""
        if not ATTEMPT.fullmatch(unique_id):
            return None
        found = await self.reports.cdr_of_attempt(account.account_id, unique_id)
        if found:
            return found
        _, waiting = await self.reports.attempts(account.account_id, [unique_id])
        return [] if waiting else None

    async def _page(self, account: Account, ask: CdrsByDate) -> list[CdrRow]:
        return await self.reports.cdrs_by_date(
            account.account_id, since=ask.since, until=ask.until, count=ask.count, offset=ask.offset
        )

    async def _campaign(self, account: Account, name: str) -> ReportRow:
        found = await self.reports.campaign(account.account_id, name)
        if found is None:
            raise CampaignUnknown
        return found

    async def _poll(self, account: Account, ask: PollResults) -> Poll:
        campaign = await self._campaign(account, ask.campaign_id)
        if not campaign["has_numbers"]:
            raise NoNumbers
        pressed = ""
        if not ask.nobody:
            separator = SEPARATORS[account.poll_separator]
            async with self.counting.of(account.account_id):
                pressed = await self.reports.poll_string(
                    campaign["campaign_id"], order_by=ask.order_by, separator=separator
                )
        return Poll(
            pressed=pressed, since=campaign["starts_at"], until=campaign["ends_at"], time_zone=account.report_tz
        )

    async def _machine_codes(self, account: Account, ask: MachineCodes) -> MachineCodesFound:
        if account.account_id in self.busy:
            raise TokenBusy
        self.busy.add(account.account_id)
        try:
            every = ask.campaign_id == ALL
            whose = account.account_id if every else (await self._campaign(account, ask.campaign_id))["campaign_id"]
            telephones, rows = await self.reports.machine_codes(
                whose,
                all_campaigns=every,
                since=ask.since,
                until=ask.until,
                columns=WOLKVOX_COLUMNS,
                most=MOST_TELEPHONES,
                account_id=account.account_id,
            )
        finally:
            self.busy.remove(account.account_id)
        if telephones > MOST_TELEPHONES:
            raise TooManyRecords(f"more than {MOST_TELEPHONES:,} records: ask for a shorter time")
        return MachineCodesFound(telephones, rows)
