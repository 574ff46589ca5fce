#!/usr/bin/env bash
# install.sh GROUP...: sees to it that the packages of these groups (GROUP.list beside this file)
# are on this Debian 13 system. As root it installs what is missing and starts none of it; otherwise
# it says what is missing. Used by ./dev and by the image.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=deploy/packages/mirror.sh
source "$here/mirror.sh"

state=/var/lib/troupe
policy=/usr/sbin/policy-rc.d

say() { echo "troupe: $*" >&2; }

packages_of() { sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$@"; }

# The marker's name changes with the list, so that a changed list is installed anew.
marker_of() {
  echo "$state/$1-$(cat "$here/$1.list" "$here/troupe.pref" | sha256sum | cut -c1-12)"
}

missing_of() {
  local installed
  # shellcheck disable=SC2016 # a format of dpkg's
  installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package} ${Version}\n' |
    awk '$1 == "ii" { print $2, $3 }')
  packages_of "$@" | sort -u | while read -r package; do
    case $package in
      # an older CAF does not do
      libcaf-dev) grep -q '^libcaf-dev 0\.18\.' <<<"$installed" || echo "$package" ;;
      *) grep -q "^$package " <<<"$installed" || echo "$package" ;;
    esac
  done
}

# The suites with newer packages, unless the system has them (the build root is made with them).
add_sources() {
  local suite main
  cp "$here/troupe.pref" /etc/apt/preferences.d/troupe.pref
  [[ ! -e /etc/apt/sources.list.d/troupe.sources ]] || return 0
  suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
  main=$(debian_mirrors | awk '$1 == "main" { print $2 }')
  extra_sources "$suite" "$main" >/etc/apt/sources.list.d/troupe.sources
}

# No cluster is created and no service is started by an installation.
forbid_services() {
  mkdir -p /etc/postgresql-common/createcluster.d
  echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.d/troupe.conf
  [[ ! -e $policy ]] || return 0
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
}

install_missing() {
  local missing=("$@")
  say "installing ${#missing[@]} Debian packages (a few minutes at most)"
  add_sources
  forbid_services
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 \
    -o Dpkg::Options::=--force-unsafe-io "${missing[@]}" >"$state/install.log" 2>&1 || {
    tail -n 20 "$state/install.log" >&2
    say "apt-get could not install the packages; the whole log is $state/install.log"
    return 1
  }
}

main() {
  local group missing groups=()
  for group in "$@"; do
    [[ -e $(marker_of "$group") ]] || groups+=("$group")
  done
  [[ ${#groups[@]} -gt 0 ]] || return 0

  if [[ $EUID -eq 0 ]]; then
    mkdir -p "$state"
    exec 9>"$state/lock"
    flock 9
  fi
  mapfile -t missing < <(missing_of "${groups[@]/%/.list}")
  if [[ ${#missing[@]} -gt 0 ]]; then
    if [[ $EUID -ne 0 ]]; then
      say "these Debian packages are missing: ${missing[*]}"
      say "let root run: $here/install.sh ${groups[*]}"
      return 1
    fi
    install_missing "${missing[@]}"
  fi
  [[ $EUID -ne 0 ]] || for group in "${groups[@]}"; do touch "$(marker_of "$group")"; done
}

cd "$here"
main "$@"
