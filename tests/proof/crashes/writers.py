"""Who writes in the product, read from its source."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
_PACKAGES = ("api", "worker")
_TRANSACTIONS = {"atomic", "begin", "commit", "manual_commit", "rollback", "savepoint", "transaction"}
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def writers() -> set[str]:
    """Every function that opens `write`, as `module:name`."""
    return {place for place, node in _nodes() if isinstance(node, ast.With) and any(map(_is_write, node.items))}


def transactions() -> set[str]:
    """Every function that opens or ends a transaction by peewee's own words."""
    return {
        place
        for place, node in _nodes()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _TRANSACTIONS
    }


def _is_write(item: ast.withitem) -> bool:
    call = item.context_expr
    return isinstance(call, ast.Call) and ast.unparse(call.func) in ("write", "database.write")


def _nodes() -> Iterator[tuple[str, ast.AST]]:
    """Every node of the product with the function that it is in."""
    for package in _PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            module = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            yield from _inside(ast.parse(file.read_text(encoding="utf-8")), f"{module}:")


def _inside(node: ast.AST, place: str) -> Iterator[tuple[str, ast.AST]]:
    yield place, node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, _Definition):
            yield from _inside(child, place)
            continue
        inside = "<locals>." if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else ""
        outer = place if place.endswith(":") else f"{place}."
        yield from _inside(child, f"{outer}{inside}{child.name}")
