"""The dialect and OpenAI's completions over HTTP.

Handlers only accept, wait and answer; the worker thread computes.
"""

import asyncio
import contextlib
import hmac
import json
import re

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from ..errors import EngineError
from . import openai_api
from .operations import Operation, Operations

STATUS = {
    "invalid-input": 422,
    "unauthorized": 401,
    "not-found": 404,
    "conflict": 409,
    "out-of-order": 409,
    "unsupported": 422,
}
MAX_WAIT_SECONDS = 60.0
# An escape in JSON of one half of a character, which is no text without the other half.
HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")


def build_error_response(error: EngineError) -> JSONResponse:
    """The dialect's EngineErrorBody with the HTTP status of its code."""
    return JSONResponse(
        {"error": {"code": error.code, "message": error.message}}, STATUS.get(error.code, 500)
    )


async def wait_until_finished(operation: Operation, seconds: float) -> None:
    """Waits for the end of an operation, at most this long."""
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(operation.finished)), seconds)


def make_app(operations: Operations, secret: str) -> FastAPI:
    """The server; every request must carry the secret as its bearer token."""
    app = FastAPI(title="engine", docs_url=None, redoc_url=None, openapi_url=None)
    expected = f"Bearer {secret}".encode()

    @app.middleware("http")
    async def authorize(request: Request, call_next):
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, expected):
            return build_error_response(
                EngineError("unauthorized", "The bearer secret is missing or wrong.")
            )
        return await call_next(request)

    @app.exception_handler(EngineError)
    async def handle_engine_error(request: Request, error: EngineError):
        return build_error_response(error)

    async def read_json(request: Request) -> object:
        body = await request.body()
        try:
            raw = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise EngineError("invalid-input", f"The request is not JSON: {error}") from error
        if HALF_CHARACTER.search(body):
            try:
                json.dumps(raw, ensure_ascii=False).encode()
            except UnicodeEncodeError as error:
                raise EngineError(
                    "invalid-input", "A text holds half a character (a lone surrogate)."
                ) from error
        return raw

    @app.get("/healthz")
    async def healthz():
        return {"ok": True}

    @app.get("/capabilities")
    async def capabilities():
        return operations.engine.describe_capabilities()

    @app.post("/operations")
    async def start(request: Request, wait: float = 0):
        operation = operations.submit(await read_json(request))
        await wait_until_finished(operation, min(wait, MAX_WAIT_SECONDS))
        return JSONResponse(operation.to_json())

    @app.get("/operations/{operation_id}")
    async def poll(operation_id: str, wait: float = 0):
        operation = operations.get(operation_id)
        await wait_until_finished(operation, min(wait, MAX_WAIT_SECONDS))
        return JSONResponse(operation.to_json())

    @app.post("/operations/{operation_id}/cancel")
    async def cancel(operation_id: str):
        return JSONResponse(operations.cancel(operation_id).to_json())

    async def complete(raw: object, chat: bool) -> JSONResponse:
        request = openai_api.parse_completion(raw, chat)
        operation = operations.submit(openai_api.build_sample_operation(request, operations.engine))
        try:
            await asyncio.shield(asyncio.wrap_future(operation.finished))
        except asyncio.CancelledError:
            operation.cancel.set()
            raise
        if operation.error is not None:
            raise operation.error
        return JSONResponse(openai_api.build_completion(request, operation))

    @app.get("/v1/models")
    async def models():
        return openai_api.list_models(operations.engine)

    @app.post("/v1/completions")
    async def completions(request: Request):
        return await complete(await read_json(request), False)

    @app.post("/v1/chat/completions")
    async def chat_completions(request: Request):
        return await complete(await read_json(request), True)

    return app
