"""Ray's own settings, which it reads when it is imported: before `driver.py`."""

import os
import secrets


def prepare_ray_environment(address: str | None) -> None:
    """Sends no usage statistics, and draws the token of a cluster of this engine's own.

    Processes of one cluster know each other by a token. That of a cluster that exists (`address`)
    is where Ray looks for it: RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH or ~/.ray/auth_token.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address is None:
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
