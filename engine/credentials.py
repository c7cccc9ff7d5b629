"""The credentials of the accounts file: of which dialects, and what is kept of their secrets."""

import os
from collections import Counter
from collections.abc import Iterable

from engine.accounts import SEALED, fingerprint, owner
from engine.errors import WrongConfig
from engine.seal import Seal
from engine.secret import weakness

SECRETS = ("auth", "token", "api_secret_key")
READ_AGAIN = ("api_secret_key",)  # a hash of it and the parameters is what proves a request
DIALECTS = {
    "cpaas": {"auth"},
    "sarv_click2call": {"user_id", "token"},
    "sarv_voice": {"username", "token"},
    "mor": {"username", "api_secret_key"},
    "wolkvox": {"token"},
}
NAMELESS = ("wolkvox",)  # the secret alone says whose a request is
ENVIRONMENT = "env:"


def kept(credential: dict[str, str], dialect: str, account_id: str, seal: Seal) -> dict[str, str]:
    """The credential as it is kept: secrets as fingerprints, sealed where they have to be read again.

    Raises `WrongConfig` for a secret that is none.
    """
    found: dict[str, str] = {}
    for name, value in credential.items():
        if name not in SECRETS:
            found[name] = value
            continue
        secret = resolved(value)
        if wrong := weakness(secret):
            source = f" ({value})" if value.startswith(ENVIRONMENT) else ""
            raise WrongConfig(f"account {account_id}: credentials.{dialect}.{name}{source} {wrong}")
        if name in READ_AGAIN:
            found[name + SEALED] = seal.close(secret, owner=owner(dialect, account_id))
        else:
            found[f"{name}_sha256"] = fingerprint(secret)
    return found


def require_told_apart(credentials: Iterable[dict[str, dict[str, str]]]) -> None:
    """Raise `WrongConfig` where two accounts' credentials, as they are kept, could not be told apart."""
    seen = Counter((name, *each[name].values()) for each in credentials for name in NAMELESS if name in each)
    if double := sorted({name for (name, *_), times in seen.items() if times > 1}):
        raise WrongConfig(f"credentials.{double[0]}: two accounts have the same secret, and one account is known by it")


def resolved(value: str) -> str:
    """The secret itself; `env:NAME` is read from the environment."""
    if not value.startswith(ENVIRONMENT):
        return value
    secret = os.environ.get(value.removeprefix(ENVIRONMENT))
    if not secret:
        raise WrongConfig(f"{value}: this variable is not set")
    return secret
