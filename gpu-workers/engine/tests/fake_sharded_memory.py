"""Memory of one rank that trains a sharded model, by fake tensors: no weights, no other ranks.

torch's FSDPMemTracker (torch/distributed/_tools/fsdp2_mem_tracker.py) counts the storage of every
tensor of a step under FSDP2 and torch's AdamW, with a process group that sends nothing. The second
step counts, since in the first DTensor's bookkeeping of AdamW shows as tensors of the whole shape.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.distributed._tools.fsdp2_mem_tracker import FSDPMemTracker
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.testing._internal.distributed.fake_pg import FakeStore
from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen2ForTokenClassification

SHAPES = {
    "qwen2.5-7b-instruct": {
        "hidden_size": 3584,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "intermediate_size": 18944,
        "vocab_size": 152064,
        "tie_word_embeddings": False,
    },
    "qwen2.5-0.5b-instruct": {
        "hidden_size": 896,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
        "intermediate_size": 4864,
        "vocab_size": 151936,
        "tie_word_embeddings": True,
    },
}
RECORDED = Path(__file__).with_suffix(".json")
# Rows whose logits are computed, as many as the engine holds at once (token_logprobs.LOGIT_ROWS).
LOGIT_ROWS = 256


@dataclass(frozen=True)
class Case:
    """A model that is trained by so many ranks with `tokens` in each of two micro-batches."""

    model: str
    layers: int  # as many of the model's
    ranks: int
    tokens: int
    head: str  # language or value
    lora_rank: int | None  # None: all weights
    checkpointing: bool


class LoraLinear(nn.Module):
    """A frozen linear map with low-rank factors."""

    def __init__(self, base: nn.Linear, rank: int):
        super().__init__()
        self.base = base
        self.down = nn.Linear(base.in_features, rank, bias=False, dtype=torch.float32)
        self.up = nn.Linear(rank, base.out_features, bias=False, dtype=torch.float32)

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + self.up(self.down(x))


def build_model(case: Case) -> Any:
    shape: dict[str, Any] = SHAPES[case.model] | {"num_hidden_layers": case.layers}
    config = Qwen2Config(**shape, max_position_embeddings=32768)
    config.num_labels = 1
    config._attn_implementation = "sdpa"
    kind = Qwen2ForCausalLM if case.head == "language" else Qwen2ForTokenClassification
    # Frozen weights are held in the number format of compute, trained ones in float32.
    torch.set_default_dtype(torch.float32 if case.lora_rank is None else torch.bfloat16)
    model: Any = kind(config)
    torch.set_default_dtype(torch.float32)
    if case.lora_rank is not None:
        model.requires_grad_(False)
        for layer in model.model.layers:
            for block in (layer.self_attn, layer.mlp):
                for name, child in list(block.named_children()):
                    if isinstance(child, nn.Linear):
                        setattr(block, name, LoraLinear(child, case.lora_rank))
    if case.checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    return model.train()


def shard(model: Any, mesh: DeviceMesh) -> None:
    policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    for layer in model.model.layers:
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    fully_shard(model, mesh=mesh, mp_policy=policy)


def measure_case(case: Case) -> int:
    """Bytes of all tensors at the peak of the second step."""
    dist.init_process_group("fake", rank=0, world_size=case.ranks, store=FakeStore())
    try:
        mesh = init_device_mesh("cpu", (case.ranks,))  # of real tensors
        with FakeTensorMode():
            model = build_model(case)
            shard(model, mesh)
            trained = [p for p in model.parameters() if p.requires_grad]
            optimiser = torch.optim.AdamW(trained, lr=1e-6, foreach=False)
            rows = {"logits_to_keep": LOGIT_ROWS} if case.head == "language" else {}
            trackers = [FSDPMemTracker(model, optimiser) for _ in range(2)]
            for tracker in trackers:
                with tracker:
                    for _ in range(2):
                        ids = torch.randint(0, 1000, (1, case.tokens))
                        model(
                            input_ids=ids, use_cache=False, **rows
                        ).logits.float().sum().backward()
                        tracker.reset_mod_stats()
                    optimiser.step()
                    optimiser.zero_grad()
            (peak,) = trackers[-1].get_tracker_snapshot("peak").values()
            return peak["Total"]
    finally:
        dist.destroy_process_group()


def read_recorded() -> list[tuple[Case, int]]:
    """The cases whose bytes are recorded, for core/memory/sharded-memory.test.ts as well."""
    entries = json.loads(RECORDED.read_text())
    return [(Case(**{k: v for k, v in e.items() if k != "bytes"}), e["bytes"]) for e in entries]


if __name__ == "__main__":
    # Measures all recorded cases anew; those of 7B take minutes each.
    measured = [asdict(case) | {"bytes": measure_case(case)} for case, _ in read_recorded()]
    RECORDED.write_text(json.dumps(measured, indent=2) + "\n")
