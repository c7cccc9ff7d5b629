"""What `/metrics` says, in Prometheus's text format: collected when it is asked for, and only then."""

from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from itertools import accumulate
from typing import Protocol

from prometheus_client import CollectorRegistry, Metric, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from engine.core.causes import Disposition
from engine.core.flows import FLOWS
from engine.counts import LAG_SECONDS, Counts, Lag

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

Counted = tuple[tuple[str, ...], int]  # by the values of its labels


class Live(Protocol):
    """Whoever knows what is on the line."""

    @property
    def ready(self) -> bool:
        """Whether Asterisk can be told to dial."""

    def on_the_line(self) -> tuple[int, int]:
        """How many calls are on, and how many legs with a channel."""


class Metrics(Collector):
    """One engine's metrics, in a registry of their own; `depth` is how many calls are in the spool."""

    def __init__(self, counts: Counts, live: Live, *, depth: Callable[[], int]) -> None:
        self._counts = counts
        self._live = live
        self._depth = depth
        self._postgres = False
        self._version = version("legwork")
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def text(self, *, postgres: bool) -> bytes:
        """All of it, now; `postgres` is whether it answers."""
        self._postgres = postgres
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Each metric, for the registry."""
        calls, legs = self._live.on_the_line()
        counts = self._counts
        yield _gauge("legwork_live_calls", "Calls that are on.", calls)
        yield _gauge("legwork_live_legs", "Legs that have a channel in Asterisk.", legs)
        yield _counter("legwork_calls_started", "Calls accepted.", ("kind",), _from_zero(counts.calls_started))
        yield _counter(
            "legwork_calls_ended", "Calls by how they came out.", ("kind", "disposition"), _outcomes(counts.calls_ended)
        )
        yield _counter(
            "legwork_legs_ended",
            "Attempts by how they came out, and the Q.850 cause Asterisk gave.",
            ("side", "disposition", "cause"),
            counts.legs_ended.items(),
        )
        yield _counter(
            "legwork_requests_refused", "Requests refused, by error code.", ("dialect", "code"), counts.refusals.items()
        )
        yield _gauge("legwork_spool_depth", "Calls in the spool, which Postgres has not got yet.", self._depth())
        yield _counter("legwork_adopt_runs", "How often calls were adopted.", (), [((), counts.adopt_runs)])
        yield _histogram(counts.lag)
        yield _gauge("legwork_asterisk_up", "Whether Asterisk can be told to dial.", self._live.ready)
        yield _gauge("legwork_postgres_up", "Whether Postgres answers.", self._postgres)
        build = GaugeMetricFamily("legwork_build_info", "Always 1, with the version.", labels=("version",))
        build.add_metric((self._version,), 1)
        yield build


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value=float(value))


def _counter(name: str, meaning: str, labels: tuple[str, ...], counted: Iterable[Counted]) -> Metric:
    family = CounterMetricFamily(name, meaning, labels=labels)
    for values, count in counted:
        family.add_metric(values, count)
    return family


def _histogram(lag: Lag) -> Metric:
    family = HistogramMetricFamily("legwork_event_loop_lag_seconds", "How late the event loop was, twice a second.")
    bounds = [*map(str, LAG_SECONDS), "+Inf"]
    family.add_metric((), list(zip(bounds, accumulate(lag.counts), strict=True)), lag.sum_seconds)
    return family


def _from_zero(counted: dict[str, int]) -> Iterator[Counted]:
    """With each kind of call that there may be: a rate needs a zero to start from."""
    return (((kind,), counted.get(kind, 0)) for kind in FLOWS)


def _outcomes(counted: dict[tuple[str, str], int]) -> Iterator[Counted]:
    return (((kind, each.value), counted.get((kind, each.value), 0)) for kind in FLOWS for each in Disposition)
