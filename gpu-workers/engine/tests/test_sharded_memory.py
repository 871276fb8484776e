"""The recorded memory of sharded training, measured again where it is quick."""

import pytest

from . import fake_engine_memory
from .fake_sharded_memory import Case, measure_case, read_recorded

SMALL = [
    (case, size) for case, size in read_recorded() if case.layers <= 2 and case.head == "language"
]
SMALL_OF_ENGINE = [
    (case, sizes) for case, sizes in fake_engine_memory.read_recorded() if case.layers <= 2
]


@pytest.mark.parametrize(("case", "recorded"), SMALL, ids=lambda value: str(value))
def test_recorded_bytes_are_those_of_fake_tensors(case: Case, recorded: int):
    assert measure_case(case) == pytest.approx(recorded, rel=0.01)


@pytest.mark.parametrize(("case", "recorded"), SMALL_OF_ENGINE, ids=lambda value: str(value))
def test_the_engines_recorded_bytes_are_those_of_fake_tensors(
    case: fake_engine_memory.Case, recorded: dict[str, int]
):
    assert fake_engine_memory.measure_case(case) == pytest.approx(recorded, rel=0.01)
