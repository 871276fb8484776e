"""Starts the engine: `python -m engine.main --port 0` with S3_ENGINE_SECRET in the environment.

Prints one JSON line {"port", "pid"} when it serves. Ends when its parent does.
"""

import argparse
import json
import logging
import os
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .engine import Engine, EngineProtocol


def watch_parent(parent: int) -> None:
    """Ends the process once its parent is gone, however that was ended; checks every second."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


def make_tinker_engine(local: "Engine", arguments: argparse.Namespace) -> "EngineProtocol":
    """An engine whose models with an adapter are at a Tinker service."""
    from .errors import EngineError

    try:
        from .tinker_service.engine import TinkerEngine
        from .tinker_service.sdk import SdkService
    except ModuleNotFoundError as error:
        sys.exit(
            f"A Tinker service needs its SDK, which is not installed ({error.name}): `npm run "
            "setup:tinker` installs it."
        )
    # A key that stays in the environment would be every child's.
    key = os.environ.pop("TINKER_API_KEY", None)
    named = dict(pair.split("=", 1) for pair in arguments.tinker_base)
    try:
        return TinkerEngine(local, SdkService(arguments.tinker_url, key), named)
    except EngineError as error:
        sys.exit(error.message)


def make_engine(arguments: argparse.Namespace) -> "EngineProtocol":
    """The engine of one process, or of several ranks or a service where that is asked for."""
    from .device import choose_device
    from .engine import Engine, make_torch_deterministic

    make_torch_deterministic()
    chosen = arguments.device, arguments.dtype, arguments.threads
    if arguments.tinker_url:
        return make_tinker_engine(Engine(choose_device(*chosen), arguments.cache_bytes), arguments)
    if (arguments.devices or 1) == 1 and not arguments.ray_address:
        return Engine(choose_device(*chosen), arguments.cache_bytes)
    from .distributed.ray_environment import prepare_ray_environment

    prepare_ray_environment(arguments.ray_address)
    try:
        from .distributed.driver import ClusterSettings, DistributedEngine, make_rank_settings
    except ModuleNotFoundError as error:
        sys.exit(
            f"Several GPUs need Ray, which is not installed ({error.name}): `node "
            "scripts/setup.mjs --only python-ray` installs it."
        )
    cluster = ClusterSettings(arguments.devices, arguments.ray_address, arguments.ray_strategy)
    settings = make_rank_settings(*chosen, arguments.cache_bytes, cluster)
    return DistributedEngine(settings, cluster)


def main() -> None:
    """Reads the command line and serves until the parent ends."""
    parser = argparse.ArgumentParser(prog="engine", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--device", choices=["cpu", "cuda", "mps"])
    parser.add_argument("--dtype", choices=["float32", "bfloat16", "float16"])
    parser.add_argument(
        "--threads", type=int, help="default: OMP_NUM_THREADS, else every physical core"
    )
    parser.add_argument(
        "--devices",
        type=int,
        help="GPUs that work together by Ray, at most (on a CPU: processes); default: 1, with "
        "--ray-address all of the cluster",
    )
    parser.add_argument(
        "--ray-address", help="of a Ray cluster that exists; default: one of this machine alone"
    )
    parser.add_argument(
        "--ray-strategy",
        choices=["pack", "spread"],
        default="pack",
        help="ranks on as few machines as hold them, or on as many as there are",
    )
    parser.add_argument("--cache-bytes", type=int, help="bound of each activation cache")
    parser.add_argument(
        "--tinker-url",
        help="Tinker service that trains models with an adapter; its key is in TINKER_API_KEY",
    )
    parser.add_argument(
        "--tinker-base",
        action="append",
        default=[],
        metavar="FOLDER=NAME",
        help="the service's name of the base model of an installed folder",
    )
    arguments = parser.parse_args()
    secret = os.environ.pop("S3_ENGINE_SECRET", "")
    if not secret:
        sys.exit("S3_ENGINE_SECRET is not set: the engine does not serve without a secret.")
    # Torch's threads sleep while they wait: the encoder, the database and the server use the same
    # cores.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    threading.Thread(target=watch_parent, args=(os.getppid(),), daemon=True).start()
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )

    import uvicorn

    from .api.http_app import make_app
    from .api.operations import Operations

    app = make_app(Operations(make_engine(arguments)), secret)
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", arguments.port))
        port = listening.getsockname()[1]

        class Server(uvicorn.Server):
            async def startup(self, sockets=None) -> None:
                await super().startup(sockets=sockets)
                print(json.dumps({"port": port, "pid": os.getpid()}), flush=True)

        config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_keep_alive=75)
        Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
