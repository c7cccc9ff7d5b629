"""Something that goes wrong again and again, told when it begins and when it ends."""

import structlog

log = structlog.get_logger()


class Trouble:
    """One line when it begins, one when it is over, none between."""

    def __init__(self, what: str) -> None:
        self._what = what
        self.on = False

    def goes_on(self, **facts: object) -> None:
        """It is wrong now."""
        if not self.on:
            log.error(self._what, **facts)
        self.on = True

    def is_over(self, **facts: object) -> None:
        """It is right now."""
        if self.on:
            log.info(f"over: {self._what}", **facts)
        self.on = False
