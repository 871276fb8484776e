"""Guided decoding yields only the language, with probabilities over what it allows."""

import re

import pytest
import torch

from .conftest import SMOLLM2, Session, needs_smollm2, reference_logprobs, reference_model

LARK = (
    'start: "[" D (", " D){0,2} "]</important_info>\\n<query>" Q "</query>"\nD: /[1-4]/\nQ: '
    "/[^<\\n]{1,20}/\n"
)
PATTERN = re.compile(r"\[[1-4](, [1-4]){0,2}\]</important_info>\n<query>[^<\n]{1,20}</query>")


@pytest.mark.parametrize("temperature", [0, 1, 3])
def test_only_the_language_is_sampled(session, temperature):
    sequences = [
        {
            "ids": [5, 6, i + 1],
            "guide": {"lark": LARK},
            "maxTokens": 90,
            "seed": i,
            "temperature": temperature,
            "n": 2,
        }
        for i in range(6)
    ]
    sequences.append({"ids": [5, 6], "maxTokens": 7, "temperature": 1})
    result = session.call("sample", adapter=True, sequences=sequences)["sequences"]
    for samples in result[:-1]:
        for one in samples:
            assert one["finishReason"] == "guide"
            assert PATTERN.fullmatch(one["text"]), one["text"]
            assert any(one["forced"])
            assert not all(one["forced"])
            assert all(lp == 0 for lp, f in zip(one["logprobs"], one["forced"], strict=True) if f)
            encoded = session.call("encode_guided", lark=LARK, text=one["text"])
            # The canonical tokens may differ from the sampled ones, the text may not.
            assert session.model.base.tokenizer.decode(encoded["ids"]) == one["text"]
    assert not any(result[-1][0]["forced"])


def test_logprobs_are_renormalised_over_the_allowed_tokens(session):
    tokenizer = session.model.base.tokenizer
    prompt = [5, 6, 7]
    (samples,) = session.call(
        "sample",
        adapter=True,
        sequences=[
            {
                "ids": prompt,
                "guide": {"lark": LARK},
                "maxTokens": 90,
                "seed": 1,
                "n": 4,
                "temperature": 0.8,
            }
        ],
    )["sequences"]
    reference = reference_model(session)
    for one in samples:
        ids = prompt + one["ids"]
        with torch.no_grad():
            full = reference_logprobs(reference, ids, 0.8)
        matcher = tokenizer.create_matcher(LARK)
        for k, (token, lp, forced) in enumerate(
            zip(one["ids"], one["logprobs"], one["forced"], strict=True)
        ):
            mask = torch.from_numpy(
                tokenizer.unpack_masks(tokenizer.compute_masks([matcher]))[0].copy()
            )
            assert mask[token]
            if not forced:
                row = full[len(prompt) + k]
                assert lp == pytest.approx(float(row[token] - row[mask].logsumexp(0)), abs=2e-4)
            assert matcher.consume_token(token)


def test_forced_tokens_take_no_forward_pass_of_their_own(session):
    """A guide without any choice is answered from the prompt alone."""
    ((one,),) = session.call(
        "sample",
        adapter=True,
        sequences=[{"ids": [5], "guide": {"lark": 'start: "hello world"'}, "maxTokens": 50}],
    )["sequences"]
    assert one["text"] == "hello world"
    assert all(one["forced"])
    assert one["finishReason"] == "guide"


def test_length_cuts_a_guide_and_says_so(session):
    ((one,),) = session.call(
        "sample", adapter=True, sequences=[{"ids": [5], "guide": {"lark": LARK}, "maxTokens": 3}]
    )["sequences"]
    assert len(one["ids"]) == 3
    assert one["finishReason"] == "length"


def test_bad_grammars_and_texts_are_refused(session):
    from engine.errors import EngineError

    with pytest.raises(EngineError, match="not a valid grammar"):
        session.call(
            "sample",
            adapter=True,
            sequences=[{"ids": [5], "guide": {"lark": "start: ("}, "maxTokens": 3}],
        )
    for text in ("[5]", "[1", "[1]</important_info>\n<query>x</query> and more"):
        with pytest.raises(EngineError, match="guide"):
            session.call("encode_guided", lark=LARK, text=text)
    with pytest.raises(EngineError, match="does not follow the guide"):
        session.call(
            "forward_backward",
            loss="cross_entropy",
            data=[
                {
                    "ids": [5, 6, 7],
                    "weights": [0, 1, 1],
                    "guides": [{"start": 1, "end": 3, "lark": LARK}],
                }
            ],
        )


def test_stop_strings_and_stop_ids(session):
    tokenizer = session.model.base.tokenizer
    (samples,) = session.call(
        "sample",
        adapter=False,
        sequences=[
            {
                "ids": [5, 6],
                "maxTokens": 60,
                "seed": 4,
                "n": 8,
                "stop": ["a", "zz"],
                "stopIds": [300],
            }
        ],
    )["sequences"]
    for one in samples:
        if one["finishReason"] == "stop" and one["ids"][-1] not in (0, 300):
            assert "a" in one["text"] or "zz" in one["text"]
            before = tokenizer.decode(one["ids"][:-1])
            assert "a" not in before
            assert "zz" not in before
        else:
            assert "a" not in one["text"]
    assert any(one["finishReason"] == "stop" for one in samples)


@needs_smollm2
def test_encoding_agrees_with_decoding_on_the_default_model():
    """Greedy guided decoding of a one-word language gives exactly the tokens that encode_guided
    gives.
    """
    session = Session(SMOLLM2, None)
    text = "[2, 4]</important_info>\n<query>capital of Norway</query>"
    encoded = session.call("encode_guided", lark=LARK, text=text)
    tokenizer = session.model.base.tokenizer
    assert tokenizer.decode(encoded["ids"]) == text
    matcher = tokenizer.create_matcher(LARK)
    for token, forced in zip(encoded["ids"], encoded["forced"], strict=True):
        assert forced == bool(matcher.compute_ff_tokens())
        assert matcher.consume_token(token)
    assert matcher.is_stopped()
