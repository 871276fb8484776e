"""A second engine behind the same dialect: models with an adapter are trained by a Tinker service.

`mapping.py` says what of the dialect is the same there (pure), `service.py` what is asked of a
service, `sdk.py` asks it by the official SDK, `engine.py` serves the operations.
"""
