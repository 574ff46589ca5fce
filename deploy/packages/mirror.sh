# shellcheck shell=bash
# Where this machine gets Debian from. To be sourced: deploy/packages/install.sh and deploy/root.sh
# share it, so that no file of the project names a mirror.

# Prints "main ADDRESS" and, if there is one, "security ADDRESS", as the machine's own apt sources
# have them. TROUPE_DEBIAN_MIRROR overrides the first, for machines whose apt sources are not
# Debian's.
debian_mirrors() {
  local codename targets suites main security
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-none}")
  targets=$(apt-get indextargets --no-release-info --format "\$(RELEASE) \$(REPO_URI)" \
    'Created-By: Packages' 2>/dev/null)
  suites="^($codename|stable|oldstable|testing|unstable|sid)"
  main=${TROUPE_DEBIAN_MIRROR:-$(mirror_of "$suites$" <<<"$targets")}
  security=$(mirror_of "$suites-security$" <<<"$targets")
  if [[ -z $main ]]; then
    echo "no Debian mirror in this machine's apt sources; name one in TROUPE_DEBIAN_MIRROR" >&2
    return 1
  fi
  echo "main $main"
  if [[ -n $security ]]; then echo "security $security"; fi
}

# mirror_of SUITES: the address of the first line "suite address" that matches
mirror_of() { awk -v suites="$1" '$1 ~ suites && $2 ~ /debian/ { print $2; exit }'; }

# debian_sources SUITE: apt sources (deb822) for that suite, its security updates and the two suites
# with newer packages.
debian_sources() {
  local suite=$1 kind address
  debian_mirrors | while read -r kind address; do
    case $kind in
      main)
        source_stanza "$address" "$suite $suite-updates" ""
        extra_sources "$suite" "$address"
        ;;
      security) source_stanza "$address" "$suite-security" "" ;;
    esac
  done
}

# extra_sources SUITE MIRROR: only the suites with newer packages. The Release file of experimental
# may be expired on a mirror.
extra_sources() {
  if [[ $1 == trixie ]]; then source_stanza "$2" trixie-backports ""; fi
  source_stanza "$2" experimental "Check-Valid-Until: no"
}

source_stanza() {
  printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' \
    "$1" "$2" /usr/share/keyrings/debian-archive-keyring.gpg
  if [[ -n $3 ]]; then echo "$3"; fi
  echo
}
