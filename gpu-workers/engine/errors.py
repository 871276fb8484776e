"""The engine's one error type. Codes are those of contracts/engine.ts; messages say what is wrong and how to mend it."""


class EngineError(Exception):
    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code
        self.message = message


class Cancelled(EngineError):
    """Raised between two forward passes of an operation whose caller cancelled it."""

    def __init__(self) -> None:
        super().__init__("cancelled", "The operation was cancelled.")
