#!/bin/sh
# Brings what a fresh machine lacks, Deno, a Vulkan driver and for the tests Chromium, then runs `deno task "$@"`.
# Where they are there already, plain `deno task` does the same without this script.
set -eu

DENO_MAJOR=2 # the oldest Deno that will do ...
DENO_MINOR=8
DENO_VERSION=2.9.6 # ... and the one brought where there is none

# The SHA-256 of that Deno, the program itself: npm's packages hold the same programs as the archives of the release.
LINUX_X64=bceb5b6a6239b0b010418406d8c77a508f67cf4337d94288f1c19fe71304aab0
LINUX_ARM64=d08d392418df53f4e6e88a08909c0e1bccbf9adcead7232df72b6ad6075ec416
MACOS_X64=ec9fbd8e8f5f6ca5ceb0ebe4a564636f2c698bf60e3187460ded400cc0147fd5
MACOS_ARM64=b3ac3bd206e48c26026cadd80c1367e96c149f9c66130952382a642b09fa8a71

JSR_PATIENCE_MS=5000

usage() {
  cat <<'END'
Usage: sh tasks/bootstrap.sh [--install] TASK [OPTION ...]

Brings Deno and, on Linux, a Vulkan driver and for the task test Chromium where they are missing, then
runs `deno task TASK OPTION ...`. Deno is kept in .deno/ in this project. The rest is installed by root only:

  --install  use sudo for that; without it, and not as root, the command is printed instead
  --help     print this; with a task, print the task's own help

Without a task, the tasks are listed.
END
}

say() {
  printf 'bootstrap: %s\n' "$*" >&2
}

fail() {
  say "$@"
  exit 1
}

# Deno --------------------------------------------------------------------------------------------

# Whether $1 is a Deno that runs and is new enough.
is_deno() {
  version=$("$1" --version 2>/dev/null) || return 1
  version=${version#deno } # "deno 2.9.6 (stable, ...": the first line is enough
  major=${version%%.*}
  minor=${version#*.}
  minor=${minor%%.*}
  case $major$minor in *[!0-9]* | '') return 1 ;; esac
  [ "$major" -gt "$DENO_MAJOR" ] || { [ "$major" -eq "$DENO_MAJOR" ] && [ "$minor" -ge "$DENO_MINOR" ]; }
}

# Prints the SHA-256 of the file $1, or nothing where no program here computes it.
sha256() {
  if command -v sha256sum >/dev/null; then
    set -- "$(sha256sum <"$1")"
  elif command -v shasum >/dev/null; then
    set -- "$(shasum -a 256 <"$1")"
  elif command -v openssl >/dev/null; then
    set -- "$(openssl dgst -sha256 -r <"$1")"
  else
    return
  fi
  printf '%s\n' "${1%% *}"
}

# Ends this script unless $1, which $2 brought and nobody has run yet, is the Deno that it should be.
verify_deno() {
  digest=$(sha256 "$1")
  case $digest in
    "$LINUX_X64" | "$LINUX_ARM64" | "$MACOS_X64" | "$MACOS_ARM64") return ;;
    '') fail "cannot verify the Deno from $2: there is no sha256sum, shasum or openssl, expected one of them" ;;
  esac
  fail "cannot use the Deno from $2: its SHA-256 is $digest, expected that of Deno $DENO_VERSION in tasks/bootstrap.sh"
}

# Puts the Deno that npm has into the folder $1.
fetch_from_npm() {
  # The package's script only links the program, which comes in a package of its own for each system.
  npm install --prefix "$1" --no-save --no-audit --no-fund --ignore-scripts "deno@$DENO_VERSION" >&2 || return
  for program in "$1"/node_modules/@deno/*/deno; do
    if [ -f "$program" ]; then mv -f "$program" "$1/deno"; fi
  done
}

# Puts the Deno of the archive for this system into the folder $1. Only the program is read from the archive, whatever
# else it holds.
fetch_archive() {
  case "$(uname -s) $(uname -m)" in
    'Linux x86_64') target=x86_64-unknown-linux-gnu ;;
    'Linux aarch64' | 'Linux arm64') target=aarch64-unknown-linux-gnu ;;
    'Darwin x86_64') target=x86_64-apple-darwin ;;
    'Darwin arm64') target=aarch64-apple-darwin ;;
    *) return 1 ;;
  esac
  curl -fsSL -o "$1/deno.zip" "https://dl.deno.land/release/v$DENO_VERSION/deno-$target.zip" || return
  if command -v unzip >/dev/null; then
    unzip -p "$1/deno.zip" deno >"$1/deno" || return
  else
    7z x -so "$1/deno.zip" deno >"$1/deno" || return
  fi
  chmod 755 "$1/deno"
}

# Moves the Deno in the folder $1, which $2 brought, to its place, if it is the right one and runs here.
keep_deno() {
  [ -f "$1/deno" ] || return
  verify_deno "$1/deno" "$2"
  is_deno "$1/deno" && mv -f "$1/deno" .deno/bin/deno
}

# Installs Deno in a folder of its own first, so that of several that start at once none sees half a file.
install_deno() (
  mkdir -p .deno/bin
  work=$(mktemp -d .deno/install.XXXXXX)
  trap 'rm -rf "$work"' EXIT
  trap 'exit 1' HUP INT TERM # Some shells skip what is to be done at the end when a signal ends them.
  if command -v npm >/dev/null; then
    say "installing Deno $DENO_VERSION from npm into .deno/"
    if fetch_from_npm "$work" && keep_deno "$work" npm; then exit; fi
    say "npm could not install Deno"
  fi
  if command -v curl >/dev/null && { command -v unzip || command -v 7z; } >/dev/null; then
    say "installing Deno $DENO_VERSION from dl.deno.land into .deno/"
    if fetch_archive "$work" && keep_deno "$work" dl.deno.land; then exit; fi
    say "curl could not install Deno"
  fi
  fail "no Deno $DENO_MAJOR.$DENO_MINOR or newer: install npm, or curl and unzip, and run this again, or put Deno on the PATH"
)

# Puts a Deno that will do on the PATH.
provide_deno() {
  if is_deno deno; then return; fi
  if ! is_deno .deno/bin/deno; then install_deno; fi
  PATH=$PWD/.deno/bin:$PATH
  export PATH
}

# The standard library ----------------------------------------------------------------------------

# Whether everything that deno.lock pins of @std is in Deno's cache, so that nobody need be asked.
std_is_cached() {
  deno eval --frozen --cached-only \
    'import "@std/assert"; import "@std/cli/parse-args"; import "@std/csv"; import "@std/path";' 2>/dev/null
}

# Whether JSR answers soon. With an empty cache, or the cache would answer; with an import that Deno cannot see before it
# runs, or it would wait for JSR before it starts the clock; and without any permission, since no lock file is asked.
jsr_answers() (
  empty=$(mktemp -d)
  trap 'rm -rf "$empty"' EXIT
  DENO_DIR=$empty deno run --no-lock --no-prompt - 2>/dev/null <<END
    setTimeout(() => Deno.exit(1), $JSR_PATIENCE_MS);
    const module = "@std/assert/assertion-error"; await import(module); Deno.exit(0);
END
)

# deno.json's tasks expand $STD_MAP. Unset, @std comes from JSR.
choose_std() {
  if [ -n "${STD_MAP+set}" ] || std_is_cached || jsr_answers; then return; fi
  say "JSR does not answer: using npm's copy of @std, which has no types"
  STD_MAP="--import-map=tasks/std_npm.json --lock=tasks/std_npm.lock --frozen"
  export STD_MAP
}

# Packages ----------------------------------------------------------------------------------------

# Installs what is missing, $1, which apt-get has in the packages $2, dnf in $3 and apk in $4.
install_packages() {
  if command -v apt-get >/dev/null; then
    packages=$2
    install="apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $packages"
  elif command -v dnf >/dev/null; then
    packages=$3
    install="dnf install -y $packages"
  elif command -v apk >/dev/null; then
    packages=$4
    install="apk add $packages"
  else
    fail "no $1, and no apt-get, dnf or apk to install it with: install one in this system's own way"
  fi
  if [ "$(id -u)" -eq 0 ]; then
    say "no $1: installing $packages"
    sh -c "$install" >&2
  elif [ "$sudo_allowed" = yes ]; then
    say "no $1: installing $packages with sudo"
    sudo sh -c "$install" >&2
  else
    fail "no $1. As root, run: $install
bootstrap: or run this again with --install as its first argument, to have sudo run it"
  fi
}

# The Vulkan driver -------------------------------------------------------------------------------

# Says what Deno finds on its own question for an adapter: hardware, software or none.
adapter() {
  deno eval --no-lock 'const adapter = await navigator.gpu?.requestAdapter();
    console.log(!adapter ? "none" : adapter.info.isFallbackAdapter ? "software" : "hardware");' || echo none
}

# Looks with ls rather than test, so that a test of this script can answer.
exists() {
  ls -d "$@" >/dev/null 2>&1
}

nvidia_is_present() {
  exists /dev/nvidia[0-9]* || { command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1; }
}

# Installs the Vulkan loader and, where $1 is "driver", Mesa's drivers, which include a software one.
install_vulkan() {
  if [ "$1" = driver ]; then
    install_packages "Vulkan driver" "libvulkan1 mesa-vulkan-drivers" "vulkan-loader mesa-vulkan-drivers" \
      "vulkan-loader mesa-vulkan-swrast"
  else
    install_packages "Vulkan $1" libvulkan1 vulkan-loader vulkan-loader
  fi
}

# Where a container's host lays the files of NVIDIA's driver, Vulkan's loader does not look by itself.
use_mounted_nvidia_driver() {
  mounted=/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json
  if [ -n "${VK_DRIVER_FILES-}${VK_ICD_FILENAMES-}" ] || ! exists "$mounted"; then return; fi
  for usual in /usr/share/vulkan/icd.d /usr/local/share/vulkan/icd.d /etc/vulkan/icd.d; do
    if exists "$usual"/*nvidia*.json; then return; fi
  done
  export VK_DRIVER_FILES="$mounted"
}

# An NVIDIA device never gets a software driver beside it: that would run, a hundred times slower, and look right.
provide_nvidia_driver() {
  if [ "$found" = none ] && ! loader_is_present; then
    install_vulkan loader
    found=$(adapter)
  fi
  if [ "$found" = hardware ]; then return; fi
  missing="this machine's NVIDIA device has no Vulkan driver that works: install the graphics part of NVIDIA's driver \
(libGLX_nvidia, nvidia_icd.json) and libglvnd, or start the container with NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics"
  if [ "$found" = none ]; then fail "$missing"; fi
  say "$missing; going on with the software driver that is here"
}

loader_is_present() {
  deno eval --no-lock 'Deno.dlopen("libvulkan.so.1", {});' 2>/dev/null
}

# Sees to it that Deno finds a Vulkan adapter.
provide_driver() {
  found=$(adapter)
  if [ "$found" = hardware ]; then return; fi
  if nvidia_is_present; then
    provide_nvidia_driver
  elif [ "$found" = none ]; then
    install_vulkan driver
    if [ "$(adapter)" = none ]; then fail "the Vulkan driver is installed, but Deno finds no adapter: see sh tasks/bootstrap.sh doctor"; fi
  fi
}

# Chromium ----------------------------------------------------------------------------------------

# Looks for it as the tests do.
browser_is_present() {
  sh test/_chromium.sh --version >/dev/null 2>&1
}

# Sees to it that the tests find a browser.
provide_browser() {
  if browser_is_present; then return; fi
  install_packages Chromium chromium chromium chromium ||
    fail "could not install chromium; Ubuntu has it as a snap only, which the tests cannot use: install Google Chrome there"
  if ! browser_is_present; then fail "Chromium is installed, but does not run: see chromium --version"; fi
}

# -------------------------------------------------------------------------------------------------

# Whether help is all that is asked for.
asks_for_help() {
  for argument in "$@"; do
    case $argument in --help | -h) return ;; esac
  done
  return 1
}

# Whether the task asked for, with these arguments, computes on a GPU.
needs_gpu() {
  if [ "${1-}" = predict ]; then
    for argument in "$@"; do
      [ "$argument" != --cpu ] || return 1
    done
  fi
  case ${1-} in '' | check | data | diagram | doctor | report | shaders) return 1 ;; esac
  ! asks_for_help "$@"
}

# Whether the task asked for, with these arguments, opens pages in a browser.
needs_browser() {
  [ "${1-}" = test ] && ! asks_for_help "$@"
}

is_task() {
  deno eval --no-lock 'import config from "./deno.json" with { type: "json" };
    Deno.exit(Object.hasOwn(config.tasks, Deno.args[0]) ? 0 : 1);' "$1"
}

# Leaves only absolute folders on the PATH: a relative or empty one would from here on mean one in this project.
use_absolute_path() {
  rest=$PATH:
  PATH=
  while [ -n "$rest" ]; do
    case $rest in /*) PATH=$PATH${PATH:+:}${rest%%:*} ;; esac
    rest=${rest#*:}
  done
  export PATH
}

sudo_allowed=no
use_absolute_path
if [ "${1-}" = --install ]; then
  sudo_allowed=yes
  shift
fi
case ${1-} in
  --help)
    usage
    exit
    ;;
  -*)
    say "unknown option $1; expected a task, or --install, or --help"
    exit 2
    ;;
esac

CDPATH='' cd "$(dirname "$0")/.."
export DENO_NO_UPDATE_CHECK=1
provide_deno
if [ -n "${1-}" ] && ! is_task "$1"; then
  say "no task is called $1; \`sh tasks/bootstrap.sh\` lists them"
  exit 2
fi
choose_std
if [ "$(uname -s)" = Linux ]; then
  # Without this Deno may fall back to GL and say nothing.
  export DENO_WEBGPU_BACKEND="${DENO_WEBGPU_BACKEND:-vulkan}"
  if [ -z "${XDG_RUNTIME_DIR-}" ] && mkdir -p .deno/run 2>/dev/null && chmod 700 .deno/run 2>/dev/null; then
    export XDG_RUNTIME_DIR="$PWD/.deno/run"
  fi
  use_mounted_nvidia_driver
  if needs_gpu "$@"; then provide_driver; fi
  if needs_browser "$@"; then provide_browser; fi
fi
exec deno task "$@"
