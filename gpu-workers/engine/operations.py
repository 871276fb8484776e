"""Operations: accepted once per id, numbered per model, executed in order by one thread, polled and cancelled by HTTP."""

import logging
import queue
import threading
import traceback
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass, field

import torch
from pydantic import ValidationError

from .dialect import OPERATIONS, OperationRequest
from .dialect_rules import DialectModel
from .engine import Engine
from .errors import Cancelled, EngineError

log = logging.getLogger("engine")
# Finished operations that are remembered, so that a repeated request gets its answer.
MAX_FINISHED = 512


def format_validation_error(error: ValidationError, what: str) -> str:
    lines = [
        f"{'.'.join(str(p) for p in e['loc']) or '(root)'}: {e['msg']}" for e in error.errors()[:10]
    ]
    return f"{what} is not valid:\n" + "\n".join(lines)


@dataclass
class Operation:
    id: str
    model: str
    kind: str
    body: DialectModel
    cancel: threading.Event = field(default_factory=threading.Event)
    finished: Future = field(default_factory=Future)
    state: str = "running"
    result: dict | None = None
    error: EngineError | None = None

    def check(self) -> None:
        if self.cancel.is_set():
            raise Cancelled()

    def to_json(self) -> dict:
        answer = {"id": self.id, "kind": self.kind, "state": self.state}
        if self.result is not None:
            answer["result"] = self.result
        if self.error is not None and self.state == "failed":
            answer["error"] = {"code": self.error.code, "message": self.error.message}
        return answer


class Operations:
    """The queue before the engine. `submit`, `get` and `cancel` may be called from any thread."""

    def __init__(self, engine: Engine):
        self.engine = engine
        self.lock = threading.Lock()
        self.by_id: OrderedDict[str, Operation] = OrderedDict()
        self.sequences: dict[str, int] = {}
        self.queue: queue.SimpleQueue[Operation] = queue.SimpleQueue()
        threading.Thread(target=self._run_worker, name="engine", daemon=True).start()

    def submit(self, raw: object) -> Operation:
        """Accepts an operation, or returns the one that already has its id. Raises EngineError for a refusal, which
        uses no sequence number up."""
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
            operation = Operation(request.id, request.model, request.kind, body)
            self.by_id[request.id] = operation
            self.queue.put(operation)
            return operation

    def _claim_sequence_number(self, request: OperationRequest) -> None:
        if request.model not in self.sequences:
            raise EngineError("not-found", f"There is no model {request.model!r}: create it first.")
        expected = self.sequences[request.model] + 1
        if request.sequence is None:
            raise EngineError(
                "invalid-input",
                f"{request.kind} changes the model: it needs a sequence number (next is {expected}).",
            )
        if request.sequence != expected:
            what = (
                "was already used by another operation"
                if request.sequence < expected
                else "leaves a gap"
            )
            raise EngineError(
                "out-of-order",
                f"Sequence number {request.sequence} of model {request.model!r} {what}: the next is {expected}.",
            )
        self.sequences[request.model] = expected

    def get(self, operation_id: str) -> Operation:
        with self.lock:
            if operation_id not in self.by_id:
                raise EngineError("not-found", f"There is no operation {operation_id!r}.")
            return self.by_id[operation_id]

    def cancel(self, operation_id: str) -> Operation:
        operation = self.get(operation_id)
        operation.cancel.set()
        return operation

    def _run_worker(self) -> None:
        while True:
            operation = self.queue.get()
            try:
                operation.check()
                operation.result = self.engine.run(
                    operation.kind, operation.model, operation.body, operation.check
                )
                operation.state = "done"
            except Cancelled as error:
                operation.state, operation.error = "cancelled", error
            except EngineError as error:
                operation.state, operation.error = "failed", error
            except (MemoryError, torch.OutOfMemoryError) as error:
                operation.state = "failed"
                operation.error = EngineError(
                    "out-of-memory",
                    f"{operation.kind} ran out of memory: use fewer or shorter sequences. ({error})",
                )
            except Exception as error:
                log.error(
                    "operation %s (%s) failed\n%s",
                    operation.id,
                    operation.kind,
                    traceback.format_exc(),
                )
                operation.state, operation.error = (
                    "failed",
                    EngineError("internal", f"{type(error).__name__}: {error}"),
                )
            with self.lock:
                if (
                    operation.kind == "create_model"
                    and operation.state != "done"
                    and operation.model not in self.engine.models
                ):
                    self.sequences.pop(operation.model, None)
                if operation.kind == "delete_model" and operation.state == "done":
                    self.sequences.pop(operation.model, None)
                operation.body = None
                finished = [k for k, o in self.by_id.items() if o.state != "running"]
                for old in finished[: max(0, len(finished) - MAX_FINISHED)]:
                    del self.by_id[old]
            operation.finished.set_result(None)
