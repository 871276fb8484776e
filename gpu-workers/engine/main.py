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


def watch_parent(parent: int) -> None:
    """Ends the process once its parent is gone, however that was ended; checks every second."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


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
        default=1,
        help="GPUs of this machine that work together (on a CPU: processes)",
    )
    parser.add_argument("--cache-bytes", type=int, help="bound of each activation cache")
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

    from .device import choose_device
    from .engine import Engine, make_torch_deterministic
    from .http_app import make_app
    from .operations import Operations

    make_torch_deterministic()
    device = choose_device(arguments.device, arguments.dtype, arguments.threads)
    if arguments.devices > 1:
        from .parallel import ParallelEngine

        engine = ParallelEngine(device, arguments.devices, arguments.cache_bytes)
    else:
        engine = Engine(device, arguments.cache_bytes)
    app = make_app(Operations(engine), secret)
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
