#!/usr/bin/env bash
# Installs what the build needs and this machine lacks, through the system's package manager.
# Sourced by chapters/run and tests/run; says in one line what it does, and nothing if all is there.

set -euo pipefail

ldm_packages=(g++ cmake ninja-build libeigen3-dev libfmt-dev nlohmann-json3-dev libcli11-dev
              catch2 libbenchmark-dev libicu-dev libpng-dev libjpeg-dev libstb-dev
              pkg-config libcairo2-dev fonts-dejavu-core libboost-dev libminizip-dev libyaml-cpp-dev
              libfaiss-dev)

# ldm_missing_packages PACKAGE...: those that are not installed
ldm_missing_packages() {
    local package
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || echo "$package"
    done
}

# ldm_install_packages PACKAGE...
ldm_install_packages() {
    if ! command -v apt-get > /dev/null || ! command -v dpkg-query > /dev/null; then
        if command -v cmake > /dev/null && command -v ninja > /dev/null; then return; fi
        echo "This system has no apt-get. Please install the equivalents of these Debian packages:" >&2
        echo "  $*" >&2
        exit 1
    fi
    local missing sudo=()
    missing=$(ldm_missing_packages "$@" | tr '\n' ' ')
    [[ -z $missing ]] && return
    if [[ $(id -u) != 0 ]]; then
        if ! command -v sudo > /dev/null; then
            echo "Not root and no sudo; going on without these packages: $missing" >&2
            return
        fi
        sudo=(sudo)
    fi
    echo "Installing with apt-get: $missing"
    local log
    log=$(mktemp)
    # shellcheck disable=SC2086  # a list of words
    if ! { "${sudo[@]}" apt-get update -qq &&
           DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends $missing; } > "$log" 2>&1; then
        # They may be somewhere that dpkg does not know of (CMAKE_PREFIX_PATH). If not, CMake names what is missing.
        echo "apt-get failed ($(grep . "$log" | tail -n 1)); going on without these packages: $missing" >&2
    fi
    rm -f "$log"
}

# ldm_build PRESET [TARGET...]: configures once and builds; quiet unless something goes wrong.
ldm_build() {
    local preset=$1 log
    shift
    log=$(mktemp)
    if [[ ! -f build/$preset/build.ninja ]]; then
        echo "Configuring build/$preset"
        cmake --preset "$preset" > "$log" 2>&1 || { cat "$log" >&2; exit 1; }
    fi
    echo "Building build/$preset"
    if ! ninja -C "build/$preset" "$@" > "$log" 2>&1; then
        grep -vE '^\[[0-9]+/[0-9]+\]' "$log" | tail -n 60 >&2
        exit 1
    fi
    rm -f "$log"
}

ldm_install_packages "${ldm_packages[@]}"
