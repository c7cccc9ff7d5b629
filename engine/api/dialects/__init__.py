"""The dialects served, one vendor a file."""

from engine.api.dialect import Dialect
from engine.api.dialects import cpaas, native, sarv, sarv_voice

# In this order whose prefix a path begins with: /api/voice/ before /api/.
DIALECTS: tuple[Dialect, ...] = (sarv_voice.DIALECT, cpaas.DIALECT, native.DIALECT, sarv.DIALECT)
