"""Two ranks with gloo on the CPU against one process: equal up to the order in which numbers are
added (float32).
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from engine import dialect
from engine.device import choose_device
from engine.engine import Engine
from engine.errors import CancelledError, EngineError
from engine.parallel import ParallelEngine, merge_results, split_by_cost

from .conftest import LORA

# A sum over two halves differs from the sum over all by rounding of float32: about 1e-7 of the norm
# for each addition.
TOLERANCE = 1e-5


class Caller:
    def __init__(self, engine, folder):
        self.engine, self.folder = engine, folder

    def __call__(self, kind, model="m", check=lambda: None, **body):
        return self.engine.run(
            kind, model, dialect.OPERATIONS[kind].body.model_validate(body), check
        )


@pytest.fixture(scope="module")
def pair(tiny):
    two = ParallelEngine(choose_device("cpu", "float32", 2), 2)
    one = Engine(choose_device("cpu", "float32", 1))
    yield Caller(two, tiny), Caller(one, tiny)
    two.close()


def make(pair, name, **settings):
    for call in pair:
        call("create_model", name, base=str(call.folder), **{"lora": LORA, "seed": 3, **settings})


def data(count, seed=0, prompt=6):
    generator = torch.Generator().manual_seed(seed)

    def draw(count: int) -> list[int]:
        return torch.randint(1, 320, (count,), generator=generator).tolist()

    shared, made = draw(prompt), []
    for i in range(count):
        ids = shared + draw(5 + 3 * i)
        weights = [0.0] * prompt + [0.1] * (len(ids) - prompt)
        made.append(
            {
                "ids": ids,
                "weights": weights,
                "advantages": [(-1.0) ** i] * len(ids),
                "logprobs": [-5.0] * len(ids),
            }
        )
    return made


def close(a, b):
    return float((a - b).norm()) <= TOLERANCE * float(b.norm())


def test_split_keeps_prefixes_together_and_halves_the_tokens():
    keys = [[2, i] for i in range(6)] + [[1, i] for i in range(6)]
    parts = split_by_cost(keys, [10] * 12, 2)
    assert sorted(parts[0] + parts[1]) == list(range(12))
    assert set(parts[0]) == set(range(6, 12))
    costs = [100, 1, 1, 1, 97]
    assert [sum(costs[i] for i in p) for p in split_by_cost([[i] for i in range(5)], costs, 2)] == [
        100,
        100,
    ]
    assert split_by_cost([[1]], [5], 3) == [[], [0], []]


def test_merge_brings_back_the_order_and_adds_up():
    a = {
        "logprobs": [[1], [2]],
        "values": [],
        "loss": 1.0,
        "tokens": 2,
        "seconds": 3.0,
        "tokenBudget": 64,
        "ratio": {"sum": 2.0, "min": 0.5, "max": 1.0},
    }
    b = {
        "logprobs": [[3]],
        "values": [],
        "loss": 2.0,
        "tokens": 0,
        "seconds": 1.0,
        "tokenBudget": 32,
        "ratio": {"sum": 0.0, "min": 0.1, "max": 9.0},
    }
    merged = merge_results([a, b], [[2, 0], [1]], 3)
    assert merged == {
        "logprobs": [[2], [3], [1]],
        "values": [],
        "loss": 3.0,
        "tokens": 2,
        "seconds": 3.0,
        "tokenBudget": 32,
        "ratio": {"sum": 2.0, "min": 0.5, "max": 1.0},
    }


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize(
    "settings", [{}, {"lora": None, "full": {"firstLayer": 0}}], ids=["lora", "full"]
)
def test_gradient_and_weights_equal_those_of_one_process(pair, count, settings):
    name = f"{count}-{'full' if 'full' in settings else 'lora'}"
    make(pair, name, **settings)
    for step in range(2):
        for part in range(2):  # two operations add up before the step
            both = [
                call("forward_backward", name, loss="ppo", data=data(count, seed=step * 2 + part))
                for call in pair
            ]
            for key in ("loss", "tokens", "entropy", "clipped"):
                assert both[0][key] == pytest.approx(both[1][key], rel=1e-4)
            for row, expected in zip(both[0]["logprobs"], both[1]["logprobs"], strict=True):
                assert row == pytest.approx(expected, abs=1e-4)
        gradients = [call.engine.model(name).require_trainable().gradient for call in pair]
        assert close(*gradients)
        norms = [call("optim_step", name, learningRate=1e-3)["gradNorm"] for call in pair]
        assert norms[0] == pytest.approx(norms[1], rel=1e-4)
    assert close(*[call.engine.model(name).require_trainable().values for call in pair])
    # The operation itself compares the ranks' hashes to the last bit.
    assert pair[0]("weights_hash", name)["step"] == 2


def test_a_critic_learns_alike(pair):
    make(pair, "critic", head="value")
    rows = [
        {**d, "returns": [0.7] * len(d["ids"]), "values": [0.0] * len(d["ids"])} for d in data(4)
    ]
    both = [
        call("forward_backward", "critic", loss="value", config={"valueClip": 0.5}, data=rows)
        for call in pair
    ]
    assert both[0]["loss"] == pytest.approx(both[1]["loss"], rel=1e-5)
    assert both[0]["logprobs"] == both[1]["logprobs"] == []
    for row, expected in zip(both[0]["values"], both[1]["values"], strict=True):
        assert row == pytest.approx(expected, abs=1e-5)
    assert close(*[call.engine.model("critic").require_trainable().gradient for call in pair])


def test_sampling_gives_the_same_tokens_and_stays_with_its_activations(pair):
    make(pair, "sampling")
    prompts = [d["ids"] for d in data(5)]
    sequences = [
        {"ids": ids, "maxTokens": 8, "seed": i, "session": f"s{i}", "n": 1}
        for i, ids in enumerate(prompts)
    ]
    first = [call("sample", "sampling", adapter=True, sequences=sequences) for call in pair]
    tokens = [[s[0]["ids"] for s in f["sequences"]] for f in first]
    assert tokens[0] == tokens[1]
    assert first[0]["usage"]["sampledTokens"] == first[1]["usage"]["sampledTokens"]
    longer = [
        {**s, "ids": s["ids"] + written + [7]}
        for s, written in zip(sequences, tokens[0], strict=True)
    ]
    second = pair[0]("sample", "sampling", adapter=True, sequences=longer)
    # Each conversation came back to the rank that has its activations: only what is new was
    # computed.
    assert second["usage"]["computedTokens"] <= 3 * len(prompts)
    assert len(set(pair[0].engine.session_ranks.values())) == 2
    pair[0]("end_sessions", "sampling", sessions=[f"s{i}" for i in range(5)])
    assert not pair[0].engine.session_ranks


def test_a_failure_on_one_rank_adds_nothing_anywhere(pair):
    two = pair[0]
    make(pair, "failing")
    two("forward_backward", "failing", loss="ppo", data=data(2))
    before = two.engine.model("failing").require_trainable().gradient.clone()
    rows = data(2)
    rows[1]["advantages"] = [1e38] * len(rows[1]["ids"])  # infinite in one rank's half only
    rows[1]["logprobs"] = [-80.0] * len(rows[1]["ids"])
    with pytest.raises(EngineError) as raised:
        two("forward_backward", "failing", loss="importance_sampling", data=rows)
    assert raised.value.code == "not-finite"
    assert torch.equal(two.engine.model("failing").require_trainable().gradient, before)
    two("optim_step", "failing", learningRate=1e-3)
    two("weights_hash", "failing")
    with pytest.raises(EngineError, match="token id"):
        two(
            "forward",
            "failing",
            adapter=True,
            data=[*data(1), {"ids": [319, 100_000], "weights": [0, 1]}],
        )


def test_cancelling_reaches_every_rank(pair):
    make(pair, "cancelled")

    def check():
        raise CancelledError()

    with pytest.raises(CancelledError):
        pair[0]("forward_backward", "cancelled", check, loss="ppo", data=data(4))
    assert pair[0].engine.model("cancelled").require_trainable().gradient is None
    assert pair[0]("forward_backward", "cancelled", loss="ppo", data=data(4))["tokens"] > 0


def test_state_is_saved_once_and_loaded_everywhere(pair, tmp_path):
    two = pair[0]
    make(pair, "state")
    two("forward_backward", "state", loss="ppo", data=data(3))
    two("optim_step", "state", learningRate=1e-2)
    saved = two("save_state", "state", path=str(tmp_path / "state"))
    two("forward_backward", "state", loss="ppo", data=data(3))
    two("optim_step", "state", learningRate=1e-2)
    assert two("weights_hash", "state")["hash"] != saved["hash"]
    assert two("load_state", "state", path=str(tmp_path / "state"))["hash"] == saved["hash"]
    two("forward_backward", "state", loss="ppo", data=data(3))
    two("optim_step", "state", learningRate=1e-2)


def test_a_model_that_cannot_be_made_is_made_nowhere(pair):
    two = pair[0]
    with pytest.raises(EngineError):
        two("create_model", "nowhere", base="/nowhere", lora=None, seed=0)
    make(pair, "nowhere")
    with pytest.raises(EngineError, match="already"):
        two("create_model", "nowhere", base=str(two.folder), lora=None, seed=0)
    two("delete_model", "nowhere")
    assert "nowhere" not in two.engine.models


def test_a_rank_that_dies_ends_the_engine_with_the_reason():
    environment = {**os.environ, "S3_ENGINE_SECRET": "x"}
    options = "--port 0 --device cpu --dtype float32 --threads 2 --devices 2"
    arguments = [sys.executable, "-m", "engine.main", *options.split()]
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        arguments,
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        assert '"port"' in process.stdout.readline()
        children = subprocess.run(
            ["ps", "-ww", "-o", "pid=,command=", "--ppid", str(process.pid)],
            capture_output=True,
            text=True,
        ).stdout
        ranks = [int(line.split()[0]) for line in children.splitlines() if "spawn_main" in line]
        assert len(ranks) == 1
        os.kill(ranks[0], signal.SIGKILL)
        started = time.monotonic()
        assert process.wait(20) == 1
        assert time.monotonic() - started < 10
        assert (
            "rank 1 of 2 ended with code -9; the engine cannot go on without it"
            in process.stderr.read()
        )
    finally:
        process.kill()
        process.wait()
