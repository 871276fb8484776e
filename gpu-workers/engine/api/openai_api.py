"""OpenAI-compatible completions, not streamed.

Model "NAME" is a model with its trained weights, "NAME:base" the frozen base under it.
"""

import time
import uuid
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ..engine import EngineProtocol, ServedModel
from ..errors import EngineError
from .dialect import SampleResult
from .operations import Operation, format_validation_error


class Message(BaseModel):
    """A message of a chat."""

    model_config = ConfigDict(extra="ignore")
    role: Literal["system", "user", "assistant"]
    content: str

    @field_validator("content", mode="before")
    @classmethod
    def join_parts(cls, content: object) -> object:
        """Text parts as one text, a line each, as vLLM joins them; null is an empty text."""
        if content is None:
            return ""
        if not isinstance(content, list):
            return content
        return "\n".join(read_text_part(part) for part in content)


def read_text_part(part: object) -> str:
    """The text of a part of a message; raises ValueError for a part of another kind."""
    if isinstance(part, str):
        return part
    text = part.get("text") if isinstance(part, dict) else None
    if isinstance(text, str):
        return text
    kind = part.get("type") if isinstance(part, dict) else type(part).__name__
    raise ValueError(f"a part of type {kind!r} is not supported: only text is")


class CompletionRequest(BaseModel):
    """A request for a completion. Unknown fields are ignored: clients send many."""

    model_config = ConfigDict(extra="ignore")
    model: str
    prompt: str | list[str] | list[int] | list[list[int]] | None = None
    messages: list[Message] | None = None
    max_tokens: int | None = Field(None, gt=0)
    max_completion_tokens: int | None = Field(None, gt=0)
    temperature: float = Field(1.0, ge=0)
    top_p: float = Field(1.0, gt=0, le=1)
    # As vLLM has them; -1 and 0 mean all tokens.
    top_k: int = Field(0, ge=-1)
    repetition_penalty: float = Field(1.0, gt=0)
    n: int = Field(1, gt=0, le=128)
    stop: str | list[str] | None = None
    seed: int | None = Field(None, ge=0, lt=2**63)
    stream: bool = False
    logprobs: bool | int | None = None
    # As in vLLM: the last message is the beginning of the reply.
    continue_final_message: bool = False

    @model_validator(mode="before")
    @classmethod
    def drop_nulls(cls, fields: object) -> object:
        """OpenAI's schema lets every optional field be null, which means that it is left out."""
        if not isinstance(fields, dict):
            return fields
        return {name: value for name, value in fields.items() if value is not None}

    @property
    def stops(self) -> list[str]:
        """The stop strings as a list."""
        return [self.stop] if isinstance(self.stop, str) else [s for s in self.stop or [] if s]


def parse_completion(raw: object, chat: bool) -> CompletionRequest:
    """Raises `invalid-input` or `unsupported`."""
    try:
        request = CompletionRequest.model_validate(raw)
    except ValidationError as error:
        raise EngineError("invalid-input", format_validation_error(error, "The request")) from error
    if request.stream:
        raise EngineError("unsupported", "Streaming is not supported: leave `stream` out.")
    last_role = request.messages[-1].role if request.messages else None
    if chat and request.continue_final_message and last_role != "assistant":
        raise EngineError(
            "invalid-input", "`continue_final_message` wants an assistant's message at the end."
        )
    if (request.messages is None) if chat else (request.prompt is None):
        raise EngineError("invalid-input", f"`{'messages' if chat else 'prompt'}` is missing.")
    return request


@lru_cache
def load_chat_tokenizer(folder: Path):
    """transformers' tokenizer, which has the chat template; raises `unsupported` without one."""
    # Only chat needs it, and the import takes seconds.
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    if not tokenizer.chat_template:
        raise EngineError(
            "unsupported", f"{folder.name} has no chat template: use /v1/completions."
        )
    return tokenizer


def find_model(request: CompletionRequest, engine: EngineProtocol) -> tuple[ServedModel, bool]:
    """The model of a request, and whether its trained weights are wanted."""
    name, _, base = request.model.partition(":")
    if base not in ("", "base"):
        raise EngineError("not-found", f'Model {request.model!r}: after ":" only "base" is known.')
    model = engine.get_model(name)
    return model, bool(model.trainable) and not base


def tokenize_prompts(request: CompletionRequest, model: ServedModel) -> list[list[int]]:
    """Token ids of each prompt; a chat is one prompt."""
    tokenizer = model.base.tokenizer
    if request.messages is not None:
        messages = [m.model_dump() for m in request.messages]
        begun = messages.pop()["content"] if request.continue_final_message else ""
        template = load_chat_tokenizer(model.base.folder)
        try:
            text = template.apply_chat_template(
                messages, add_generation_prompt=True, tokenize=False
            )
        except Exception as error:  # templates refuse what their model was not trained on
            raise EngineError(
                "invalid-input", f"The model's chat template refuses these messages: {error}"
            ) from error
        return [tokenizer.encode(str(text) + begun)]
    prompt = request.prompt or []
    if isinstance(prompt, str):
        return [tokenizer.encode(prompt)]
    ids = [token for token in prompt if isinstance(token, int)]
    if ids:
        return [ids]
    return [
        tokenizer.encode(p) if isinstance(p, str) else p for p in prompt if not isinstance(p, int)
    ]


def build_sample_operation(request: CompletionRequest, engine: EngineProtocol) -> dict:
    """The `sample` operation that answers a completion; raises EngineError for a bad prompt."""
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
                "topP": request.top_p,
                "topK": max(0, request.top_k),
                "repetitionPenalty": request.repetition_penalty,
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


def build_completion(request: CompletionRequest, operation: Operation) -> dict:
    """OpenAI's answer from a finished `sample` operation."""
    result = SampleResult.model_validate(operation.result)
    choices = []
    for samples in result.sequences:
        for one in samples:
            places = [one.text.index(s) for s in request.stops if s in one.text]
            text = one.text[: min(places)] if places else one.text
            choice: dict[str, Any] = {
                "index": len(choices),
                "finish_reason": "length" if one.finishReason == "length" else "stop",
            }
            if request.messages is not None:
                choice["message"] = {"role": "assistant", "content": text}
            else:
                choice["text"] = text
            choice["logprobs"] = None
            choices.append(choice)
    usage = result.usage
    return {
        "id": f"cmpl-{operation.id}",
        "object": "chat.completion" if request.messages is not None else "text_completion",
        "created": int(time.time()),
        "model": request.model,
        "choices": choices,
        "usage": {
            "prompt_tokens": usage.promptTokens,
            "completion_tokens": usage.sampledTokens,
            "total_tokens": usage.promptTokens + usage.sampledTokens,
        },
    }


def list_models(engine: EngineProtocol) -> dict:
    """OpenAI's list of models: each with and, where it is trained, without its trained weights."""
    names = [
        n
        for m in list(engine.models.values())
        for n in ([m.name, f"{m.name}:base"] if m.trainable else [m.name])
    ]
    return {
        "object": "list",
        "data": [{"id": n, "object": "model", "owned_by": "engine"} for n in names],
    }
