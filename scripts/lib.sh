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

# find_program NAME-OR-PATH...: prints where the first one is that there is.
find_program() {
  local c
  for c in "$@"; do
    if [ -n "$c" ] && have "$c"; then
      command -v "$c"
      return 0
    fi
  done
  return 1
}

# Where Debian and macOS keep Chromium or Chrome; $CHROMIUM names another one.
find_chromium() {
  find_program "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable \
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" \
    "/Applications/Chromium.app/Contents/MacOS/Chromium"
}

# Where Debian, macOS and Mozilla's own build for Linux keep Firefox; $FIREFOX names another one. Not Ubuntu's snap,
# which cannot read the profile folder that a test makes for it in /tmp.
find_firefox() {
  local c
  for c in "${FIREFOX:-}" .tools/firefox/*/firefox/firefox firefox-esr firefox \
    /Applications/Firefox.app/Contents/MacOS/firefox; do
    c=$(find_program "$c") || continue
    case "$c" in /snap/*) continue ;; esac
    # The package that stands in for the snap is a script.
    if head -c 2000 "$c" | grep -q /snap/bin/; then continue; fi
    echo "$c"
    return 0
  done
  return 1
}

# WebKitGTK's small browser, if there is also what drives it and a screen that nobody sees; $MINIBROWSER names another one.
find_minibrowser() {
  have WebKitWebDriver && have Xvfb || return 1
  find_program "${MINIBROWSER:-}" /usr/lib/*/webkit2gtk-4.1/MiniBrowser /usr/libexec/webkit2gtk-4.1/MiniBrowser
}
