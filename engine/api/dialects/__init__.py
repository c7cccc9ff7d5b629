"""The dialects served, one vendor a file."""

from engine.api.dialect import Dialect
from engine.api.dialects import cpaas, mor, native, sarv, sarv_report, sarv_voice, wolkvox

# In this order whose prefix a path begins with: the longer prefix first.
DIALECTS: tuple[Dialect, ...] = (
    sarv_report.DIALECT,
    sarv_voice.DIALECT,
    mor.DIALECT,
    wolkvox.DIALECT,
    cpaas.DIALECT,
    native.DIALECT,
    sarv.DIALECT,
)
