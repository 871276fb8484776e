"""Requests in OpenAI's form are read as vLLM reads them."""

import pytest

from engine.api.openai_api import parse_completion
from engine.errors import EngineError

CHAT = {"model": "m", "messages": [{"role": "user", "content": "Say hello."}]}
OPTIONAL = [
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "n",
    "stop",
    "seed",
    "stream",
    "logprobs",
    "continue_final_message",
    "prompt",
]


def with_content(content) -> dict:
    return {**CHAT, "messages": [{"role": "user", "content": content}]}


@pytest.mark.parametrize("name", OPTIONAL)
def test_null_is_as_left_out(name: str):
    assert parse_completion({**CHAT, name: None}, True) == parse_completion(CHAT, True)


def test_a_text_may_come_in_parts():
    parts = [{"type": "text", "text": "Say"}, "hello", {"type": "input_text", "text": "now."}]
    request = parse_completion(with_content(parts), True)
    assert [m.content for m in request.messages or []] == ["Say\nhello\nnow."]
    empty = parse_completion(with_content(None), True)
    assert [m.content for m in empty.messages or []] == [""]


@pytest.mark.parametrize("content", [[{"type": "image_url", "image_url": {"url": "x"}}], [7], 7])
def test_what_is_no_text_is_refused(content):
    with pytest.raises(EngineError) as raised:
        parse_completion(with_content(content), True)
    assert raised.value.code == "invalid-input"
    assert "content" in raised.value.message


def test_what_is_required_cannot_be_null():
    for raw in ({**CHAT, "model": None}, {**CHAT, "messages": None}, {"model": "m"}):
        with pytest.raises(EngineError) as raised:
            parse_completion(raw, True)
        assert raised.value.code == "invalid-input"
