"""vLLM's middleware (`--middleware require_key.RequireKey`) that wants the API key everywhere.

vLLM itself asks for its key under /v1 alone. The requests that replace whole weights (/pause,
/collective_rpc, ...) stand beside it, and another user of the machine, or a page in a browser,
could send them. /health stays open: it tells nothing.
"""

import hmac
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

Message = dict[str, Any]
App = Callable[[Message, Callable, Callable], Awaitable[None]]
OPEN_PATHS = frozenset({"/health"})


class RequireKey:
    """Pure ASGI middleware: 401 without `Authorization: Bearer` and the key in VLLM_API_KEY."""

    def __init__(self, app: App) -> None:
        key = os.environ.get("VLLM_API_KEY", "")
        if not key:
            raise ValueError("VLLM_API_KEY is empty: this server must not be open to all.")
        self.app, self.expected = app, f"Bearer {key}".encode()

    async def __call__(self, scope: Message, receive: Callable, send: Callable) -> None:
        if scope["type"] == "lifespan" or scope.get("path") in OPEN_PATHS or self._has_key(scope):
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await send(
                {
                    "type": "http.response.start",
                    "status": 401,
                    "headers": [(b"content-type", b"application/json")],
                }
            )
            error = {"error": {"message": "the API key is missing or wrong"}}
            await send({"type": "http.response.body", "body": json.dumps(error).encode()})
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _has_key(self, scope: Message) -> bool:
        given = dict(scope["headers"]).get(b"authorization", b"")
        return hmac.compare_digest(given, self.expected)
