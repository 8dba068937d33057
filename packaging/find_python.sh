#!/bin/sh
# Prints the first Python that is new enough: $PYTHON if set, else python3, else a numbered one.
for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' > /dev/null 2>&1; then
        command -v "$candidate"
        exit 0
    fi
done
cat >&2 << 'MESSAGE'
error: no Python 3.11 or newer was found.
Install one (on Debian 12 or newer: apt-get install python3 python3-venv python3-dev), or name
it: make setup PYTHON=/path/to/python3.11
MESSAGE
exit 1
