"""A new host from the command line: what `legwork init` asks for, writes and says."""

from pathlib import Path
from typing import Annotated

import typer

from engine import initial
from engine.terminal import out

DEFAULT = initial.Choices(asterisk=Path("/etc/asterisk/legwork"), engine=Path("/etc/legwork"))


def init(
    folder: Annotated[
        Path, typer.Option("--dir", help="Where Asterisk's snippets go; it has to be able to read them.")
    ] = DEFAULT.asterisk,
    engine_dir: Annotated[Path, typer.Option(help="Where legwork.env and the secrets go.")] = DEFAULT.engine,
    node: Annotated[
        str, typer.Option(help="This engine's name, of small letters and digits; another for each.")
    ] = DEFAULT.node,
    http_port: Annotated[int, typer.Option(min=1, max=65535, help="Asterisk's HTTP, on loopback.")] = DEFAULT.http_port,
    sip: Annotated[str, typer.Option(metavar="ADDRESS:PORT", help="Where SIP is listened for.")] = DEFAULT.sip_bind,
    rtp_start: Annotated[int, typer.Option(min=1024, help="The first port of sound.")] = DEFAULT.rtp_start,
    rtp_end: Annotated[int, typer.Option(max=65535, help="The last one.")] = DEFAULT.rtp_end,
    database_url: Annotated[
        str | None, typer.Option(help="Its Postgres; '' for an embedded one.", show_default=initial.DATABASE_URL)
    ] = None,
    trunk: Annotated[
        list[str] | None, typer.Option(metavar="NAME=HOST:PORT", help="A trunk; may be given several times.")
    ] = None,
    group: Annotated[str, typer.Option(help="Whose group reads the snippets; '' for nobody's.")] = DEFAULT.group,
    user: Annotated[
        str, typer.Option(help="Who the engine runs as: the secrets are theirs; '' for yours.")
    ] = DEFAULT.user,
    force: Annotated[bool, typer.Option("--force", help="Write anew what is there; credentials stay.")] = False,
) -> None:
    """Write Asterisk's snippets (ari, globals, http, pjsip, rtp) and legwork.env with new secrets; say what to do next.

    Nothing of Asterisk's own is changed: you include the snippets. Without --force nothing is overwritten.
    """
    choices = initial.Choices(
        asterisk=folder.absolute(),
        engine=engine_dir.absolute(),
        node=node,
        http_port=http_port,
        sip_bind=sip,
        rtp_start=rtp_start,
        rtp_end=rtp_end,
        database_url=database_url,
        trunks=tuple(trunk or ()),
        group=group,
        user=user,
    )
    for path in initial.write(choices, force=force):
        out.print(f"wrote {path}", highlight=False, markup=False)
    out.print(initial.advice(choices), highlight=False, markup=False)
