"""Two and three ranks of Ray against one process, on the CPU with gloo and tiny models: equal up to
the order in which numbers are added (float32).
"""

import json
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch

from engine import check_gpu
from engine.api import dialect
from engine.device import choose_device
from engine.distributed.ray_environment import prepare_ray_environment

prepare_ray_environment(None)

import ray

from engine.distributed import driver
from engine.distributed.driver import (
    GPU_WORKERS,
    ClusterSettings,
    DistributedEngine,
    choose_kind,
    make_rank_settings,
    start_local_cluster,
)
from engine.distributed.rank import Rank, find_interface
from engine.engine import Engine
from engine.errors import CancelledError, EngineError

from .conftest import LORA, save_model
from .library_models import save_library_model

# A sum over parts differs from the sum over all by rounding of float32: about 1e-7 of the norm for
# each addition.
TOLERANCE = 1e-5
FULL = {"lora": None, "full": {"firstLayer": 0}}
UPPER = {"lora": None, "full": {"firstLayer": 2}}
CRITIC = {"head": "value"}
SHARDED_BASE = {"lora": {**LORA, "firstLayer": 0}, "shardBase": True}


class RanksLostError(Exception):
    """What the tests raise in place of ending their own process."""


def raise_reason(reason: str):
    raise RanksLostError(reason)


class Caller:
    """Runs operations; bodies and results must be what the dialect says."""

    def __init__(self, engine: Any, folder: Path):
        self.engine, self.folder = engine, folder

    def __call__(self, kind, model="m", check=lambda: None, **body):
        models = dialect.OPERATIONS[kind]
        result = self.engine.run(kind, model, models.body.model_validate(body), check)
        models.result.model_validate(result)
        return result

    def make(self, name, **settings):
        base = str(settings.pop("base", self.folder))
        self("create_model", name, base=base, **{"lora": LORA, "seed": 3, **settings})


@pytest.fixture(scope="module")
def cluster():
    folder = start_local_cluster("cpu", 8)
    yield folder.path
    ray.shutdown()
    folder.remove()


def start(ranks: int, tiny: Path, dtype: str = "float32") -> Caller:
    settings = ClusterSettings(ranks=ranks)
    rank_settings = make_rank_settings("cpu", dtype, 1, None, settings)
    return Caller(DistributedEngine(rank_settings, settings, raise_reason), tiny)


@pytest.fixture(scope="module")
def two(cluster, tiny):
    caller = start(2, tiny)
    yield caller
    caller.engine.close()


@pytest.fixture(scope="module")
def three(cluster, tiny):
    caller = start(3, tiny)
    yield caller
    caller.engine.close()


@pytest.fixture(scope="module")
def one(tiny):
    return Caller(Engine(choose_device("cpu", "float32", 1)), tiny)


@pytest.fixture(scope="module")
def tied(tmp_path_factory) -> Path:
    return save_model(tmp_path_factory.mktemp("qwen2"), "qwen2")


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Path:
    return save_library_model(tmp_path_factory.mktemp("qwen3"), "qwen3")


def make_data(count: int, seed: int = 0, prompt: int = 6) -> list[dict]:
    """Sequences of different lengths that share a prompt, for policies and critics."""
    generator = torch.Generator().manual_seed(seed)

    def draw(count: int) -> list[int]:
        return torch.randint(1, 320, (count,), generator=generator).tolist()

    shared, made = draw(prompt), []
    for i in range(count):
        ids = shared + draw(5 + 3 * i)
        made.append(
            {
                "ids": ids,
                "weights": [0.0] * prompt + [0.1] * (len(ids) - prompt),
                "advantages": [(-1.0) ** i] * len(ids),
                "logprobs": [-5.0] * len(ids),
                "returns": [0.7 - 0.1 * i] * len(ids),
                "values": [0.0] * len(ids),
            }
        )
    return made


def get_loss(settings: dict) -> dict:
    if settings.get("head") == "value":
        return {"loss": "value", "config": {"valueClip": 0.5}}
    return {"loss": "ppo", "config": {"entropyCoef": 0.01}}


def read_state(one: Caller, path: Path, name: str, **settings):
    """What was trained, of a saved state, in one process."""
    one.make(name, **settings)
    one("load_state", name, path=str(path))
    trainable = one.engine.get_model(name).require_trainable()
    one("delete_model", name)
    return trainable


def differ(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).norm() / b.norm())


CASES = {
    "lora": {},
    "full": FULL,
    "upper": {**UPPER, "checkpointing": True},
    "critic": CRITIC,
    "full-critic": CRITIC | FULL,
    "sharded-base": {**SHARDED_BASE, "checkpointing": True},
    "sharded-base-critic": CRITIC | SHARDED_BASE,
    # Of an architecture that transformers computes.
    "library-full": {**FULL, "checkpointing": True},
    "library-critic": CRITIC,
}


@pytest.mark.parametrize("case", CASES)
def test_gradients_and_steps_equal_those_of_one_process(
    one, two, three, tied, library, tmp_path, case
):
    settings = dict(CASES[case])
    if case in ("full", "sharded-base"):
        settings["base"] = tied
    elif case.startswith("library"):
        settings["base"] = library
    one.make(case, **settings)
    for engine in (two, three):
        engine.make(case, **settings)
    if settings.get("head") != "value":
        for engine in (one, two, three):
            engine("snapshot", case, name="reference")
    for step in range(2):
        # One sequence leaves ranks without any; a small budget makes several micro-batches, of
        # which ranks have different numbers. Two operations add up before the step.
        for count in (1, 5):
            call = get_loss(settings) | {"data": make_data(count, step * 10 + count)}
            expected = one("forward_backward", case, tokenBudget=40, **call)
            for engine in (two, three):
                found = engine("forward_backward", case, tokenBudget=40, **call)
                for key in ("loss", "tokens", "entropy", "clipped", "valueClipped"):
                    assert found[key] == pytest.approx(expected[key], rel=1e-5, abs=1e-6)
                for key in ("logprobs", "values"):
                    assert len(found[key]) == len(expected[key])
                    for row, wanted in zip(found[key], expected[key], strict=True):
                        assert row == pytest.approx(wanted, abs=1e-4)
        gradient = one.engine.get_model(case).require_trainable().gradient
        for engine in (two, three):
            path = tmp_path / f"{engine.engine.ranks}-{step}"
            engine("save_state", case, path=str(path))
            saved = read_state(one, path, "probe", **settings)
            assert differ(saved.gradient, gradient) < TOLERANCE
        norms = [e("optim_step", case, learningRate=1e-3)["gradNorm"] for e in (one, two, three)]
        assert norms[1:] == pytest.approx([norms[0]] * 2, rel=1e-5)
    compare_scores((one, two, three), case, settings)
    for engine in (one, two, three):
        engine("delete_model", case)


def compare_scores(engines: tuple[Caller, ...], name: str, settings: dict) -> None:
    """`forward` gives the same on all engines, with ranks that have no data or other batches."""
    if settings.get("head") == "value":
        calls = [{"adapter": True}]
    else:
        calls = [
            {"adapter": True, "reference": "reference", "entropy": True, "temperature": 0.7},
            {"adapter": True, "reference": "base"},
            # The base's own weights are read again where all of them are trained, and dropped;
            # where the base is sharded they are gathered layer by layer.
            {"adapter": False},
            {"adapter": True, "reference": "reference"},
        ]
    for call in calls:
        for count in (1, 5):
            data = make_data(count)
            expected, *found = [
                e("forward", name, data=data, tokenBudget=40, **call) for e in engines
            ]
            for scored in found:
                assert scored.keys() == expected.keys()
                for key in set(expected) - {"tokenBudget", "retriedOutOfMemory"}:
                    assert len(scored[key]) == len(expected[key])
                    for row, wanted in zip(scored[key], expected[key], strict=True):
                        assert row == pytest.approx(wanted, rel=1e-5, abs=1e-4)
            if "reference" in call:
                assert expected["logprobs"] != expected["referenceLogprobs"]


@pytest.mark.parametrize("settings", [UPPER, SHARDED_BASE], ids=["upper", "sharded-base"])
def test_sampling_and_scoring_equal_one_process_and_stay_with_their_activations(one, two, settings):
    for engine in (one, two):
        engine.make("s", **settings)
        engine("forward_backward", "s", loss="ppo", data=make_data(3))
        engine("optim_step", "s", learningRate=1e-3)
        engine("snapshot", "s", name="reference")
        engine("forward_backward", "s", loss="ppo", data=make_data(3))
        engine("optim_step", "s", learningRate=1e-3)
    data = make_data(5)
    sequences = [
        {"ids": d["ids"], "maxTokens": 8, "seed": i, "session": f"s{i}"} for i, d in enumerate(data)
    ]
    drawn = [e("sample", "s", adapter=True, sequences=sequences)["sequences"] for e in (one, two)]
    tokens = [[s[0]["ids"] for s in sampled] for sampled in drawn]
    assert tokens[0] == tokens[1]
    longer = [
        {**s, "ids": s["ids"] + new + [7]} for s, new in zip(sequences, tokens[0], strict=True)
    ]
    usage = two("sample", "s", adapter=True, sequences=longer)["usage"]
    assert usage["computedTokens"] <= 3 * len(data)
    assert len(set(two.engine.session_ranks.values())) == 2
    two("end_sessions", "s", sessions=[f"s{i}" for i in range(5)])
    assert not two.engine.session_ranks
    for count in (1, 5):  # one sequence: a rank only brings its rows
        call = {"adapter": True, "data": make_data(count), "reference": "reference"}
        scored = [e("forward", "s", **call) for e in (one, two)]
        for key in ("logprobs", "referenceLogprobs"):
            for row, wanted in zip(scored[1][key], scored[0][key], strict=True):
                assert row == pytest.approx(wanted, abs=1e-4)
        assert scored[1]["logprobs"] != scored[1]["referenceLogprobs"]
    for engine in (one, two):
        engine("delete_model", "s")


def step_once(engine: Caller, name: str, seed: int) -> float:
    engine("forward_backward", name, loss="ppo", data=make_data(4, seed))
    return engine("optim_step", name, learningRate=1e-3)["gradNorm"]


@pytest.mark.parametrize("case", ["sharded-base", "full"])
def test_checkpoints_go_from_any_number_of_ranks_to_any_other(one, two, three, tmp_path, case):
    settings = {**CASES[case], "offloadOptimizer": case == "full"}
    name = f"moved-{case}"
    for engine in (one, two, three):
        engine.make(name, **settings)
    two("snapshot", name, name="reference")
    step_once(two, name, 1)
    first = two("save_state", name, path=str(tmp_path / "a"))
    assert three("load_state", name, path=str(tmp_path / "a"))["hash"] == first["hash"]
    again = three("save_state", name, path=str(tmp_path / "b"))
    assert again["hash"] == first["hash"]
    assert again["step"] == 1
    assert one("load_state", name, path=str(tmp_path / "b"))["hash"] == first["hash"]
    norms = [step_once(engine, name, 2) for engine in (two, three, one)]
    assert norms[1:] == pytest.approx([norms[0]] * 2, rel=1e-5)
    # A checkpoint of one process, for two; and two resumed from their own: equal to the last bit.
    one("save_state", name, path=str(tmp_path / "c"))
    two("save_state", name, path=str(tmp_path / "d"))
    for folder in ("c", "d"):
        ends = []
        for _ in range(2):
            two("load_state", name, path=str(tmp_path / folder))
            step_once(two, name, 3)
            ends.append(two("weights_hash", name)["hash"])
        assert ends[0] == ends[1]
    two.make(f"{name}-other", lora={**LORA, "rank": 2})
    with pytest.raises(EngineError, match="another kind of model"):
        two("load_state", f"{name}-other", path=str(tmp_path / "a"))


def test_a_damaged_checkpoint_changes_nothing(one, two, tmp_path):
    for engine in (one, two):
        engine.make("damaged")
    saved = two("save_state", "damaged", path=str(tmp_path / "state"))
    step_once(two, "damaged", 1)
    before = two("weights_hash", "damaged")
    file = tmp_path / "state" / "__1_0.distcp"
    content = bytearray(file.read_bytes())
    file.unlink()
    for engine in (one, two):
        with pytest.raises(EngineError, match="is missing") as raised:
            engine("load_state", "damaged", path=str(tmp_path / "state"))
        assert raised.value.code == "not-found"
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(bytes(content[: len(content) // 2]))
    for engine in (one, two):
        with pytest.raises(EngineError, match="damaged"):
            engine("load_state", "damaged", path=str(tmp_path / "state"))
    assert two("weights_hash", "damaged") == before != saved


def test_metadata_that_would_run_code_are_refused(one, tmp_path):
    one.make("refused")
    state = one.engine.get_model("refused").spec
    (tmp_path / "state.json").write_text(
        json.dumps(
            {"format": 2, "step": 0, **state, "hash": "", "snapshots": [], "gradient": False}
        )
    )

    class Call:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "made"),))

    (tmp_path / ".metadata").write_bytes(pickle.dumps(Call()))
    with pytest.raises(EngineError, match="does not belong there"):
        one("load_state", "refused", path=str(tmp_path))
    assert not (tmp_path / "made").exists()


def test_a_failure_on_one_rank_adds_nothing_anywhere(two, one, tmp_path):
    two.make("failing")
    two("forward_backward", "failing", loss="cross_entropy", data=make_data(2))
    rows = make_data(2)
    rows[1]["advantages"] = [1e38] * len(rows[1]["ids"])  # infinite in one rank's part only
    rows[1]["logprobs"] = [-80.0] * len(rows[1]["ids"])
    with pytest.raises(EngineError) as raised:
        two("forward_backward", "failing", loss="importance_sampling", data=rows)
    assert raised.value.code == "not-finite"
    wrong = [*make_data(2), {"ids": [319, 100_000], "weights": [0, 1]}]
    for kind, body in (("forward", {"adapter": True}), ("forward_backward", {"loss": "ppo"})):
        wrong[2] |= {"advantages": [0, 0], "logprobs": [0, 0]}
        with pytest.raises(EngineError, match="token id"):
            two(kind, "failing", data=wrong, **body)

    def cancel():
        raise CancelledError()

    for kind, body in (("forward", {"adapter": True}), ("forward_backward", {"loss": "ppo"})):
        with pytest.raises(CancelledError):
            two(kind, "failing", cancel, data=make_data(64), tokenBudget=64, **body)
    # A call to cancel that comes late stops nothing that was asked for since.
    two.engine._call_all("cancel", two.engine._operation)
    two("forward", "failing", adapter=True, data=make_data(2))
    one.make("failing")
    one("forward_backward", "failing", loss="cross_entropy", data=make_data(2))
    two("save_state", "failing", path=str(tmp_path / "state"))
    saved = read_state(one, tmp_path / "state", "probe")
    assert differ(saved.gradient, one.engine.get_model("failing").require_trainable().gradient) < (
        TOLERANCE
    )


def test_weights_are_exported_and_imported_as_by_one_process(one, two, tmp_path):
    for case, settings in (("lora", {}), ("full", FULL)):
        name = f"moving-{case}"
        for engine in (one, two):
            engine.make(name, **settings)
        step_once(two, name, 1)
        digest = two("weights_hash", name)["hash"]
        written = two("export", name, path=str(tmp_path / case))
        assert written["hash"] == digest
        for engine in (one, two):
            assert engine("import_weights", name, path=str(tmp_path / case))["hash"] == digest


def test_bfloat16_weights_keep_float32_masters(cluster, tiny, tmp_path):
    two, one = start(2, tiny, "bfloat16"), Caller(Engine(choose_device("cpu", "bfloat16", 1)), tiny)
    data = [{**d, "logprobs": None, "advantages": None} for d in make_data(4)]
    for engine in (two, one):
        engine.make("m", **FULL)
        first = engine("forward_backward", loss="cross_entropy", data=data)["loss"]
        # Too small a step for bfloat16: only masters remember it.
        engine("optim_step", learningRate=1e-5)
        second = engine("forward_backward", loss="cross_entropy", data=data)["loss"]
        assert second == pytest.approx(first, rel=1e-2)
    two("save_state", path=str(tmp_path / "two"))
    values = one.engine.get_model("m").require_trainable().values.clone()
    gradient = one.engine.get_model("m").require_trainable().gradient
    one("load_state", path=str(tmp_path / "two"))
    loaded = one.engine.get_model("m").require_trainable()
    assert not torch.equal(values, values.bfloat16().float())
    assert differ(loaded.values, values) < 1e-4
    # Each rank's part of a gradient is rounded to bfloat16, eight bits.
    assert differ(loaded.gradient, gradient) < 3e-2
    two.engine.close()


def test_a_model_that_cannot_be_made_is_made_nowhere(two):
    with pytest.raises(EngineError):
        two("create_model", "nowhere", base="/nowhere", lora=None, seed=0)
    two.make("nowhere")
    with pytest.raises(EngineError, match="already"):
        two.make("nowhere")
    two("delete_model", "nowhere")
    with pytest.raises(EngineError, match="no model"):
        two.engine.get_model("nowhere")


def test_the_engine_tells_where_its_ranks_are_and_what_they_did(two):
    two.make("told")
    capabilities = dialect.Capabilities.model_validate(two.engine.describe_capabilities())
    assert capabilities.cluster is not None
    assert [rank.rank for rank in capabilities.cluster.ranks] == [0, 1]
    computes = [(rank.deviceMemoryBytes, rank.dtype) for rank in capabilities.cluster.ranks]
    assert computes == [(0, "float32")] * 2
    assert [rank for node in capabilities.cluster.nodes for rank in node.ranks] == [0, 1]
    assert "told" in [model.id for model in capabilities.models]
    two("forward_backward", "told", loss="ppo", data=make_data(4))
    ranks = two("optim_step", "told", learningRate=1e-3)["ranks"]
    assert [rank["rank"] for rank in ranks] == [0, 1]
    for rank in ranks:
        assert rank["computeSeconds"] > 0
        assert rank["communicationSeconds"] > 0
        assert rank["peakMemoryBytes"] > 1 << 20
        assert rank["tokens"] > 0


def test_the_check_of_gpus_checks_ranks_and_can_fail(two, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(check_gpu, "open_ranks", lambda *_: nullcontext(two.engine))
    right = check_gpu.RanksRunner.get_gradient

    def spoil_one(self, model):
        return right(self, model) * (1.01 if model == "full" else 1.0)

    monkeypatch.setattr(check_gpu.RanksRunner, "get_gradient", spoil_one)
    checks = check_gpu.check_ranks(tiny, "cpu", 320, 2, 2, 64, tmp_path)
    assert [c.name for c in checks if c.holds is False] == ["2 ranks against CPU, gradient, full"]
    assert sum(c.holds is True for c in checks) >= 7


# In processes of their own: this one is a Ray cluster's already.
CHECK_RANKS = """
import sys
from pathlib import Path
from engine import check_gpu
folder, scratch = map(Path, sys.argv[1:])
for check in check_gpu.check_ranks(folder, "cpu", 320, 2, 2, 64, scratch):
    print(check.holds, check.name)
"""
# A head whose machine has no GPU, in a cluster whose others are said to have two.
START_ON_A_HEAD = """
from argparse import Namespace
from engine.distributed.ray_environment import prepare_ray_environment
prepare_ray_environment(None)
import ray
from engine.distributed.driver import LOOPBACK
from engine.main import make_engine
settings = {"include_dashboard": False, "object_store_memory": 100 << 20}
for attempt in range(3):
    try:
        ray.init(address="local", num_cpus=2, num_gpus=2, _node_ip_address=LOOPBACK, **settings)
        break
    except Exception:
        ray.shutdown()
        if attempt == 2:
            raise
given = {"device": None, "dtype": None, "threads": 1, "devices": None, "cache_bytes": None}
make_engine(Namespace(ray_address="given", ray_strategy="pack", tinker_url=None, **given))
"""


def run_script(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=GPU_WORKERS,
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_the_check_of_gpus_starts_ranks_by_itself(tiny, tmp_path):
    done = run_script(CHECK_RANKS, tiny, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = done.stdout.splitlines()
    assert "True 2 ranks, resumed twice" in lines
    assert sum(line.startswith("True 2 ranks against CPU, ") for line in lines) >= 7
    assert not [line for line in lines if line.startswith("False")]


@pytest.mark.skipif(
    torch.cuda.is_available(), reason="this machine has a GPU, so it is no head without one"
)
def test_ranks_are_on_a_clusters_gpus_whatever_the_drivers_machine_has():
    given = ClusterSettings(address="auto")
    for kind in ("cuda", None):
        assert make_rank_settings(kind, None, None, None, given).kind == kind
    assert choose_kind({"CPU": 8.0, "GPU": 2.0}) == "cuda"
    assert choose_kind({"CPU": 8.0}) == "cpu"
    done = run_script(START_ON_A_HEAD)
    # No GPU is there in truth: what counts is that ranks look for one, and none computes on a CPU.
    assert done.returncode == 1, done.stderr[-2000:]
    assert re.search("cuda", done.stderr, re.IGNORECASE), done.stderr[-2000:]
    assert "All 2 ranks were ended" in done.stderr


def test_a_cluster_of_this_machine_is_this_users_and_has_the_gpus_of_its_ranks(
    cluster, two, monkeypatch
):
    assert cluster.stat().st_mode & 0o077 == 0
    rendezvous = two.engine._rendezvous.path  # no port, which torch opens to everyone
    assert (rendezvous / "store").exists()
    assert rendezvous.stat().st_mode & 0o077 == 0
    assert find_interface("127.0.0.2") == find_interface("127.0.0.1") is not None
    given = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 8)
    monkeypatch.setattr(ray, "init", lambda **settings: given.append(settings["num_gpus"]))
    for ranks in (4, 16, None):
        start_local_cluster("cuda", ranks).remove()
    assert given == [4, 8, 8]


def test_where_a_rank_ends_at_the_start_all_start_once_more(
    cluster, tiny, tmp_path, monkeypatch, caplog
):
    ended = tmp_path / "ended"

    class EndingRank(Rank):
        def join(self, rank, ranks, rendezvous, settings):
            if rank == 1 and not ended.exists():
                ended.touch()
                os._exit(1)
            return super().join(rank, ranks, rendezvous, settings)

    monkeypatch.setattr(driver, "Rank", EndingRank)
    caller = start(2, tiny)
    try:
        assert ended.exists()
        assert "A rank ended at the start" in caplog.text
        assert [place["rank"] for place in caller.engine.places] == [0, 1]
        caller.make("again")
        step_once(caller, "again", 1)
    finally:
        caller.engine.close()


# The driver's own watch, a thread, is told to end the process, too.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_when_a_rank_is_killed_all_are_ended_with_the_reason(three):
    """The last test: nothing is left of the three ranks after it."""
    pids = [place["pid"] for place in three.engine.places]
    three.make("killed")
    step_once(three, "killed", 1)

    def kill():
        if not killed:
            killed.append(time.monotonic())
            os.kill(pids[1], signal.SIGKILL)

    killed: list[float] = []
    with pytest.raises(RanksLostError, match=r"Rank 1 of 3 has ended.*All 3 ranks were ended"):
        three("forward_backward", "killed", kill, loss="ppo", data=make_data(64), tokenBudget=32)
    assert time.monotonic() - killed[0] < 30
    for pid in pids:
        deadline = time.monotonic() + 20
        while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not Path(f"/proc/{pid}").exists()
