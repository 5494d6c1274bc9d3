"""The notation in which this API's replies are described, and the JSON Schemas and examples it stands for.

A shape is a dictionary: names of members, blanks between, to their type. A name that ends in `?` may be missing. Types are

- `text`, `integer`, `number`, `flag`, `time` (RFC 3339), `day`, `any`, and `Name` for another shape
- `text?` may be null; `[text]` is a list and `{text}` a map of them; `A or B` is one of two shapes
- `= a b c` is one of these words

Words behind ` — ` describe. The member `""` describes the shape itself. A shape that is a text is a type with a name of its own;
`page of Name` is one page of a list.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Schema: TypeAlias = dict[str, Any]
Shape: TypeAlias = Mapping[str, str] | str

COMPONENTS = "#/components/schemas/"
_PAGE = "page of "
_PLAIN: dict[str, Schema] = {
    "text": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "flag": {"type": "boolean"},
    "time": {"type": "string", "format": "date-time"},
    "day": {"type": "string", "format": "date"},
    "any": {},
}
_EXAMPLES: dict[str, Any] = {
    "text": "…",
    "integer": 1,
    "number": 0.5,
    "flag": False,
    "time": "2015-10-23T01:00:00+00:00",
    "day": "2015-10-23",
    "any": None,
}


def reference(name: str) -> Schema:
    return {"$ref": COMPONENTS + name}


def schemas(shapes: Mapping[str, Shape]) -> dict[str, Schema]:
    """All shapes as JSON Schemas, for `components/schemas`."""
    return {name: _schema(shape) for name, shape in shapes.items()}


def example(shapes: Mapping[str, Shape], notation: str, given: Any = None) -> Any:
    """A reply of this type: what `given` says, the rest filled in, so that an example is never less than the reply."""
    kind = _words(notation)[0]
    nullable = kind.endswith("?")
    kind = kind.removesuffix("?")
    if given is None and nullable:
        return None
    if kind.startswith("["):
        return [example(shapes, kind[1:-1], each) for each in ([None] if given is None else given)]
    if kind.startswith("{"):
        return {key: example(shapes, kind[1:-1], each) for key, each in (given or {}).items()}
    kind = kind.partition(" or ")[0]
    if kind not in shapes:
        if given is not None:
            return given
        return kind.split()[1] if kind.startswith("= ") else _EXAMPLES[kind]
    shape = shapes[kind]
    if isinstance(shape, str):
        if not _paged(shape):
            return example(shapes, shape, given)
        items = example(shapes, f"[{_paged(shape)}]", (given or {}).get("items"))
        return {"items": items, "next": (given or {}).get("next")}
    found = {}
    for name, (of_member, required) in _members(shape).items():
        if required or name in (given or {}):
            found[name] = example(shapes, of_member, (given or {}).get(name))
    return found


def _schema(shape: Shape) -> Schema:
    if isinstance(shape, str):
        return _page(_paged(shape)) if _paged(shape) else _typed(shape)
    members = _members(shape)
    return {
        "type": "object",
        **({"description": shape[""]} if "" in shape else {}),
        "required": [name for name, (_, required) in members.items() if required],
        "properties": {name: _typed(notation) for name, (notation, _) in members.items()},
    }


def _page(of: str) -> Schema:
    after = {"description": "The `cursor` of the next page; null on the last", **_typed("text?")}
    return {
        "type": "object",
        "required": ["items", "next"],
        "properties": {"items": {"type": "array", "items": reference(of)}, "next": after},
    }


def _paged(shape: str) -> str:
    """Of what it is a page; empty where it is none."""
    return shape.removeprefix(_PAGE) if shape.startswith(_PAGE) else ""


def _members(shape: Mapping[str, str]) -> dict[str, tuple[str, bool]]:
    """Member -> its type, and whether it is always there."""
    return {
        name.removesuffix("?"): (notation, not name.endswith("?"))
        for names, notation in shape.items()
        for name in names.split()
    }


def _words(notation: str) -> tuple[str, str]:
    """The type and the words that describe it."""
    kind, _, words = notation.partition(" — ")
    return kind, words


def _typed(notation: str) -> Schema:
    kind, words = _words(notation)
    described = {"description": words} if words else {}
    if kind.startswith("= "):
        return {"type": "string", "enum": kind.split()[1:], **described}
    if kind.endswith("?"):
        inner = _typed(kind.removesuffix("?"))
        if isinstance(inner.get("type"), str) and "enum" not in inner:
            return {**inner, "type": [inner["type"], "null"], **described}
        return {"anyOf": [inner, {"type": "null"}], **described}
    if kind.startswith("["):
        return {"type": "array", "items": _typed(kind[1:-1]), **described}
    if kind.startswith("{"):
        return {"type": "object", "additionalProperties": _typed(kind[1:-1]), **described}
    if " or " in kind:
        return {"oneOf": [_typed(each) for each in kind.split(" or ")], **described}
    return {**(_PLAIN[kind] if kind in _PLAIN else reference(kind)), **described}
