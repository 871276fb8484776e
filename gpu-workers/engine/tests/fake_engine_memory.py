"""Memory of one rank of the engine itself, by fake tensors: no weights, no other ranks.

What fake_sharded_memory.py does for FSDP2 under torch's own AdamW and transformers' model, for the
engine's own layers, packing, losses and state: peaks of `forward` and of `forward_backward` where
all weights are trained, and of adapters on a sharded base.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.distributed._tools.mem_tracker import MemTracker
from torch.distributed.device_mesh import init_device_mesh
from torch.testing._internal.distributed.fake_pg import FakeStore

from engine.api import dialect
from engine.distributed.rank_group import RankClock, RankGroup
from engine.distributed.sharded_base import ShardedBase
from engine.distributed.sharded_trainable import ShardedTrainable
from engine.models.llama import LlamaConfig, StoredLlama
from engine.models.model import Model
from engine.training import forward_backward
from engine.training.loss_report import LossReport
from engine.training.trainable import LazyTensors

from .fake_sharded_memory import SHAPES

RECORDED = Path(__file__).with_suffix(".json")
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Case:
    """One sequence of `tokens` on each rank, with checkpointing."""

    model: str
    layers: int  # as many of the model's
    ranks: int
    tokens: int
    head: str  # language or value
    lora_rank: int | None  # of factors on all layers of a sharded base; None: all weights


class FakeGroup(RankGroup):
    """Rank 0 of a group that sends nothing."""

    def __init__(self, ranks: int):
        self.rank, self.ranks, self.device = 0, ranks, CPU
        self.mesh = self.host_mesh = init_device_mesh("cpu", (ranks,))
        self.clock = RankClock(CPU)


class ShapesOnly(StoredLlama):
    """A folder of which only the shapes are known."""

    def __init__(self, case: Case):
        shape = SHAPES[case.model]
        heads = shape["num_attention_heads"]
        self.dtype, self.has_own_head = torch.bfloat16, not shape["tie_word_embeddings"]
        self.config = LlamaConfig(
            hidden=shape["hidden_size"],
            layers=case.layers,
            heads=heads,
            kv_heads=shape["num_key_value_heads"],
            head_dim=shape["hidden_size"] // heads,
            intermediate=shape["intermediate_size"],
            vocabulary=shape["vocab_size"],
            norm_eps=1e-6,
            rope_theta=1e6,
            rope_scaling=None,
            max_length=32_768,
            eos_ids=(0,),
            tied=shape["tie_word_embeddings"],
            qkv_bias=True,
            o_bias=False,
            has_head=True,
        )


class ShapedReport(LossReport):
    """Gradients without numbers: a fake tensor has none."""

    def add_policy_loss(self, logprobs: Tensor, entropies: Tensor, columns: dict[str, Tensor]):
        return torch.zeros_like(logprobs), torch.zeros_like(entropies)

    def write_logprobs(self, actions: Any, logprobs: Tensor) -> None:
        pass

    def add_value_loss(self, values: Tensor, actions: Any) -> Tensor:
        return torch.zeros_like(values)


def make_model(case: Case, group: RankGroup) -> tuple[Model, ShardedTrainable]:
    """The engine's model as a rank makes it, with the reference that a policy has."""
    stored = ShapesOnly(case)
    base: Any = SimpleNamespace(
        folder=Path("model"),
        model=stored.build(CPU, is_empty=True),
        tokenizer=SimpleNamespace(vocabulary=stored.config.vocabulary),
    )
    base.read = lambda name: torch.empty_like(base.model.list_tensors()[name], device=CPU)
    is_full = case.lora_rank is None
    body = dialect.CreateModelBody.model_validate(
        {
            "base": "model",
            "lora": None if is_full else {"rank": case.lora_rank, "alpha": 1},
            "full": {"firstLayer": 0} if is_full else None,
            "shardBase": not is_full,
            "head": case.head,
            "seed": 0,
            "checkpointing": True,
        }
    )

    def make_trainable(model, body, shapes, _):
        dtype = torch.bfloat16 if is_full else torch.float32
        given = LazyTensors(shapes, lambda name: torch.empty(shapes[name], dtype=dtype))
        shards = None if is_full else ShardedBase(base, group)
        return ShardedTrainable(model, body, shapes, given, group, shards)

    model = Model("m", body, base, 1 << 20, None, make_trainable)
    trainable = model.trainable
    assert isinstance(trainable, ShardedTrainable)
    if case.head == "language":
        trainable.take_snapshot("reference")
    return model, trainable


class TotalTracker(MemTracker):
    """Without hooks that tell gradients from other tensors: frozen parameters take none."""

    def _track_module_params_and_buffers(
        self, module: nn.Module, install_grad_hooks: bool = True
    ) -> tuple[int, int]:
        return super()._track_module_params_and_buffers(module, install_grad_hooks=False)


def read_peak(tracker: MemTracker) -> int:
    """Most bytes on the device; shapes on meta take none."""
    return tracker.get_tracker_snapshot("peak")[CPU]["Total"]


def measure_case(case: Case) -> dict[str, int]:
    """Bytes of all tensors at the peak of `forward` and of `forward_backward`."""
    dist.init_process_group("fake", rank=0, world_size=case.ranks, store=FakeStore())
    try:
        group = FakeGroup(case.ranks)  # of real tensors
        with FakeTensorMode(allow_non_fake_inputs=True):
            found = {}
            for what in ("forward", "gradient"):
                tracker = TotalTracker()
                with tracker:
                    run_pass(case, group, what, tracker)
                found[what] = read_peak(tracker)
            return found
    finally:
        dist.destroy_process_group()


def run_pass(case: Case, group: RankGroup, what: str, tracker: MemTracker) -> None:
    """A pass over one micro-batch, after one that makes what FSDP2 makes only once."""
    model, trainable = make_model(case, group)
    tokens = case.tokens
    data = {
        "ids": [1 + i % 300 for i in range(tokens)],
        "weights": [0.0] * 64 + [1.0] * (tokens - 64),
    }
    numbers = {n: [0.0] * tokens for n in ("advantages", "logprobs", "returns", "values")}
    forward = dialect.ForwardBody.model_validate({"adapter": True, "data": [data]})
    backward = dialect.ForwardBackwardBody.model_validate(
        {"loss": "value" if case.head == "value" else "ppo", "data": [data | numbers]}
    )
    for _ in range(2):
        tracker.reset_mod_stats()
        if what == "forward":
            if case.head == "language":
                trainable.update_network(trainable.get_snapshot("reference"))
            trainable.update_network()
            for batch in forward_backward.iterate_batches(model, forward, lambda: None, tokens):
                trainable.network.compute_numbers(batch, forward)
            continue
        trainable.update_network()
        total = torch.zeros_like(trainable.values)
        for batch in forward_backward.iterate_batches(model, backward, lambda: None, tokens):
            trainable.network.add_gradient(batch, ShapedReport(backward, [], []))
            trainable.take_gradient(total)
        trainable.clear_gradient()
        del total


def read_recorded() -> list[tuple[Case, dict[str, int]]]:
    """The cases whose bytes are recorded, for core/memory/sharded-memory.test.ts as well."""
    entries = json.loads(RECORDED.read_text())
    return [(Case(**{k: v for k, v in e.items() if k != "bytes"}), e["bytes"]) for e in entries]


if __name__ == "__main__":
    # Measures all recorded cases anew.
    measured = [asdict(case) | {"bytes": measure_case(case)} for case, _ in read_recorded()]
    RECORDED.write_text(json.dumps(measured, indent=2) + "\n")
