"""Sampling: all sequences of a call as one batch, guided where asked, finished rows dropped, activations kept."""

import time
from dataclasses import dataclass, field
from typing import Callable

import numpy as np
import torch
from llguidance import LLMatcher
from torch import Tensor

from .attention import to_index
from .decode import Decoder
from .dialect import SampleBody, SampleSequence
from .errors import EngineError
from .llama import Llama
from .model import Model, PrefillResult

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
    uniforms: np.ndarray
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    forced: list[bool] = field(default_factory=list)
    pending: list[int] = field(default_factory=list)  # chosen or forced, not yet fed
    finish: str | None = None

    def append_forced(self) -> None:
        """Appends what the guide forces next; ends the row where the guide or the bound is reached."""
        if self.matcher is not None:
            tokens = self.matcher.compute_ff_tokens()[: self.request.maxTokens - len(self.ids)]
            if tokens and not self.matcher.consume_tokens(tokens):
                raise EngineError(
                    "internal", f"The guide refused its own tokens: {self.matcher.get_error()}"
                )
            self.ids += tokens
            self.pending += tokens
            self.logprobs += [0.0] * len(tokens)
            self.forced += [True] * len(tokens)
            if self.matcher.is_stopped():
                self.finish = "guide"
                return
        if len(self.ids) >= self.request.maxTokens:
            self.finish = "length"

    def append_sampled(self, token: int, logprob: float, model: Model) -> None:
        """Takes a sampled token and whatever follows from it."""
        tokenizer = model.base.tokenizer
        self.ids.append(token)
        self.pending = [token]
        self.logprobs.append(logprob)
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

    def result(self, model: Model) -> dict:
        tokenizer = model.base.tokenizer
        ended = self.ids and self.ids[-1] in (*tokenizer.eos_ids, *self.request.stopIds)
        return {
            "ids": self.ids,
            "logprobs": self.logprobs,
            "forced": self.forced,
            "finishReason": self.finish,
            "text": tokenizer.decode(self.ids[:-1] if ended else self.ids),
        }


def make_rows(model: Model, body: SampleBody) -> list[Row]:
    """Rows of a call in lexicographic order of their prompts, so that shared prefixes are ranges of rows."""
    rows = []
    c = model.base.model.config
    for i, request in enumerate(body.sequences):
        if len(request.ids) + request.maxTokens > c.max_length:
            raise EngineError(
                "invalid-input",
                f"sequences.{i}: {len(request.ids)} ids and maxTokens {request.maxTokens} exceed the model's {c.max_length} positions.",
            )
        check_ids(request.ids, c.vocabulary, f"sequences.{i}")
        for j in range(request.n):
            matcher = model.base.tokenizer.matcher(request.guide.lark) if request.guide else None
            # A stream per sample that depends on nothing but the seed: not on the batch around it.
            uniforms = np.random.Generator(np.random.Philox(key=[request.seed, j])).random(
                request.maxTokens
            )
            rows.append(Row(request, (i, j), matcher, request.ids, uniforms))
    rows.sort(key=lambda r: r.prompt)
    return rows


def check_ids(ids: list[int], vocabulary: int, where: str) -> None:
    if max(ids) >= vocabulary:
        raise EngineError(
            "invalid-input",
            f"{where}: token id {max(ids)} is outside the vocabulary of {vocabulary}.",
        )


@torch.no_grad()
def sample(model: Model, body: SampleBody, check: Callable[[], None]) -> dict:
    """Runs a `sample` operation. Equal calls on equal weights give equal bits."""
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
        sample_rows(model, rows[start : start + MAX_ROWS], body.adapter, usage, seconds, check)
    results: list[list[dict]] = [[{}] * s.n for s in body.sequences]
    for row in rows:
        results[row.place[0]][row.place[1]] = row.result(model)
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
    started = time.perf_counter()
    for row in rows:
        row.append_forced()
    fed = [row.prompt + row.pending for row in rows]
    for row in rows:
        row.pending = []
    sessions = [row.request.session if row.request.n == 1 else None for row in rows]
    done = model.prefill(fed, adapted, sessions, check)
    usage["computedTokens"] += done.computed
    seconds["prefillSeconds"] += time.perf_counter() - started

    started = time.perf_counter()
    active = [i for i, row in enumerate(rows) if row.finish is None]
    llama = model.merged() if adapted else model.base.model
    sample_next_tokens(model, llama, [rows[i] for i in active], done.hidden[active])
    active = [i for i in active if rows[i].finish is None]
    if active:
        decode(model, llama, rows, fed, active, done, check)
    seconds["decodeSeconds"] += time.perf_counter() - started


def decode(
    model: Model,
    llama: Llama,
    rows: list[Row],
    fed: list[list[int]],
    active: list[int],
    done: PrefillResult,
    check: Callable[[], None],
) -> None:
    """The loop: feed what is pending, choose, drop finished rows; at the end keep the activations of all that was fed."""
    room = max(rows[i].request.maxTokens - len(rows[i].ids) + len(rows[i].pending) for i in active)
    decoder = Decoder(
        llama,
        done.caches,
        [fed[i] for i in active],
        [[s[i] for i in active] for s in done.slots],
        room,
    )
    running = list(
        active
    )  # row of each decoder row; a finished row stays until enough have finished
    extended = {i: list(fed[i]) for i in active}
    while True:
        check()
        alive = [k for k, i in enumerate(running) if rows[i].finish is None]
        if not alive:
            break
        if len(alive) < len(running):
            keep_activations(
                model,
                decoder,
                [k for k in range(len(running)) if k not in set(alive)],
                running,
                extended,
                done,
                rows,
            )
            decoder.keep_rows(alive)
            running = [running[k] for k in alive]
        hidden = decoder.step([rows[i].pending for i in running], check)
        for i in running:
            extended[i] += rows[i].pending
            rows[i].pending = []
        sample_next_tokens(model, llama, [rows[i] for i in running], hidden)
    keep_activations(model, decoder, list(range(len(running))), running, extended, done, rows)


def keep_activations(
    model: Model,
    decoder: Decoder,
    which: list[int],
    running: list[int],
    extended: dict[int, list[int]],
    done: PrefillResult,
    rows: list[Row],
) -> None:
    """Copies what finished decoder rows were fed into the caches, so that a later turn and the gradient find it."""
    which = [k for k in which if decoder.fed[k] > decoder.initial[k]]
    if not which:
        return
    layers = decoder.model.config.layers
    for cache in done.caches:
        leaves = [cache.tree.insert(extended[running[k]], k, cache.clock) for k in which]
        fresh = list(cache.tree.fresh)
        if fresh:
            # Place of each fresh token in the row's own buffer: depth minus what the row shares.
            source = np.concatenate(
                [
                    n.owner * decoder.capacity + np.arange(n.start, n.end) - decoder.shared[n.owner]
                    for n in fresh
                ]
            )
            slots = to_index(np.concatenate([n.slots for n in fresh]), cache.device)
            where = to_index(source, cache.device)
            for layer in range(cache.first, min(cache.first + cache.count, layers)):
                cache.keys(layer).index_copy_(
                    0,
                    slots,
                    decoder.keys[layer]
                    .view(-1, decoder.keys[layer].shape[-1])
                    .index_select(0, where),
                )
                cache.values(layer).index_copy_(
                    0,
                    slots,
                    decoder.values[layer]
                    .view(-1, decoder.values[layer].shape[-1])
                    .index_select(0, where),
                )
            if decoder.boundary_hidden is not None and cache.first == 0:
                room = decoder.boundary_hidden.shape[1]
                source = np.concatenate(
                    [
                        n.owner * room
                        + np.arange(n.start, n.end)
                        - decoder.shared[n.owner]
                        - decoder.initial[n.owner]
                        for n in fresh
                    ]
                )
                boundary = decoder.boundary_hidden.view(-1, decoder.boundary_hidden.shape[-1])
                cache.hidden.index_copy_(
                    0, slots, boundary.index_select(0, to_index(source, cache.device))
                )
        cache.commit()
        cache.mark_session_ends(
            [
                rows[running[k]].request.session if rows[running[k]].request.n == 1 else None
                for k in which
            ],
            leaves,
        )


def sample_next_tokens(model: Model, llama: Llama, rows: list[Row], hidden: Tensor) -> None:
    """Samples the next token of every row from its final hidden state [rows, hidden]."""
    if not rows:
        return
    tokenizer = model.base.tokenizer
    guided = [i for i, row in enumerate(rows) if row.matcher is not None]
    free = [i for i, row in enumerate(rows) if row.matcher is None]
    allowed = None
    if guided:
        masks = tokenizer.masks([rows[i].matcher for i in guided])
        few = [
            k
            for k in range(len(guided))
            if np.bitwise_count(masks[k].view(np.uint32)).sum() <= FEW_TOKENS
        ]
        union = np.bitwise_or.reduce(masks[few], axis=0)[None] if few else None
        if few and np.bitwise_count(union.view(np.uint32)).sum() <= FEW_TOKENS:
            tokens = np.flatnonzero(tokenizer.allowed(union)[0])
            picked = [guided[k] for k in few]
            mask = tokenizer.allowed(masks[few])[:, tokens]
            sample_tokens(
                model,
                [rows[i] for i in picked],
                llama.logits(hidden[picked], to_index(tokens, hidden.device)),
                mask,
                tokens,
            )
            taken = set(picked)
            rest = [k for k in range(len(guided)) if guided[k] not in taken]
            guided, masks = [guided[k] for k in rest], masks[rest]
    others = sorted(guided + free)
    if not others:
        return
    if guided:
        allowed = np.ones((len(others), llama.config.vocabulary), bool)
        for i, bits in zip(guided, tokenizer.allowed(masks)):
            allowed[others.index(i)] = bits
    sample_tokens(model, [rows[i] for i in others], llama.logits(hidden[others]), allowed, None)


def sample_tokens(
    model: Model,
    rows: list[Row],
    logits: Tensor,
    allowed: np.ndarray | None,
    names: np.ndarray | None,
) -> None:
    """Draws from logits [rows, n] restricted to `allowed`; column j stands for token names[j] (or j)."""
    temperatures = torch.tensor([row.request.temperature for row in rows], device=logits.device)
    greedy = temperatures == 0
    logits.div_(torch.where(greedy, 1.0, temperatures)[:, None])
    if allowed is not None:
        logits.masked_fill_(torch.from_numpy(~allowed).to(logits.device), float("-inf"))
    lse = logits.logsumexp(-1, keepdim=True)
    if not bool(torch.isfinite(lse).all()):
        raise EngineError(
            "not-finite",
            "The model's logits are not finite: the weights are damaged or the step size was too large.",
        )
    tokens = logits.argmax(-1)
    if not bool(greedy.all()):
        uniforms = torch.tensor(
            [row.uniforms[len(row.ids)] for row in rows], dtype=torch.float64, device=logits.device
        )
        tokens = torch.where(greedy, tokens, inverse_cdf((logits - lse).exp_(), uniforms))
    logprobs = (logits.gather(1, tokens[:, None]) - lse)[:, 0].tolist()
    for row, token, logprob in zip(rows, tokens.tolist(), logprobs):
        row.append_sampled(int(names[token]) if names is not None else token, logprob, model)


def inverse_cdf(probabilities: Tensor, uniforms: Tensor, block: int = 512) -> Tensor:
    """Index at which the cumulative sum of each row passes uniforms[row] of its total.

    In two levels, blocks and then tokens of one block: a cumulative sum over the whole vocabulary would cost as much as
    the softmax. Never returns an index of probability 0.
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
    """First index at which the cumulative weight exceeds uniforms * total, never one of weight 0."""
    cumulative = weights.double().cumsum(-1)
    total = cumulative[:, -1:]
    found = torch.searchsorted(
        cumulative, torch.minimum(uniforms[:, None] * total, total * (1 - 1e-12)), right=True
    )
    return found[:, 0].clamp(max=weights.shape[1] - 1)
