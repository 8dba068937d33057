#!/bin/sh
# Checks the types as each platform has them: what Linux lacks or adds is seen before anybody
# starts Satchel elsewhere. The three runs go side by side, each with a cache of its own.
cd "$(dirname "$0")/.." || exit 1
reports=$(mktemp -d) || exit 1
trap 'rm -rf "$reports"' EXIT

for platform in win32 darwin; do
    # What is written for another platform is unreachable, and is meant to be.
    (
        .venv/bin/mypy --platform "$platform" --no-warn-unreachable \
            --cache-dir ".mypy_cache/$platform" > "$reports/$platform" 2>&1
        echo $? > "$reports/$platform.code"
    ) &
done
.venv/bin/mypy > "$reports/linux" 2>&1
echo $? > "$reports/linux.code"
wait

failed=0
for platform in linux win32 darwin; do
    echo "$platform: $(tail -n 1 "$reports/$platform")"
    if [ "$(cat "$reports/$platform.code")" != 0 ]; then
        cat "$reports/$platform"
        failed=1
    fi
done
exit $failed
