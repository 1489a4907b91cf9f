#!/bin/sh
# Runs the Chromium that is on the PATH, with the arguments given: the one place that knows its names.
# Each is tried first, since Ubuntu has programs of these names that only tell how to install one.
set -u

for name in chromium chromium-browser google-chrome; do
  if "$name" --version >/dev/null 2>&1; then exec "$name" "$@"; fi
done
echo "no Chromium: install chromium (Debian, Fedora, Alpine) or Google Chrome (Ubuntu), or run sh tasks/bootstrap.sh test" >&2
exit 127
