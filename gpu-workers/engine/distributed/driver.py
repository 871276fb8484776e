"""The engine's process where ranks compute: starts them by Ray and hands them the operations.

Sequences and data are split by their tokens. The results are those of one process, up to the order
in which floating-point numbers are added. On the first failure of a rank, a machine or the network
all ranks are ended and the engine with them: the run goes on from its last checkpoint with as many
ranks as there are then. `prepare_ray_environment` comes before the import of this file.
"""

import atexit
import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NoReturn

import ray
import torch
from ray._private.state import available_resources_per_node, total_resources_per_node
from ray.exceptions import RayActorError, RayError
from ray.util.placement_group import placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from ..api import dialect
from ..api.dialect_rules import DialectModel
from ..device import choose_device, count_physical_cores
from ..engine import Check
from ..errors import CancelledError
from ..models.huggingface import find_folder
from ..models.remote_model import RemoteBase, RemoteModel
from .placement import choose_bundle, wait_for_room
from .rank import Rank, RankAnswer, RankError, RankSettings
from .ray_environment import ClusterFolder, remove_left_folders
from .splitting import merge_results, split_by_cost

log = logging.getLogger("engine")
Strategy = Literal["pack", "spread"]
GPU_WORKERS = Path(__file__).resolve().parents[2]
# An address of this machine alone. Ray replaces 127.0.0.1 by the outer address.
LOOPBACK = "127.0.0.2"
PLACEMENT_SECONDS = 120
JOIN_SECONDS = 600
PING_SECONDS = 20
# After so long Ray has told of a rank that has ended, where its machine is gone, too.
ENDED_SECONDS = 5
# Fields of results that must be equal on all ranks; where they are not, the ranks drifted apart.
SAME_ON_ALL_RANKS = {"optim_step": ("gradNorm", "step"), "load_state": ("step",)}
OBJECT_STORE_BYTES = 256 << 20
START_ATTEMPTS = 3


@dataclass
class ClusterSettings:
    """How ranks are started."""

    #: None: one for each GPU of the cluster; more than there are: as many as there are.
    ranks: int | None = None
    #: Of a Ray cluster that exists; None: one of this machine is started and ends with the engine.
    address: str | None = None
    strategy: Strategy = "pack"


def make_rank_settings(
    kind: str | None,
    dtype: str | None,
    threads: int | None,
    cache_bytes: int | None,
    cluster: ClusterSettings,
) -> RankSettings:
    """How ranks compute. What is None is chosen: by this machine's device, or in a cluster that was
    given by the ranks' machines, as the driver's need have no GPU. On one machine ranks of a CPU
    share its cores.
    """
    if cluster.address is None:
        device = choose_device(kind, dtype, threads)
        kind, dtype = device.kind, device.dtype_name
        if kind == "cpu":
            threads = max(1, device.threads // (cluster.ranks or 1))
    limit_seconds = float(os.environ.get("S3_ENGINE_COLLECTIVE_SECONDS", "120"))
    return RankSettings(kind, dtype, threads, cache_bytes, limit_seconds)


def start_local_cluster(kind: str, ranks: int | None) -> ClusterFolder:
    """Starts a Ray cluster of this machine; returns its temporary folder.

    What engines left that were killed is removed first.

    No dashboard. Whoever talks to it needs the token of `prepare_ray_environment`. It has as many
    GPUs as there are ranks, from the first on: others may be vLLM's (searcher.samplerPlacement).
    """
    gpus = torch.cuda.device_count() if kind == "cuda" else 0
    gpus = min(ranks or gpus, gpus)
    remove_left_folders()
    for attempt in range(1, START_ATTEMPTS + 1):
        folder = ClusterFolder()
        try:
            ray.init(
                address="local",
                num_cpus=max(ranks or 1, gpus, count_physical_cores()),
                num_gpus=gpus,
                include_dashboard=False,
                object_store_memory=OBJECT_STORE_BYTES,
                _node_ip_address=LOOPBACK if sys.platform == "linux" else None,
                # Below the folder that only this user may enter: Ray opens its own to everyone.
                _temp_dir=str(folder.path / "ray"),
                logging_level=logging.ERROR,
                log_to_driver=False,
            )
            return folder
        except Exception as error:
            # Ray gives its own processes half a minute, which a busy machine may need for others.
            ray.shutdown()
            folder.remove()
            if attempt == START_ATTEMPTS:
                raise SystemExit(f"Ray does not start on this machine: {error}") from error
            log.warning("Ray did not start (%s): once more", error)
    raise AssertionError("the last attempt returns or raises")


def choose_kind(resources: Mapping[str, float]) -> str:
    """What the ranks of a Ray cluster compute on, by its resources: its GPUs where it has any."""
    return "cuda" if resources.get("GPU", 0) >= 1 else "cpu"


def end_process(reason: str) -> NoReturn:
    """Ends the engine with a reason; whoever started it sees the end of its error output."""
    log.error(reason)
    logging.shutdown()
    os._exit(1)


class DistributedEngine:
    """An engine over all ranks (EngineProtocol). `run` is called by one thread."""

    def __init__(
        self,
        settings: RankSettings,
        cluster: ClusterSettings,
        fail: Callable[[str], NoReturn] = end_process,
    ):
        """`fail` is called once with the reason when the ranks have been ended for a failure."""
        self.cluster, self._end, self._limit = cluster, fail, settings.limit_seconds
        self.models: dict[str, RemoteModel] = {}
        self.bases: dict[Path, RemoteBase] = {}
        self.session_ranks: dict[str, int] = {}
        self._failure = threading.Lock()
        self._reason = ""
        self._closed = self._owns_connection = False
        self._folder: ClusterFolder | None = None
        self._rendezvous: ClusterFolder | None = None
        self._operation = 0
        self._idle: list[float] = []
        self._tokens: list[int] = []
        atexit.register(self.close)
        self._connect(settings)
        kind = settings.kind or choose_kind(ray.cluster_resources())
        bundle = choose_bundle(kind)
        self._start_ranks(bundle, replace(settings, kind=kind))
        self._idle, self._tokens = [0.0] * self.ranks, [0] * self.ranks
        threading.Thread(target=self._watch, daemon=True).start()

    def _connect(self, settings: RankSettings) -> None:
        """Joins the cluster that was given, or starts one."""
        if ray.is_initialized():  # whoever connected this process ends the connection, too
            return
        self._owns_connection = True
        if self.cluster.address is None:
            if settings.kind == "mps":
                raise SystemExit("Ranks: this machine has one GPU, and it is used whole.")
            self._folder = start_local_cluster(settings.kind or "cpu", self.cluster.ranks)
            return
        try:
            ray.init(address=self.cluster.address, logging_level=logging.ERROR, log_to_driver=False)
        except (RayError, ConnectionError, RuntimeError, ValueError) as error:
            raise SystemExit(
                f"--ray-address {self.cluster.address}: the cluster does not answer. This machine "
                f"must be one of its nodes (`ray start --address=...`). ({error})"
            ) from error

    def _choose_ranks(self, bundle: dict[str, float]) -> int:
        """As many ranks as are wanted, or as there is room for."""
        room = wait_for_room(
            bundle, self.cluster.ranks, available_resources_per_node, total_resources_per_node
        )
        if room == 0:
            raise SystemExit(f"The Ray cluster has no room for a rank, which needs {bundle}.")
        wanted = self.cluster.ranks or room
        if wanted > room:
            log.warning("%d ranks were asked for, but there is room for %d", wanted, room)
        return min(wanted, room)

    def _start_ranks(self, bundle: dict[str, float], settings: RankSettings) -> None:
        """Starts the ranks; returns once all are there.

        Where one ends meanwhile, or its machine, all start once more: as many as there is room for.
        """
        for attempt in range(1, START_ATTEMPTS + 1):
            self.ranks = self._choose_ranks(bundle)
            self._place_ranks(bundle)
            try:
                self._join_ranks(bundle, settings)
                break
            except Exception as error:
                is_lost = isinstance(error, RayActorError) or self._find_ended_rank() is not None
                if not is_lost or attempt == START_ATTEMPTS:
                    self.fail(describe_failure(error))
                log.warning("A rank ended at the start (%s): once more", describe_failure(error))
                self._end_ranks()
        self._addresses = {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes()}
        formats = sorted({place["dtype"] for place in self.places})
        if len(formats) > 1:
            self.close()
            raise SystemExit(
                f"The ranks' devices do well with different number formats ({', '.join(formats)}): "
                "choose one for all (--engine-dtype)."
            )

    def _place_ranks(self, bundle: dict[str, float]) -> None:
        """Reserves what each rank needs; fewer ranks where a machine turns out to be gone."""
        deadline = time.monotonic() + PLACEMENT_SECONDS
        while True:
            self.placement = placement_group(
                [bundle] * self.ranks, strategy=self.cluster.strategy.upper()
            )
            if self.placement.wait(PLACEMENT_SECONDS / 6):
                return
            remove_placement_group(self.placement)
            if time.monotonic() > deadline:
                raise SystemExit(f"Ray found no place for {self.ranks} ranks with {bundle} each.")
            self.ranks = self._choose_ranks(bundle)

    def _join_ranks(self, bundle: dict[str, float], settings: RankSettings) -> None:
        """Makes the engines of the placed ranks and joins them. Raises what Ray says of a rank."""
        # Operations one at a time; the others beside them.
        remote: Any = ray.remote
        actor = remote(concurrency_groups={"control": 2, "watch": 1})(Rank)
        path = os.pathsep.join(filter(None, [str(GPU_WORKERS), os.environ.get("PYTHONPATH", "")]))
        self.actors: list[Any] = [
            actor.options(
                num_cpus=1,
                num_gpus=bundle.get("GPU", 0),
                max_restarts=0,
                scheduling_strategy=PlacementGroupSchedulingStrategy(
                    self.placement, placement_group_bundle_index=i
                ),
                runtime_env={"env_vars": {"PYTHONPATH": path}},
            ).remote()
            for i in range(self.ranks)
        ]
        rendezvous = self._choose_rendezvous()
        joined = [
            rank.join.remote(i, self.ranks, rendezvous, settings)
            for i, rank in enumerate(self.actors)
        ]
        self.places: list[dict] = ray.get(joined, timeout=JOIN_SECONDS)
        self._capabilities: dict = ray.get(self.actors[0].describe.remote(), timeout=JOIN_SECONDS)

    def _choose_rendezvous(self) -> str:
        """Where the ranks find each other: a file, or among several machines a port of rank 0.

        A port is open to whoever reaches the machine, and torch asks for no token.
        """
        if self.cluster.address is None:
            if self._rendezvous is not None:  # that of ranks of which one ended
                self._rendezvous.remove()
            self._rendezvous = ClusterFolder()
            return (self._rendezvous.path / "store").as_uri()
        address, port = ray.get(self.actors[0].find_address.remote(), timeout=JOIN_SECONDS)
        return f"tcp://{address}:{port}"

    def _get(self, answers: list, seconds: float) -> list:
        """Answers of ranks; ends all where one does not come."""
        try:
            return ray.get(answers, timeout=seconds)
        except Exception as error:
            self.fail(describe_failure(error))

    def get_model(self, name: str) -> RemoteModel:
        """Raises `not-found` where there is none of this name."""
        if name not in self.models:
            present = ", ".join(self.models) or "none"
            raise RankError(
                "not-found", f"There is no model {name!r}: create it first. Present: {present}."
            ).to_exception()
        return self.models[name]

    def describe_capabilities(self) -> dict:
        """Those of rank 0, with the models and where the ranks are."""
        models = [
            {"id": m.name, "base": m.base.folder.name, "head": m.head, "step": m.step}
            for m in list(self.models.values())
        ]
        return self._capabilities | {"models": models, "cluster": self.describe_cluster()}

    def describe_cluster(self) -> dict:
        """The dialect's ClusterStatus."""
        nodes = []
        for node in ray.nodes():
            resources = node.get("Resources", {})
            held = [place["rank"] for place in self.places if place["node"] == node["NodeID"]]
            nodes.append(
                {
                    "id": node["NodeID"],
                    "address": node["NodeManagerAddress"],
                    "alive": bool(node["Alive"]),
                    "cpus": resources.get("CPU", 0),
                    "gpus": resources.get("GPU", 0),
                    "memoryBytes": resources.get("memory", 0),
                    "ranks": held,
                }
            )
        return {
            "address": self.cluster.address,
            "strategy": self.cluster.strategy,
            "nodes": nodes,
            "ranks": self.places,
        }

    def close(self) -> None:
        """Ends all ranks, and the cluster if it is this engine's own."""
        if self._closed:
            return
        self._closed = True
        self._end_ranks()
        if self._owns_connection:
            with contextlib.suppress(Exception):
                ray.shutdown()
        for folder in filter(None, (self._folder, self._rendezvous)):
            folder.remove()

    def _end_ranks(self) -> None:
        for rank in getattr(self, "actors", []):
            with contextlib.suppress(Exception):
                ray.kill(rank)
        with contextlib.suppress(Exception):
            remove_placement_group(self.placement)

    def fail(self, reason: str) -> NoReturn:
        """Ends all ranks, then the engine: what the ranks hold is no longer of one piece.

        The first reason counts: that other ranks were ended is its consequence.
        """
        with self._failure:
            self._reason = self._reason or reason
            self.close()
            self._end(
                f"{self._reason} All {len(getattr(self, 'actors', []))} ranks were ended; the run "
                "goes on from its last checkpoint with as many ranks as there are."
            )

    def _watch(self) -> None:
        """Ends everything once a rank has ended, whether or not anything is asked of it."""
        ended = [
            rank.wait_for_end.options(concurrency_group="watch").remote() for rank in self.actors
        ]
        done, _ = ray.wait(ended, num_returns=1)
        try:
            ray.get(done)
        except Exception as error:
            if not self._closed:
                self._fail_by(ended.index(done[0]), error)

    def _fail_by(self, rank: int, error: Exception) -> NoReturn:
        """Ends all for what Ray says of one rank. Where it failed because another has ended, whose
        collective it was in, that one is the reason.
        """
        if not isinstance(error, RayActorError):
            rank, error = self._find_ended_rank() or (rank, error)
        what = "ended" if isinstance(error, RayActorError) else "failed"
        at = self._name_machines([rank])
        self.fail(f"Rank {rank} of {self.ranks}{at} has {what}. {describe_failure(error)}")

    def _find_ended_rank(self) -> tuple[int, Exception] | None:
        """A rank whose process has ended, and what Ray says of it."""
        try:
            pings = self._call_all("ping")
            ray.wait(pings, num_returns=len(pings), timeout=ENDED_SECONDS)
        except Exception:  # all were ended meanwhile, and the reason was told
            return None
        ends = [(rank, read_end(ping)) for rank, ping in enumerate(pings)]
        return next(((rank, end) for rank, end in ends if end is not None), None)

    def _name_machines(self, ranks: list[int]) -> str:
        """Where ranks are, for a sentence; nothing on a cluster of one machine."""
        if self.cluster.address is None:
            return ""
        addresses = {self._addresses[self.places[rank]["node"]] for rank in ranks}
        return f" on {', '.join(sorted(addresses))}"

    def run(self, kind: str, name: str, body: DialectModel, check: Check) -> dict:
        """Executes one operation on all ranks."""
        match body:
            case dialect.SampleBody():
                parts = self._split_sequences(body)
                return self._run_split(kind, name, body, "sequences", parts, check)
            case dialect.ForwardBody() | dialect.ForwardBackwardBody():
                ids = [datum.ids for datum in body.data]
                parts = split_by_cost(ids, [len(i) for i in ids], self.ranks)
                return self._run_split(kind, name, body, "data", parts, check)
            case dialect.EndSessionsBody():
                for session in body.sessions:
                    self.session_ranks.pop(session, None)
        return self._run_alike(kind, name, body, check)

    def _run_alike(self, kind: str, name: str, body: DialectModel, check: Check) -> dict:
        """Runs an operation that is the same on every rank, and checks that they agree."""
        answers, error = self._run_on_all_ranks(kind, name, [body] * self.ranks, check)
        results = [answer.result for answer in answers if answer.result is not None]
        if error is not None:
            if kind == "create_model" and error.code != "conflict":
                # Deleted where it was made, so that all ranks hold the same models.
                self._run_on_all_ranks(
                    "delete_model", name, [dialect.EmptyBody()] * self.ranks, lambda: None
                )
            elif kind != "create_model" and 0 < len(results) < len(answers):
                self.fail(f"{kind} succeeded on some ranks only: {error.message}")
            raise error.to_exception()
        for field in SAME_ON_ALL_RANKS.get(kind, ()):
            if len({result[field] for result in results}) > 1:
                self.fail(f"{kind} gave different {field} on the ranks: they have drifted apart.")
        return self._note_result(kind, name, body, results)

    def _note_result(self, kind: str, name: str, body: DialectModel, results: list[dict]) -> dict:
        """The operation's one result; keeps what the driver must know of the models."""
        first = results[0]
        if isinstance(body, dialect.CreateModelBody):
            folder = find_folder(Path(body.base), "actor").resolve()
            if folder not in self.bases:
                self.bases[folder] = RemoteBase(folder)
            is_trained = body.lora is not None or body.full is not None
            self.models[name] = RemoteModel(name, self.bases[folder], body.head, is_trained)
        elif kind == "delete_model":
            self.models.pop(name, None)
        elif kind == "memory":
            return {key: sum(result[key] for result in results) for key in first}
        if "step" in first:
            self.models[name].step = first["step"]
        if kind == "optim_step":
            return first | {"ranks": self._take_times()}
        return first

    def _take_times(self) -> list[dict]:
        """What each rank did since the last call, as the dialect's RankTimes."""
        found = self._get([rank.take_times.remote() for rank in self.actors], JOIN_SECONDS)
        for i, times in enumerate(found):
            times["waitSeconds"] += self._idle[i]
            times |= {"rank": i, "tokens": self._tokens[i]}
        self._idle, self._tokens = [0.0] * self.ranks, [0] * self.ranks
        return found

    def _split_sequences(self, body: dialect.SampleBody) -> list[list[int]]:
        """Indices of the sequences for each rank.

        A conversation stays on the rank that has its activations; new ones are split by tokens.
        """
        sequences = body.sequences
        parts: list[list[int]] = [[] for _ in range(self.ranks)]
        new = [i for i, s in enumerate(sequences) if s.session not in self.session_ranks]
        if new:
            costs = [(len(sequences[i].ids) + sequences[i].maxTokens) * sequences[i].n for i in new]
            split = split_by_cost([sequences[i].ids for i in new], costs, self.ranks)
            parts = [[new[k] for k in part] for part in split]
        for i, sequence in enumerate(sequences):
            if sequence.session in self.session_ranks:
                parts[self.session_ranks[sequence.session]].append(i)
        for rank, part in enumerate(parts):
            for i in part:
                session = sequences[i].session
                if session is not None:
                    self.session_ranks[session] = rank
        return parts

    def _run_split(
        self,
        kind: str,
        name: str,
        body: DialectModel,
        field: str,
        parts: list[list[int]],
        check: Check,
    ) -> dict:
        """Runs an operation with the list `field` of its body split over the ranks."""
        items = getattr(body, field)
        bodies = [body.model_copy(update={field: [items[i] for i in part]}) for part in parts]
        answers, error = self._run_on_all_ranks(kind, name, bodies, check, parts)
        if error is not None:
            raise error.to_exception()
        results = [answer.result or {} for answer in answers]
        for i, result in enumerate(results):
            usage = result.get("usage", {})
            self._tokens[i] += result.get("computedTokens", 0)
            self._tokens[i] += usage.get("computedTokens", 0) + usage.get("sampledTokens", 0)
        return merge_results(results, parts, len(items))

    def _run_on_all_ranks(
        self,
        kind: str,
        name: str,
        bodies: Sequence[DialectModel],
        check: Check,
        parts: list[list[int]] | None = None,
    ) -> tuple[list[RankAnswer], RankError | None]:
        """Runs an operation on all ranks at once; the answers by rank and the first error."""
        self._operation += 1
        refs = [
            rank.run.remote(self._operation, kind, name, body, parts is None or bool(parts[i]))
            for i, (rank, body) in enumerate(zip(self.actors, bodies, strict=True))
        ]
        answers, is_cancelled = self._wait_for(refs, check, parts is not None)
        slowest = max(answer.seconds for answer in answers)
        for i, answer in enumerate(answers):
            self._idle[i] += slowest - answer.seconds
        errors = [answer.error for answer in answers if answer.error is not None]
        if not errors and is_cancelled:
            errors = [RankError("cancelled", "")]
        # Where one rank fails the others are cancelled: the failure is the reason.
        errors.sort(key=lambda error: error.code == "cancelled")
        return answers, errors[0] if errors else None

    def _wait_for(
        self, refs: list, check: Check, can_cancel: bool
    ) -> tuple[list[RankAnswer], bool]:
        """One answer of each rank, and whether the operation was cancelled meanwhile.

        Where `check` raises or a rank fails, the ranks are told to stop, and their answers are
        still awaited. A rank that does not answer at all, whatever it computes, is lost.
        """
        is_cancelled, waiting = False, list(refs)
        pings = [], time.monotonic()
        while waiting:
            done, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=0.1)
            come = [self._read_answer(refs, ref) for ref in done]
            failed = any(answer.error is not None for answer in come)
            try:
                check()
            except CancelledError:
                is_cancelled = True
            if waiting and can_cancel and (failed or is_cancelled):
                self._call_all("cancel", self._operation)
            pings = self._check_pings(*pings)
        return ray.get(refs), is_cancelled

    def _read_answer(self, refs: list, ref: Any) -> RankAnswer:
        """The answer of one rank; ends all where it has none to give."""
        try:
            return ray.get(ref)
        except Exception as error:
            self._fail_by(refs.index(ref), error)

    def _call_all(self, method: str, *arguments: int) -> list:
        """Calls a method on all ranks beside what they do."""
        return [
            getattr(rank, method).options(concurrency_group="control").remote(*arguments)
            for rank in self.actors
        ]

    def _check_pings(self, pings: list, since: float) -> tuple[list, float]:
        """Asks all ranks now and then for a sign of life; ends all where one gives none."""
        if time.monotonic() - since < PING_SECONDS and not pings:
            return pings, since
        if not pings:
            return self._call_all("ping"), time.monotonic()
        _, missing = ray.wait(pings, num_returns=len(pings), timeout=0)
        if not missing:
            return [], since
        if time.monotonic() - since > self._limit:
            lost = [i for i, ping in enumerate(pings) if ping in missing]
            at = self._name_machines(lost)
            self.fail(f"Ranks {lost} of {self.ranks}{at} give no sign of life.")
        return pings, since


def read_end(ping: Any) -> RayActorError | None:
    """What Ray says of a rank that has ended; None: it lives, or does not answer in time."""
    try:
        ray.get(ping, timeout=0)
    except RayActorError as error:
        return error
    except Exception:
        return None


def describe_failure(error: BaseException) -> str:
    """A line on what Ray says of a rank's end."""
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    said = lines[-1] if lines else ""
    return f"{type(error).__name__}: {said.partition(' Some common causes')[0]}"
