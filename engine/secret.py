"""What may be a secret at all: long, random, and printed in nobody's document."""

SHORTEST = 16
DISTINCT = 6

# What vendors' documents and Asterisk's sample files show; the longer ones would pass for a secret.
SAMPLES = frozenset(
    (
        "your_account_auth",
        "your_account_id",
        "contact me",
        "abcxyz",
        "token",
        "456789",
        "{{token}}",
        "wolkvox-token",
        "api_secret_key",
        "account_auth",
        "asterisk",
        "peekaboo",
        "secret",
        "password",
        "changeme",
        "change-me-please",
        "0123456789abcdef",
        "00112233445566778899aabbccddeeff",
    )
)


def weakness(secret: str) -> str | None:
    """Why the text is no secret; None where it may be one."""
    if secret.casefold() in SAMPLES:
        return "is a sample out of a document"
    if len(secret) < SHORTEST:
        return f"is shorter than {SHORTEST} characters"
    if not all("!" <= character <= "~" for character in secret):
        return "holds something else than printable ASCII, or a space"
    if len(set(secret)) < DISTINCT:
        return "is not random"
    return None
