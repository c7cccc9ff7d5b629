"""Secrets that have to be read again, sealed for the database under a key that lies outside it."""

import hashlib
import hmac
import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import WrongConfig

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

SHORTEST_KEY = 32
FILE = "secret.key"
OTHERS = 0o077


@dataclass(frozen=True, slots=True)
class Seal:
    """Seals and opens secrets with `key`, or where that is empty with the one in `folder`.

    AES-SIV: the same secret of the same owner is sealed to the same text, so that applying a file twice
    changes nothing, and what was sealed for one owner does not open as another's.
    """

    key: str = ""
    folder: Path | None = None

    def close(self, secret: str, *, owner: str) -> str:
        """The secret as it may lie in the database; the key's file is made if there is none."""
        if not self.key and self.folder is not None and not (self.folder / FILE).exists():
            _make(self.folder)
        return urlsafe_b64encode(self._cipher().encrypt(secret.encode(), [owner.encode()])).decode()

    def open(self, sealed: str, *, owner: str) -> str:
        """The secret again. Raises `WrongConfig` where the key is missing or another one."""
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher().decrypt(urlsafe_b64decode(sealed), [owner.encode()]).decode()
        except (InvalidTag, ValueError) as exc:
            raise WrongConfig(
                f"{self._name} is not the key that the secret of {owner} was sealed with: "
                "put that key back, or run legwork apply with this one"
            ) from exc

    def derived(self, purpose: str) -> bytes:
        """A key of its own for that purpose; the one it comes from is made if there is none. Raises `WrongConfig`."""
        if not self.key and self.folder is not None and not (self.folder / FILE).exists():
            _make(self.folder)
        return hmac.digest(self._text().encode(), purpose.encode(), "sha256")

    @property
    def _name(self) -> str:
        return "LEGWORK_SECRET_KEY" if self.key or self.folder is None else str(self.folder / FILE)

    def _cipher(self) -> "AESSIV":
        # Imported only where something is sealed: it is 7 MB of memory.
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV

        return AESSIV(hashlib.sha512(self._text().encode()).digest())

    def _text(self) -> str:
        text = self.key or self._read()
        if len(text) < SHORTEST_KEY:
            raise WrongConfig(
                f"{self._name}: a key has at least {SHORTEST_KEY} random characters, as of openssl rand -hex 32"
            )
        return text

    def _read(self) -> str:
        if self.folder is None:
            return ""
        file = self.folder / FILE
        try:
            if file.stat().st_mode & OTHERS:
                raise WrongConfig(f"{file} can be read by others: chmod 600 {file}")
            return file.read_text().strip()
        except FileNotFoundError as exc:
            raise WrongConfig(
                f"{file} is missing, without which no sealed secret can be read: "
                "put it back, or run legwork apply to seal the secrets anew"
            ) from exc
        except OSError as exc:
            raise WrongConfig(f"{file}: {exc.strerror}") from exc


def _make(folder: Path) -> None:
    """Write a new key, whole or not at all; where another was first, that one stays."""
    draft = folder / f"{FILE}.{secrets.token_hex(8)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            owner = folder.stat()
            if os.geteuid() == 0:  # an operator's `apply`: the engine has to read it, too
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
            file.write(secrets.token_urlsafe(48) + "\n")
            file.flush()
            os.fsync(descriptor)
        try:
            os.link(draft, folder / FILE)
        except FileExistsError:
            return
        finally:
            draft.unlink()
    except OSError as exc:
        raise WrongConfig(f"{folder / FILE}: {exc.strerror}; LEGWORK_STATE_DIR names its folder") from exc
