# shellcheck shell=bash
# The Debian 13 build root, for machines that run something else. To be sourced by ./dev, as root.
#
# It is made once by mmdebstrap from the machine's own mirror, in the user's cache folder, and named
# by a hash of what goes into it. A command runs in it in a mount namespace of its own, so the
# mounts vanish with the command, and by exec, so that signals and the exit code are the command's.

root_suite=trixie

# root_path CHECKOUT: the folder of the build root.
root_path() {
  local hash
  hash=$(cd "$1/deploy/packages" && { echo "$root_suite" && cat build.list run.list troupe.pref; } |
    sha256sum | cut -c1-12)
  echo "${XDG_CACHE_HOME:-$HOME/.cache}/troupe/root-$hash"
}

# root_ensure CHECKOUT: makes the root unless it is there. Two at once: the second waits.
root_ensure() {
  local checkout=$1 root
  root=$(root_path "$checkout")
  [[ ! -d $root ]] || return 0
  mkdir -p "$(dirname "$root")"
  (
    flock -n 8 || { say "another run is making the build root; waiting for it"; flock 8; }
    if [[ ! -d $root ]]; then root_make "$checkout" "$root"; fi
  ) 8>"$root.lock"
}

root_make() {
  local checkout=$1 root=$2 work=$2.new
  say "making a Debian 13 build root, once, in $root (2 to 4 minutes)"
  command -v mmdebstrap >/dev/null || apt-get install -y -qq mmdebstrap >/dev/null || {
    say "mmdebstrap is needed: apt-get update && apt-get install mmdebstrap"
    return 1
  }
  rm -rf --one-file-system "$work" "$work.log"
  mkdir -p "$work/parts"
  root_apt_settings >"$work/parts/apt.conf"
  debian_sources "$root_suite" >"$work/parts/troupe.sources"
  say "1/2 base system"
  mmdebstrap --mode=root --variant=minbase --include=ca-certificates \
    --aptopt="$work/parts/apt.conf" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt=force-unsafe-io \
    "$root_suite" "$work/root" "$work/parts/troupe.sources" >"$work.log" 2>&1 ||
    root_failed "$work.log"
  (cd "$work/root/etc/apt/sources.list.d" && mv 0000troupe.sources troupe.sources)
  say "2/2 compiler, libraries and servers"
  (root_exec "$checkout" "$work/root" "$checkout/deploy/packages/install.sh" build run) \
    >>"$work.log" 2>&1 || root_failed "$work.log"
  mv "$work/root" "$root"
  rm -rf --one-file-system "$work"
}

root_failed() {
  tail -n 20 "$1" >&2
  say "the build root could not be made; the whole log is $1"
  say "is the machine's own mirror in reach? Try: apt-get update"
  exit 1
}

# The settings of the machine's apt that matter for reaching its mirror.
root_apt_settings() {
  apt-config dump |
    grep -E '^Acquire::(Check-Valid-Until|Check-Date|Retries|ForceIPv4|https?|Queue-Mode)' || true
}

# root_exec CHECKOUT ROOT CMD...: runs the command in the root, in the current folder. In a subshell
# or by `exec`, as the caller likes.
root_exec() {
  local checkout=$1 root=$2
  shift 2
  export TROUPE_ROOT=$root TROUPE_CHECKOUT=$checkout
  export CCACHE_DIR=${CCACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/ccache}
  mkdir -p "$CCACHE_DIR"
  root_share_files "$root"
  # SC2016: expanded by the inner shell
  # shellcheck disable=SC2016
  exec unshare --mount --propagation private bash -c '
    set -e
    source "$TROUPE_CHECKOUT/deploy/root.sh"
    root_mounts "$TROUPE_CHECKOUT" "$TROUPE_ROOT"
    folder=$PWD root=$TROUPE_ROOT
    [[ -d $root$folder ]] || folder=$TROUPE_CHECKOUT
    export HOME=/root LC_ALL=C.UTF-8
    export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    unset TROUPE_ROOT TROUPE_CHECKOUT TMPDIR XDG_CACHE_HOME XDG_RUNTIME_DIR
    exec chroot "$root" /usr/bin/env --chdir="$folder" -- "$@"' root_exec "$@"
}

# Small files of the machine that its network needs: copied, because apt and npm replace some of
# them.
root_share_files() {
  local root=$1 file
  for file in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt \
    "${SSL_CERT_FILE:-}" "${NODE_EXTRA_CA_CERTS:-}" "${CURL_CA_BUNDLE:-}" "${GIT_SSL_CAINFO:-}"; do
    [[ -f $file ]] || continue
    cmp -s "$file" "$root$file" && continue
    mkdir -p "$(dirname "$root$file")"
    rm -f "$root$file"
    cp "$file" "$root$file"
  done
}

# Inside the new mount namespace.
root_mounts() {
  local checkout=$1 root=$2 folder
  for folder in /proc /sys /dev; do mount --rbind "$folder" "$root$folder"; done
  root_bind "$root" /tmp
  root_bind "$root" "$CCACHE_DIR"
  root_bind "$root" "$checkout"
  folder=$(git -C "$checkout" rev-parse --path-format=absolute --git-common-dir 2>/dev/null) ||
    folder=
  if [[ -n $folder && $folder != "$checkout"/* ]]; then root_bind "$root" "$folder"; fi
  # may hold a token: seen while the command runs, never copied
  if [[ -f $HOME/.npmrc ]]; then
    touch "$root/root/.npmrc"
    mount --bind "$HOME/.npmrc" "$root/root/.npmrc"
  fi
}

root_bind() {
  (umask 022 && mkdir -p "$1$2")
  mount --bind "$2" "$1$2"
}
