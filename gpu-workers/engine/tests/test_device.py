"""How many threads the engine computes with."""

import pytest

from engine.device import count_physical_cores, count_threads


@pytest.mark.parametrize("wanted", [None, "", "0", "-1", "two", "4,2"])
def test_every_physical_core_is_used_where_nothing_else_is_wanted(wanted, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if wanted is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    assert count_threads() == count_physical_cores()


def test_as_many_as_omp_num_threads_says(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert count_threads() == 3
