"""Two machines as network namespaces, joined by a cable that can be cut. Needs Linux and root.

    python two_machines.py FOLDER

Prints a JSON line for each finding, which two-machines.long.test.ts judges: ranks on both machines
against one process, a machine killed, the cable cut; after each the run goes on from the saved
state with as many ranks as there are. Everything that is started is ended.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

GPU_WORKERS = Path(__file__).resolve().parents[2]
NAMES = {"a": f"s3a{os.getpid()}", "b": f"s3b{os.getpid()}"}
CABLE = {"a": f"s3va{os.getpid() % 100000}", "b": f"s3vb{os.getpid() % 100000}"}
ADDRESS = {"a": "10.213.77.1", "b": "10.213.77.2"}
PORT = 6401
LIMIT_SECONDS = 40


def run_ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


def make_machines() -> None:
    """Two namespaces with one cable between them."""
    for name in NAMES.values():
        run_ip("netns", "add", name)
    ends = [("a", "b"), ("b", "a")]
    peer = ["peer", "name", CABLE["b"], "netns", NAMES["b"]]
    run_ip("link", "add", CABLE["a"], "netns", NAMES["a"], "type", "veth", *peer)
    for own, _ in ends:
        run_ip("-n", NAMES[own], "addr", "add", f"{ADDRESS[own]}/24", "dev", CABLE[own])
        run_ip("-n", NAMES[own], "link", "set", "lo", "up")
        run_ip("-n", NAMES[own], "link", "set", CABLE[own], "up")


def kill_machine(machine: str) -> None:
    """Ends every process of a namespace at once, as a power cut would."""
    found = subprocess.run(["ip", "netns", "pids", NAMES[machine]], capture_output=True, text=True)
    for pid in found.stdout.split():
        if int(pid) != os.getpid():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)


def start_ray(machine: str, folder: Path) -> None:
    """A node of Ray with one processor: two ranks need both machines."""
    where = ["--head", f"--port={PORT}", "--include-dashboard=false"]
    if machine == "b":
        where = [f"--address={ADDRESS['a']}:{PORT}"]
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", *where]
    options = [
        f"--node-ip-address={ADDRESS[machine]}",
        "--num-cpus=1",
        "--object-store-memory=120000000",
        f"--temp-dir={folder}/{machine}",
        "--disable-usage-stats",
    ]
    subprocess.run(
        ["ip", "netns", "exec", NAMES[machine], *command, *options],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def tell(finding: str, **values) -> None:
    print(json.dumps({"finding": finding, **values}), flush=True)


class RanksLostError(Exception):
    """All ranks were ended."""


def raise_reason(reason: str):
    raise RanksLostError(reason)


def make_data(count: int, length: int) -> list[dict]:
    import torch

    generator = torch.Generator().manual_seed(count)
    return [
        {
            "ids": torch.randint(5, 300, (length,), generator=generator).tolist(),
            "weights": [0.0] + [1 / count] * (length - 1),
        }
        for _ in range(count)
    ]


class Session:
    """An engine with one model, trained in full; ranks None: one process."""

    def __init__(self, folder: Path, ranks: int | None):
        from engine.device import choose_device
        from engine.engine import Engine

        device = choose_device("cpu", "float32", 1)
        if ranks is None:
            self.engine: Any = Engine(device)
        else:
            from engine.distributed.driver import (
                ClusterSettings,
                DistributedEngine,
                make_rank_settings,
            )

            cluster = ClusterSettings(ranks, f"{ADDRESS['a']}:{PORT}", "spread")
            settings = make_rank_settings("cpu", "float32", 1, None, cluster)
            self.engine = DistributedEngine(settings, cluster, raise_reason)
        self.call("create_model", base=str(folder), lora=None, full={"firstLayer": 0}, seed=1)

    def call(self, kind: str, **body) -> dict:
        from engine.api import dialect

        models = dialect.OPERATIONS[kind]
        return self.engine.run(kind, "m", models.body.model_validate(body), lambda: None)

    def step(self) -> float:
        self.call("forward_backward", loss="cross_entropy", data=make_data(6, 40))
        return self.call("optim_step", learningRate=1e-3)["gradNorm"]


def lose(session: Session, finding: str, harm) -> None:
    """Harms the cluster within a long operation; tells after how long all ranks were ended."""
    at: list[float] = []

    def do() -> None:
        at.append(time.monotonic())
        harm()

    threading.Timer(3, do).start()
    try:
        session.call(
            "forward_backward", loss="cross_entropy", data=make_data(6000, 120), tokenBudget=120
        )
        tell(finding, reason=None)
    except RanksLostError as error:
        tell(finding, reason=str(error), seconds=time.monotonic() - at[0])


def play(folder: Path) -> None:
    """Everything that happens on machine a, whose processes these are."""
    from engine.models.tiny_model import save_qwen2

    model = save_qwen2(folder / "model", "tiny")
    one = Session(model, None)
    expected = [one.step(), one.step(), one.step()]
    state = str(folder / "state")
    for finding, harm in (
        ("killed", lambda: kill_machine("b")),
        ("cut", lambda: run_ip("-n", NAMES["b"], "link", "set", CABLE["b"], "down")),
    ):
        two = Session(model, 2)
        nodes = [n["ranks"] for n in two.engine.describe_cluster()["nodes"] if n["alive"]]
        norms = [two.step()]
        two.call("save_state", path=state)
        norms.append(two.step())
        tell("equal", norms=norms, expected=expected[:2], nodes=nodes)
        lose(two, finding, harm)
        left = Session(model, 2)
        step = left.call("load_state", path=state)["step"]
        ranks, norm = left.engine.ranks, left.step()
        tell("resumed", after=finding, ranks=ranks, step=step, norm=norm, expected=expected[1])
        left.engine.close()
        if finding == "killed":
            start_ray("b", folder / "again")


def main() -> None:
    folder = Path(sys.argv[1])
    if "--inside" in sys.argv:
        sys.path.insert(0, str(GPU_WORKERS))
        from engine.distributed.ray_environment import prepare_ray_environment
        from engine.engine import make_torch_deterministic

        prepare_ray_environment("given")
        make_torch_deterministic()
        NAMES["a"], NAMES["b"], CABLE["a"], CABLE["b"] = sys.argv[3:7]
        play(folder)
        return
    os.environ |= {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": os.urandom(32).hex(),
        "S3_ENGINE_COLLECTIVE_SECONDS": str(LIMIT_SECONDS),
        "PYTHONPATH": str(GPU_WORKERS),
    }
    make_machines()
    try:
        for machine in NAMES:
            start_ray(machine, folder)
        names = [*NAMES.values(), *CABLE.values()]
        inside = [sys.executable, __file__, str(folder), "--inside", *names]
        subprocess.run(["ip", "netns", "exec", NAMES["a"], *inside], check=True)
    finally:
        for machine, name in NAMES.items():
            kill_machine(machine)
            time.sleep(1)
            run_ip("netns", "delete", name)


if __name__ == "__main__":
    main()
