"""Where memory does not suffice an operation begins again with smaller micro-batches, and nothing
counts twice.
"""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from engine.errors import EngineError
from engine.training import forward_backward

from .conftest import ROOT, Session
from .test_forward_backward import relative
from .test_value_model import critic, make_data


def scarce(monkeypatch, tokens: int) -> list[int]:
    """Memory for micro-batches of at most this many tokens; returns the sizes that were tried."""
    tried: list[int] = []
    real = forward_backward.compute_final_states

    def limited(model, network, batch, check):
        tried.append(len(batch.ids))
        if len(batch.ids) > tokens:
            raise torch.OutOfMemoryError("no memory for the test")
        return real(model, network, batch, check)

    monkeypatch.setattr(forward_backward, "compute_final_states", limited)
    return tried


@pytest.mark.parametrize("head", ["language", "value"])
def test_the_budget_halves_and_nothing_counts_twice(tiny, monkeypatch, head):
    loss = "value" if head == "value" else "cross_entropy"
    make = critic if head == "value" else Session
    want = make(tiny)
    first = want.call("forward_backward", loss=loss, data=make_data(1))
    plain = want.call("forward_backward", loss=loss, data=make_data())
    assert plain["retriedOutOfMemory"] == 0
    assert plain["tokenBudget"] == forward_backward.TOKEN_BUDGET
    session = make(tiny)
    session.call("forward_backward", loss=loss, data=make_data(1))
    # Two groups of 33 and 3 x 12 tokens: the first of the two batches fits, so that a part is there
    # when memory ends.
    tried = scarce(monkeypatch, 60)
    got = session.call("forward_backward", loss=loss, data=make_data(), tokenBudget=200)
    assert got["retriedOutOfMemory"] == 2
    assert got["tokenBudget"] == 50
    assert max(tried) > 60
    for name in ("loss", "tokens", "entropy", "computedTokens"):
        assert name == "computedTokens" or got[name] == pytest.approx(plain[name], rel=1e-5)
    assert first["tokens"] == 54 == got["tokens"]
    assert relative(session.gradient, want.gradient) < 1e-5
    told = session.call("forward", adapter=True, data=make_data(), tokenBudget=200)
    assert told["retriedOutOfMemory"] == 2
    name = "values" if head == "value" else "logprobs"
    for a, b in zip(
        told[name], want.call("forward", adapter=True, data=make_data())[name], strict=True
    ):
        assert a == pytest.approx(b, abs=1e-4)


def test_memory_that_ends_in_a_later_micro_batch_leaves_no_part(tiny, monkeypatch):
    session, want = Session(tiny), Session(tiny)
    long = {"ids": list(range(200, 300)), "weights": [0.0] * 90 + [1.0] * 10}
    short = {"ids": list(range(5, 25)), "weights": [0.0] * 10 + [1.0] * 10}
    tried = scarce(monkeypatch, 50)
    with pytest.raises(EngineError, match="one sequence of 100 tokens") as error:
        session.call("forward_backward", loss="cross_entropy", data=[short, long], tokenBudget=100)
    assert tried == [19, 99]
    assert error.value.code == "out-of-memory"
    assert session.trainable.gradient is None
    for s in (session, want):
        s.call("forward_backward", loss="cross_entropy", data=[short])
    assert torch.equal(session.gradient, want.gradient)


def test_a_cache_that_cannot_grow_stays_whole(tiny, monkeypatch):
    session = Session(tiny)
    sequence = {"ids": list(range(5, 25)), "maxTokens": 4, "temperature": 0}
    before = session.call("sample", adapter=True, sequences=[sequence])
    allocations = []
    real = torch.empty

    def failing(*shape, **options):
        if len(shape) == 2 and shape[0] > 4096:
            allocations.append(shape)
            if len(allocations) == 2:
                raise torch.OutOfMemoryError("no memory for the test")
        return real(*shape, **options)

    monkeypatch.setattr(torch, "empty", failing)
    many = [{"ids": [50 + i] * 400, "maxTokens": 1} for i in range(12)]
    with pytest.raises(torch.OutOfMemoryError):
        session.call("sample", adapter=True, sequences=many)
    monkeypatch.undo()
    for cache in session.model.caches():
        assert len({pool.shape[0] for pool in cache.pools}) == 1
    (again,), (first,) = (
        session.call("sample", adapter=True, sequences=[sequence])["sequences"][0],
        before["sequences"][0],
    )
    assert again["ids"] == first["ids"]
    assert again["logprobs"] == pytest.approx(first["logprobs"], abs=1e-4)
    session.call("sample", adapter=True, sequences=many)


BOUNDED_PROGRAM = """
import resource, sys
from engine.tests.conftest import Session

def make_data(count):
    weights = [0.0] * 200 + [1.0] * 200
    ids = [[(7 * i + j) % 319 + 1 for j in range(400)] for i in range(count)]
    return [{"ids": i, "weights": weights} for i in ids]

def train(count, **body):
    return session.call("forward_backward", loss="cross_entropy", data=make_data(count), **body)

session = Session(sys.argv[1], {"rank": 4, "alpha": 8})
train(1)
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * 4096 + (130 << 20), -1))
result = train(60, tokenBudget=24000)
print("retried", result["retriedOutOfMemory"], result["tokenBudget"], result["tokens"])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="bounds the address space by a limit of Linux")
def test_the_cpu_allocator_really_out_of_memory(tiny):
    """With a bounded address space torch's allocator fails, and the operation makes itself fit."""
    done = subprocess.run(
        [sys.executable, "-c", BOUNDED_PROGRAM, str(tiny)],
        cwd=Path(ROOT) / "gpu-workers",
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    _, retried, budget, tokens = done.stdout.split()[-4:]
    assert int(retried) > 0
    assert int(budget) < 24000
    assert int(tokens) == 60 * 200
