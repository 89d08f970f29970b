# Shared by the scripts of this folder: sourced, never run. Leaves the shell in the repository's root.
# Must work with macOS's bash 3.2.
# shellcheck shell=bash disable=SC2034
set -euo pipefail

unset CDPATH
script=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD

# What setup installs for this clone alone, then cargo's own folder, then the rest.
export PATH="$root/.tools/bin:$root/.tools/node/bin:$root/node_modules/.bin:${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
# setup installs the pinned toolchain; no other command may start a download of its own.
export RUSTUP_AUTO_INSTALL=0

say() { printf '%s\n' "$*" >&2; }
die() {
  printf '%s: %s\n' "${script##*/}" "$*" >&2
  exit 1
}
wrong_usage() {
  printf '%s: %s (see --help)\n' "${script##*/}" "$*" >&2
  exit 2
}
have() { command -v "$1" >/dev/null 2>&1; }

# Prints the comment block at the head of the calling script: the one place of its help text.
usage() {
  awk 'NR == 1 { next } /^#/ { sub(/^# ?/, ""); print; next } { exit }' "$script"
}

# Both print "checksum  file"; macOS has only the second.
if have sha256sum; then sha256=(sha256sum); else sha256=(shasum -a 256); fi

# Bytes of a file.
bytes() { wc -c <"$1" | tr -d ' '; }

# Where Debian and macOS keep Chromium or Chrome; $CHROMIUM names another one.
find_chromium() {
  local c
  for c in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable \
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" \
    "/Applications/Chromium.app/Contents/MacOS/Chromium"; do
    if [ -n "$c" ] && have "$c"; then
      command -v "$c"
      return 0
    fi
  done
  return 1
}
