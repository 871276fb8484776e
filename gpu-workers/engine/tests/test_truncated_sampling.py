"""top_p, top_k and repetition_penalty equal transformers' processors; log-probabilities do not."""

from collections import Counter
from typing import Any, cast

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from engine.api.dialect import SampleSequence
from engine.sampling.sampling import Row, penalise_repetition, truncate_distribution

from .conftest import Session

PROMPT = [5, 6, 7, 8, 9, 10]
SETTINGS = [
    {"topP": 0.95},
    {"topP": 0.3},
    {"topP": 1e-6},
    {"topK": 20},
    {"topK": 1},
    {"topK": 10_000_000},
    {"topK": 50, "topP": 0.8},
    {"repetitionPenalty": 1.3},
    {"repetitionPenalty": 0.7, "topK": 30, "topP": 0.9},
    {"temperature": 0.6, "topP": 0.95, "repetitionPenalty": 1.05, "topK": 20},
]


def make_row(ids: list[int], **settings) -> Row:
    request = SampleSequence(ids=ids, maxTokens=4, **settings)
    return Row(request, (0, 0), None, ids, np.zeros(4))


def build_reference(settings: dict) -> LogitsProcessorList:
    processors = LogitsProcessorList()
    if "repetitionPenalty" in settings:
        processors.append(RepetitionPenaltyLogitsProcessor(settings["repetitionPenalty"]))
    processors.append(TemperatureLogitsWarper(float(settings.get("temperature", 1.0))))
    if "topK" in settings:
        processors.append(TopKLogitsWarper(settings["topK"]))
    if "topP" in settings:
        processors.append(TopPLogitsWarper(settings["topP"]))
    return processors


def as_ids(prompt: list[int]) -> torch.LongTensor:
    return cast(torch.LongTensor, torch.tensor([prompt]))


def compute_distribution(logits: torch.Tensor, rows: list[Row]) -> torch.Tensor:
    """As sample_tokens draws: penalty, temperature, top-k, top-p; rows normalised."""
    penalised = penalise_repetition(logits, rows, None)
    shaped = (logits if penalised is None else penalised).clone()
    shaped.div_(torch.tensor([row.request.temperature for row in rows])[:, None])
    kept = truncate_distribution(shaped.softmax(-1), rows)
    return kept / kept.sum(-1, keepdim=True)


@pytest.mark.parametrize("vocabulary", [37, 5000, 49_152])
@pytest.mark.parametrize("scale", [0.05, 1.0, 6.0])
def test_distributions_equal_those_of_transformers(vocabulary, scale):
    torch.manual_seed(vocabulary)
    logits = torch.randn(len(SETTINGS), vocabulary) * scale
    prompts = [torch.randint(0, vocabulary, (12,)).tolist() for _ in SETTINGS]
    # Rows of one batch with different settings do not touch each other.
    rows = [make_row(ids, **s) for ids, s in zip(prompts, SETTINGS, strict=True)]
    got = compute_distribution(logits, rows)
    for i, settings in enumerate(SETTINGS):
        scores = build_reference(settings)(as_ids(prompts[i]), logits[i : i + 1].clone())
        want = scores.softmax(-1)[0]
        # Sums in float32 and float64 may part by a token at the bound of top-p.
        assert ((got[i] > 0) != (want > 0)).sum() <= (0 if vocabulary < 5000 else 2), settings
        assert (got[i] - want).abs().max() < 1e-5, settings


def test_tokens_as_likely_as_the_last_of_top_k_stay():
    logits = torch.tensor([[2.0, 1.0, 1.0, 1.0, 0.0]])
    kept = compute_distribution(logits, [make_row([0], topK=2)])
    want = TopKLogitsWarper(2)(as_ids([0]), logits.clone()).softmax(-1)
    torch.testing.assert_close(kept, want)
    assert (kept > 0).sum() == 4


def test_untouched_rows_share_the_tensor():
    probabilities = torch.rand(2, 9).softmax(-1)
    rows = [make_row([0]), make_row([0], temperature=0.5)]
    assert truncate_distribution(probabilities, rows) is probabilities
    assert penalise_repetition(probabilities, rows, None) is None


def load_reference(folder) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


@pytest.mark.parametrize("settings", [s for s in SETTINGS if s.get("topK") != 10_000_000])
def test_samples_are_of_the_truncated_distribution_and_logprobs_of_the_whole(tiny, settings):
    temperature = settings.get("temperature", 1.0)
    sequence = {"ids": PROMPT, "maxTokens": 1, "n": 4000, "seed": 3, **settings}
    (samples,) = Session(tiny).call("sample", adapter=False, sequences=[sequence])["sequences"]
    with torch.no_grad():
        whole = load_reference(tiny)(torch.tensor([PROMPT])).logits[0, -1].float()
    scores = build_reference(settings)(as_ids(PROMPT), whole[None].clone())
    want = scores.softmax(-1)[0].double()
    counts = Counter(sample["ids"][0] for sample in samples)
    assert all(want[token] > 0 for token in counts)
    # Total variation of 4,000 draws over the tokens that matter.
    seen = torch.zeros(len(want), dtype=torch.float64)
    for token, count in counts.items():
        seen[token] = count / len(samples)
    expected_error = float((want * (1 - want) / len(samples)).sqrt().sum()) / 2
    assert float((seen - want).abs().sum()) / 2 < max(1.5 * expected_error, 1e-9)
    at_temperature = (whole / temperature).log_softmax(-1)
    for sample in samples[:50]:
        assert sample["logprobs"][0] == pytest.approx(
            float(at_temperature[sample["ids"][0]]), abs=1e-4
        )


def test_the_importance_ratio_is_1_before_an_update(tiny):
    """What was recorded under truncation is what the trainer computes for the same tokens."""
    session = Session(tiny)
    sequence = {
        "ids": PROMPT,
        "maxTokens": 12,
        "temperature": 0.6,
        "topP": 0.5,
        "topK": 5,
        "repetitionPenalty": 1.4,
        "seed": 1,
    }
    ((sample,),) = session.call("sample", adapter=True, sequences=[sequence])["sequences"]
    ids = PROMPT + sample["ids"]
    weights = [0.0] * len(PROMPT) + [1.0] * len(sample["ids"])
    result = session.call(
        "forward", adapter=True, data=[{"ids": ids, "weights": weights}], temperature=0.6
    )
    assert result["logprobs"][0][len(PROMPT) :] == pytest.approx(sample["logprobs"], abs=1e-4)


def test_greedy_decoding_keeps_the_penalty_alone(tiny):
    sequence = {"ids": PROMPT, "maxTokens": 10, "temperature": 0, "repetitionPenalty": 1.8}
    truncated = {**sequence, "topP": 0.1, "topK": 2}
    (plain,), (same,) = Session(tiny).call(
        "sample", adapter=False, sequences=[sequence, truncated]
    )["sequences"]
    assert plain["ids"] == same["ids"]
    want = load_reference(tiny).generate(
        torch.tensor([PROMPT]),
        max_new_tokens=10,
        do_sample=False,
        repetition_penalty=1.8,
        pad_token_id=0,
    )[0, len(PROMPT) :]
    assert plain["ids"] == want.tolist()
    assert len(plain["ids"]) > 1


def test_a_guide_is_truncated_within_what_it_allows(tiny):
    """Top-k 1 under a guide is the likeliest of the allowed tokens."""
    guide = {"lark": 'start: "a" | "b" | "c" | "d"\n'}
    sequence = {"ids": PROMPT, "maxTokens": 3, "guide": guide, "temperature": 0}
    drawn = {**sequence, "temperature": 1, "topK": 1, "seed": 5, "n": 8}
    greedy, sampled = Session(tiny).call("sample", adapter=False, sequences=[sequence, drawn])[
        "sequences"
    ]
    assert {tuple(s["ids"]) for s in sampled} == {tuple(greedy[0]["ids"])}
