#!/usr/bin/env bash
# Builds the image for its tests and prints its name. Needs a container engine; --install fetches one from apt.
#
# The base is BASE_IMAGE where it is given; else the one that the Dockerfile names, if it can be had; else a stand-in
# made from this machine's own Debian packages, which proves the Dockerfile's steps but not the real base's size.
# Exits with 77 and one sentence where something that it needs cannot be had.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export PATH="$PWD/integration_tests/image/bin:$PATH"
packages=(podman runc fuse-overlayfs debootstrap)
# shellcheck source=/dev/null
release=$(. /etc/os-release && echo "${VERSION_CODENAME-unknown}")
mkdir -p build
exec 9>build/image.lock 3>&1 1>&2
flock 9 # tests that run side by side build once

cannot() {
    echo "$1"
    exit 77
}

may_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

install_engine() {
    may_install || return 0
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${packages[@]}" >/dev/null
}

# A minimal Debian with the Python of its release, from the mirror and release that apt uses here.
make_stand_in() {
    local name=$1 mirror root
    # shellcheck disable=SC2016 # apt-get fills this in
    mirror=$(apt-get indextargets --format '$(SITE)' "Codename: $release" "Component: main" "Created-By: Packages" | head -1)
    root=$(mktemp -d)
    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates "$release" "$root" "$mirror" >/dev/null
    rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/*
    tar -C "$root" --exclude=./proc/* --exclude=./sys/* --exclude=./dev/* -cf - . | docker import - "$name" >/dev/null
    rm -rf "$root"
}

find_base() {
    local named stand_in
    named=$(sed -n 's/^ARG BASE_IMAGE=//p' Dockerfile)
    stand_in=localhost/source-kore-llm-logs-base:$release
    for base in "$named" "$stand_in"; do
        if docker image inspect "$base" >/dev/null 2>&1; then return; fi
    done
    base=$named
    if timeout 120 docker pull -q "$base" >/dev/null 2>&1; then return; fi
    base=$stand_in
    if ! command -v debootstrap >/dev/null || [ "$(id -u)" != 0 ]; then
        cannot "the base image cannot be pulled, and making a stand-in takes root and debootstrap"
    fi
    echo "The base image cannot be pulled: making a stand-in from Debian's packages"
    make_stand_in "$base"
}

if [ "${1-}" = --install ] && ! docker info >/dev/null 2>&1; then install_engine; fi
docker info >/dev/null 2>&1 || cannot "there is no container engine that works (make image-test, as root, installs podman)"
base=${BASE_IMAGE-}
[ -n "$base" ] || find_base
# The name is made of what is built, so that nothing is built twice and no other folder's image is taken for this one.
contents=$(find Dockerfile .dockerignore pyproject.toml poetry.lock README.md source_kore_llm_logs -type f ! -name '*.pyc' |
    LC_ALL=C sort | xargs sha256sum | cat - <(echo "$base") | sha256sum | head -c 12)
image=localhost/source-kore-llm-logs:$contents
docker image inspect "$image" >/dev/null 2>&1 || docker build --build-arg "BASE_IMAGE=$base" --tag "$image" .
echo "$image" >&3
