"""The engine of one rank, in this process and alone in its group: what it holds, and when."""

import weakref

import pytest
import torch
import torch.distributed as dist

from engine.api import dialect
from engine.device import choose_device
from engine.distributed.rank import RankEngine
from engine.distributed.rank_group import RankGroup
from engine.distributed.sharded_trainable import ShardedTrainable
from engine.models.transformers_network import LibraryModel

from .conftest import LORA
from .library_models import save_library_model
from .test_distributed import CRITIC, FULL, SHARDED_BASE, UPPER, Caller, make_data


@pytest.fixture(scope="module")
def group(tmp_path_factory):
    store = tmp_path_factory.mktemp("group") / "store"
    yield RankGroup(0, 1, store.as_uri(), torch.device("cpu"), 60)
    dist.destroy_process_group()


@pytest.fixture
def rank(group, tiny) -> Caller:
    return Caller(RankEngine(choose_device("cpu", "float32", 1), None, group), tiny)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return save_library_model(tmp_path_factory.mktemp("qwen3"), "qwen3")


def list_held(rank: Caller) -> set[str]:
    """Names of the tensors that the rank's one base holds."""
    (base,) = rank.engine.bases.values()
    if isinstance(base.model, LibraryModel):
        return {n for n in base.model.places if not base.model.get_parameter(n).is_meta}
    return {n for n, t in base.model.list_tensors().items() if not t.is_meta}


LAYERS = {"norm1", "norm2", "qkv", "o", "gate_up", "down"}
LOWER = {f"layers.{i}.{field}" for i in range(2) for field in LAYERS}


def test_a_base_holds_only_what_its_models_do_not_train(rank):
    rank.make("policy", **FULL)
    rank.make("critic", **CRITIC, **FULL)
    assert list_held(rank) == set()
    rank.make("upper", **UPPER)
    assert list_held(rank) == LOWER | {"embedding", "head"}
    rank.make("adapter", lora=LORA)
    everything = set(next(iter(rank.engine.bases.values())).model.list_tensors())
    assert list_held(rank) == everything
    rank("delete_model", "adapter")
    assert list_held(rank) == LOWER | {"embedding", "head"}
    rank("delete_model", "upper")
    assert list_held(rank) == set()
    rank.make("generator", lora=None)
    assert list_held(rank) == everything


def test_a_base_of_transformers_holds_only_what_its_models_do_not_train(rank, library):
    rank.make("policy", base=library, **FULL)
    assert list_held(rank) == set()
    # Read again for another model, though nothing of it is held.
    rank.make("again", base=library, **FULL)
    assert rank("weights_hash", "again") == rank("weights_hash", "policy")
    rank.make("adapter", base=library, lora=LORA)
    assert list_held(rank) == set(next(iter(rank.engine.bases.values())).model.places)


def test_whole_weights_are_there_only_to_sample(rank):
    rank.make("m", **FULL)
    rank.make("critic", **CRITIC, **FULL)
    model = rank.engine.get_model("m")
    trainable = model.require_trainable()
    assert isinstance(trainable, ShardedTrainable)
    data = make_data(3)
    sequences = [{"ids": d["ids"], "maxTokens": 4, "seed": i} for i, d in enumerate(data)]
    operations = {
        "forward": ("m", {"adapter": True, "data": data}),
        "forward_backward": ("critic", {"loss": "value", "data": data}),
    }
    for kind, (name, body) in operations.items():
        for adapter in (True, False):
            body_of_sample = dialect.SampleBody.model_validate(
                {"adapter": adapter, "sequences": sequences}
            )
            rank.engine.prepare("m", body_of_sample)
            rank("sample", "m", adapter=adapter, sequences=sequences)
        assert trainable._whole is not None
        assert model._merged is not None
        assert "layers.0.qkv" in list_held(rank)
        rank(kind, name, **body)
        assert trainable._whole is None
        assert model._merged is None
        assert list_held(rank) == set()


def test_no_tensor_is_read_twice_or_before_its_turn(rank, monkeypatch):
    """While a model is made, at most one whole tensor is there at a time."""
    alive, most, read = [], [], []
    base = rank.engine.load_base(
        dialect.CreateModelBody.model_validate({"base": str(rank.folder), "lora": None, "seed": 0})
    )
    original = type(base).read

    def note(self, name):
        tensor = original(self, name)
        read.append(name)
        alive[:] = [r for r in alive if r() is not None]
        alive.append(weakref.ref(tensor))
        most.append(len(alive))
        return tensor

    monkeypatch.setattr(type(base), "read", note)
    rank.make("m", **FULL)
    assert sorted(read) == sorted(base.model.list_tensors())
    assert max(most) <= 2  # the last one, until the next has come


def test_adapters_share_the_shards_of_a_base_and_hold_none_of_it_whole(rank):
    rank.make("policy", **SHARDED_BASE)
    rank.make("critic", **CRITIC, **SHARDED_BASE)
    rank.make("whole", lora=LORA)
    everything = set(next(iter(rank.engine.bases.values())).model.list_tensors())
    assert list_held(rank) == everything
    rank("delete_model", "whole")
    assert list_held(rank) == set()
    (shards,) = rank.engine.shards.values()
    assert set(shards.parts) == everything
    for name in ("policy", "critic"):
        assert rank.engine.find_shards(rank.engine.get_model(name)) is shards
        rank("delete_model", name)
    assert not rank.engine.shards


def test_a_sharded_base_computes_what_a_whole_one_does_to_the_last_bit(rank):
    sequences = [{"ids": d["ids"], "maxTokens": 4, "seed": i} for i, d in enumerate(make_data(3))]
    found = []
    for base in ({}, {"shardBase": True}):
        rank.make("m", **SHARDED_BASE | {"shardBase": False} | base)
        # Factors B are zero at first.
        rank("forward_backward", "m", loss="ppo", data=make_data(5), tokenBudget=40)
        rank("optim_step", "m", learningRate=1e-2)
        rank("forward_backward", "m", loss="ppo", data=make_data(5, 1), tokenBudget=40)
        gradient = rank.engine.get_model("m").require_trainable().gradient.clone()
        drawn = []
        for adapter in (True, False):
            body = dialect.SampleBody.model_validate({"adapter": adapter, "sequences": sequences})
            rank.engine.prepare("m", body)
            drawn.append(rank("sample", "m", adapter=adapter, sequences=sequences)["sequences"])
            assert "layers.0.qkv" in list_held(rank)
        scored = rank("forward", "m", adapter=True, reference="base", data=make_data(5))
        assert bool(list_held(rank)) is not bool(base)
        untrained = rank("forward", "m", adapter=False, data=make_data(5))
        assert untrained["logprobs"] == scored["referenceLogprobs"] != scored["logprobs"]
        found.append((gradient, drawn, scored))
        rank("delete_model", "m")
    assert torch.equal(found[0][0], found[1][0])
    assert found[0][1:] == found[1][1:]


def test_ranks_wait_longer_for_files_than_within_a_gradient(rank, group, monkeypatch, tmp_path):
    waits, find_max = [], group.find_max

    def note(number, with_files=False):
        waits.append(with_files)
        return find_max(number, with_files)

    monkeypatch.setattr(group, "find_max", note)
    rank.make("m", **FULL)
    rank("export", "m", path=str(tmp_path / "export"))
    assert waits
    assert all(waits)
    waits.clear()
    rank("forward_backward", "m", loss="ppo", data=make_data(3))
    rank("optim_step", "m", learningRate=1e-3)
    assert waits
    assert not any(waits)
