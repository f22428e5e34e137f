"""What we would hand out: wheel and sdist are built, checked, and tried where nothing else is; `make package`.

Everything is written to a temporary folder. An empty environment gets the wheel and the core's libraries only, in the
versions of constraints.txt; there a newcomer's first commands must run, and what needs an extra must say so.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FEATURES = "import numpy as np; np.save('features.npy', np.random.default_rng(0).normal(size=(80, 8)))"
TWO_LINES = "import numpy as np, latentscape; latentscape.map(np.load('features.npy'), method='pca', output='python')"
HEAVY = ("torch", "transformers", "soundfile", "starlette", "duckdb", "datasets", "pandas")


def main() -> None:
    """Build, check, install, run; the first thing that is not as it should be ends it."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        wheel, archive = build(folder)
        check_contents(wheel, archive)
        python = install(wheel, folder / "empty")
        run([python, "-c", FEATURES], at=folder)
        command = str(python.with_name("latentscape"))
        run([command, "map", "features.npy", "--output", "map", "--quiet"], at=folder)
        run([python, "-c", TWO_LINES], at=folder)
        run([command, "doctor"], at=folder)
        for page in ("map/explorer.html", "map/maps.png", "python/explorer.html"):
            require((folder / page).is_file(), f"{page} was not written")
        said = run([command, "open", "map"], at=folder, code=2)
        require("pip install 'latentscape[serve]'" in said, f"`open` without its extra says: {said}")
        for module in HEAVY:
            run([python, "-c", f"import {module}"], at=folder, code=1)


def build(folder: Path) -> tuple[Path, Path]:
    """The wheel and the source archive, built from a copy: a build leaves its own folders behind."""
    copy = folder / "source"
    left = shutil.ignore_patterns(
        ".*", "__pycache__", "build", "dist", "*.egg-info", "runs", "checkpoints", "demo-output", "site"
    )
    shutil.copytree(ROOT, copy, ignore=left)
    run([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder / "dist"), str(copy)], at=folder)
    (wheel,), (archive,) = (folder / "dist").glob("*.whl"), (folder / "dist").glob("*.tar.gz")
    run([sys.executable, "-m", "twine", "check", "--strict", str(wheel), str(archive)], at=folder)
    return wheel, archive


def check_contents(wheel: Path, archive: Path) -> None:
    """Every file of the package is in both."""
    package = ROOT / "src" / "latentscape"
    wanted = {
        f"latentscape/{path.relative_to(package).as_posix()}"
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as opened:
        lacking = wanted - set(opened.namelist())
    require(not lacking, f"the wheel lacks {sorted(lacking)}")
    with tarfile.open(archive) as opened:
        lacking = wanted - {name.partition("/src/")[2] for name in opened.getnames()}
    require(not lacking, f"the source archive lacks {sorted(lacking)}")


def install(wheel: Path, place: Path) -> Path:
    """A Python that has the wheel and what that asks for, nothing else."""
    began = time.monotonic()
    venv.create(place, with_pip=True)
    python = place / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check"]
    run([*pip, "--constraint", str(ROOT / "constraints.txt"), str(wheel)], at=place)
    print(f"installed in {time.monotonic() - began:.0f} s")  # noqa: T201
    return python


def run(words: list[str | Path], *, at: Path, code: int = 0) -> str:
    """What a program said; ends everything if it ends otherwise than with this code."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    ended = subprocess.run(  # noqa: S603
        words, cwd=at, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    told = " ".join(map(str, words))
    require(ended.returncode == code, f"{told}\nended with {ended.returncode}, not {code}:\n{ended.stdout}")
    print(f"ok: {told}")  # noqa: T201
    return ended.stdout


def require(holds: bool, told: str) -> None:  # noqa: FBT001
    """End with 1 and the reason if it does not hold."""
    if not holds:
        sys.exit(told)


if __name__ == "__main__":
    main()
