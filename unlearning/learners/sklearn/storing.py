"""A fitted estimator as bytes and back: a skops file, no pickle, the same bytes every time.

skops names objects and files by their addresses in memory and dates the entries of its zip; both are replaced by numbers in the
order of the schema and by no date. What may be loaded: what skops trusts, and classes of scikit-learn itself. skops leaves
trees out of its own list, because a forged file can crash the process with them; ours are named by their digest.
"""

from __future__ import annotations

import importlib
import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import sklearn
import skops
import skops.io
from skops.io.exceptions import UnsupportedTypeException, UntrustedTypesFoundException

from unlearning.domain.errors import Damaged, RecipeError

_SCHEMA = "schema.json"
_HARMLESS = ("numpy.dtype",)
_FUNCTIONS = ("sklearn.feature_selection.", "sklearn.metrics.", "sklearn.preprocessing.")
"""Modules whose functions estimators take: what scores a feature, measures a distance, or transforms."""
_STORED = "estimators of scikit-learn and pipelines of them can be stored, with functions of numpy in a FunctionTransformer"
_UNREADABLE = (zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError, ImportError, EOFError, OSError, IndexError)


def pack(estimator: Any) -> bytes:
    """The estimator as a skops file; raises RecipeError naming the types that cannot be stored without pickle."""
    try:
        payload = canonical(skops.io.dumps(estimator))
    except (UnsupportedTypeException, TypeError, AttributeError, ValueError) as error:
        raise RecipeError(
            f"{type(estimator).__name__} cannot be stored without pickle ({type(error).__name__} in skops); {_STORED}"
        ) from error
    if strangers := _strangers(payload)[1]:
        raise RecipeError(
            f"{type(estimator).__name__} cannot be stored without pickle: {', '.join(strangers)} is code that is not there"
            f" where the model answers; {_STORED}"
        )
    return payload


def written_by() -> str:
    """What a file depends on to be opened."""
    return f"scikit-learn {sklearn.__version__}, skops {skops.__version__}, numpy {np.__version__}"


def unpack(payload: bytes) -> Any:
    """The inverse of pack; raises Damaged, also for a file that names any other type."""
    try:
        trusted, strangers = _strangers(payload)
        if strangers:
            raise Damaged(f"a checkpoint names the types {', '.join(strangers)}; delete it and run `unlearn train`")
        return skops.io.loads(payload, trusted=trusted)
    except (*_UNREADABLE, UntrustedTypesFoundException) as error:
        raise Damaged(
            f"a checkpoint of {len(payload)} bytes cannot be read ({type(error).__name__}); delete it and run `unlearn train`"
        ) from error


def trusted_types(payload: bytes) -> list[str]:
    """The types in a file that skops does not trust by itself: what whoever loads it has to name."""
    return list(_strangers(payload)[0])


def canonical(payload: bytes) -> bytes:
    """The same file with numbers for addresses, entries in their order, and no dates."""
    with zipfile.ZipFile(io.BytesIO(payload)) as source:
        schema = json.loads(source.read(_SCHEMA))
        files: dict[str, bytes] = {}
        numbers: dict[Any, int] = {}
        for count, node in enumerate(_nodes(schema)):
            if "__id__" in node:
                # Whether two equal numbers or strings are one object is chance; they get a number each.
                alone = node.get("__loader__") == "JsonNode"
                node["__id__"] = numbers.setdefault(("alone", count) if alone else node["__id__"], len(numbers))
            if isinstance(file := node.get("file"), str):
                name = f"{numbers.setdefault(file, len(numbers))}.{file.rpartition('.')[2]}"
                files.setdefault(name, _clean(source.read(file)))
                node["file"] = name
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as target:
        for name, content in ((_SCHEMA, json.dumps(schema, separators=(",", ":")).encode()), *files.items()):
            target.writestr(zipfile.ZipInfo(name), content)
    return made.getvalue()


def _clean(content: bytes) -> bytes:
    """An array file as it is, but for the bytes between the fields of its records: they are whatever lay in memory."""
    if b"('', '|V" not in content[:1024]:  # how numpy writes them
        return content
    values = np.load(io.BytesIO(content), allow_pickle=False)
    cleaned = np.zeros(values.shape, values.dtype)
    for name in values.dtype.names:
        cleaned[name] = values[name]
    # Not by np.save, whose own copy has such bytes again.
    return content[: len(content) - values.nbytes] + cleaned.reshape(-1).view(np.uint8).tobytes()


def difference(one: bytes, other: bytes) -> str:
    """Where two stored estimators first differ, as a path of attributes."""
    with zipfile.ZipFile(io.BytesIO(one)) as first, zipfile.ZipFile(io.BytesIO(other)) as second:
        return _differs((first, json.loads(first.read(_SCHEMA))), (second, json.loads(second.read(_SCHEMA)))) or "its layout"


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of a schema, outer ones first, in order."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    for item in value if isinstance(value, list) else ():
        yield from _nodes(item)


def _strangers(payload: bytes) -> tuple[list[str], list[str]]:
    """The types that skops does not trust by itself: what belongs to scikit-learn, and everything else."""
    unknown: Sequence[str] = skops.io.get_untrusted_types(data=payload)
    ours = [name for name in unknown if name in _HARMLESS or _is_scikit_learns(name)]
    return ours, [name for name in unknown if name not in ours]


def _is_scikit_learns(name: str) -> bool:
    """A class of scikit-learn, or a function of those modules: made there, not only named there."""
    module, _, attribute = name.rpartition(".")
    if not name.startswith("sklearn."):
        return False
    found = getattr(importlib.import_module(module), attribute, None)
    home = str(getattr(found, "__module__", ""))
    return home.startswith("sklearn." if isinstance(found, type) else _FUNCTIONS)


def _differs(one: tuple[zipfile.ZipFile, Any], other: tuple[zipfile.ZipFile, Any], path: str = "") -> str | None:
    (first, a), (second, b) = one, other
    if isinstance(a, dict) and isinstance(b, dict) and list(a) == list(b):
        if "file" in a and first.read(a["file"]) != second.read(b["file"]):
            return path or None
        steps = {key: path if key in ("content", "attrs") else f"{path}.{key}".lstrip(".") for key in a if key != "__id__"}
        return next((found for key, at in steps.items() if (found := _differs((first, a[key]), (second, b[key]), at))), None)
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return next((found for x, y in zip(a, b, strict=True) if (found := _differs((first, x), (second, y), path))), None)
    return None if a == b else path
