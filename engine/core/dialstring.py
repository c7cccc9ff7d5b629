"""The dial string of a party: the one place where a number becomes something Asterisk dials."""

from collections.abc import Iterable

from engine.core.account import Route

DIGITS = frozenset("0123456789")


def endpoints(number: str, *, extensions: Iterable[str], routes: Iterable[Route]) -> tuple[str, ...]:
    """The endpoints to try for the number, in order; empty where no route leads there.

    `number` is one of the account's own `extensions` or checked E.164 digits. The route with the
    longest matching prefix wins.
    """
    if not number or not DIGITS.issuperset(number):
        raise ValueError("a dial string is made of digits only")
    if number in extensions:
        return (f"PJSIP/{number}",)
    matching = [route for route in routes if number.startswith(route.prefix)]
    if not matching:
        return ()
    best = max(matching, key=lambda route: len(route.prefix))
    return tuple(pattern.replace("{number}", number) for pattern in best.endpoints)


def inside(endpoint: str) -> bool:
    """Whether a telephone or a machine of our own PBX is dialled there, nobody over a trunk."""
    return "@" not in endpoint
