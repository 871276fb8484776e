"""Replacements for pydantic and llguidance where these are not installed.

With them check_gpu.py needs only Python, torch and transformers. They have what that check needs:
bodies with their defaults but without validation, and no guided decoding.
"""

import importlib.util
import sys
import types
import typing

MISSING = object()


class _Default:
    """In place of pydantic's Field."""

    def __init__(self, default=MISSING, default_factory=None, **_constraints):
        self.default, self.factory = default, default_factory

    def value(self):
        return self.factory() if self.factory else self.default


class _BaseModel:
    """In place of pydantic's BaseModel; an unknown or missing field raises ValueError."""

    @classmethod
    def model_validate(cls, values: dict):
        made, hints = cls.__new__(cls), typing.get_type_hints(cls)
        hints.pop("model_config", None)
        unknown = values.keys() - hints.keys()
        if unknown:
            raise ValueError(f"{cls.__name__} has no {', '.join(sorted(unknown))}")
        for name, hint in hints.items():
            default = getattr(cls, name, MISSING)
            if name in values:
                value = values[name]
            else:
                value = default.value() if isinstance(default, _Default) else default
            if value is MISSING:
                raise ValueError(f"{cls.__name__} needs {name}")
            setattr(made, name, _nested(hint, value))
        return made

    def __init__(self, **values):
        self.__dict__.update(type(self).model_validate(values).__dict__)


def _nested(hint, value):
    """`value` with its dictionaries turned into the models that the type names."""
    if isinstance(value, list):
        return [_nested(hint, item) for item in value]
    if isinstance(value, dict):
        for kind in _list_models(hint):
            return kind.model_validate(value)
    return value


def _list_models(hint):
    """The models that a type names."""
    if isinstance(hint, type) and issubclass(hint, _BaseModel):
        yield hint
    for inner in typing.get_args(hint):
        yield from _list_models(inner)


class _Unavailable:
    """In place of llguidance's classes: can be made, but not used."""

    def __init__(self, *_arguments, **_settings):
        pass

    def __getattr__(self, name):
        raise RuntimeError("llguidance is not installed, so there is no guided decoding here")


def install_fallbacks() -> list[str]:
    """Puts replacements into sys.modules; returns the names of the packages that are missing."""
    missing = [
        name for name in ("pydantic", "llguidance") if importlib.util.find_spec(name) is None
    ]
    if "pydantic" in missing:

        def model_validator(**_settings):
            return lambda method: method

        sys.modules["pydantic"] = types.ModuleType("pydantic")
        vars(sys.modules["pydantic"]).update(
            BaseModel=_BaseModel,
            ConfigDict=dict,
            Field=_Default,
            model_validator=model_validator,
            ValidationError=ValueError,
        )
    if "llguidance" in missing:
        sys.modules["llguidance"] = types.ModuleType("llguidance")
        vars(sys.modules["llguidance"]).update(
            LLExecutor=_Unavailable, LLMatcher=_Unavailable, LLTokenizer=_Unavailable
        )
    return missing
