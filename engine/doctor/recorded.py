"""Whether recordings can be read, mended and deleted."""

import os

from engine.config import Settings
from engine.doctor.findings import Failed

ROOT = 0


async def recordings(settings: Settings) -> str:
    """Whether the engine may do all it has to where Asterisk records; each account has a folder there."""
    folder = settings.recordings_dir
    if not os.access(folder, os.F_OK):
        raise Failed(
            f"there is no {folder}, or it can not be entered",
            f"install -d -o asterisk -g asterisk -m 2770 {folder}, and start the engine in the group asterisk; or let"
            " LEGWORK_RECORDINGS_DIR name where this host sees it",
        )
    if not os.access(folder, os.R_OK | os.X_OK):
        raise Failed(f"{folder} can not be read", f"chgrp asterisk {folder}; chmod 2770 {folder}")
    for each in (folder, *(path for path in sorted(folder.iterdir()) if path.is_dir())):
        if not os.access(each, os.R_OK | os.W_OK | os.X_OK):
            raise Failed(
                f"{each} can not be written: none is mended after a crash of Asterisk, none deleted when it is old",
                f"chgrp -R asterisk {folder}; chmod -R g+rwX {folder}; UMask=0007 in Asterisk's unit; where the"
                f" engine's unit has ProtectSystem=strict, ReadWritePaths={folder}",
            )
    return f"{folder} is read and written" + (
        "" if os.geteuid() != ROOT else ", by root: ask as the engine's user, too"
    )
