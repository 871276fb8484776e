"""The middleware that guards vLLM's requests beside /v1 (llm/vllm-server/require_key.py)."""

import asyncio
import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).resolve().parents[2] / "llm" / "vllm-server" / "require_key.py"
SPEC = importlib.util.spec_from_file_location("require_key", PATH)
assert SPEC is not None
assert SPEC.loader is not None
require_key = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(require_key)


async def inner(scope, receive, send):
    await send({"type": "reached"})


def ask(path: str, key: str | None, kind: str = "http") -> list[dict]:
    """What the server sends for a request."""
    sent: list[dict] = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {}

    headers = [] if key is None else [(b"authorization", key.encode())]
    scope = {"type": kind, "path": path, "headers": headers}
    asyncio.run(require_key.RequireKey(inner)(scope, receive, send))
    return sent


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("VLLM_API_KEY", "the-key")


@pytest.mark.parametrize(
    ("path", "key", "reached"),
    [
        ("/collective_rpc", "Bearer the-key", True),
        ("/collective_rpc", None, False),
        ("/collective_rpc", "Bearer the-kex", False),
        ("/collective_rpc", "the-key", False),
        ("/v1/completions", None, False),
        ("/health", None, True),
        ("/healthy", None, False),
        ("/health/../pause", None, False),
    ],
)
def test_only_health_is_open_without_the_key(path, key, reached):
    sent = ask(path, key)
    assert (sent == [{"type": "reached"}]) is reached
    if not reached:
        assert sent[0]["status"] == 401


def test_a_socket_without_the_key_is_closed():
    assert ask("/v1/realtime", None, "websocket") == [{"type": "websocket.close", "code": 1008}]


def test_a_server_without_a_key_does_not_start(monkeypatch):
    monkeypatch.delenv("VLLM_API_KEY")
    with pytest.raises(ValueError, match="must not be open"):
        require_key.RequireKey(inner)
