"""How many ranks a Ray cluster has room for, also just after it has lost a machine."""

import time
from collections.abc import Callable, Mapping

# Of each node of a cluster: what it has of each resource.
Nodes = Mapping[str, Mapping[str, float]]
# Ray takes a machine that gives no answer for gone after about 20 seconds.
SETTLE_SECONDS = 30


def choose_bundle(kind: str) -> dict[str, float]:
    """What Ray reserves for each rank that computes on `kind` (cpu or cuda)."""
    return {"CPU": 1.0} | ({"GPU": 1.0} if kind == "cuda" else {})


def count_places(bundle: Mapping[str, float], nodes: Nodes) -> int:
    """How many ranks that need a `bundle` each have room on the nodes."""
    return sum(min(int(has.get(r, 0) / bundle[r]) for r in bundle) for has in nodes.values())


def wait_for_room(
    bundle: Mapping[str, float],
    wanted: int | None,
    read_free: Callable[[], Nodes],
    read_all: Callable[[], Nodes],
    seconds: float = SETTLE_SECONDS,
) -> int:
    """How many ranks that need a `bundle` each have room now, by what is free on the nodes.

    Where that is less than is `wanted` (None: all) of what the nodes have in all, it waits until
    there is as much, for at most so many seconds: after a failure the machine that is gone still
    counts for a while, and what the ended ranks had on the others does not yet.
    """
    deadline = time.monotonic() + seconds
    while True:
        room = count_places(bundle, read_free())
        most = count_places(bundle, read_all())
        if room >= min(wanted or most, most) or time.monotonic() > deadline:
            return room
        time.sleep(0.5)
