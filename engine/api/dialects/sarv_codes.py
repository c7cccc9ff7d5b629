"""Sarv Click-to-Call's error codes: the document's texts, and our reading where it does not say what triggers one."""

from dataclasses import dataclass

from engine.core.refusal import InvalidRequest

CONNECTION_ISSUE = "1501"
INVALID_FORMAT = "1539"


@dataclass(frozen=True, slots=True)
class Code:
    """One line of the document's table. `reading` is ours, "" where the text says it all."""

    code: str
    message: str
    reading: str = ""


CODES = {
    each.code: each
    for each in (
        Code("1002", "UserId not provided", "user_id is missing or blank"),
        Code("1013", "Invalid user id", "unknown, disabled, or asked for from an address it does not allow"),
        Code("1014", "Token not found", "token is missing or blank"),
        Code("1020", "Invalid token"),
        Code("1501", "Connection Issue", "Asterisk or Postgres does not answer, or a limit of calls is reached"),
        Code("1502", "fromType empty", "given, but blank"),
        Code("1503", "fromType Invalid"),
        Code("1504", "toType empty", "given, but blank"),
        Code("1505", "toType Invalid"),
        Code("1506", "from parameter not found", "missing or blank"),
        Code("1507", "to parameter not found", "missing or blank"),
        Code("1508", "invalid mobile number in from parameter", "or one that may not be called"),
        Code("1509", "invalid mobile number in to parameter", "or one that may not be called"),
        Code("1510", "Duplicate Mobile Number exists in from parameter", "compared in their one spelling"),
        Code("1511", "Duplicate Mobile Number exists in to parameter", "compared in their one spelling"),
        Code("1512", "Invalid Agent Id in from parameter"),
        Code("1513", "Invalid Agent Id in to parameter"),
        Code("1514", "Duplicate Agent Id Exists in from parameter"),
        Code("1515", "Duplicate Agent Id Exists in to parameter"),
        Code("1516", "Multiple Group Ids found in from parameter"),
        Code("1517", "Multiple Group Ids found in to parameter"),
        Code("1518", "Invalid Group Id in from parameter"),
        Code("1519", "Invalid Group Id in to parameter"),
        Code("1520", "Same value exists in from and to parameters", "an agent is its number, too"),
        Code("1521", "from and to are empty"),
        Code("1522", "fromStrategy invalid"),
        Code("1523", "toStrategy invalid"),
        Code("1524", "fromRingTime value invalid", "not a whole number, or 0"),
        Code("1525", "negative value not allowed for fromRingTime"),
        Code("1526", "toRingTime value invalid", "not a whole number, or 0"),
        Code("1527", "negative value not allowed for toRingTime"),
        Code("1528", "fromRetryCount value invalid"),
        Code("1529", "negative value not allowed for fromRetryCount"),
        Code("1530", "toRetryCount value invalid"),
        Code("1531", "negative value not allowed for toRetryCount"),
        Code("1532", "timeLimit empty", "given, but blank"),
        Code("1533", "negative value not allowed for timeLimit"),
        Code("1534", "timeLimit value invalid"),
        Code("1535", "ringTone invalid announcement id"),
        Code("1536", "fromWebLogin none of the agents have this state"),
        Code("1537", "fromWebLogin none of the agents from group have this state"),
        Code("1538", "fromCallLogin none of the agents have this state"),
        Code("1539", "Invalid format", "a body, list, boolean, mode or sticky that can not be read, or one said twice"),
        Code("1540", "fromCallLogin none of the agents from group have this state"),
        Code("1541", "toWebLogin none of the agents have this state"),
        Code("1542", "toWebLogin none of the agents from group have this state"),
        Code("1543", "toCallLogin none of the agents have this state"),
        Code("1544", "toCallLogin none of the agents from group have this state"),
        Code("1545", "timeLimitAlert invalid", "no whole seconds, more than 20 of them, or without timeLimit"),
        Code("1546", "alertAudio invalid announcement id", "or neither one id nor one for each alert"),
        Code("1547", "timeLimitAlert must be less than from timeLimit"),
        Code("1548", "crossed maximum limit of fromRetryCount", "over 3"),
        Code("1549", "crossed maximum limit of toRetryCount", "over 3"),
        Code("1550", "crossed maximum limit of fromRingTime", "over 50"),
        Code("1551", "crossed maximum limit of toRingTime", "over 50"),
        Code("1552", "crossed maximum limit of from parameter", "over max_targets of the account, 5"),
        Code("1553", "crossed maximum limit of to parameter", "over max_targets of the account, 5"),
        Code("1554", "invalid CLI in fromCLI", "not one of the account's"),
        Code("1555", "invalid CLI in toCLI", "not one of the account's"),
        Code("1556", "since fromStrategy=TO_ALL, so fromCallLogin filter will not work"),
        Code("1557", "since toStrategy=TO_ALL, so toCallLogin filter will not work"),
        Code(
            "1558",
            "Sticky will only work if out of toType and fromType at-least one have number as value,not both",
            "exactly one side is Number",
        ),
        Code("1559", "invalid value of stickyTimeType"),
        Code("1560", "invalid value of stickyTimeValue. It must be an integer", "from 1"),
        Code(
            "1561",
            "sticky parameter must be set for stickyTimeType, stickyTimeValue and stickyAgentBusy",
            "one of them is given and sticky is not yes",
        ),
        Code("1562", "invalid value of stickyAgentBusy"),
        Code("1563", "invalid value of queueTimeout. It must be an integer", "seconds, 0 to 3600"),
        Code("1564", "invalid fromWebLogin value"),
        Code("1565", "invalid fromCallLogin value"),
        Code("1566", "invalid fromWebLogin value", "the document's text; toWebLogin is meant"),
        Code("1567", "invalid toCallLogin value"),
        Code("1568", "queueTimeout will only work if out of toType and fromType at-least one have group as value"),
        Code("1569", "Value length exceed 50 characters", "of a list each element; user_id and token are exempt"),
        Code("1570", "Invalid DND Filter Value, valid:from/to/both", "of dndFilter, or dnd"),
        Code("1571", "Invalid From Type for DND Checking", "only Number can be looked up"),
        Code("1572", "Invalid To Type for DND Checking", "only Number can be looked up"),
        Code("1573", "DND number exists in from"),
        Code("1574", "DND number exists in to"),
        Code("1575", "connection Error in DND Api", "the lists could not be looked up within 1 s"),
        Code("1576", "Multiple values not allowed in from", "a list together with sticky=yes or AGENT_CLI"),
        Code("1577", "Multiple values not allowed in to", "a list together with sticky=yes or AGENT_CLI"),
        Code("1578", "From-Agent is not available", "none of them is free, and nobody waits"),
        Code("1579", "To-Agent is not available", "none of them is free, and nobody waits"),
        Code("1580", "Invalid fromType for AGENT_CLI", "toCLI is the CLI of the from agent, and from is Number"),
        Code("1581", "Invalid toType for AGENT_CLI", "fromCLI is the CLI of the to agent, and to is Number"),
        Code("1582", "From-AGENT_CLI not found", "the from agent has no CLI"),
        Code("1583", "To-AGENT_CLI not found", "the to agent has no CLI"),
        Code("1584", "There should be at-least one agent either in TO or FROM", "AGENT_CLI, and both are Number"),
        Code("1585", "fromCLI can not be set as AGENT_CLI if toType is group"),
    )
}


class Coded(InvalidRequest):
    """Refused with one of the codes."""

    def __init__(self, code: str) -> None:
        super().__init__(CODES[code].message)
        self.sarv_code = code
