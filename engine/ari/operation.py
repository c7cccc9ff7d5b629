"""One operation of ARI: its method, path and parameters, as Asterisk's api-docs name them."""

from dataclasses import dataclass
from urllib.parse import quote, urlencode

import orjson

# Asterisk answers these only once the channel's own thread has done them, so one stuck channel
# would hold up every command behind it on the same websocket.
SYNCHRONOUS = frozenset(
    {
        "channels/{channelId}/answer",
        "channels/{channelId}/variable",
        "channels/{channelId}/variables",
        "bridges/{bridgeId}/addChannel",
        "bridges/{bridgeId}/removeChannel",
        "bridges/{bridgeId}/videoSource/{channelId}",
        "bridges/{bridgeId}/videoSource",
    }
)

PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


@dataclass(frozen=True, slots=True)
class Operation:
    """`path` holds `{channelId}`-like placeholders; `params` are the names that go beside it."""

    method: str
    path: str
    params: tuple[str, ...]

    @property
    def synchronous(self) -> bool:
        """Whether the answer waits for the channel's thread."""
        return self.path in SYNCHRONOUS and self.method != "GET"

    def prepare(self, arguments: dict[str, object]) -> "Prepared":
        """The request these arguments make. Raises `TypeError` for one that ARI does not know."""
        path = self.path
        rest: dict[str, object] = {}
        for name, value in arguments.items():
            placeholder = f"{{{name}}}"
            if placeholder in path:
                path = path.replace(placeholder, _quoted(str(value)))
            elif name in self.params:
                rest[name] = value
            else:
                raise TypeError(f"{self.method} {self.path} has no parameter {name}")
        if "{" in path:
            raise TypeError(f"{self.method} {path} lacks a parameter")
        if self.method in ("POST", "PUT"):
            return Prepared(self.method, path, orjson.dumps(self._body(rest)) if rest else b"")
        return Prepared(self.method, f"{path}?{urlencode(rest, doseq=True)}" if rest else path, b"")

    def _body(self, rest: dict[str, object]) -> object:
        return rest.get("filter", rest)  # the one operation whose body is the parameter itself


def _quoted(text: str) -> str:
    return text if PLAIN.issuperset(text) else quote(text, safe="")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request ready to be sent: `uri` is relative to `/ari/`."""

    method: str
    uri: str
    body: bytes
