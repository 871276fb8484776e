"""The engine's errors. A message says what is wrong and how to mend it."""

from .api.dialect import EngineErrorCode


class EngineError(Exception):
    """An operation or request that is refused or failed, with a code of the dialect."""

    def __init__(self, code: EngineErrorCode, message: str):
        super().__init__(message)
        self.code: EngineErrorCode = code
        self.message = message


class CancelledError(EngineError):
    """Raised between two forward passes of an operation that its caller cancelled."""

    def __init__(self) -> None:
        super().__init__("cancelled", "The operation was cancelled.")
