#!/bin/sh
# Lets a Node run on newer C and C++ libraries than this machine has: uWebSockets.js 20.57 needs glibc 2.38.
#
#   bench/newer-glibc.sh NODE FOLDER
#   npm run bench -- --node FOLDER/node
#
# Unpacks the libraries of Debian 13 into FOLDER, and writes FOLDER/node, which starts NODE with them. Installs nothing.
# test/support/debian13.sh says what that needs.
set -eu

NEEDED=2.38

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

"$(dirname "$0")/../test/support/debian13.sh" "$2" "$node"
folder=$(cd "$2" && pwd)
name=$(basename "$node")
[ "$name" = node ] || mv "$folder/$name" "$folder/node"
echo "$folder/node: Node $("$folder/node" --version) on glibc $("$folder/node" -p 'process.report.getReport().header.glibcVersionRuntime')"
