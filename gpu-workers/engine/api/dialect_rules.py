"""The base of the generated models, with the rules between fields, which JSON Schema cannot say.

contracts/engine/dialect.ts holds the same rules as refinements; tests/dialect_cases.json checks
both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, model_validator

if TYPE_CHECKING:
    from .dialect import CreateModelBody, Datum, ForwardBackwardBody

# Lists of a datum with one entry per token.
PER_TOKEN = ("weights", "advantages", "logprobs", "referenceLogprobs", "returns", "values")


class DialectModel(BaseModel):
    """A body, a result or a part of one. Unknown fields, "1" for 1, true for 1, NaN and infinity
    are refused.
    """

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="after")
    def check_rules(self) -> DialectModel:
        """Raises ValueError where a rule between fields is broken; pydantic adds where."""
        check = RULES.get(type(self).__name__)
        if check is not None:
            check(self)
        return self


def check_create_model(body: CreateModelBody) -> None:
    if body.lora and body.full:
        raise ValueError("a model is trained by lora or by full, not both: set one to null")
    if body.head == "value" and not (body.lora or body.full):
        raise ValueError("a value model is trained: give lora or full")
    if body.shardBase and (body.lora is None or body.lora.firstLayer):
        raise ValueError(
            "shardBase needs lora with firstLayer 0: other layers each rank computes alone"
        )


def check_datum(datum: Datum) -> None:
    length = len(datum.ids)
    for name in PER_TOKEN:
        entries = getattr(datum, name)
        if entries is not None and len(entries) != length:
            raise ValueError(f"{name} has {len(entries)} entries for {length} ids")
    if datum.weights[0] != 0:
        raise ValueError("weights[0] must be 0: nothing precedes the first token")
    for span in datum.guides:
        if not span.start < span.end <= length:
            raise ValueError(f"guide [{span.start}, {span.end}) does not lie within {length} ids")


def check_forward_backward(body: ForwardBackwardBody) -> None:
    for i, datum in enumerate(body.data):
        if body.loss == "value":
            if datum.returns is None:
                raise ValueError(f"data.{i}: the value loss needs returns")
            if body.config.valueClip is not None and datum.values is None:
                raise ValueError(
                    f"data.{i}: valueClip needs values, those that the value model gave before"
                )
            continue
        if body.loss != "cross_entropy" and (datum.advantages is None or datum.logprobs is None):
            raise ValueError(f"data.{i}: {body.loss} needs advantages and logprobs")
        if body.config.klCoef > 0 and datum.referenceLogprobs is None:
            raise ValueError(f"data.{i}: klCoef > 0 needs referenceLogprobs")


# By the name of the generated class.
RULES: dict[str, Callable[[Any], None]] = {
    "CreateModelBody": check_create_model,
    "Datum": check_datum,
    "ForwardBackwardBody": check_forward_backward,
}
