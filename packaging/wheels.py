"""Compiles the packages that are published only as source, and keeps the wheels.

A wheel's key covers everything that went into it: version, source hash, flags, Python,
platform, C library. Wheels live outside the checkout, so a second clone compiles nothing.
"""

import hashlib
import os
import platform
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from console import SetupError, ninja_progress, run, say, step
from environment import PIP_ENVIRONMENT, create, install_locked
from locks import Requirement, read_lock, write_requirements
from places import PACKAGING, cache_dir, log_file, need_space, python_of

BUILD_BYTES = 1_500_000_000
# What GGML_NATIVE=OFF still assumes of an x86 processor (ggml's CMakeLists turns each on by
# default): every desktop processor since about 2013 has them.
X86_FEATURES = ("sse4_2", "avx", "avx2", "fma", "f16c", "bmi2")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one package is compiled. `environment` is what it reads its flags from."""

    name: str
    environment: Mapping[str, str]
    duration: str


def recipes(processor: frozenset[str] | None) -> tuple[Recipe, ...]:
    """The packages to compile here, for a processor with these features (None: not known).

    The results run on any x86 machine with AVX2, not only on the one that compiled them. A
    processor without AVX2 gets a build of its own, which its key keeps apart.
    """
    cmake = ["-DGGML_NATIVE=OFF", "-DLLAVA_BUILD=OFF"]
    vector = ""
    if processor is not None:
        absent = [feature for feature in X86_FEATURES if feature not in processor]
        cmake += [f"-DGGML_{feature.replace('_', '').upper()}=OFF" for feature in absent]
        vector = "" if absent else "-mavx2 -mfma"
    return (
        Recipe(
            "hnswlib",
            {"HNSWLIB_NO_NATIVE": "1", "CFLAGS": vector, "CXXFLAGS": vector},
            "about a minute",
        ),
        Recipe(
            "llama-cpp-python",
            {"CMAKE_ARGS": " ".join(cmake)},
            "6 minutes on two idle cores, up to 20 on busy ones",
        ),
    )


def processor_features() -> frozenset[str] | None:
    """What this x86 processor can do, as Linux tells it; None elsewhere."""
    if sys.platform != "linux" or platform.machine() not in {"x86_64", "AMD64"}:
        return None
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("flags"):
            return frozenset(line.partition(":")[2].split())
    return None


def key(recipe: Recipe, requirement: Requirement) -> str:
    """The name of the folder that keeps this wheel."""
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}{getattr(sys, 'abiflags', '')}"
    where = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    made_of = repr(
        (
            requirement.text,
            sorted(recipe.environment.items()),
            tag,
            where,
            platform.machine(),
            platform.libc_ver(),
        )
    )
    digest = hashlib.sha256(made_of.encode()).hexdigest()[:12]
    return f"{recipe.name}-{requirement.version}-{tag}-{where}-{digest}"


def obtain(wanted: Sequence[tuple[Recipe, Requirement]], work: Path) -> list[Path]:
    """The wheels of these recipes, compiled here where the cache has none."""
    store = cache_dir() / "wheels"
    store.mkdir(parents=True, exist_ok=True)
    with one_at_a_time(store / "lock"):
        absent = [(recipe, each) for recipe, each in wanted if not cached(store, recipe, each)]
        if absent:
            compile_all(absent, store, work)
    found = [cached(store, recipe, each) for recipe, each in wanted]
    return [wheel for wheel in found if wheel is not None]


def cached(store: Path, recipe: Recipe, requirement: Requirement) -> Path | None:
    """The kept wheel, or None. A folder appears by one rename, so it is whole or absent."""
    return next((store / key(recipe, requirement)).glob("*.whl"), None)


def compile_all(absent: Sequence[tuple[Recipe, Requirement]], store: Path, work: Path) -> None:
    """Compiles each wheel with tools of locked versions, and moves it into the store."""
    require_compiler()
    need_space(store, BUILD_BYTES, "Compiling")
    tools = work / "tools"
    with step("Fetching the build tools (cmake, ninja and others, about 80 MB)"):
        create(tools, "tools-venv")
        locked = read_lock(PACKAGING / "build.lock")
        install_locked(tools, locked, work, "tools", short_lived=True)
    for recipe, requirement in absent:
        title = f"Compiling {recipe.name} {requirement.version}, once: {recipe.duration}"
        with step(title):
            compile_one(recipe, requirement, tools, store, work)


def compile_one(
    recipe: Recipe, requirement: Requirement, tools: Path, store: Path, work: Path
) -> None:
    """Compiles one wheel. The source is checked against the lock's hash."""
    log = log_file(f"compile-{recipe.name}")
    say(f"    {' '.join(f'{name}={value}' for name, value in recipe.environment.items() if value)}")
    say(f"    log: {log}")
    listed = write_requirements([requirement], work / f"{recipe.name}.txt")
    output = Path(tempfile.mkdtemp(prefix=f".{recipe.name}-", dir=store))
    command: list[str | Path] = [python_of(tools), "-m", "pip", "wheel", "--verbose"]
    command += ["--no-deps", "--no-cache-dir", "--no-build-isolation", "--require-hashes"]
    command += ["--no-binary", recipe.name, "--requirement", listed, "--wheel-dir", output]
    try:
        run(
            command,
            log=log,
            failure=f"{recipe.name} {requirement.version} could not be compiled.",
            progress=ninja_progress,
            environment={
                **PIP_ENVIRONMENT,
                **recipe.environment,
                "PATH": f"{python_of(tools).parent}{os.pathsep}{os.environ.get('PATH', '')}",
                "TMPDIR": str(work),
            },
        )
        folder = store / key(recipe, requirement)
        shutil.rmtree(folder, ignore_errors=True)
        output.rename(folder)
    finally:
        shutil.rmtree(output, ignore_errors=True)


def require_compiler() -> None:
    """Raises SetupError when no C++ compiler is to be found."""
    if os.name == "nt":
        return  # the build tools find Visual Studio by its own registry, not by PATH
    named = os.environ.get("CXX", "").split()[:1]
    if not any(shutil.which(each) for each in (*named, "c++", "g++", "clang++")):
        raise SetupError(
            "No C++ compiler was found, and two packages have to be compiled.",
            "Install one (Debian: apt-get install g++; macOS: xcode-select --install) and run "
            "the command again.",
        )


@contextmanager
def one_at_a_time(lock: Path) -> Iterator[None]:
    """Lets one set-up at a time compile; another checkout's waits and then finds the wheel."""
    if os.name == "nt":
        yield  # two set-ups at once only do the work twice: each publishes by a rename
        return
    import fcntl  # there is none on Windows

    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("==> Waiting for another set-up on this machine to finish compiling")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
