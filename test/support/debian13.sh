#!/bin/sh
# Runs a program on the C and C++ libraries of Debian 13, for what needs newer ones than this machine has. Installs nothing.
#
#   test/support/debian13.sh FOLDER PROGRAM [PACKAGE...]
#
# Unpacks those libraries and the packages into FOLDER, which apt-get checks against Debian's signatures, and writes FOLDER/NAME, which
# starts PROGRAM. That is a path, absolute or within the packages; NAME is its last part. What the packages depend on has to be
# among them. Needs Debian, or a system made from it with the package debian-archive-keyring.
set -eu

MIRROR=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

fail() {
  echo "$1" >&2
  exit 1
}

[ $# -ge 2 ] || fail 'usage: test/support/debian13.sh FOLDER PROGRAM [PACKAGE...]'
for command in apt-get dpkg-deb; do
  command -v "$command" >/dev/null || fail "$command is missing: this needs Debian, or a system made from it"
done
[ -f "$KEYRING" ] || fail "$KEYRING is missing: apt-get install debian-archive-keyring"

mkdir -p "$1"
cd "$1"
folder=$(pwd)
program=$2
shift 2
mkdir -p sources lists/partial cache/archives/partial unpacked
echo "deb [signed-by=$KEYRING] $MIRROR trixie main" >sources/trixie.list

# apt-get with a state of its own, so that the packages of this system are left alone. Root downloads as root: FOLDER may be
# closed to others.
apt() {
  apt-get -qq -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$folder/sources" \
    -o Dir::State::Lists="$folder/lists" -o Dir::Cache="$folder/cache" -o APT::Sandbox::User=root "$@"
}

apt update
apt download libc6 libstdc++6 libgcc-s1 "$@"
for package in *.deb; do dpkg-deb -x "$package" unpacked; done

loader=$(echo "$folder"/unpacked/usr/lib/*-linux-gnu*/ld-linux*.so.*)
case $program in /*) ;; *) program=$folder/unpacked/$program ;; esac
wrapper=$folder/$(basename "$program")
cat >"$wrapper" <<WRAPPER
#!/bin/sh
exec '$loader' --library-path '$(dirname "$loader")' '$program' "\$@"
WRAPPER
chmod +x "$wrapper"
