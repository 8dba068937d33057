"""What a bundle leaves out, and why. Pure: the specification and the tests read it."""

import fnmatch
import re
import tomllib
from pathlib import Path

MACOS_IDENTIFIER = "io.github.satchel.Satchel"  # as in app/identity.py, which a test compares
MACOS_INFO = {
    "NSHighResolutionCapable": True,
    "LSMinimumSystemVersion": "12.0",
    "LSApplicationCategoryType": "public.app-category.productivity",
    "CFBundleDisplayName": "Satchel",
    **{
        f"NS{place}UsageDescription": "Satchel reads the folders that you choose."
        for place in (
            "DocumentsFolder",
            "DesktopFolder",
            "DownloadsFolder",
            "RemovableVolumes",
            "NetworkVolumes",
        )
    },
}

# Modules of ours that run elsewhere: the first needs torch, the second shows a checkout.
LEFT_OUT_OF_OURS = ("core.index.prepare", "app.demo")

EXCLUDED_MODULES = [
    # Only the environment that prepares a model has these.
    "torch", "transformers", "sentence_transformers", "onnx", "onnxruntime", "nncf",
    # `tokenizers` imports its downloader only when asked to fetch, which Satchel does itself.
    "huggingface_hub", "hf_xet", "fsspec",
    # Interactive and build-time parts of libraries.
    "tkinter", "IPython", "matplotlib", "setuptools", "pkg_resources", "pytest", "numpy.f2py",
    "numpy.distutils", "numpy.testing", "lib2to3", "idlelib", "ensurepip", "pydoc_data",
    # OpenVINO's converters of other formats; Satchel reads ONNX.
    "openvino.tools", "openvino.torch", "openvino.frontend.pytorch",
    "openvino.frontend.tensorflow", "openvino.frontend.jax", "openvino.frontend.paddle",
    # Files in YAML, which only the downloader of `tokenizers` reads.
    "yaml",
    # A server of llama.cpp, which Satchel does not start.
    "llama_cpp.server",
    # Of the standard library, what links to half a desktop: network logins, typing in a terminal.
    "nis", "readline", "curses",
]  # fmt: skip

# Files, as they would lie in the bundle. `*` goes over folders.
DEAD_WEIGHT = (
    # Qt: pages in QML, virtual keyboards, other ways to draw, texts in other languages.
    "*Qt6Qml*", "*Qt6Quick*", "*Qt6VirtualKeyboard*", "*Qt6Pdf*", "*Qt6Network*",
    "*Qt6OpenGL*", "*QtOpenGL*", "*QtNetwork*", "*QtQml*", "*QtQuick*",
    "*/plugins/platforminputcontexts/*virtualkeyboard*", "*/plugins/networkinformation/*",
    "*/plugins/tls/*", "*/plugins/egldeviceintegrations/*", "*/plugins/platforms/*eglfs*",
    "*/plugins/platforms/*linuxfb*", "*/plugins/platforms/*vnc*",
    "*/plugins/platforms/*minimalegl*", "*/plugins/platforms/*vkkhrdisplay*",
    "*/plugins/generic/*", "*/plugins/imageformats/*qpdf*", "*/plugins/imageformats/*qtiff*",
    "*/plugins/imageformats/*qwebp*", "*/plugins/imageformats/*qtga*",
    "*/plugins/imageformats/*qwbmp*", "*/plugins/imageformats/*qicns*",
    "*/plugins/platformthemes/*qgtk3*", "*Qt6EglFS*",
    "*Qt/translations/*", "*PySide6/translations/*",
    # OpenVINO: graphics and neural processors, other formats, and several devices at once.
    "*openvino_intel_gpu*", "*openvino_intel_npu*", "*openvino_tensorflow*", "*openvino_pytorch*",
    "*openvino_paddle*", "*openvino_gguf*", "*openvino_jax*", "*openvino_auto*",
    "*openvino_hetero*", "*openvino_c.*", "openvino/libs/cache.json", "*tbbmalloc_proxy*",
    # What a compiler would want.
    "*.pyi", "*.h", "*.hpp", "*.pc", "*.cmake", "*.a", "*.lib", "numpy/*/tests/*",
)  # fmt: skip

# Qt's own texts, such as those of the menu of a text field, in the languages that Satchel speaks.
TEXTS_OF_QT = ("qtbase_de.qm",)

# Which program of pip a bundle needs: its downloader, not its launchers nor its tests.
_NOT_OF_PIP = re.compile(r"pip\._vendor\.(distlib\.(t|w)|pygments|rich\.__main__)")


def is_wanted_of_pip(module: str) -> bool:
    """Whether a module of pip is taken along."""
    return _NOT_OF_PIP.match(module) is None


def is_dead_weight(path: str) -> bool:
    """Whether a file of a library stays out of the bundle."""
    if path.endswith(TEXTS_OF_QT):
        return False
    return any(fnmatch.fnmatchcase(path.replace("\\", "/"), each) for each in DEAD_WEIGHT)


def icon_of(platform: str, root: Path) -> Path | None:
    """Where the picture of the program is drawn to; None where programs have none inside."""
    ending = {"win32": "ico", "darwin": "icns"}.get(platform)
    return root / "build" / f"satchel.{ending}" if ending else None


def data_of_window(root: Path) -> list[tuple[str, str]]:
    """What lies beside the window's modules and is read as it runs, and its folder in a bundle."""
    return [
        (str(path), path.parent.relative_to(root).as_posix())
        for path in sorted((root / "ui").rglob("*"))
        if path.is_file() and path.suffix not in (".py", ".pyc")
    ]


def version(root: Path) -> str:
    """The version that pyproject.toml states."""
    with (root / "pyproject.toml").open("rb") as stream:
        stated: str = tomllib.load(stream)["project"]["version"]
    return stated
