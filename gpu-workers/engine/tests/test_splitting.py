"""How sequences are shared out over ranks: balanced by tokens, none lost, none twice, and for every
rank equally many micro-batches. By random cases.
"""

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.api.dialect import ForwardBackwardBody
from engine.device import choose_device
from engine.distributed.rank import RankEngine
from engine.distributed.rank_group import RankGroup
from engine.distributed.splitting import merge_results, split_by_cost
from engine.training.forward_backward import AnyBatch

from .conftest import Session

#: Trains every layer: no rank computes activations below.
FULL = {"firstLayer": 0}


def draw_sequences(rng: random.Random) -> list[list[int]]:
    """Sequences of very different lengths, some of which share a prompt or are equal."""
    prompts = [[rng.randrange(1, 320) for _ in range(rng.randint(1, 30))] for _ in range(3)]
    longest = rng.choice([3, 20, 120])
    drawn = [
        rng.choice(prompts) + [rng.randrange(1, 320) for _ in range(rng.randint(1, longest))]
        for _ in range(rng.randint(1, 40))
    ]
    return drawn + drawn[: rng.randint(0, 2)]


@pytest.mark.parametrize("seed", range(60))
def test_parts_hold_every_sequence_once_and_are_balanced_by_tokens(seed):
    rng = random.Random(seed)
    sequences, ranks = draw_sequences(rng), rng.randint(1, 9)
    costs = [len(ids) for ids in sequences]
    parts = split_by_cost(sequences, costs, ranks)
    assert len(parts) == ranks
    order = [i for part in parts for i in part]
    assert sorted(order) == list(range(len(sequences)))
    # Shared prefixes stay together.
    assert [sequences[i] for i in order] == sorted(sequences)
    sums, share, longest = [sum(costs[i] for i in p) for p in parts], sum(costs) / ranks, max(costs)
    # A sequence goes where its middle lies. So a part begins and ends at most half a sequence from
    # an equal one's ends, and the first and the last part have one such end.
    assert max(abs(found - share) for found in sums) <= longest
    assert max(abs(sums[end] - share) for end in (0, -1)) <= longest / 2
    if ranks == 2:
        assert abs(sums[0] - sums[1]) <= longest


def test_sequences_of_one_length_are_shared_out_evenly():
    for ranks, count in ((2, 6), (3, 9), (4, 7), (5, 3)):
        sizes = [len(p) for p in split_by_cost([[i] for i in range(count)], [8] * count, ranks)]
        assert max(sizes) - min(sizes) <= 1, (ranks, count, sizes)


@pytest.mark.parametrize("seed", range(20))
def test_results_come_back_in_the_order_of_what_was_asked(seed):
    rng = random.Random(seed)
    sequences, ranks = draw_sequences(rng), rng.randint(1, 5)
    parts = split_by_cost(sequences, [len(ids) for ids in sequences], ranks)
    results = [
        {
            "logprobs": [sequences[i] for i in part],
            "values": [],
            "tokens": len(part),
            "ratio": {"sum": 1.0 * len(part), "min": rank, "max": 10.0 + rank},
            "seconds": float(rank),
            "tokenBudget": 100 - rank,
        }
        for rank, part in enumerate(parts)
    ]
    # What a rank without data says counts nothing.
    busy = [rank for rank, part in enumerate(parts) if part]
    assert merge_results(results, parts, len(sequences)) == {
        "logprobs": sequences,
        "values": [],
        "tokens": len(sequences),
        "ratio": {"sum": len(sequences), "min": busy[0], "max": 10.0 + busy[-1]},
        "seconds": busy[-1],
        "tokenBudget": 100 - busy[-1],
    }


class ThreadGroup(RankGroup):
    """Ranks that are threads of this process: what micro-batches in step need of a group."""

    def __init__(self, rank: int, numbers: list[int], barrier: threading.Barrier):
        self.rank, self.ranks, self.numbers, self.barrier = rank, len(numbers), numbers, barrier

    def find_max(self, number: int, with_files: bool = False) -> int:
        self.numbers[self.rank] = number
        self.barrier.wait()
        most = max(self.numbers)
        self.barrier.wait()
        return most


@pytest.fixture(scope="module")
def model(tiny):
    return Session(tiny, lora=None, full=FULL).any_model


@pytest.mark.parametrize("seed", range(20))
def test_every_rank_runs_equally_many_micro_batches_with_every_token_in_one(model, seed):
    rng = random.Random(seed)
    sequences, ranks = draw_sequences(rng), rng.randint(2, 5)
    # Also data without a token that weighs anything, which are in no micro-batch.
    weights = []
    for ids in sequences:
        share = rng.choice([0, 0.5, 1])
        weights.append([0.0] + [float(rng.random() < share) for _ in ids[1:]])
    body = ForwardBackwardBody.model_validate(
        {
            "loss": "ppo",
            "data": [
                {"ids": ids, "weights": w, "advantages": w, "logprobs": w}
                for ids, w in zip(sequences, weights, strict=True)
            ],
        }
    )
    parts = split_by_cost(sequences, [len(ids) for ids in sequences], ranks)
    barrier, numbers = threading.Barrier(ranks, timeout=60), [0] * ranks
    device, budget = choose_device("cpu", "float32", 1), rng.choice([1, 60, 400])

    def run(rank: int) -> list[tuple[AnyBatch, bool]]:
        engine = RankEngine(device, None, ThreadGroup(rank, numbers, barrier))
        own = body.model_copy(update={"data": [body.data[i] for i in parts[rank]]})
        return list(engine._iterate_in_step(model, own, budget, lambda: None))

    with ThreadPoolExecutor(ranks) as pool:
        found = list(pool.map(run, range(ranks)))
    owns = [[batch for batch, is_own in batches if is_own] for batches in found]
    assert {len(batches) for batches in found} == {max(map(len, owns))}
    seen = Counter(
        (parts[rank][action.datum], action.position)
        for rank, batches in enumerate(owns)
        for batch in batches
        for action in batch.actions
    )
    wanted = [(i, p) for i, w in enumerate(weights) for p in range(1, len(w)) if w[p]]
    assert seen == Counter(wanted)
    for batches in owns:
        for batch in batches:
            assert len(batch.ids) <= budget or len({a.datum for a in batch.actions}) == 1
    # Whoever goes along computes one token.
    idle = [batch for batches in found for batch, is_own in batches if not is_own]
    assert all(len(batch.actions) == 1 for batch in idle)
