#!/bin/sh
# Puts Caisson in place: one file, PREFIX/bin/caisson (PREFIX is /usr/local unless set). It carries all it needs; taking it away
# again is removing that file. A running engine goes on as it is until it is started again.
#   sudo ./install.sh            PREFIX=/opt/caisson ./install.sh            DESTDIR=/tmp/package ./install.sh
set -eu
root=$(dirname -- "$(readlink -f -- "$0")")
target=${DESTDIR:-}${PREFIX:-/usr/local}/bin

# Builds what is missing, and proves that it starts.
"$root/caisson" --version

mkdir -p "$target" 2>/dev/null && [ -w "$target" ] || {
  echo "install.sh: you may not write to $target: use sudo, or set PREFIX to a directory of yours" >&2
  exit 1
}
# Written beside and renamed: a running executable cannot be overwritten, and nobody ever sees half of one.
trap 'rm -f "$target/.caisson.$$"' EXIT
cp "$root/build/caisson" "$target/.caisson.$$"
chmod 755 "$target/.caisson.$$"
mv -f "$target/.caisson.$$" "$target/caisson"
echo "installed $target/caisson"
case ":$PATH:" in
  *":${PREFIX:-/usr/local}/bin:"*) ;;
  *) echo "note: ${PREFIX:-/usr/local}/bin is not in your PATH" ;;
esac
