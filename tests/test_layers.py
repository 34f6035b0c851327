"""Who may import whom, and which file alone may import a library.

`ui → services → domain`, `server → services → domain`, `storage → domain`; the sandbox stands alone, so that a mistake
in it and the same mistake in the gateway can't hide each other. Modules at the top (`app`, `cli`, …) know all.
"""

import sys
from pathlib import Path

from tests.sources import imports, python_files, text

LAYERS = {
    "domain": {"domain"},
    "storage": {"storage", "domain"},
    "services": {"services", "domain", "settings"},
    "server": {"server", "services", "domain", "settings", "resources"},
    "ui": {"ui", "services", "domain", "settings"},
    "sandbox": {"sandbox"},
    "settings": {"settings", "domain"},
}

LIBRARIES = {
    "stripe": ("services/stripe_gateway.py", "services/signature.py"),
    "keyring": ("services/keychain.py",),
    "secretstorage": ("services/keychain.py",),
    "sqlalchemy": ("storage/",),
    "alembic": ("storage/",),
    "psycopg": ("storage/",),
    "PySide6": ("ui/",),
    "shiboken6": ("ui/",),
    "qasync": ("ui/",),
    "typer": ("cli.py",),
    "websockets": ("sandbox/",),
    "aiohttp": (),  # beside stripe it adds 0.2 s to every start
}


def _inside(path: Path) -> str:
    return path.relative_to("bioql_console").as_posix()


def _layer(path: Path) -> str:
    return Path(_inside(path)).with_suffix("").parts[0]


def test_imports_go_down_the_layers_only() -> None:
    wrong = []
    for path in python_files("bioql_console"):
        allowed = LAYERS.get(_layer(path))
        for line, name in imports(path):
            package, _, rest = name.partition(".")
            target = rest.partition(".")[0]
            if package != "bioql_console" or allowed is None or target in allowed:
                continue
            if target == "__version__" and _layer(path) != "sandbox":
                continue
            wrong.append(f"{path}:{line} imports {name}; {_layer(path)} may import only {', '.join(sorted(allowed))}.")
    assert not wrong, "\n" + "\n".join(wrong)


def test_each_library_is_imported_in_its_one_place() -> None:
    wrong = []
    for path in python_files("bioql_console"):
        for line, name in imports(path):
            homes = LIBRARIES.get(name.partition(".")[0])
            if homes is not None and not _inside(path).startswith(homes):
                wrong.append(f"{path}:{line} imports {name}; only {' and '.join(homes) or 'nobody'} may.")
    assert not wrong, "\n" + "\n".join(wrong)


def test_domain_needs_only_the_standard_library() -> None:
    wrong = [
        f"{path}:{line} imports {name}, which is not in the standard library."
        for path in python_files("bioql_console/domain")
        for line, name in imports(path)
        if name.partition(".")[0] not in sys.stdlib_module_names | {"bioql_console"}
    ]
    assert not wrong, "\n" + "\n".join(wrong)


def test_no_module_is_imported_by_a_name_in_a_string() -> None:
    """The rules above read import statements; `importlib.import_module` would slip through."""
    wrong = [
        str(path)
        for path in python_files("bioql_console")
        if "import_module(" in text(path) or "__import__(" in text(path)
    ]
    assert not wrong, f"These files import modules by a name in a string: {', '.join(wrong)}."
