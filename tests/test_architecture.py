"""The house is built as ARCHITECTURE.md says."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: Layers from the ground up: a module imports from its own layer and those below. Names are patterns; the first that
#: fits counts, so what stands beside the models of a subject is named before the models.
LAYERS = (
    ("socbayes.vocabulary", "socbayes.errors", "socbayes.units", "socbayes.table", "socbayes.datasets",
     "socbayes.priors", "socbayes.spec", "socbayes.own", "socbayes.facts", "socbayes.subjects",
     "socbayes.models.*.record", "socbayes.data", "socbayes.files", "socbayes.carried", "socbayes.lazy",
     "socbayes.quantity", "socbayes.observations", "socbayes.frames", "socbayes.labels", "socbayes.reading",
     "socbayes.radiocarbon", "socbayes.atmosphere", "socbayes.wording"),
    ("socbayes.core",),
    ("socbayes.structures",),
    ("socbayes.models",),
    ("socbayes.inference",),
    ("socbayes.scenarios", "socbayes.models.*.scenarios", "socbayes.models.*.trials",
     "socbayes.models.field.forecasts", "socbayes.models.field.foresight", "socbayes.models.field.differences"),
    ("socbayes.published", "socbayes.models.*.published"),
    ("socbayes.plots", "socbayes.models.*.figures", "socbayes.models.*.process_figures",
     "socbayes.models.*.effect_figures"),
    ("socbayes.report", "socbayes.models.*.readings"),
    ("socbayes.demo", "socbayes.demo_fits", "socbayes.demo_plots", "socbayes.cli", "socbayes.given", "socbayes.screen",
     "socbayes.plan_commands", "socbayes.credit_command", "socbayes.cache_command"),
)  # fmt: skip
SAMPLERS = ("pymc", "nutpie", "arviz")


def module_files() -> dict[str, Path]:
    """Every module of the package by its import name."""
    files = {}
    for top, package in (("socbayes", "socbayes"), ("models", "socbayes.models")):
        for path in sorted((ROOT / top).rglob("*.py")):
            parts = path.relative_to(ROOT / top).with_suffix("").parts
            if parts[-1] == "__init__":
                parts = parts[:-1]
            files[".".join((package, *parts))] = path
    return files


MODULES = module_files()


def layer(module: str) -> int | None:
    """Height of a module, None for the package itself; the longest pattern that fits counts."""
    fits = [
        (len(pattern), height)
        for height, patterns in enumerate(LAYERS)
        for pattern in patterns
        if re.fullmatch(re.escape(pattern).replace(r"\*", r"\w+") + r"(\..+)?", module)
    ]
    return max(fits)[1] if fits else None


def imported(path: Path) -> set[str]:
    """Names of the modules a file imports, at any depth of its code, except for type checking."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for part in node.body
        for inner in ast.walk(part)
    }
    names = set()
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return names


def test_imports_are_read():
    """The reader of imports sees those at the top, inside functions, and not those for type checking."""
    assert "socbayes.models.blocks.groups" in imported(MODULES["socbayes.models.cue.baseline"])
    assert "pymc" in imported(MODULES["socbayes.models.cue.baseline"])
    assert "pandas" not in imported(MODULES["socbayes.scenarios.predict"]) - {"pandas"}
    assert layer("socbayes.models.cue.baseline") == 3
    assert layer("socbayes.modelsx") is None


@pytest.mark.parametrize("module", [name for name in MODULES if name != "socbayes"])
def test_imports_run_one_way(module):
    height = layer(module)
    assert height is not None, f"{module} belongs to no layer"
    above = sorted(name for name in imported(MODULES[module]) if (layer(name) or 0) > height)
    assert not above, f"{module} imports from above: {above}"


@pytest.mark.parametrize("module", [name for name in MODULES if re.match(r"socbayes\.(core|structures)\b", name)])
def test_core_knows_no_sampler(module):
    found = {name.split(".")[0] for name in imported(MODULES[module])} & set(SAMPLERS)
    assert not found, f"{module} imports {found}"


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("socbayes.models")])
def test_models_do_not_sample(module):
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    called = {
        node.func.attr for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not called & {"draw", "sample_prior_predictive", "sample_posterior_predictive", "compile_pymc_model"}
    assert "nutpie" not in {name.split(".")[0] for name in imported(MODULES[module])}


def public_functions() -> list[tuple[str, ast.FunctionDef, str]]:
    """Module, function and qualified name of every public function and method."""
    found = []
    for module, path in MODULES.items():
        if any(part.startswith("_") for part in module.split(".")):
            continue

        def visit(body, prefix, module=module):
            for node in body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    visit(node.body, f"{prefix}{node.name}.")
                if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                    found.append((module, node, prefix + node.name))

        visit(ast.parse(path.read_text(encoding="utf-8")).body, "")
    return found


PUBLIC = public_functions()


@pytest.mark.parametrize(("module", "node", "name"), PUBLIC, ids=[f"{module}:{name}" for module, _, name in PUBLIC])
def test_public_function_has_a_docstring_that_names_its_parameters(module, node, name):
    """Where a docstring lists parameters it lists all of them, each by its own name."""
    text = inspect.cleandoc(ast.get_docstring(node) or "")
    assert text, f"{module}.{name} has no docstring"
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)", text, re.MULTILINE | re.DOTALL)
    if section is None:
        return
    documented = set()
    for line in re.findall(r"^(\S.*)$", section[1], re.MULTILINE):
        documented |= {part.strip().lstrip("*") for part in line.split(":")[0].split(",")}
    arguments = node.args
    actual = {argument.arg for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]}
    actual |= {argument.arg for argument in (arguments.vararg, arguments.kwarg) if argument}
    assert documented == actual - {"self", "cls"}, f"{module}.{name}"


#: The public face: these are looked up, so they say everything.
FACE = (
    "socbayes.datasets:load_dataset",
    "socbayes.table:read_table",
    "socbayes.table:validate_table",
    "socbayes.models.cue.baseline:build",
    "socbayes.models.priming.baseline:build",
    "socbayes.models.mcp.baseline:build",
    "socbayes.models.soil_incubation.model:build",
    "socbayes.models.field.model:build",
    "socbayes.models.joint.model:build",
    "socbayes.models.field.forecasts:forecast",
    "socbayes.inference.carry:prior_from",
    "socbayes.models.mcp.baseline:sector",
    "socbayes.inference.fit:fit",
    "socbayes.inference.checks:check",
    "socbayes.inference.compare:compare",
    "socbayes.inference.calibration:sbc",
    "socbayes.inference.calibration:calibration_table",
    "socbayes.scenarios.compare:compare",
    "socbayes.scenarios.predict:predict_new",
    "socbayes.scenarios.predict:predict_known",
)


@pytest.mark.parametrize("function", FACE)
def test_the_public_face_documents_parameters_and_returns(function):
    nodes = {f"{module}:{name}": node for module, node, name in PUBLIC}
    text = inspect.cleandoc(ast.get_docstring(nodes[function]) or "")
    assert "\nParameters\n---" in text
    assert "\nReturns\n---" in text
    assert "\nExamples\n---" in text


def architecture() -> str:
    return (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


def mapped() -> dict[str, set[str]]:
    """Modules that the map names, by folder: those of a heading's folder, and of a line that begins with one."""
    folders: dict[str, set[str]] = {}
    folder = ""
    for entry in re.split(r"\n(?=- |#|\n)", architecture()):
        if entry.startswith("## "):
            heading = re.search(r"`((?:socbayes|models)/[\w/]*)`", entry)
            folder = heading[1] if heading else ""
        if not entry.startswith("- "):
            continue
        first = re.match(r"- `((?:socbayes|models)/[\w/]*)`", entry)
        place = first[1] if first else folder
        if place:
            folders.setdefault(place, set()).update(re.findall(r"`(\w+)`", entry))
    return folders


#: Modules that any folder of a subject may hold, as the map says.
OF_ANY_SUBJECT = {
    "record", "baseline", "process", "model", "scenarios", "figures", "process_figures", "readings", "published",
    "sharing", "trials",
}  # fmt: skip


def test_the_map_is_short():
    assert len(architecture().encode()) <= 8000


def test_the_map_names_every_module_and_no_other():
    named = mapped()
    assert named["models/"] >= OF_ANY_SUBJECT
    for folder in sorted({f"{path.relative_to(ROOT).parent}/" for path in MODULES.values()}):
        there = {path.stem for path in (ROOT / folder).glob("*.py")} - {"__init__"}
        if folder.startswith("models/") and folder != "models/":
            there -= OF_ANY_SUBJECT
            assert f"`{folder}`" in architecture(), f"the map does not name {folder}"
        told = {name for name in named.get(folder, set()) if name.islower() and name not in ("build",)}
        if folder == "models/":
            told -= OF_ANY_SUBJECT
        assert told == there, f"{folder}: the map names {sorted(told - there)} and lacks {sorted(there - told)}"


def test_the_map_says_which_way_imports_run():
    """Layers of the map are those of this file, by the names they have in common."""
    listed = re.findall(r"^\d+\. (.+)$", architecture(), re.MULTILINE)
    assert len(listed) == len(LAYERS)
    for height, line in enumerate(listed):
        for name in re.findall(r"`(\w+)`", line):
            assert f"socbayes.{name}" in LAYERS[height], f"{name} is in layer {layer(f'socbayes.{name}')}"


def test_every_path_the_map_names_exists():
    named = set(re.findall(r"\b(?:socbayes|models|data|tests|notebooks|benchmarks)/[\w./-]*\w", architecture()))
    assert len(named) >= 10, "the module map names files by their paths"
    missing = sorted(path for path in named if not (ROOT / path).exists())
    assert not missing, f"ARCHITECTURE.md names {missing}, which are not there"
