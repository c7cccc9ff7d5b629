"""The dialects served, one vendor a file."""

from engine.api.dialect import Dialect
from engine.api.dialects import cpaas, native, sarv

DIALECTS: tuple[Dialect, ...] = (cpaas.DIALECT, native.DIALECT, sarv.DIALECT)
