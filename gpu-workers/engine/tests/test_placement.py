"""How many ranks are started: as many as are wanted, or as a cluster has room for now."""

import time

import pytest

from engine.distributed.placement import Nodes, choose_bundle, count_places, wait_for_room

CPU, GPU = choose_bundle("cpu"), choose_bundle("cuda")
ONE: Nodes = {"a": {"CPU": 1}}
TWO: Nodes = {"a": {"CPU": 1}, "b": {"CPU": 1}}
NONE_OF_ONE: Nodes = {"a": {}}
NONE_OF_TWO: Nodes = {"a": {}, "b": {}}


class Cluster:
    """Tells of one state (free, all) after the other, then of the last; counts the pauses."""

    def __init__(self, *states: tuple[Nodes, Nodes]):
        self.states, self.pauses = list(states), 0

    def find_room(self, wanted: int | None, seconds: float = 30) -> int:
        return wait_for_room(
            CPU, wanted, lambda: self.states[0][0], lambda: self.states[0][1], seconds
        )

    def pause(self, _seconds: float) -> None:
        self.pauses += 1
        del self.states[: len(self.states) > 1]


def show_cluster(monkeypatch, *states: tuple[Nodes, Nodes]) -> Cluster:
    cluster = Cluster(*states)
    monkeypatch.setattr(time, "sleep", cluster.pause)
    return cluster


def test_places_are_counted_on_each_node_by_what_a_rank_needs_there():
    nodes: Nodes = {"a": {"CPU": 8, "GPU": 2}, "b": {"CPU": 1.5, "GPU": 4}, "c": {"CPU": 3.5}}
    assert count_places(CPU, nodes) == 8 + 1 + 3
    # Each needs a processor beside its GPU, and halves on two machines make no whole one.
    assert count_places(GPU, nodes) == 2 + 1
    assert count_places(GPU, {"a": {"CPU": 4, "GPU": 0.5}, "b": {"CPU": 4, "GPU": 0.5}}) == 0
    assert count_places(CPU, {}) == 0


@pytest.mark.parametrize("wanted", [None, 2, 5])
def test_a_machine_that_is_gone_is_waited_out_and_the_places_of_the_others_count(
    monkeypatch, wanted
):
    # The ended ranks still hold everything, then the lost machine still counts, then neither.
    cluster = show_cluster(monkeypatch, (NONE_OF_TWO, TWO), (ONE, TWO), (ONE, ONE))
    assert cluster.find_room(wanted) == 1
    assert cluster.pauses == 2


def test_what_there_is_room_for_at_once_is_not_waited_for(monkeypatch):
    whole = show_cluster(monkeypatch, (TWO, TWO))
    assert [whole.find_room(wanted) for wanted in (1, 2, 5, None)] == [2, 2, 2, 2]
    half = show_cluster(monkeypatch, (ONE, TWO))
    assert half.find_room(1) == 1
    assert whole.pauses + half.pauses == 0


def test_what_others_keep_is_waited_for_only_for_a_while(monkeypatch):
    shared = show_cluster(monkeypatch, (NONE_OF_ONE, ONE), (ONE, TWO))
    assert shared.find_room(2, seconds=0.05) == 1
    assert shared.pauses > 1
    assert show_cluster(monkeypatch, (NONE_OF_ONE, ONE)).find_room(None, seconds=0.05) == 0
