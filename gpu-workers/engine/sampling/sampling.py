"""The operation sample: all sequences of a call as one batch, each shared prefix computed once."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from llguidance import LLMatcher
from torch import Tensor

from ..api.dialect import SampleBody, SampleSequence
from ..errors import EngineError
from ..models.attention import to_index
from ..models.kv_cache import KVCache
from ..models.llama import Llama
from ..models.model import Model, ModelState, PrefillResult
from .decode import Decoder
from .guided_decoding import count_bits

# Rows decoded together: bounds the memory of the rows' own keys and values.
MAX_ROWS = 128
# Where all guides together allow at most this many tokens, only their logits are computed.
FEW_TOKENS = 1024


@dataclass
class Row:
    """One sample of one sequence."""

    request: SampleSequence
    place: tuple[int, int]  # sequence, sample
    matcher: LLMatcher | None
    prompt: list[int]
    uniforms: np.ndarray  # [maxTokens] random numbers in [0, 1)
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    entropies: list[float] = field(default_factory=list)
    forced: list[bool] = field(default_factory=list)
    pending: list[int] = field(default_factory=list)  # sampled or forced, not yet computed
    finish: Literal["stop", "guide", "length"] | None = None

    def append_forced(self) -> None:
        """Appends the tokens that the guide forces next; may end the row."""
        if self.matcher is not None:
            tokens = self.matcher.compute_ff_tokens()[: self.request.maxTokens - len(self.ids)]
            if tokens and not self.matcher.consume_tokens(tokens):
                raise EngineError(
                    "internal", f"The guide refused its own tokens: {self.matcher.get_error()}"
                )
            self.ids += tokens
            self.pending += tokens
            self.logprobs += [0.0] * len(tokens)
            self.entropies += [0.0] * len(tokens)
            self.forced += [True] * len(tokens)
            if self.matcher.is_stopped():
                self.finish = "guide"
                return
        if len(self.ids) >= self.request.maxTokens:
            self.finish = "length"

    def append_sampled(self, token: int, logprob: float, entropy: float, model: ModelState) -> None:
        """Appends a sampled token and those that the guide then forces; may end the row."""
        tokenizer = model.base.tokenizer
        self.ids.append(token)
        self.pending = [token]
        self.logprobs.append(logprob)
        self.entropies.append(entropy)
        self.forced.append(False)
        if self.matcher is not None and not self.matcher.consume_token(token):
            raise EngineError(
                "internal", f"The guide refused a token that it allowed: {self.matcher.get_error()}"
            )
        if token in tokenizer.eos_ids or token in self.request.stopIds:
            self.finish = (
                "guide" if self.matcher is not None and self.matcher.is_stopped() else "stop"
            )
        elif self.request.stop:
            longest = max(len(s.encode()) for s in self.request.stop)
            tail = tokenizer.decode(self.ids[-longest - 4 :])
            if any(s in tail for s in self.request.stop):
                self.finish = "stop"
        if self.finish is None:
            self.append_forced()

    def to_result(self, model: ModelState) -> dict:
        """The sample as the dialect's Sampled."""
        tokenizer = model.base.tokenizer
        ended = self.ids and self.ids[-1] in (*tokenizer.eos_ids, *self.request.stopIds)
        return {
            "ids": self.ids,
            "logprobs": self.logprobs,
            "entropies": self.entropies,
            "forced": self.forced,
            "finishReason": self.finish,
            "text": tokenizer.decode(self.ids[:-1] if ended else self.ids),
        }


def make_rows(model: ModelState, body: SampleBody) -> list[Row]:
    """Rows of a call, sorted by prompt, so that rows with a shared prefix are neighbours."""
    rows = []
    c = model.base.model.config
    for i, request in enumerate(body.sequences):
        if len(request.ids) + request.maxTokens > c.max_length:
            raise EngineError(
                "invalid-input",
                f"sequences.{i}: {len(request.ids)} ids and maxTokens {request.maxTokens} exceed "
                f"the model's {c.max_length} positions.",
            )
        check_ids(request.ids, c.vocabulary, f"sequences.{i}")
        for j in range(request.n):
            matcher = (
                model.base.tokenizer.create_matcher(request.guide.lark) if request.guide else None
            )
            # A stream for each sample that depends on its seed only, not on the rest of the batch.
            uniforms = np.random.Generator(np.random.Philox(key=[request.seed, j])).random(
                request.maxTokens
            )
            rows.append(Row(request, (i, j), matcher, request.ids, uniforms))
    rows.sort(key=lambda r: r.prompt)
    return rows


def check_ids(ids: list[int], vocabulary: int, where: str) -> None:
    """Raises `invalid-input` for a token id outside the vocabulary."""
    if max(ids) >= vocabulary:
        raise EngineError(
            "invalid-input",
            f"{where}: token id {max(ids)} is outside the vocabulary of {vocabulary}.",
        )


# Rows, whether with what is trained, usage and seconds to add to, check.
SampleRows = Callable[[list[Row], bool, dict, dict, Callable[[], None]], None]


@torch.no_grad()
def sample(
    model: ModelState, body: SampleBody, check: Callable[[], None], sample_rows: SampleRows
) -> dict:
    """Runs a `sample` operation. Equal calls on equal weights give equal bits.

    `sample_rows` computes them, as the function of that name does.
    """
    if model.head != "language":
        raise EngineError(
            "unsupported", f"Model {model.name!r} is a value model: it gives values, not tokens."
        )
    rows = make_rows(model, body)
    usage = {
        "promptTokens": sum(len(s.ids) for s in body.sequences),
        "computedTokens": 0,
        "sampledTokens": 0,
    }
    seconds = {"prefillSeconds": 0.0, "decodeSeconds": 0.0}
    for start in range(0, len(rows), MAX_ROWS):
        sample_rows(rows[start : start + MAX_ROWS], body.adapter, usage, seconds, check)
    results: list[list[dict]] = [[{}] * s.n for s in body.sequences]
    for row in rows:
        results[row.place[0]][row.place[1]] = row.to_result(model)
        usage["sampledTokens"] += len(row.ids)
    return {"sequences": results, "usage": usage | seconds}


def sample_rows(
    model: Model,
    rows: list[Row],
    adapted: bool,
    usage: dict,
    seconds: dict,
    check: Callable[[], None],
) -> None:
    """Samples rows to their ends: prefill, then decoding. Adds to `usage` and `seconds`."""
    started = time.perf_counter()
    for row in rows:
        row.append_forced()
    computed = [row.prompt + row.pending for row in rows]
    for row in rows:
        row.pending = []
    sessions = [row.request.session if row.request.n == 1 else None for row in rows]
    prefilled = model.prefill(computed, adapted, sessions, check)
    usage["computedTokens"] += prefilled.computed
    seconds["prefillSeconds"] += time.perf_counter() - started

    started = time.perf_counter()
    active = [i for i, row in enumerate(rows) if row.finish is None]
    llama = model.merged() if adapted else model.base.model
    sample_next_tokens(model, llama, [rows[i] for i in active], prefilled.hidden[active])
    active = [i for i in active if rows[i].finish is None]
    if active:
        decode(model, llama, rows, computed, active, prefilled, check)
    seconds["decodeSeconds"] += time.perf_counter() - started


def decode(
    model: Model,
    llama: Llama,
    rows: list[Row],
    computed: list[list[int]],
    active: list[int],
    prefilled: PrefillResult,
    check: Callable[[], None],
) -> None:
    """Decodes the `active` rows to their ends: compute pending tokens, sample, drop finished rows.

    `computed`: the tokens of each row whose activations the caches hold; what is computed here is
    appended, and its activations are copied to the caches when a row ends.
    """
    room = max(rows[i].request.maxTokens - len(rows[i].ids) + len(rows[i].pending) for i in active)
    slots = [[of_cache[i] for i in active] for of_cache in prefilled.slots]
    decoder = Decoder(llama, prefilled.caches, [computed[i] for i in active], slots, room)
    running = list(active)  # the row of each decoder row
    while True:
        check()
        alive = [k for k, i in enumerate(running) if rows[i].finish is None]
        if len(alive) < len(running):
            finished = [k for k, i in enumerate(running) if rows[i].finish is not None]
            cache_activations(decoder, finished, running, computed, prefilled.caches, rows)
        if not alive:
            return
        if len(alive) < len(running):
            decoder.keep_rows(alive)
            running = [running[k] for k in alive]
        hidden = decoder.step([rows[i].pending for i in running], check)
        for i in running:
            computed[i] = computed[i] + rows[i].pending
            rows[i].pending = []
        sample_next_tokens(model, llama, [rows[i] for i in running], hidden)


def cache_activations(
    decoder: Decoder,
    finished: list[int],
    running: list[int],
    computed: list[list[int]],
    caches: list[KVCache],
    rows: list[Row],
) -> None:
    """Copies what was computed for finished decoder rows to the caches.

    A later turn of the conversation and the gradient find it there.
    """
    finished = [k for k in finished if decoder.own_lengths[k] > decoder.prompt_lengths[k]]
    if not finished:
        return
    requests = [rows[running[k]].request for k in finished]
    sessions = [request.session if request.n == 1 else None for request in requests]
    for cache in caches:
        leaves = [cache.tree.insert(computed[running[k]], k, cache.clock) for k in finished]
        if cache.tree.fresh:
            copy_from_decoder(decoder, cache)
        cache.commit()
        cache.mark_session_ends(sessions, leaves)


def copy_from_decoder(decoder: Decoder, cache: KVCache) -> None:
    """Copies keys, values and hidden states of the cache's fresh nodes, owned by decoder rows."""
    fresh = list(cache.tree.fresh)
    # Place of each token in its row's own buffer: its depth minus what the row shares.
    places = [np.arange(n.start, n.end) - decoder.shared[n.owner] for n in fresh]
    owners = [n.owner for n in fresh]
    slots = to_index(np.concatenate([n.slots for n in fresh]), cache.device)

    def flatten(width: int, offsets: list[np.ndarray]) -> Tensor:
        rows = [owner * width + offset for owner, offset in zip(owners, offsets, strict=True)]
        return to_index(np.concatenate(rows), cache.device)

    where = flatten(decoder.capacity, places)
    for layer in range(cache.first, cache.first + cache.count):
        for pool, buffer in (
            (cache.keys(layer), decoder.keys[layer]),
            (cache.values(layer), decoder.values[layer]),
        ):
            pool.index_copy_(0, slots, buffer.flatten(0, 1).index_select(0, where))
    if decoder.boundary_hidden is not None and cache.first == 0:
        offsets = [p - decoder.prompt_lengths[o] for p, o in zip(places, owners, strict=True)]
        where = flatten(decoder.boundary_hidden.shape[1], offsets)
        hidden = decoder.boundary_hidden.flatten(0, 1).index_select(0, where)
        cache.hidden.index_copy_(0, slots, hidden)


def sample_next_tokens(model: Model, llama: Llama, rows: list[Row], hidden: Tensor) -> None:
    """Samples the next token of every row from its final hidden state [rows, hidden]."""
    if not rows:
        return
    tokenizer = model.base.tokenizer
    rest = list(range(len(rows)))
    guided = [i for i, row in enumerate(rows) if row.matcher is not None]
    masks = tokenizer.compute_masks([m for row in rows if (m := row.matcher) is not None])
    few = [k for k in range(len(guided)) if count_bits(masks[k]) <= FEW_TOKENS]
    if few:
        union = np.bitwise_or.reduce(masks[few], axis=0)[None]
        if count_bits(union) <= FEW_TOKENS:
            tokens = np.flatnonzero(tokenizer.unpack_masks(union)[0])
            picked = [guided[k] for k in few]
            logits = llama.logits(hidden[picked], to_index(tokens, hidden.device))
            allowed = tokenizer.unpack_masks(masks[few])[:, tokens]
            sample_tokens(model, [rows[i] for i in picked], logits, allowed, tokens)
            rest = [i for i in rest if i not in set(picked)]
    if not rest:
        return
    allowed = None
    place = {i: k for k, i in enumerate(rest)}
    remaining = [k for k, i in enumerate(guided) if i in place]
    if remaining:
        allowed = np.ones((len(rest), llama.config.vocabulary), bool)
        allowed[[place[guided[k]] for k in remaining]] = tokenizer.unpack_masks(masks[remaining])
    sample_tokens(model, [rows[i] for i in rest], llama.logits(hidden[rest]), allowed, None)


def sample_tokens(
    model: ModelState,
    rows: list[Row],
    logits: Tensor,
    allowed: np.ndarray | None,
    names: np.ndarray | None,
) -> None:
    """Samples from `logits` [rows, n], restricted to `allowed` [rows, n].

    Column j is token names[j], or j where `names` is None. `logits` is overwritten. Log-probability
    and entropy are of the distribution before penalty, top-k and top-p: the losses are of it.
    """
    temperatures = torch.tensor([row.request.temperature for row in rows], device=logits.device)
    greedy = temperatures == 0
    divisors = torch.where(greedy, 1.0, temperatures)[:, None]
    forbidden = None if allowed is None else torch.from_numpy(~allowed).to(logits.device)
    penalised = penalise_repetition(logits, rows, names)
    logits.div_(divisors)
    if forbidden is not None:
        logits.masked_fill_(forbidden, float("-inf"))
    lse = logits.logsumexp(-1, keepdim=True)
    if not bool(torch.isfinite(lse).all()):
        raise EngineError(
            "not-finite",
            "The model's logits are not finite: the weights are damaged or the step size was too "
            "large.",
        )
    probabilities = (logits - lse).exp_()
    drawn_from = probabilities
    if penalised is None:
        tokens = logits.argmax(-1)
    else:
        penalised.div_(divisors)
        if forbidden is not None:
            penalised.masked_fill_(forbidden, float("-inf"))
        tokens = penalised.argmax(-1)
        drawn_from = penalised.softmax(-1)
    # -sum p log p = lse - sum p logit; a token that is not allowed has probability 0 and no
    # finite logit.
    finite = logits.masked_fill(logits == float("-inf"), 0.0)
    entropies = (lse[:, 0] - (probabilities * finite).sum(-1)).clamp_(min=0.0).tolist()
    if not bool(greedy.all()):
        uniforms = torch.tensor(
            [row.uniforms[len(row.ids)] for row in rows], dtype=torch.float64, device=logits.device
        )
        drawn_from = truncate_distribution(drawn_from, rows)
        tokens = torch.where(greedy, tokens, invert_cdf(drawn_from, uniforms))
    logprobs = (logits.gather(1, tokens[:, None]) - lse)[:, 0].tolist()
    for row, token, logprob, entropy in zip(
        rows, tokens.tolist(), logprobs, entropies, strict=True
    ):
        name = int(names[token]) if names is not None else token
        row.append_sampled(name, logprob, entropy, model)


def penalise_repetition(logits: Tensor, rows: list[Row], names: np.ndarray | None) -> Tensor | None:
    """A copy of `logits` [rows, n] with each row's repetition penalty; None where no row has one.

    Tokens that a row has read or sampled: a positive logit is divided by the penalty, a negative
    one multiplied (Keskar et al. 2019; transformers' RepetitionPenaltyLogitsProcessor).
    """
    if all(row.request.repetitionPenalty == 1 for row in rows):
        return None
    penalised = logits.clone()
    for i, row in enumerate(rows):
        penalty = row.request.repetitionPenalty
        if penalty == 1:
            continue
        seen = np.unique(np.array(row.prompt + row.ids))
        if names is not None:
            seen = np.flatnonzero(np.isin(names, seen))
        where = to_index(seen, logits.device)
        old = logits[i].index_select(0, where)
        penalised[i].index_copy_(0, where, torch.where(old < 0, old * penalty, old / penalty))
    return penalised


# Likeliest tokens among which the bound of top-p is looked for before all are sorted.
TOP_P_HEAD = 1024


def truncate_distribution(probabilities: Tensor, rows: list[Row]) -> Tensor:
    """`probabilities` [rows, n] with those outside of each row's top-k and top-p set to 0.

    As transformers' TopKLogitsWarper and then TopPLogitsWarper, whose probabilities are those that
    top-k leaves: tokens as likely as the k-th stay; by top-p those stay before which less than p
    has been collected, at least one. The sum of a row may be below 1; the same tensor is returned
    where no row is truncated.
    """
    columns = probabilities.shape[1]
    top_k = [min(row.request.topK or columns, columns) for row in rows]
    top_p = [row.request.topP for row in rows]
    if all(k == columns for k in top_k) and all(p == 1 for p in top_p):
        return probabilities
    kept = probabilities.clone()
    limited = [i for i, k in enumerate(top_k) if k < columns]
    if limited:
        which = torch.tensor(limited, device=kept.device)
        some = kept.index_select(0, which)
        ranks = torch.tensor([top_k[i] - 1 for i in limited], device=kept.device)[:, None]
        largest = some.topk(int(ranks.max()) + 1, dim=-1).values
        some.masked_fill_(some < largest.gather(1, ranks), 0.0)
        kept.index_copy_(0, which, some)
    for i, p in enumerate(top_p):
        if p < 1:
            truncate_by_top_p(kept[i], p)
    return kept


def truncate_by_top_p(probabilities: Tensor, p: float) -> None:
    """Sets those of [n] to 0 before which, from the likeliest on, p of the sum was collected."""
    total = probabilities.sum(dtype=torch.float64)
    for count in (min(TOP_P_HEAD, len(probabilities)), len(probabilities)):
        values, places = probabilities.topk(count)
        cumulative = values.double().cumsum(0)
        if count == len(probabilities) or bool(cumulative[-1] >= p * total):
            stay = cumulative - values.double() < p * total
            stay[0] = True
            head = torch.where(stay, values, 0.0)
            probabilities.zero_()
            probabilities.index_copy_(0, places, head)
            return


def invert_cdf(probabilities: Tensor, uniforms: Tensor, block: int = 512) -> Tensor:
    """Index at which the cumulative sum of each row [rows, n] passes uniforms[row] of its total.

    Works on two levels, blocks and then the tokens of one block: a cumulative sum over the whole
    vocabulary would cost as much as the softmax. Never returns an index of probability 0.
    """
    rows, size = probabilities.shape
    if size > block:
        padded = torch.nn.functional.pad(probabilities, (0, -size % block)).view(rows, -1, block)
        sums = padded.sum(-1)
        outer = search_cumulative(sums, uniforms)
        before = sums.double().cumsum(-1)
        mass = sums.gather(1, outer[:, None])[:, 0].double()
        start = before.gather(1, outer[:, None])[:, 0] - mass
        inside = ((uniforms * before[:, -1] - start) / mass).clamp(0, 1 - 1e-12)
        return outer * block + search_cumulative(
            padded[torch.arange(rows, device=sums.device), outer], inside
        )
    return search_cumulative(probabilities, uniforms)


def search_cumulative(weights: Tensor, uniforms: Tensor) -> Tensor:
    """First index [rows] where the cumulative weight passes uniforms * total; never of weight 0."""
    cumulative = weights.double().cumsum(-1)
    total = cumulative[:, -1:]
    found = torch.searchsorted(
        cumulative, torch.minimum(uniforms[:, None] * total, total * (1 - 1e-12)), right=True
    )
    return found[:, 0].clamp(max=weights.shape[1] - 1)
