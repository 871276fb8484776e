"""Samples as a service has them, and as the dialect's. Pure."""

from ..api.dialect import SampleBody, SampleSequence
from ..errors import EngineError
from ..sampling.guided_decoding import Tokenizer
from .mapping import refuse
from .service import SampleRequest, ServiceSample


def map_sample(body: SampleBody, tokenizer: Tokenizer, max_length: int) -> list[SampleRequest]:
    """Raises `unsupported` for what a service does not do, `invalid-input` for what is too long."""
    return [
        map_sequence(i, request, tokenizer, max_length) for i, request in enumerate(body.sequences)
    ]


def map_sequence(
    index: int, request: SampleSequence, tokenizer: Tokenizer, max_length: int
) -> SampleRequest:
    if request.guide is not None:
        raise refuse("knows no grammars", "set search.decoding to free")
    if request.repetitionPenalty != 1:
        raise refuse(
            "has no repetition penalty",
            "set rl.repetitionPenalty to 1, as that of evaluation and methodSettings",
        )
    if len(request.ids) + request.maxTokens > max_length:
        raise EngineError(
            "invalid-input",
            f"sequences.{index}: {len(request.ids)} ids and maxTokens {request.maxTokens} exceed "
            f"the model's {max_length} positions.",
        )
    ends = [*dict.fromkeys((*tokenizer.eos_ids, *request.stopIds))]
    # One kind alone is taken, so ids become the texts that they stand for. What a service does not
    # stop at is cut from its samples (cut_sample).
    texts = [tokenizer.decode([i]) for i in ends]
    return SampleRequest(
        inputs=request.ids,
        count=request.n,
        max_tokens=request.maxTokens,
        seed=request.seed % 2**31,  # services take 32 bits
        temperature=request.temperature,
        top_p=request.topP,
        top_k=request.topK or -1,
        stop=[*request.stop, *filter(None, texts)] if request.stop else ends,
    )


def cut_sample(sample: ServiceSample, request: SampleSequence, tokenizer: Tokenizer) -> dict:
    """The dialect's Sampled: up to the first token that ends it, wherever the service stopped."""
    ends = {*tokenizer.eos_ids, *request.stopIds}
    longest = max((len(text.encode()) for text in request.stop), default=0)
    tokens, finish = sample.tokens[: request.maxTokens], "length"
    for i, token in enumerate(tokens):
        tail = tokenizer.decode(tokens[max(0, i - longest - 3) : i + 1]) if longest else ""
        if token in ends or any(text in tail for text in request.stop):
            tokens, finish = tokens[: i + 1], "stop"
            break
    if sample.is_stopped:
        finish = "stop"
    is_ended = bool(tokens) and tokens[-1] in ends
    return {
        "ids": tokens,
        "logprobs": sample.logprobs[: len(tokens)],
        "forced": [False] * len(tokens),
        "finishReason": finish,
        "text": tokenizer.decode(tokens[:-1] if is_ended else tokens),
    }
