"""The generated models accept and refuse what contracts/engine/dialect.ts does.

scripts/generate/engine-dialect.test.ts reads the same cases.
"""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from engine.api.dialect import OPERATIONS, OperationRequest
from engine.api.dialect_rules import DialectModel

CASES = json.loads(Path(__file__).with_name("dialect_cases.json").read_text())


def is_valid(model: type[DialectModel], value: object) -> bool:
    try:
        model.model_validate(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    "case", CASES["bodies"], ids=lambda case: f"{case['kind']}: {case['name']}"
)
def test_bodies(case):
    assert is_valid(OPERATIONS[case["kind"]].body, case["body"]) == case["valid"]


@pytest.mark.parametrize("case", CASES["requests"], ids=lambda case: case["name"])
def test_requests(case):
    assert is_valid(OperationRequest, case["request"]) == case["valid"]


def test_every_operation_has_both_kinds_of_cases():
    seen = {(case["kind"], case["valid"]) for case in CASES["bodies"]}
    assert seen == {(kind, valid) for kind in OPERATIONS for valid in (True, False)}
