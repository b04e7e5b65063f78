# SPDX-License-Identifier: Apache-2.0
# What tools/check and tools/demo share: the Debian packages they need, the build, free ports. Sourced by bash.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${CERTMAP_BUILD_DIR:-$root/build}
configure=()        # more words for configure
PATH=$PATH:/usr/sbin:/sbin

say() {
    printf '%s\n' "$*" >&2
}

die() {
    say "$(basename "$0"): $*"
    exit 1
}

installed() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# need PACKAGE... installs what is missing; "PACKAGE=PROGRAM" asks for the program, wherever it comes from.
need() {
    local item missing=() admin=()
    for item; do
        case $item in
        *=*) command -v "${item#*=}" >/dev/null || missing+=("${item%%=*}") ;;
        *) ! command -v dpkg-query >/dev/null || installed "$item" || missing+=("$item") ;;
        esac
    done
    if [ ${#missing[@]} = 0 ]; then
        return
    fi
    command -v apt-get >/dev/null || die "missing, and there is no apt-get here to install them: ${missing[*]}"
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || die "missing; as root: apt-get install ${missing[*]}"
        admin=(sudo)
    fi
    say "installing: ${missing[*]}"
    # A service that comes along is neither started nor enabled: the tests start their own.
    local service still
    still=$(mktemp -d)
    for service in deb-systemd-helper deb-systemd-invoke invoke-rc.d update-rc.d; do
        ln -s /bin/true "$still/$service"
    done
    local apt=("${admin[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o "DPkg::Path=$still:/usr/sbin:/usr/bin:/sbin:/bin")
    # The lists are fetched only when what is there does not do.
    if ! "${apt[@]}" install -y -q --no-install-recommends "${missing[@]}" >&2; then
        "${apt[@]}" update -q >&2 || die "apt-get update failed"
        "${apt[@]}" install -y -q --no-install-recommends "${missing[@]}" >&2 || die "could not install: ${missing[*]}"
    fi
    rm -r "$still"
}

need_to_build() {
    need gcc=cc libc6-dev make=make autoconf=autoreconf automake=automake libtool=libtoolize pkg-config=pkg-config \
        perl=perl openssl=openssl curl=curl apache2-bin apache2-dev=apxs apache2-ssl-dev libapr1-dev libaprutil1-dev \
        libssl-dev libpcre2-dev libcdb-dev libexpat1-dev libjansson-dev
}

# quietly COMMAND...: shows its output only when it fails
quietly() {
    local log status=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 || status=$?
    if [ "$status" != 0 ]; then
        cat "$log" >&2
    fi
    rm -f "$log"
    return "$status"
}

# Configures and builds in $build. What is up to date is left alone.
build() {
    mkdir -p "$build"
    if [ ! -f "$root/configure" ] || [ "$root/configure.ac" -nt "$root/configure" ] ||
        [ "$root/Makefile.am" -nt "$root/Makefile.in" ]; then
        say 'autoreconf'
        quietly autoreconf -i "$root" || die 'autoreconf failed'
    fi
    if [ ! -f "$build/Makefile" ] || [ "$root/configure" -nt "$build/config.status" ]; then
        say 'configure'
        (cd "$build" && quietly "$root/configure" "${configure[@]}") || die 'configure failed'
    fi
    say "make in $build"
    make -s -C "$build" -j"$(nproc 2>/dev/null || echo 1)" "$@" >&2 || die 'make failed'
}

# free_ports N: N different free ports of 127.0.0.1
free_ports() {
    perl -I"$root/t/lib" -MCertMap::Ports -e 'print join(" ", free_ports(shift)), "\n"' "$1"
}
