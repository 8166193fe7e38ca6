# shellcheck shell=bash
# Sourced by `demo`, `measure` and `test`: what building needs, installed when missing.
# It changes nothing that is already there, and says what it does.

# The program is run where it is built.
unset CARGO_BUILD_TARGET

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }

# What went wrong, where, and what to do next.
fail() {
    printf '\n\033[1;31merror:\033[0m %s\n' "$1" >&2
    shift
    [ $# -eq 0 ] || printf '       %s\n' "$@" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# The first of some programs that is installed; fails when none is.
first_of() {
    local program
    for program in "$@"; do
        if have "$program"; then
            printf '%s\n' "$program"
            return 0
        fi
    done
    return 1
}

# As root, or through sudo; whether that may be is for who calls.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# debian WHY PACKAGE…: installs Debian packages, as root or through sudo. The
# array `through`, where it is set, is a command that runs apt-get.
debian() {
    local why=$1
    shift
    local by_hand="sudo apt-get update && sudo apt-get install $*"
    have apt-get ||
        fail "$why is missing, and this is no Debian or Ubuntu: there is no apt-get." \
            "Install by your system's means what Debian calls: $*" \
            "Then run this again."
    if [ "$(id -u)" -ne 0 ] && ! { have sudo && { sudo -n true 2>/dev/null || [ -t 0 ]; }; }; then
        fail "$why is missing, and only root may install packages." \
            "Run: $by_hand" \
            "Then run this again."
    fi
    local apt=(as_root "${through[@]}" env DEBIAN_FRONTEND=noninteractive
        apt-get -q -y -o DPkg::Lock::Timeout=300)
    say "$why is missing: installing $* with apt-get"
    if ! { "${apt[@]}" update && "${apt[@]}" install --no-install-recommends "$@"; } >&2; then
        fail "apt-get could not install $*; its own message is above." \
            "Run by hand: $by_hand" \
            "Then run this again."
    fi
}
through=()

# Runs a command during which a package that is installed starts no service:
# https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt
# A machine's own policy is left alone.
# shellcheck disable=SC2016 # It is expanded by the shell that root runs.
starts_nothing='
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap "rm -f $policy" EXIT
        trap "exit 1" INT TERM
        printf "#!/bin/sh\nexit 101\n" >"$policy" && chmod 755 "$policy" || exit 1
    fi
    "$@"'

# PostgreSQL and RabbitMQ, of which tests start their own. Installed by us, the
# services that Debian makes of them do not run, now or after the next start of
# the machine; those that are there already are left as they are.
need_servers() {
    local packages=() services=() through=(sh -c "$starts_nothing" sh)
    if ! { have postgres || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null; } ||
        ! have psql; then
        packages+=(postgresql)
        services+=(postgresql.service)
    fi
    if ! [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] && ! have rabbitmq-server; then
        packages+=(rabbitmq-server)
        services+=(rabbitmq-server.service)
    fi
    have openssl || packages+=(openssl)
    # Shifts the clock of a process, which a fault does.
    compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null || packages+=(libfaketime)
    # A test looks into the database as a backup would.
    have pg_dump || packages+=(postgresql-client)
    [ ${#packages[@]} -gt 0 ] || return 0
    debian "A server or tool that tests start" "${packages[@]}"
    if [ ${#services[@]} -gt 0 ] && [ -d /run/systemd/system ]; then
        say "Not to be started with the machine: ${services[*]}"
        as_root systemctl disable --quiet "${services[@]}" >&2 ||
            say "They could not be disabled; what systemctl said is above."
    fi
}

# A C compiler and linker: rustc links with it, and SQLite is compiled.
need_compiler() {
    if ! have cc || ! printf '#include <stdio.h>\nint main(void){return 0;}\n' |
        cc -x c -fsyntax-only - 2>/dev/null; then
        debian "A C compiler" gcc libc6-dev
    fi
}

# need_rust ROOT COMPONENT…: the toolchain that rust-toolchain.toml pins, with
# the WebAssembly target that policies are built for.
need_rust() {
    local root=$1 channel target=wasm32-unknown-unknown component
    shift
    channel=$(sed -n 's/^channel = "\(.*\)"$/\1/p' "$root/rust-toolchain.toml")
    if ! have cargo && [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
        PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
        export PATH
    fi
    have cargo || have rustup ||
        fail "Rust is not installed: neither cargo nor rustup was found." \
            "Install rustup as https://rustup.rs says; no toolchain need be chosen." \
            "Then open a new shell and run this again."
    if has_rust "$root" "$target" "$@"; then
        return
    fi
    have rustup ||
        fail "$(cd "$root" && rustc --version 2>/dev/null || echo 'This Rust') has not all that is needed." \
            "Install Rust $channel with the target $target (and: $*) by your system's means," \
            "or install rustup as https://rustup.rs says; then run this again."
    say "Rust $channel or its target $target is missing: installing it with rustup"
    local arguments=(--profile minimal --no-self-update --target "$target")
    for component in "$@"; do
        arguments+=(--component "$component")
    done
    rustup toolchain install "$channel" "${arguments[@]}" >&2 ||
        fail "rustup could not install Rust $channel; its own message is above." \
            "Run by hand: rustup toolchain install $channel ${arguments[*]}" \
            "Then run this again."
    has_rust "$root" "$target" "$@" ||
        fail "Rust $channel was installed, but is not what \`cargo\` runs in $root." \
            "Look at \`rustup show\` there: RUSTUP_TOOLCHAIN, an override, or another cargo earlier on PATH."
}

has_rust() (
    # Asked what it has, rustup is not to install in silence what it has not.
    export RUSTUP_AUTO_INSTALL=0
    cd "$1" || return 1
    local sysroot component
    sysroot=$(rustc --print sysroot 2>/dev/null) || return 1
    [ -d "$sysroot/lib/rustlib/$2/lib" ] || return 1
    shift 2
    for component in "$@"; do
        case $component in
        clippy) cargo clippy --version ;;
        rustfmt) cargo fmt --version ;;
        esac >/dev/null 2>&1 || return 1
    done
)

# The folder that cargo builds into, whatever says so.
target_folder() {
    (cd "$1" && cargo metadata --format-version 1 --no-deps --locked --offline) |
        sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'
}
