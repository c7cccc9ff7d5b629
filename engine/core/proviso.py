"""What the first commit of a new call depends on: without it, nothing of the call is written."""

from engine.core.callback import Due
from engine.core.campaign import Claim
from engine.core.idempotency import KeptAnswer

# A key that nobody else has taken, with the answer to keep under it; a callback that nobody else has fired or changed;
# a lead that nobody else has claimed since, of a campaign that runs.
Proviso = KeptAnswer | Due | Claim
