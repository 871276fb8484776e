"""Sampling has turns between the micro-batches of a gradient, which keeps its last bits."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.api.operations import Operation, Operations
from engine.models.model import Model
from engine.training.trainable import Trainable

from .conftest import LORA, make_engine
from .library_models import save_library_model

SHARED = list(range(5, 25))
# Each a micro-batch of its own by this budget; all begin alike.
DATA = [
    {"ids": [*SHARED, *range(40 + 9 * i, 49 + 9 * i)], "weights": [0.0] * 20 + [1.0] * 9}
    for i in range(6)
]
BUDGET = 30
PROMPT = [*SHARED, *DATA[-1]["ids"][20:26]]


class Queue:
    """Operations on a model "m". Its long ones wait for `go`, so that others come later."""

    def __init__(self, folder: Path, **tuning: Any):
        self.engine = make_engine()
        self.operations = Operations(self.engine)
        self.began, self.go = threading.Event(), threading.Event()
        self.ended: list[str] = []
        self.sequence = 0
        for kind in ("forward", "forward_backward"):
            self.wrap(kind, self.hold)
        body = {"base": str(folder), "lora": None, "seed": 1} | tuning
        self.finish(self.send("create", "create_model", **body))
        generator = torch.Generator().manual_seed(2)
        self.trainable.values.add_(
            torch.randn(self.trainable.values.shape, generator=generator) * 0.01
        )
        self.trainable.mark_changed()

    @property
    def trainable(self) -> Trainable:
        return self.engine.get_model("m").require_trainable()

    @property
    def gradient(self) -> torch.Tensor:
        gradient = self.trainable.gradient
        assert gradient is not None
        return gradient

    def wrap(self, kind: str, around: Callable[[Callable[[], dict]], dict]) -> None:
        real = self.engine.handlers[kind]
        self.engine.handlers[kind] = lambda *given: around(lambda: real(*given))

    def hold(self, run: Callable[[], dict]) -> dict:
        self.began.set()
        assert self.go.wait(60)
        return run()

    def send(self, id: str, kind: str, **body: Any) -> Operation:
        """Submits an operation; those that change the model get its next number."""
        is_numbered = kind in ("forward_backward", "optim_step")
        self.sequence += is_numbered
        request = {"id": id, "model": "m", "kind": kind, "body": body}
        operation = self.operations.submit(
            request | ({"sequence": self.sequence} if is_numbered else {})
        )
        operation.finished.add_done_callback(lambda _: self.ended.append(id))
        return operation

    def send_gradient(self, id: str = "gradient") -> Operation:
        body = {"loss": "cross_entropy", "data": DATA, "tokenBudget": BUDGET}
        operation = self.send(id, "forward_backward", **body)
        assert self.began.wait(60)
        return operation

    def send_sample(self, id: str = "sample", prompt: list[int] = PROMPT, tokens: int = 4):
        sequence = {"ids": prompt, "maxTokens": tokens, "temperature": 0, "session": "s"}
        return self.send(id, "sample", adapter=True, sequences=[sequence])

    def finish(self, *operations: Operation) -> list[dict]:
        self.go.set()
        for operation in operations:
            operation.finished.result(timeout=60)
            assert operation.state == "done", operation.error
        return [operation.result or {} for operation in operations]


def describe(result: dict) -> dict:
    """What a gradient reports, without its time."""
    return {name: value for name, value in result.items() if name != "seconds"}


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Path:
    return save_library_model(tmp_path_factory.mktemp("library"), "qwen3")


@pytest.mark.parametrize(
    "tuning",
    [{"lora": LORA}, {"lora": {**LORA, "firstLayer": 0}}, {"full": {"firstLayer": 2}}],
    ids=["adapter", "adapter on all layers", "weights"],
)
@pytest.mark.parametrize("kind", ["tiny", "library"])
def test_a_sample_that_came_later_ends_first_and_changes_no_bit_of_the_gradient(
    kind, tuning, request
):
    folder = request.getfixturevalue(kind)
    alone, busy = Queue(folder, **tuning), Queue(folder, **tuning)
    [want] = alone.finish(alone.send_gradient())
    [text] = alone.finish(alone.send_sample())
    gradient = busy.send_gradient()
    [got, sampled] = busy.finish(gradient, busy.send_sample())
    assert busy.ended == ["create", "sample", "gradient"]
    assert describe(got) == describe(want)
    assert torch.equal(busy.gradient, alone.gradient)
    ids = [one["sequences"][0][0]["ids"] for one in (sampled, text)]
    assert ids[0] == ids[1]


def test_log_probabilities_give_turns_too(tiny):
    alone, busy = Queue(tiny, lora=LORA), Queue(tiny, lora=LORA)
    body = {"adapter": True, "data": DATA, "tokenBudget": BUDGET, "reference": "base"}
    [want] = alone.finish(alone.send("forward", "forward", **body))
    forward = busy.send("forward", "forward", **body)
    assert busy.began.wait(60)
    [got, _] = busy.finish(forward, busy.send_sample())
    assert busy.ended == ["create", "sample", "forward"]
    assert got == want


def test_what_was_sampled_meanwhile_is_kept_for_the_conversation(tiny):
    queue = Queue(tiny, lora=LORA)
    model = queue.engine.get_model("m")
    assert isinstance(model, Model)
    lower = model.lower
    [_, first] = queue.finish(queue.send_gradient(), queue.send_sample())
    assert model.lower is lower
    assert lower is not None
    assert list(lower.sessions) == ["s"]
    prompt = [*PROMPT, *first["sequences"][0][0]["ids"], 7, 8, 9]
    [second] = queue.finish(queue.send_sample("again", prompt))
    # The last token was sampled and not computed.
    assert second["usage"]["computedTokens"] == 4
    fresh = Queue(tiny, lora=LORA)
    [want] = fresh.finish(fresh.send_sample("again", prompt))
    for a, b in zip(second["sequences"][0], want["sequences"][0], strict=True):
        assert a["ids"] == b["ids"]
        assert a["logprobs"] == pytest.approx(b["logprobs"], abs=1e-5)


def test_samples_overtake_what_they_do_not_depend_on_and_nothing_else(tiny):
    queue = Queue(tiny, lora=LORA)
    operations = [
        queue.send_gradient(),
        queue.send("hash", "weights_hash"),
        queue.send_sample("before"),
        queue.send("step", "optim_step", learningRate=0.1),
        queue.send_sample("after"),
    ]
    queue.finish(*operations)
    assert queue.ended == ["create", "before", "gradient", "hash", "step", "after"]


def test_samples_that_keep_coming_take_half_of_the_time(tiny):
    queue = Queue(tiny, lora=LORA)
    gradient = queue.send_gradient()
    samples = [queue.send_sample(str(i), [30 + i, *PROMPT], 60) for i in range(40)]
    queue.finish(gradient, *samples)
    place = queue.ended.index("gradient")
    assert queue.ended.index("0") < place < len(queue.ended) - 1


def test_a_sample_without_memory_beside_the_gradient_waits_for_its_end(tiny):
    queue = Queue(tiny, lora=LORA)
    tries = []

    def run_scarcely(run: Callable[[], dict]) -> dict:
        tries.append(1)
        if len(tries) == 1:
            raise torch.OutOfMemoryError("no memory for the test")
        return run()

    queue.wrap("sample", run_scarcely)
    queue.finish(queue.send_gradient(), queue.send_sample("one"), queue.send_sample("two"))
    assert queue.ended == ["create", "gradient", "one", "two"]
    assert len(tries) == 3


@pytest.mark.parametrize("fault", ["cancelled", "failed"])
def test_faults_of_the_one_do_not_touch_the_other(tiny, fault):
    queue = Queue(tiny, lora=LORA)
    model = queue.engine.get_model("m")
    assert isinstance(model, Model)
    lower = model.lower

    def end(run: Callable[[], dict]) -> dict:
        if fault == "cancelled":
            queue.operations.cancel("gradient")
            return run()
        raise ValueError("a defect for the test")

    queue.wrap("sample", end)
    gradient, sample = queue.send_gradient(), queue.send_sample()
    queue.go.set()
    for operation in (gradient, sample):
        operation.finished.result(timeout=60)
    states = (gradient.state, sample.state)
    assert states == (("cancelled", "done") if fault == "cancelled" else ("done", "failed"))
    assert model.lower is lower
    assert (queue.trainable.gradient is None) == (fault == "cancelled")
