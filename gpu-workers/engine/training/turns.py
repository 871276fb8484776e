"""Turns that a long operation gives, between its micro-batches, to requests that wait."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from ..memory import empty_cache, is_out_of_memory
from ..models.kv_cache import KVCache
from ..models.model import Model, ModelState

B = TypeVar("B")
# Serves those who wait; returns when the operation is to go on.
Serve = Callable[[], None]


@contextmanager
def allow_interleaved_sampling(
    model: ModelState, models: Iterable[ModelState], serve: Serve
) -> Iterator[Serve]:
    """What gives others a turn while an operation on `model` is under way; it changes no bit of it.

    In which batch a token's activations are computed decides their last bits. So whoever has a turn
    finds, in place of the cache below the trained layers that the operation reads, an empty one,
    also in those of `models` that share it. In the end its content goes into the shared one: a
    conversation goes on where it stood.
    """
    lower = model.lower if isinstance(model, Model) else None
    if lower is None:
        yield serve
        return
    aside = lower.make_empty()

    def serve_with_other_cache() -> None:
        sharing = [m for m in models if isinstance(m, Model) and m.lower is lower]
        for one in sharing:
            one.lower = aside
        try:
            serve()
        finally:
            for one in sharing:
                one.lower = lower

    try:
        yield serve_with_other_cache
    finally:
        if aside.tokens:
            keep_activations(lower, aside)


def keep_activations(lower: KVCache, aside: KVCache) -> None:
    """Moves what turns have computed into the shared cache; drops it where memory ends."""
    try:
        lower.take_over(aside)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    aside.pools = []
    empty_cache()


def iterate_and_serve(batches: Iterable[B], serve_waiting: Serve) -> Iterator[B]:
    """The batches; between two of them others have their turn."""
    for i, batch in enumerate(batches):
        if i:
            serve_waiting()
        yield batch
