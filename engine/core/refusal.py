"""Why a request is not carried out: the root of all our errors."""


class Refusal(Exception):
    """the request is refused"""

    code = "refused"
    retry_after_seconds: int | None = None  # when to try again, where that is known

    def __init__(self, message: str | None = None, *, param: str | None = None) -> None:
        self.message = message or (type(self).__doc__ or "").strip()
        self.param = param
        super().__init__(self.message)


class InvalidRequest(Refusal):
    """the request is not valid"""

    code = "invalid_request"


class NotPermitted(InvalidRequest):
    """this number may not be called"""

    code = "not_permitted"

    def __init__(self, message: str | None = None, *, param: str | None = None, reason: str = "") -> None:
        super().__init__(message, param=param)
        self.reason = reason  # the permit's
