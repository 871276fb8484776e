"""Operations: accepted once per id, numbered per model, run in order by one thread."""

import logging
import queue
import threading
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from pydantic import ValidationError

from ..engine import EngineProtocol
from ..errors import CancelledError, EngineError
from .dialect import OPERATIONS, OperationRequest
from .dialect_rules import DialectModel

log = logging.getLogger("engine")
# Finished operations that are kept, so that a repeated request gets its answer.
MAX_FINISHED = 512


def format_validation_error(error: ValidationError, what: str) -> str:
    """A line for each of the first mistakes: where it is and what is wrong."""
    lines = [
        f"{'.'.join(str(p) for p in e['loc']) or '(root)'}: {e['msg']}" for e in error.errors()[:10]
    ]
    return f"{what} is not valid:\n" + "\n".join(lines)


@dataclass
class Operation:
    """An accepted operation with its state; changed by the worker thread only, but for `cancel`."""

    id: str
    model: str
    kind: str
    cancel: threading.Event = field(default_factory=threading.Event)
    finished: Future = field(default_factory=Future)
    state: Literal["running", "done", "failed", "cancelled"] = "running"
    result: dict | None = None
    error: EngineError | None = None

    def check(self) -> None:
        """Raises CancelledError once the operation is cancelled."""
        if self.cancel.is_set():
            raise CancelledError()

    def to_json(self) -> dict:
        """The dialect's Operation."""
        answer: dict[str, Any] = {"id": self.id, "kind": self.kind, "state": self.state}
        if self.result is not None:
            answer["result"] = self.result
        if self.error is not None and self.state == "failed":
            answer["error"] = {"code": self.error.code, "message": self.error.message}
        return answer


class Operations:
    """The queue before the engine. All methods may be called from any thread."""

    def __init__(self, engine: EngineProtocol):
        self.engine = engine
        self.lock = threading.Lock()
        self.by_id: OrderedDict[str, Operation] = OrderedDict()
        self.sequences: dict[str, int] = {}
        self.queue: queue.SimpleQueue[tuple[Operation, DialectModel]] = queue.SimpleQueue()
        threading.Thread(target=self._run_worker, name="engine", daemon=True).start()

    def submit(self, raw: object) -> Operation:
        """Accepts an operation, or returns the one that already has its id.

        Raises EngineError for a refusal, which uses up no sequence number.
        """
        try:
            request = OperationRequest.model_validate(raw)
        except ValidationError as error:
            raise EngineError(
                "invalid-input", format_validation_error(error, "The operation")
            ) from error
        with self.lock:
            if request.id in self.by_id:
                return self.by_id[request.id]
        try:
            body = OPERATIONS[request.kind].body.model_validate(request.body)
        except ValidationError as error:
            raise EngineError(
                "invalid-input", format_validation_error(error, f"The body of {request.kind}")
            ) from error
        with self.lock:
            if request.id in self.by_id:
                return self.by_id[request.id]
            if OPERATIONS[request.kind].mutates:
                self._claim_sequence_number(request)
            elif request.sequence is not None:
                raise EngineError("invalid-input", f"{request.kind} takes no sequence number.")
            if request.kind == "create_model":
                self.sequences[request.model] = self.sequences.get(request.model, 0)
            operation = Operation(request.id, request.model, request.kind)
            self.by_id[request.id] = operation
            self.queue.put((operation, body))
            return operation

    def _claim_sequence_number(self, request: OperationRequest) -> None:
        if request.model not in self.sequences:
            raise EngineError("not-found", f"There is no model {request.model!r}: create it first.")
        expected = self.sequences[request.model] + 1
        if request.sequence is None:
            raise EngineError(
                "invalid-input",
                f"{request.kind} changes the model: it needs a sequence number (next is "
                f"{expected}).",
            )
        if request.sequence != expected:
            what = (
                "was already used by another operation"
                if request.sequence < expected
                else "leaves a gap"
            )
            raise EngineError(
                "out-of-order",
                f"Sequence number {request.sequence} of model {request.model!r} {what}: the next "
                f"is {expected}.",
            )
        self.sequences[request.model] = expected

    def get(self, operation_id: str) -> Operation:
        """Raises `not-found`."""
        with self.lock:
            if operation_id not in self.by_id:
                raise EngineError("not-found", f"There is no operation {operation_id!r}.")
            return self.by_id[operation_id]

    def cancel(self, operation_id: str) -> Operation:
        """Asks the operation to stop before its next forward pass; raises `not-found`."""
        operation = self.get(operation_id)
        operation.cancel.set()
        return operation

    def _run_worker(self) -> None:
        while True:
            operation, body = self.queue.get()
            self._run(operation, body)
            del body  # it may be large, and the next operation may be long in coming
            with self.lock:
                self._forget(operation)
            operation.finished.set_result(None)

    def _run(self, operation: Operation, body: DialectModel) -> None:
        """Runs an operation and notes its result or error."""
        kind = operation.kind
        try:
            operation.check()
            operation.result = self.engine.run(kind, operation.model, body, operation.check)
            operation.state = "done"
        except CancelledError as error:
            operation.state, operation.error = "cancelled", error
        except EngineError as error:
            operation.state, operation.error = "failed", error
        except (MemoryError, torch.OutOfMemoryError) as error:
            operation.state = "failed"
            operation.error = EngineError(
                "out-of-memory",
                f"{kind} ran out of memory: use fewer or shorter sequences. ({error})",
            )
        except Exception as error:
            log.exception("operation %s (%s) failed", operation.id, kind)
            operation.state = "failed"
            operation.error = EngineError("internal", f"{type(error).__name__}: {error}")

    def _forget(self, operation: Operation) -> None:
        """Drops numbers and old operations that are no longer needed once this one has ended."""
        kind, model = operation.kind, operation.model
        was_deleted = kind == "delete_model" and operation.state == "done"
        was_not_made = (
            kind == "create_model" and operation.state != "done" and model not in self.engine.models
        )
        if was_deleted or was_not_made:
            self.sequences.pop(model, None)
        finished = [id for id, o in self.by_id.items() if o.state != "running"]
        for id in finished[: max(0, len(finished) - MAX_FINISHED)]:
            del self.by_id[id]
