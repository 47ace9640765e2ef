"""Describes the API: pydantic models made from the store's records, so that the two can't disagree.

The models only describe; the answers themselves are encoded by msgspec.
"""

import typing
from functools import cache
from typing import Any, Literal

import msgspec
import pydantic

from aipolicy.core.model import Record


@cache
def answer_model(row: type[Record], schema: str) -> type[pydantic.BaseModel]:
    """The model of an answer: the row's fields and `schema`."""
    name = "".join(part.capitalize() for part in schema.partition("/")[0].split("."))
    # pydantic has a method of that name, hence the alias.
    fields: dict[str, Any] = {"schema_": (Literal[schema], pydantic.Field(alias="schema")), **_fields(row)}
    return pydantic.create_model(name, __config__=_CONFIG, __doc__=row.__doc__, **fields)


def body_model(record: type[Record]) -> dict[str, Any]:
    """The schema of a request's body; only for records whose fields are no records."""
    hints = typing.get_type_hints(record)
    fields: dict[str, Any] = {}
    for field in msgspec.structs.fields(record):
        default = ... if field.required else field.default
        if field.name == "schema":  # pydantic has a method of that name
            fields["schema_"] = (Literal[default], pydantic.Field(default, alias="schema"))
        else:
            fields[field.name] = (hints[field.name], default)
    model = pydantic.create_model(record.__name__, __config__=_CONFIG, __doc__=record.__doc__, **fields)
    described: dict[str, Any] = model.model_json_schema()
    return described


_CONFIG = pydantic.ConfigDict(extra="forbid")


@cache
def _model(row: type[Record]) -> type[pydantic.BaseModel]:
    fields: dict[str, Any] = _fields(row)
    return pydantic.create_model(row.__name__, __config__=_CONFIG, __doc__=row.__doc__, **fields)


def _fields(row: type[Record]) -> dict[str, Any]:
    # Every field is required: msgspec writes them all, also those that have a default.
    hints = typing.get_type_hints(row)
    return {field.name: (_described(hints[field.name]), ...) for field in msgspec.structs.fields(row)}


def _described(hint: Any) -> Any:
    """The same type with records replaced by their models."""
    if isinstance(hint, type) and issubclass(hint, Record):
        return _model(hint)
    arguments = typing.get_args(hint)
    if not arguments:
        return hint
    described = tuple(_described(argument) for argument in arguments)
    if typing.get_origin(hint) is tuple:
        return tuple[described]  # type: ignore[valid-type]  # built at run time
    return typing.Union[described]  # noqa: UP007  # built at run time


class Operation(Record, frozen=True, kw_only=True):
    """One thing that the API can be asked. parameters: name, and what it takes in words."""

    method: str
    path: str
    summary: str
    parameters: tuple[tuple[str, str], ...]


def operations(description: dict[str, Any]) -> tuple[Operation, ...]:
    """What an OpenAPI description offers, for a page."""
    return tuple(
        Operation(
            method=method.upper(),
            path=path,
            summary=operation.get("description", ""),
            parameters=tuple(_parameter(one) for one in operation.get("parameters", ())),
        )
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    )


def _parameter(one: dict[str, Any]) -> tuple[str, str]:
    schema = one["schema"]
    kinds = [part.get("format") or part["type"] for part in schema.get("anyOf", [schema]) if "type" in part]
    words = [kind for kind in kinds if kind != "null"]
    pattern = schema.get("pattern", "")
    if pattern.startswith("^("):
        words = [" or ".join(pattern.strip("^$?").strip("()").split("|"))]
    if one.get("description"):
        words.append(one["description"])
    return one["name"], ", ".join(words)
