"""Operations: accepted once per id, numbered per model, run in order by one thread.

Only sampling may come before its time: between the micro-batches of a longer operation.
"""

import logging
import math
import threading
import time
from collections import OrderedDict, deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ValidationError

from ..engine import Engine, EngineProtocol
from ..errors import CancelledError, EngineError
from ..memory import empty_cache, is_out_of_memory
from .dialect import OPERATIONS, OperationRequest
from .dialect_rules import DialectModel

log = logging.getLogger("engine")
# Finished operations that are kept, so that a repeated request gets its answer.
MAX_FINISHED = 512
# Of what changes nothing that sampling depends on: sampling may come before it.
OVERTAKEN = (
    "forward",
    "forward_backward",
    "end_sessions",
    "encode_guided",
    "weights_hash",
    "memory",
)


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
        self.waiting: deque[tuple[Operation, DialectModel]] = deque()
        self.arrived = threading.Condition(self.lock)
        # Of the operation that runs: when it began, and the seconds that sampling had of its time.
        self.began, self.lent = 0.0, 0.0
        # Ranks and services do an operation as a whole.
        if isinstance(engine, Engine):
            engine.serve_waiting = self._serve_sampling
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
            self.waiting.append((operation, body))
            self.arrived.notify()
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
            # No name here holds a body: it may be large, and the next may be long in coming.
            self._execute(*self._take_next())

    def _take_next(self) -> tuple[Operation, DialectModel]:
        """The operation that came first, once there is one."""
        with self.arrived:
            self.arrived.wait_for(lambda: self.waiting)
            self.began, self.lent = time.perf_counter(), 0.0
            return self.waiting.popleft()

    def _execute(self, operation: Operation, body: DialectModel, can_wait: bool = False) -> bool:
        """Runs an operation to its end; False where it is to be run again, as `_run` says."""
        if not self._run(operation, body, can_wait):
            return False
        with self.lock:
            self._forget(operation)
        operation.finished.set_result(None)
        return True

    def _serve_sampling(self) -> None:
        """Runs sampling that waits, while the operation that runs stands between micro-batches.

        None begins once sampling has had more time than the operation; one that has begun ends. One
        for which memory does not suffice beside the operation waits for its end, as all of them
        then do. The operation hears of its cancelling when the sampling ends.
        """
        while self.lent <= (time.perf_counter() - self.began) / 2:
            with self.lock:
                found = self._pop_sampling()
            if found is None:
                return
            started = time.perf_counter()
            if self._execute(*found, can_wait=True):
                self.lent += time.perf_counter() - started
            else:
                empty_cache()
                self.lent = math.inf
                with self.lock:
                    self.waiting.appendleft(found)

    def _pop_sampling(self) -> tuple[Operation, DialectModel] | None:
        """Takes the first sampling that nothing stands before on which it depends."""
        for i, (operation, _) in enumerate(self.waiting):
            if operation.kind == "sample":
                found = self.waiting[i]
                del self.waiting[i]
                return found
            if operation.kind not in OVERTAKEN:
                return None
        return None

    def _run(self, operation: Operation, body: DialectModel, can_wait: bool) -> bool:
        """Runs an operation and notes its result or error.

        False where memory did not suffice and it `can_wait`: then nothing is noted.
        """
        kind = operation.kind
        try:
            operation.check()
            operation.result = self.engine.run(kind, operation.model, body, operation.check)
            operation.state = "done"
        except CancelledError as error:
            operation.state, operation.error = "cancelled", error
        except EngineError as error:
            operation.state, operation.error = "failed", error
        except Exception as error:
            if not is_out_of_memory(error):
                log.exception("operation %s (%s) failed", operation.id, kind)
                failure = EngineError("internal", f"{type(error).__name__}: {error}")
            elif can_wait:
                return False
            else:
                failure = EngineError(
                    "out-of-memory",
                    f"{kind} ran out of memory: use fewer or shorter sequences. ({error})",
                )
            operation.state, operation.error = "failed", failure
        return True

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
