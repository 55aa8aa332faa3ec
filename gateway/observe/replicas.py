"""How this replica stands with the others, for Prometheus. Told where there is a cluster."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, Metric

from gateway.core.cluster.cluster import ClusterStatus
from gateway.observe.instruments import PREFIX, gauge


def cluster_families(status: ClusterStatus) -> Iterable[Metric]:
    """All of them."""
    told = (
        ("cluster_joined", "1 while this replica is a member, 0 while it goes on alone", float(status.is_joined)),
        ("cluster_away_seconds", "Since the server was lost; 0 while it is there", status.away_for),
        ("cluster_members", "Living replicas, this one included, as last known", float(status.members)),
        ("cluster_leases", "Batches that this replica asks for, for all", float(status.batches)),
        ("cluster_reserve_share", "This replica's part of the budgets' reserve, 0 to 1", status.share),
    )
    for name, about, value in told:
        yield gauge(name, about, [], {(): value})
    commands = CounterMetricFamily(f"{PREFIX}cluster_commands", "Calls to the server")
    commands.add_metric((), status.commands)
    yield commands
