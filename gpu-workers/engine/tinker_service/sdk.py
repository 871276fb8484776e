"""A Tinker service, asked by the official SDK (package `tinker`, `npm run setup:tinker`)."""

# The SDK lies in a folder of its own.
# pyright: reportMissingImports=false

import contextlib
import tarfile
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path
from typing import Any

import httpx
import tinker
from tinker import types
from tinker.lib.client_connection_pool_type import ClientConnectionPoolType

from ..api.dialect import EngineErrorCode
from ..errors import EngineError
from .mapping import ServiceDatum, ServiceLora
from .service import AdamStep, Check, SampleRequest, ServiceSample

#: The SDK tries for minutes to reach what is not there.
HEALTH_SECONDS = 15
#: Between two looks at whether the operation was cancelled.
POLL_SECONDS = 0.5
DOWNLOAD_SECONDS = 600
#: The SDK asks again without end where a service is gone.
ANSWER_SECONDS = 3600
UNLOAD_SECONDS = 20
#: The SDK refuses to start without a key of this form; a server of one's own does not look at it.
NO_KEY = "tml-none"
CODES: dict[int, EngineErrorCode] = {
    400: "invalid-input",
    401: "unauthorized",
    403: "unauthorized",
    404: "not-found",
    409: "conflict",
    422: "invalid-input",
}


@contextlib.contextmanager
def translate_errors(what: str) -> Iterator[None]:
    """The SDK's errors as the engine's."""
    try:
        yield
    except tinker.APIStatusError as error:
        code = CODES.get(error.status_code, "internal")
        detail = f"{error.status_code}: {error.message}"
        raise EngineError(code, f"The Tinker service refused {what} ({detail})") from error
    except (tinker.TinkerError, ValueError) as error:  # ValueError: of a future that failed
        raise EngineError("internal", f"The Tinker service failed at {what}: {error}") from error
    except FutureTimeoutError as error:
        raise EngineError(
            "internal",
            f"The Tinker service did not answer {what} in time: see whether it runs, then resume "
            "the run from its last checkpoint.",
        ) from error


def wait(future: Any, check: Check) -> Any:
    """The result of one of the SDK's futures; raises once the operation is cancelled.

    The service goes on with what it was asked: nothing there can be called back.
    """
    waited: Future = future
    while True:
        check()
        started = time.monotonic()
        try:
            return waited.result(timeout=POLL_SECONDS)
        except FutureTimeoutError:
            # Also what the SDK's own time limit raises, which comes at once when it is asked again.
            if waited.done() and time.monotonic() - started < POLL_SECONDS / 2:
                raise


def await_answer(future: Any) -> Any:
    """The result of one of the SDK's futures, of what cannot be called back."""
    return future.result(timeout=ANSWER_SECONDS)


def check_reachable(url: str, key: str | None) -> None:
    """Raises EngineError where nothing of Tinker's answers at the address."""
    try:
        answer = httpx.get(
            f"{url}/api/v1/healthz",
            headers={"X-API-Key": key} if key else {},
            timeout=HEALTH_SECONDS,
        )
    except httpx.HTTPError as error:
        raise EngineError(
            "internal",
            f"Nothing answers at {url}, where --tinker-url says that the Tinker service is: "
            f"{error}",
        ) from error
    if answer.status_code in (401, 403):
        raise EngineError(
            "unauthorized",
            f"{url} does not take the key: set TINKER_API_KEY to another one."
            if key
            else f"{url} wants a key: set TINKER_API_KEY, and allow it by --credential "
            "TINKER_API_KEY=ORIGIN.",
        )
    if answer.status_code >= 400:
        raise EngineError(
            "internal",
            f"{url}/api/v1/healthz answers {answer.status_code}: it is no Tinker service, or "
            "--tinker-url has another path than the service.",
        )


class SdkSampler:
    """Weights at the service that are sampled from."""

    def __init__(self, client: tinker.SamplingClient):
        self.client = client

    def sample(self, requests: list[SampleRequest], check: Check) -> list[list[ServiceSample]]:
        with translate_errors("sampling"):
            futures = [
                self.client.sample(
                    types.ModelInput.from_ints(request.inputs),
                    request.count,
                    types.SamplingParams(
                        max_tokens=request.max_tokens,
                        seed=request.seed,
                        stop=request.stop or None,
                        temperature=request.temperature,
                        top_k=request.top_k,
                        top_p=request.top_p,
                    ),
                )
                for request in requests
            ]
            answers = [wait(future, check) for future in futures]
        return [[read_sample(sequence) for sequence in answer.sequences] for answer in answers]


def read_sample(sequence: types.SampledSequence) -> ServiceSample:
    """Raises `internal` where the service gives no log-probability for each token."""
    logprobs = sequence.logprobs
    if logprobs is None or len(logprobs) != len(sequence.tokens):
        raise EngineError(
            "internal",
            "The Tinker service samples without log-probabilities, which training needs.",
        )
    return ServiceSample(list(sequence.tokens), list(logprobs), sequence.stop_reason == "stop")


def to_datum(datum: ServiceDatum) -> types.Datum:
    size = [len(datum.targets)]
    inputs = {"target_tokens": types.TensorData(data=datum.targets, dtype="int64", shape=size)}
    for name, numbers in datum.columns.items():
        inputs[name] = types.TensorData(data=numbers, dtype="float32", shape=size)
    return types.Datum(types.ModelInput.from_ints(datum.inputs), inputs)


class SdkModel:
    """A model that the service trains. Changes are waited for: they cannot be called back."""

    def __init__(self, client: tinker.TrainingClient):
        self.client = client

    def forward(self, data: list[ServiceDatum]) -> list[list[float]]:
        with translate_errors("forward"):
            answer = await_answer(self.client.forward([to_datum(d) for d in data], "cross_entropy"))
        return read_logprobs(answer)

    def forward_backward(
        self, data: list[ServiceDatum], loss: Any, config: dict[str, float] | None
    ) -> list[list[float]]:
        with translate_errors("forward_backward"):
            mapped = [to_datum(d) for d in data]
            return read_logprobs(await_answer(self.client.forward_backward(mapped, loss, config)))

    def optim_step(self, step: AdamStep) -> dict[str, float]:
        with translate_errors("optim_step"):
            answer = await_answer(self.client.optim_step(types.AdamParams(**vars(step))))
        return answer.metrics or {}

    def open_sampler(self) -> SdkSampler:
        with translate_errors("handing its weights to the sampler"):
            return SdkSampler(self.client.save_weights_and_get_sampling_client())

    def save_state(self, name: str) -> str:
        with translate_errors("save_state"):
            return await_answer(self.client.save_state(name)).path

    def save_weights(self, name: str) -> str:
        with translate_errors("saving its weights"):
            return await_answer(self.client.save_weights_for_sampler(name)).path

    def close(self) -> None:
        # The SDK has this request, but no method of the client for it. A service that does not know
        # it forgets the model once the session has ended.
        holder = self.client.holder
        request = types.UnloadModelRequest(model_id=self.client.model_id)

        async def unload() -> None:
            with holder.aclient(ClientConnectionPoolType.TRAIN) as client:
                await client.models.unload(request=request)

        with contextlib.suppress(Exception):
            holder.run_coroutine_threadsafe(unload()).result(timeout=UNLOAD_SECONDS)


def read_logprobs(answer: types.ForwardBackwardOutput) -> list[list[float]]:
    return [list(output["logprobs"].data) for output in answer.loss_fn_outputs]


class SdkService:
    """The service at an address."""

    def __init__(self, url: str, key: str | None):
        """Raises EngineError where it does not answer."""
        self.url = url.rstrip("/")
        self.version = tinker.__version__
        check_reachable(self.url, key)
        with translate_errors("opening a session: is TINKER_API_KEY right?"):
            self.client = tinker.ServiceClient(base_url=self.url, api_key=key or NO_KEY)

    def list_models(self) -> list[str]:
        with translate_errors("listing its models"):
            models = self.client.get_server_capabilities().supported_models
        return [model.model_name for model in models if model.model_name]

    def create_model(self, base: str, lora: ServiceLora) -> SdkModel:
        with translate_errors(f"creating a model on {base}"):
            client = self.client.create_lora_training_client(
                base,
                rank=lora.rank,
                seed=lora.seed,
                train_mlp=lora.feed_forward,
                train_attn=lora.attention,
                train_unembed=False,
            )
        return SdkModel(client)

    def load_model(self, path: str) -> SdkModel:
        with translate_errors(f"loading {path}"):
            return SdkModel(self.client.create_training_client_from_state_with_optimizer(path))

    def open_sampler(self, base: str) -> SdkSampler:
        with translate_errors("opening a sampler"):
            return SdkSampler(self.client.create_sampling_client(base_model=base))

    def download(self, path: str, folder: Path) -> None:
        with translate_errors(f"giving out {path}"):
            rest = self.client.create_rest_client()
            # The run, then the checkpoint; SkyRL 0.3.0 leaves out "sampler_weights" between them.
            run, _, checkpoint = path.removeprefix("tinker://").partition("/")
            archive = await_answer(rest.get_checkpoint_archive_url(run, checkpoint)).url
        with tempfile.TemporaryFile() as file:
            try:
                with urllib.request.urlopen(archive, timeout=DOWNLOAD_SECONDS) as answer:
                    while block := answer.read(1 << 20):
                        file.write(block)
            except OSError as error:
                raise EngineError(
                    "internal", f"The weights at {path} could not be fetched: {error}"
                ) from error
            file.seek(0)
            with tarfile.open(fileobj=file) as tar:
                tar.extractall(folder, filter="data")
