"""Stand-ins for two packages, so that check_gpu.py runs where there is only Python, torch and transformers.

Only what the check needs: bodies with their defaults instead of pydantic's validation, and no guided decoding. Where the
packages are installed nothing is replaced.
"""

import importlib.util
import sys
import types
import typing

MISSING = object()


class _Default:
    def __init__(self, default=MISSING, default_factory=None, **_constraints):
        self.default, self.factory = default, default_factory

    def value(self):
        return self.factory() if self.factory else self.default


class _BaseModel:
    """Takes fields from annotations and nested bodies from their types; an unknown or missing field is an error."""

    @classmethod
    def model_validate(cls, values: dict):
        made, hints = cls.__new__(cls), typing.get_type_hints(cls)
        hints.pop("model_config", None)
        unknown = values.keys() - hints.keys()
        if unknown:
            raise ValueError(f"{cls.__name__} has no {', '.join(sorted(unknown))}")
        for name, hint in hints.items():
            default = getattr(cls, name, MISSING)
            value = (
                values[name]
                if name in values
                else default.value()
                if isinstance(default, _Default)
                else default
            )
            if value is MISSING or value is ...:
                raise ValueError(f"{cls.__name__} needs {name}")
            setattr(made, name, _nested(hint, value))
        return made

    def __init__(self, **values):
        self.__dict__.update(type(self).model_validate(values).__dict__)


def _nested(hint, value):
    """Dictionaries become the body that the type names."""
    if isinstance(value, list):
        return [_nested(hint, item) for item in value]
    if isinstance(value, dict):
        for kind in _bodies(hint):
            return kind.model_validate(value)
    return value


def _bodies(hint):
    if isinstance(hint, type) and issubclass(hint, _BaseModel):
        yield hint
    for inner in typing.get_args(hint):
        yield from _bodies(inner)


class _NoGuides:
    def __init__(self, *_arguments, **_settings):
        pass

    def __getattr__(self, name):
        raise RuntimeError("llguidance is not installed, so there is no guided decoding here")


def install_fallbacks() -> list[str]:
    """Puts stand-ins where packages are missing; returns the names of those that are."""
    missing = [
        name for name in ("pydantic", "llguidance") if importlib.util.find_spec(name) is None
    ]
    if "pydantic" in missing:
        decorate = lambda *_a, **_k: lambda function: function  # noqa: E731
        sys.modules["pydantic"] = types.ModuleType("pydantic")
        vars(sys.modules["pydantic"]).update(
            BaseModel=_BaseModel,
            ConfigDict=dict,
            Field=_Default,
            model_validator=decorate,
            ValidationError=ValueError,
        )
    if "llguidance" in missing:
        sys.modules["llguidance"] = types.ModuleType("llguidance")
        vars(sys.modules["llguidance"]).update(
            LLExecutor=_NoGuides, LLMatcher=_NoGuides, LLTokenizer=_NoGuides
        )
    return missing
