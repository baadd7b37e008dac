#!/bin/sh
# Lets a Node run on newer C and C++ libraries than this machine has: uWebSockets.js 20.57 needs glibc 2.38.
#
#   bench/newer-glibc.sh NODE FOLDER
#   npm run bench -- --node FOLDER/node
#
# Unpacks the libraries of Debian 13 into FOLDER, which apt-get checks against Debian's signatures, and writes FOLDER/node, which
# starts NODE with them. Installs nothing. Needs Debian, or a system made from it with the package debian-archive-keyring.
set -eu

NEEDED=2.38
MIRROR=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

fail() {
  echo "$1" >&2
  exit 1
}

[ $# -eq 2 ] || fail 'usage: bench/newer-glibc.sh NODE FOLDER'
node=$(readlink -f "$(command -v "$1")") || fail "$1: no such program"
present=$(getconf GNU_LIBC_VERSION | cut -d ' ' -f 2)
if [ "$(printf '%s\n' "$NEEDED" "$present" | sort -V | head -n 1)" = "$NEEDED" ]; then
  echo "This machine has glibc $present already: npm run bench -- --node $node"
  exit
fi
for command in apt-get dpkg-deb; do
  command -v "$command" >/dev/null || fail "$command is missing: this needs Debian, or a system made from it"
done
[ -f "$KEYRING" ] || fail "$KEYRING is missing: apt-get install debian-archive-keyring"

mkdir -p "$2"
cd "$2"
folder=$(pwd)
mkdir -p sources lists/partial cache/archives/partial libraries
echo "deb [signed-by=$KEYRING] $MIRROR trixie main" >sources/trixie.list

# apt-get with a state of its own, so that the packages of this system are left alone.
apt() {
  apt-get -qq -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$folder/sources" \
    -o Dir::State::Lists="$folder/lists" -o Dir::Cache="$folder/cache" "$@"
}

apt update
apt download libc6 libstdc++6 libgcc-s1
for package in *.deb; do dpkg-deb -x "$package" libraries; done

loader=$(echo "$folder"/libraries/usr/lib/*-linux-gnu*/ld-linux*.so.*)
cat >node <<WRAPPER
#!/bin/sh
exec '$loader' --library-path '$(dirname "$loader")' '$node' "\$@"
WRAPPER
chmod +x node
echo "$folder/node: Node $(./node --version) on glibc $(./node -p 'process.report.getReport().header.glibcVersionRuntime')"
