"""Guided decoding: which tokens a grammar (Lark syntax, by llguidance) allows next."""

from functools import cached_property
from pathlib import Path

import llguidance
import numpy as np
import tokenizers
from llguidance import LLExecutor, LLMatcher

from ..errors import EngineError

# Texts that most grammars allow; llguidance looks their masks up instead of testing every token.
FREE_TEXT = [r"[^<\n\x00-\x1F\x7F]{1,20}", r'[^"\\<\n\x00-\x1F\x7F]{1,20}']


class Tokenizer:
    """Text from token ids and back, and matchers for grammars (compiled once per grammar)."""

    def __init__(self, folder: Path, vocabulary: int, eos_ids: tuple[int, ...]):
        path = folder / "tokenizer.json"
        if not path.exists():
            raise EngineError("not-found", f"{folder} holds no tokenizer.json.")
        self.folder, self.vocabulary, self.eos_ids = folder, vocabulary, eos_ids
        self.plain = tokenizers.Tokenizer.from_file(str(path))
        self.plain.no_truncation()
        self.plain.no_padding()
        self._grammars: dict[str, LLMatcher] = {}
        self.executor = LLExecutor()

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, without special tokens of its own."""
        return self.plain.encode(text, add_special_tokens=False).ids

    def decode(self, ids: list[int]) -> str:
        """Text of token ids, special tokens included."""
        return self.plain.decode(ids, skip_special_tokens=False)

    @cached_property
    def guided(self) -> llguidance.LLTokenizer:
        """llguidance's view of the tokenizer; takes a second to make."""
        return llguidance.LLTokenizer(
            str(self.folder / "tokenizer.json"),
            n_vocab=self.vocabulary,
            eos_token=list(self.eos_ids) or None,
            slices=llguidance.LLTokenizer.general_slices() + FREE_TEXT,
        )

    def create_matcher(self, lark: str) -> LLMatcher:
        """A new matcher at the start of the grammar; raises `invalid-input` for a bad grammar."""
        found = self._grammars.get(lark)
        if found is None:
            found = LLMatcher(self.guided, LLMatcher.grammar_from_lark(lark))
            if found.is_error():
                raise EngineError(
                    "invalid-input", f"The guide is not a valid grammar: {found.get_error()}"
                )
            if len(self._grammars) >= 256:
                self._grammars.pop(next(iter(self._grammars)))
            self._grammars[lark] = found
        return found.deep_copy()

    def compute_masks(self, matchers: list[LLMatcher]) -> np.ndarray:
        """Bit masks [n, words] int32 of the tokens allowed next."""
        words = (self.vocabulary + 31) // 32
        masks = np.zeros((len(matchers), words), np.int32)
        if matchers:
            numbered = [(matcher, i) for i, matcher in enumerate(matchers)]
            self.executor.unsafe_compute_mask_ptr(
                numbered, masks.ctypes.data, words * 4, len(matchers)
            )
        for matcher in matchers:
            if matcher.is_error():
                raise EngineError("invalid-input", f"The guide failed: {matcher.get_error()}")
        return masks

    def unpack_masks(self, masks: np.ndarray) -> np.ndarray:
        """[n, words] int32 -> [n, vocabulary] bool."""
        bits = np.unpackbits(masks.view(np.uint8), axis=1, bitorder="little")
        return bits[:, : self.vocabulary].view(bool)


def count_bits(words: np.ndarray) -> int:
    """Number of tokens that a bit mask allows."""
    return int(np.bitwise_count(words.view(np.uint32)).sum())


def encode_guided(tokenizer: Tokenizer, lark: str, text: str) -> tuple[list[int], list[bool]]:
    """Token ids that guided decoding gives for exactly `text`, and which of them are forced.

    Where the grammar leaves a choice the canonical tokenisation of the remaining text decides; a
    token of it that the grammar splits is replaced by the longest allowed token that is a prefix of
    the remaining text. Raises `invalid-input` where the text does not follow the grammar.
    """
    matcher, guided = tokenizer.create_matcher(lark), tokenizer.guided
    rest = text.encode()
    ids: list[int] = []
    forced: list[bool] = []

    def build_mismatch_error() -> EngineError:
        at = len(text.encode()) - len(rest)
        return EngineError(
            "invalid-input", f"The text does not follow the guide at byte {at}: {text!r}"
        )

    def append(token: int, is_forced: bool) -> None:
        nonlocal rest
        piece = guided.decode_bytes([token])
        if not rest.startswith(piece) or not matcher.consume_token(token):
            raise build_mismatch_error()
        rest = rest[len(piece) :]
        ids.append(token)
        forced.append(is_forced)

    while True:
        for token in matcher.compute_ff_tokens():
            append(token, True)
        if not rest:
            break
        if matcher.is_stopped():
            raise EngineError(
                "invalid-input",
                f"The guide is complete before the text ends: {rest.decode(errors='replace')!r} "
                "is left.",
            )
        allowed = tokenizer.unpack_masks(tokenizer.compute_masks([matcher]))[0]
        token = guided.tokenize_bytes(rest)[0]
        if not allowed[token]:
            candidates = [t for t in np.flatnonzero(allowed).tolist() if t not in tokenizer.eos_ids]
            candidates = [
                t for t in candidates if (p := guided.decode_bytes([t])) and rest.startswith(p)
            ]
            if not candidates:
                raise build_mismatch_error()
            token = max(candidates, key=lambda t: len(guided.decode_bytes([t])))
        append(token, False)
    if not matcher.is_accepting():
        raise EngineError("invalid-input", f"The text ends before the guide is complete: {text!r}")
    return ids, forced
