"""Starts SkyRL's Tinker server in its own environment (`npm run setup:skyrl`), for tests.

As `python -m skyrl.tinker.api`, but its engine is started by this Python in place of `uv run`, and
it listens on the loopback alone. Ends when its parent does. `--engine` first: starts that engine.
"""

# The server lies in an environment of its own.
# pyright: reportMissingImports=false

import argparse
import os
import runpy
import sys
import threading
import time
import typing

import typing_extensions

# pydantic asks for this one before Python 3.12, and SkyRL takes the other. (Type checkers do not
# see that a module's name may be replaced.)
typing.TypedDict = typing_extensions.TypedDict  # pyright: ignore[reportAttributeAccessIssue]


def watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    # The server ends its engine first.
    os.kill(os.getpid(), 15)


def serve() -> None:
    import skyrl.tinker.api as api
    import uvicorn
    from skyrl.tinker.config import EngineConfig, add_model, config_to_argv

    def build_engine_command(parent: list[str], config: EngineConfig) -> list[str]:
        return [sys.executable, __file__, "--engine", *config_to_argv(config)]

    parser = argparse.ArgumentParser(description=__doc__)
    add_model(parser, EngineConfig)
    parser.add_argument("--port", type=int, required=True)
    arguments = vars(parser.parse_args())
    api._build_uv_run_cmd_engine = build_engine_command
    fields = {name: arguments[name] for name in EngineConfig.model_fields}
    api.app.state.engine_config = EngineConfig.model_validate(fields)
    threading.Thread(target=watch_parent, args=(os.getppid(),), daemon=True).start()
    uvicorn.run(api.app, host="127.0.0.1", port=arguments["port"], log_level="warning")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--engine"]:
        del sys.argv[1]
        runpy.run_module("skyrl.tinker.engine", run_name="__main__", alter_sys=True)
    else:
        serve()
