"""The transformer equals transformers'; sharing, caching and batching change nothing."""

import pytest
import torch

from .conftest import LORA, SMOLLM2, Session, needs_smollm2, reference_logprobs, reference_model

PROMPTS = [
    [5, 6, 7, 8, 9, 10],
    [5, 6, 7, 8, 20, 21, 22],
    [5, 6, 7, 8, 9, 10, 30, 31],
    [40],
    [5, 6, 7, 8, 9, 10],
]


def engine_logprobs(
    session: Session, ids: list[int], adapter: bool = True, **options
) -> list[float]:
    data = [{"ids": ids, "weights": [0.0] + [1.0] * (len(ids) - 1)}]
    return session.call("forward", adapter=adapter, data=data, **options)["logprobs"][0]


@pytest.mark.parametrize("first_layer", [0, 2])
def test_logits_equal_transformers(each_model, first_layer):
    session = Session(each_model, {**LORA, "firstLayer": first_layer})
    ids = torch.randint(1, 320, (150,), generator=torch.Generator().manual_seed(0)).tolist()
    reference = reference_model(session)
    with torch.no_grad():
        want = reference_logprobs(reference, ids)
        with reference.disable_adapter():
            want_base = reference_logprobs(reference, ids)
    picked = range(1, len(ids))
    for adapter, expected in ((True, want), (False, want_base)):
        got = engine_logprobs(session, ids, adapter)
        assert max(abs(got[i] - expected[i, ids[i]].item()) for i in picked) < 1e-4


@needs_smollm2
def test_logits_equal_transformers_on_the_default_model():
    from transformers import AutoModelForCausalLM

    session = Session(SMOLLM2, {"rank": 4, "alpha": 8, "firstLayer": 25})
    ids = session.model.base.tokenizer.encode(
        "The capital of France is Paris. The capital of Norway is Oslo, a city by a fjord."
    )
    with torch.no_grad():
        want = reference_logprobs(
            AutoModelForCausalLM.from_pretrained(SMOLLM2, dtype=torch.float32), ids
        )
    got = engine_logprobs(session, ids, adapter=False)
    assert max(abs(got[i] - want[i, ids[i]].item()) for i in range(1, len(ids))) < 1e-4


@pytest.mark.parametrize("adapter", [True, False])
def test_sampled_logprobs_equal_recomputed_ones(each_model, adapter):
    session = Session(each_model)
    sequences = [
        {"ids": p, "maxTokens": 9, "temperature": t, "seed": i, "n": n}
        for i, (p, t, n) in enumerate(
            zip(PROMPTS, (1, 0.5, 0, 1.5, 1), (1, 3, 2, 1, 2), strict=True)
        )
    ]
    result = session.call("sample", adapter=adapter, sequences=sequences)["sequences"]
    reference = reference_model(session)
    for sequence, samples in zip(sequences, result, strict=True):
        assert len(samples) == sequence["n"]
        for one in samples:
            ids = sequence["ids"] + one["ids"]
            with torch.no_grad():
                if adapter:
                    want = reference_logprobs(reference, ids, sequence["temperature"] or 1)
                else:
                    with reference.disable_adapter():
                        want = reference_logprobs(reference, ids, sequence["temperature"] or 1)
            start = len(sequence["ids"])
            assert one["logprobs"] == pytest.approx(
                [want[i, ids[i]].item() for i in range(start, len(ids))], abs=2e-4
            )
            assert one["entropies"] == pytest.approx(
                [-(want[i].exp() * want[i]).sum().item() for i in range(start, len(ids))], abs=1e-3
            )
            if sequence["temperature"] == 0:
                assert one["ids"] == [int(want[i].argmax()) for i in range(start, len(ids))]


def test_a_session_equals_a_fresh_prefill(tiny):
    """Three turns in a session, against each turn on an engine that has never seen it."""
    session = Session(tiny)
    ids = [5, 6, 7, 8, 9]
    for turn in range(3):
        sequence = {"ids": ids, "maxTokens": 6, "seed": turn, "temperature": 1}
        kept = session.call("sample", adapter=True, sequences=[{**sequence, "session": "s"}])
        fresh = Session(tiny).call("sample", adapter=True, sequences=[sequence])
        assert kept["sequences"][0][0]["ids"] == fresh["sequences"][0][0]["ids"]
        assert kept["sequences"][0][0]["logprobs"] == pytest.approx(
            fresh["sequences"][0][0]["logprobs"], abs=1e-4
        )
        if turn:
            # The last sampled token was never fed; everything before it is known.
            assert kept["usage"]["computedTokens"] == 1 + 4 < fresh["usage"]["computedTokens"]
        ids = ids + kept["sequences"][0][0]["ids"] + [50 + turn, 51, 52, 53]
    # A history that diverges is not taken from the session.
    changed = [*ids[:7], 99, *ids[8:]]
    kept = session.call(
        "sample",
        adapter=True,
        sequences=[{"ids": changed, "maxTokens": 4, "temperature": 0, "session": "s"}],
    )
    fresh = Session(tiny).call(
        "sample", adapter=True, sequences=[{"ids": changed, "maxTokens": 4, "temperature": 0}]
    )
    assert kept["sequences"][0][0]["ids"] == fresh["sequences"][0][0]["ids"]
    session.call("end_sessions", sessions=["s"])
    assert not session.lower.sessions
    assert not session.model._upper.sessions


def test_a_change_of_weights_invalidates_what_depends_on_them(session, tiny):
    sequence = {"ids": PROMPTS[0], "maxTokens": 5, "temperature": 0, "session": "s"}
    session.call("sample", adapter=True, sequences=[sequence])
    adapter = session.trainable
    adapter.values = adapter.values * -3
    adapter.mark_changed()
    after = session.call("sample", adapter=True, sequences=[sequence])["sequences"][0][0]
    fresh = Session(tiny)
    fresh.trainable.values = adapter.values.clone()
    fresh.trainable.mark_changed()
    want = fresh.call("sample", adapter=True, sequences=[sequence])["sequences"][0][0]
    assert after["ids"] == want["ids"]
    assert after["logprobs"] == pytest.approx(want["logprobs"], abs=1e-4)


def test_a_batch_equals_its_sequences_alone(tiny):
    sequences = [
        {"ids": p, "maxTokens": 3 + 4 * i, "temperature": 1, "seed": i}
        for i, p in enumerate(PROMPTS)
    ]
    together = Session(tiny).call("sample", adapter=True, sequences=sequences)["sequences"]
    for sequence, (one,) in zip(sequences, together, strict=True):
        ((alone,),) = Session(tiny).call("sample", adapter=True, sequences=[sequence])["sequences"]
        assert one["ids"] == alone["ids"]
        assert one["logprobs"] == pytest.approx(alone["logprobs"], abs=1e-4)


def test_shared_prefixes_are_computed_once(session):
    prompt = list(range(20, 60))
    sequences = [{"ids": [*prompt, 100 + i], "maxTokens": 2, "n": 4} for i in range(5)]
    usage = session.call("sample", adapter=True, sequences=sequences)["usage"]
    assert usage["computedTokens"] == len(prompt) + 5
    assert session.call("sample", adapter=True, sequences=sequences)["usage"]["computedTokens"] == 5


def test_long_generation_with_a_small_cache(tiny):
    """Eviction, growing buffers and rows that end at different times change no token."""
    small = Session(tiny)
    for cache in small.model.caches():
        cache.budget = 120
    big = Session(tiny)
    for turn in range(4):
        sequences = [
            {
                "ids": [*list(range(10 + turn, 50 + turn)), 60 + i],
                "maxTokens": 5 + 30 * i,
                "temperature": 1,
                "seed": i,
            }
            for i in range(5)
        ]
        a = small.call("sample", adapter=True, sequences=sequences)["sequences"]
        b = big.call("sample", adapter=True, sequences=sequences)["sequences"]
        assert [x[0]["ids"] for x in a] == [x[0]["ids"] for x in b]
    assert small.model._upper.capacity < big.model._upper.capacity


def test_hidden_states_of_a_row_that_outlives_a_longer_prompt(tiny):
    """Rows with prompts of different lengths; the longest ends first, and the others go on."""
    session = Session(tiny)
    shared = list(range(20, 80))
    sequences = [
        {"ids": [*shared, 100], "maxTokens": 120, "seed": 1, "session": "a"},
        {"ids": [*shared, 101], "maxTokens": 90, "seed": 2, "session": "b"},
        {"ids": [*shared, *range(150, 250)], "maxTokens": 5, "seed": 3, "session": "c"},
    ]
    samples = session.call("sample", adapter=True, sequences=sequences)["sequences"]
    assert len(samples[0][0]["ids"]) > 100
    data = [
        {
            "ids": sequence["ids"] + one["ids"],
            "weights": [0.0] * len(sequence["ids"]) + [1.0] * len(one["ids"]),
        }
        for sequence, (one,) in zip(sequences, samples, strict=True)
    ]
    fresh = Session(tiny)
    for each in (session, fresh):
        each.call("forward_backward", loss="cross_entropy", data=data)
    difference = (session.gradient - fresh.gradient).norm() / fresh.gradient.norm()
    assert float(difference) < 1e-4


def test_equal_calls_give_equal_bits(tiny):
    def life() -> tuple:
        session = Session(tiny)
        sampled = session.call(
            "sample",
            adapter=True,
            sequences=[{"ids": p, "maxTokens": 8, "seed": 9, "n": 2} for p in PROMPTS],
        )
        datum = {
            "ids": PROMPTS[1] + sampled["sequences"][1][0]["ids"],
            "weights": [0.0] * 7 + [1.0] * len(sampled["sequences"][1][0]["ids"]),
        }
        session.call("forward_backward", loss="cross_entropy", data=[datum])
        session.call("optim_step", learningRate=1e-2)
        return sampled["sequences"], session.call("weights_hash")["hash"]

    assert life() == life()


def test_samples_follow_the_distribution(session):
    """Frequencies of 2,000 first tokens against the softmax, by a chi-square bound."""
    prompt = [5, 6, 7]
    result = session.call(
        "sample",
        adapter=False,
        sequences=[
            {"ids": prompt, "maxTokens": 1, "seed": s, "n": 100, "temperature": 2.0}
            for s in range(20)
        ],
    )
    counts = torch.zeros(320)
    for samples in result["sequences"]:
        for one in samples:
            counts[one["ids"][0]] += 1
    reference = reference_model(session)
    with torch.no_grad(), reference.disable_adapter():
        p = torch.softmax(reference(torch.tensor([prompt])).logits[0, -1] / 2, -1)
    likely = p * 2000 > 5
    expected = torch.cat([p[likely], p[~likely].sum()[None]]) * 2000
    seen = torch.cat([counts[likely], counts[~likely].sum()[None]])
    statistic = float(((seen - expected) ** 2 / expected).sum())
    freedom = len(expected) - 1
    assert statistic < freedom + 4 * (2 * freedom) ** 0.5
