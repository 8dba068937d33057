#!/usr/bin/env bash
# Installs the system packages that some tests need. Used by .ci/run only;
# without root or apt it says what is left out and succeeds.
set -uo pipefail

packages=(
    xvfb fonts-dejavu-core                       # a screen nobody sees, and letters to draw on it
    libegl1 libgl1 libxkbcommon0 libfontconfig1  # what Qt links to
    libdbus-1-3 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxkbcommon-x11-0
    x11-utils                                    # tells which windows are seen; a test skips without
    tesseract-ocr                                # reads scanned pages; tests of it skip without
    desktop-file-utils appstream                 # judge the desktop's files; their test skips without
    dbus-daemon                                  # asks a desktop's part for a shortcut; skips without
    strace                                       # shows that nothing leaves; tests of it skip without
)

if ! command -v apt-get > /dev/null; then
    echo "Skipped system packages: this is not Debian. Tests of the window need: ${packages[*]}"
    exit 0
fi

missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2> /dev/null | grep -q 'ok installed' \
        || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
    echo "System packages: all there."
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "Skipped system packages: only root may install them. Missing: ${missing[*]}"
    exit 0
fi

echo "==> Installing system packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
if apt-get -qq update < /dev/null \
    && apt-get -qq install -y --no-install-recommends "${missing[@]}" < /dev/null > /dev/null; then
    echo "System packages: installed."
else
    echo "Skipped system packages: apt-get failed, see above. Missing: ${missing[*]}"
fi
