"""OpenAI-compatible completions, for a generator. Not streamed. Model "NAME" is a model with what it learned,
"NAME:base" the frozen base under it."""

import time
import uuid
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .engine import Engine
from .errors import EngineError
from .model import Model
from .operations import Operation, format_validation_error


class Message(BaseModel):
    model_config = ConfigDict(extra="ignore")
    role: Literal["system", "user", "assistant"]
    content: str


class CompletionRequest(BaseModel):
    """Fields that are not listed are ignored, as clients send many; `stream` is refused."""

    model_config = ConfigDict(extra="ignore")
    model: str
    prompt: str | list[str] | list[int] | list[list[int]] | None = None
    messages: list[Message] | None = None
    max_tokens: int | None = Field(None, gt=0)
    max_completion_tokens: int | None = Field(None, gt=0)
    temperature: float = Field(1.0, ge=0)
    top_p: float = 1.0
    n: int = Field(1, gt=0, le=128)
    stop: str | list[str] | None = None
    seed: int | None = None
    stream: bool = False
    logprobs: bool | int | None = None
    # As vLLM: the last message is the beginning of the reply.
    continue_final_message: bool = False

    @property
    def stops(self) -> list[str]:
        return [self.stop] if isinstance(self.stop, str) else [s for s in self.stop or [] if s]


def parse_completion(raw: object, chat: bool) -> CompletionRequest:
    try:
        request = CompletionRequest.model_validate(raw)
    except ValidationError as error:
        raise EngineError("invalid-input", format_validation_error(error, "The request")) from error
    if request.stream:
        raise EngineError("unsupported", "Streaming is not supported: leave `stream` out.")
    if request.top_p != 1:
        raise EngineError("unsupported", "top_p other than 1 is not supported.")
    if (
        chat
        and request.continue_final_message
        and (request.messages or [Message(role="user", content="")])[-1].role != "assistant"
    ):
        raise EngineError(
            "invalid-input", "`continue_final_message` wants an assistant's message at the end."
        )
    if (request.messages is None) if chat else (request.prompt is None):
        raise EngineError("invalid-input", f"`{'messages' if chat else 'prompt'}` is missing.")
    return request


@lru_cache
def load_chat_tokenizer(folder: Path):
    from transformers import (
        AutoTokenizer,
    )  # only chat needs its templates, and it takes seconds to import

    tokenizer = AutoTokenizer.from_pretrained(folder)
    if not tokenizer.chat_template:
        raise EngineError(
            "unsupported", f"{folder.name} has no chat template: use /v1/completions."
        )
    return tokenizer


def find_model(request: CompletionRequest, engine: Engine) -> tuple[Model, bool]:
    name, _, base = request.model.partition(":")
    if base not in ("", "base"):
        raise EngineError("not-found", f'Model {request.model!r}: after ":" only "base" is known.')
    model = engine.model(name)
    return model, model.trainable is not None and not base


def tokenize_prompts(request: CompletionRequest, model: Model) -> list[list[int]]:
    if request.messages is not None:
        messages = [m.model_dump() for m in request.messages]
        begun = messages.pop()["content"] if request.continue_final_message else ""
        text = (
            load_chat_tokenizer(model.base.folder).apply_chat_template(
                messages, add_generation_prompt=True, tokenize=False
            )
            + begun
        )
        return [model.base.tokenizer.encode(text)]
    prompt = request.prompt
    if isinstance(prompt, str):
        return [model.base.tokenizer.encode(prompt)]
    if prompt and isinstance(prompt[0], int):
        return [prompt]
    return [model.base.tokenizer.encode(p) if isinstance(p, str) else p for p in prompt]


def build_sample_operation(request: CompletionRequest, engine: Engine) -> dict:
    """The `sample` operation that a completion stands for."""
    model, adapted = find_model(request, engine)
    limit = model.base.model.config.max_length
    sequences = []
    for ids in tokenize_prompts(request, model):
        if not ids:
            raise EngineError("invalid-input", "The prompt is empty.")
        default = 16 if request.messages is None else limit - len(ids)
        sequences.append(
            {
                "ids": ids,
                "maxTokens": request.max_completion_tokens or request.max_tokens or max(1, default),
                "stop": request.stops,
                "temperature": request.temperature,
                "seed": request.seed if request.seed is not None else uuid.uuid4().int % 2**31,
                "n": request.n,
            }
        )
    return {
        "id": str(uuid.uuid4()),
        "model": model.name,
        "kind": "sample",
        "body": {"adapter": adapted, "sequences": sequences},
    }


def build_completion(request: CompletionRequest, done: Operation) -> dict:
    choices = []
    for samples in done.result["sequences"]:
        for one in samples:
            text = one["text"]
            places = [text.index(s) for s in request.stops if s in text]
            text = text[: min(places)] if places else text
            choice = {
                "index": len(choices),
                "finish_reason": "length" if one["finishReason"] == "length" else "stop",
            }
            if request.messages is not None:
                choice["message"] = {"role": "assistant", "content": text}
            else:
                choice["text"] = text
            choice["logprobs"] = None
            choices.append(choice)
    usage = done.result["usage"]
    return {
        "id": f"cmpl-{done.id}",
        "object": "chat.completion" if request.messages is not None else "text_completion",
        "created": int(time.time()),
        "model": request.model,
        "choices": choices,
        "usage": {
            "prompt_tokens": usage["promptTokens"],
            "completion_tokens": usage["sampledTokens"],
            "total_tokens": usage["promptTokens"] + usage["sampledTokens"],
        },
    }


def list_models(engine: Engine) -> dict:
    names = [
        n
        for m in list(engine.models.values())
        for n in ([m.name, f"{m.name}:base"] if m.trainable else [m.name])
    ]
    return {
        "object": "list",
        "data": [{"id": n, "object": "model", "owned_by": "engine"} for n in names],
    }
