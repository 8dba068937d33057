"""What is left out of every folder unless the person says otherwise.

A document must not vanish by surprise. So a name is listed only where nobody
keeps documents under it, and folders with common names, such as `build`, count
as build output only beside the file that says what builds there.
"""

from __future__ import annotations

# Names in gitignore syntax, each group with the words `folders check` gives for it.
DEFAULT_EXCLUDES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "version control and tool data",
        (".git/", ".hg/", ".svn/", ".bzr/", "_darcs/", "CVS/", ".idea/", ".vscode/"),
    ),
    (
        "caches and installed packages",
        (
            "node_modules/", "bower_components/", "__pycache__/", "site-packages/", ".venv/",
            "venv/", ".tox/", ".nox/", ".mypy_cache/", ".ruff_cache/", ".pytest_cache/", ".cache/",
            "Caches/", ".npm/", ".cargo/", ".gradle/", ".m2/", ".Trash/", "$RECYCLE.BIN/",
            "System Volume Information/", ".Trash-*/", "lost+found/",
        ),
    ),
    ("build output", ("*.egg-info/", "cmake-build-*/", ".next/", "*.min.js", "*.min.css",
                      "*.js.map", "*.css.map")),
    ("temporary files", ("~$*", "*~", "*.tmp", "*.temp", "*.swp", "*.swo", "*.part", "*.partial",
                         "*.crdownload", "*.lock", ".~lock.*", "Thumbs.db", "desktop.ini")),
)  # fmt: skip

# Never lifted by an ignore file, which may have come with somebody's archive; any case counts.
SECRETS = (
    ".ssh/", ".gnupg/", ".aws/", ".kube/", ".docker/", ".password-store/", "keyrings/",
    "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "*.pem", "*.key", "*.p12", "*.pfx",
    "*.jks", "*.keystore", "*.kdb", "*.kdbx", "*.gpg", "*.pgp", "*.asc", "*.ovpn",
    ".env", ".env.*", ".netrc", ".pgpass", "wallet.dat", "*.wallet", "*.keychain*",
    "*.agilekeychain/", "*.1pif", "logins.json", "key4.db", "credentials.json",
)  # fmt: skip

# Folders that are build output when one of these files is beside them.
BUILD_FOLDERS: dict[str, tuple[str, ...]] = {
    "target": ("Cargo.toml", "pom.xml", "build.sbt"),
    "build": ("package.json", "pyproject.toml", "setup.py", "build.gradle", "build.gradle.kts",
              "CMakeLists.txt", "pubspec.yaml"),
    "dist": ("package.json", "pyproject.toml", "setup.py"),
}  # fmt: skip
