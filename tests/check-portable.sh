#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# check-portable.sh SOURCE-DIRECTORY - compiles everything as strict C11 with POSIX 2008, and
# compiles and links everything against musl, which has no GNU extensions. The libraries that are
# linked were built for the system's own C library: their symbols may stay open, ours may not.
set -eu
src=${1:-.}
MUSL=${MUSL_CC:-musl-gcc}
work=$(mktemp -d "${TMPDIR:-/tmp}/rademacher-portable.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 99' HUP INT TERM
mkdir -p "$work/include" "$work/musl/sys" "$work/lib" "$work/obj" "$work/so"
fail() {
  echo "check-portable: $*" >&2
  exit 1
}
command -v "$MUSL" >/dev/null || fail "no $MUSL: install musl-tools (Debian), musl-gcc (Fedora), musl (Arch)"

# Headers and libraries of others, one by one: the system's own headers must stay out of the way.
multiarch=$(cc -print-multiarch 2>/dev/null || true)
for name in ini.h cblas.h openblas_config.h zlib.h zconf.h png.h pngconf.h pnglibconf.h jansson.h \
  jansson_config.h sha2.h sqlite3.h jpeglib.h jconfig.h jmorecfg.h; do
  for dir in "/usr/include/$multiarch" /usr/include /usr/include/openblas /usr/include/libpng16 \
    /usr/local/include; do
    if [ -e "$dir/$name" ]; then
      ln -s "$dir/$name" "$work/include/$name"
      break
    fi
  done
done
# libmd's header wants this one of the BSDs.
printf '#define __BEGIN_DECLS\n#define __END_DECLS\n' >"$work/musl/sys/cdefs.h"
for name in inih openblas z png jansson md jpeg sqlite3; do
  file=$(cc -print-file-name="lib$name.so")
  [ -e "$file" ] || fail "no lib$name.so"
  ln -s "$file" "$work/lib/"
done

# Core and plugins; tests are for the machine that they run on.
set -- -std=c11 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Werror -I"$src/include" -I"$src/core" \
  -DPACKAGE_VERSION='"portable"' -DPKGLIBDIR='"/nowhere"' -DPKGDATADIR='"/nowhere"' \
  -DSOURCE_CONFIGS='"/nowhere"' -DHAVE_JPEG=1
count=0
object_of() { # FILE: where it is compiled to; parts of a plugin in a folder are named like its kind
  folder=$(dirname "$1")
  case $1 in "$src"/plugins/*/*/*) folder=$(dirname "$folder") ;; esac
  echo "$work/obj/$(basename "$folder")-$(basename "$1" .c).o"
}
for file in "$src"/core/*.c "$src"/plugins/*/*.c "$src"/plugins/*/*/*.c; do
  case $file in
  */native/bf16.c) continue ;; # for one instruction set alone
  */native/*) set -- "$@" -DRAD_ISA=baseline -DRAD_VL=4 ;; # the last ones
  esac
  gcc -fsyntax-only -pedantic-errors "$@" -I"$work/include" "$file" ||
    fail "$file: not strict C11 with POSIX 2008"
  object=$(object_of "$file")
  "$MUSL" -O1 -fPIC -fvisibility=hidden "$@" -I"$work/include" -I"$work/musl" -c "$file" -o "$object" ||
    fail "$file: does not compile against musl"
  count=$((count + 1))
done

libs="-L$work/lib -linih -ljansson -lmd -lpng -lz -lm"
# A file without RAD_EXPORT is a part of a plugin beside it.
for file in "$src"/plugins/*/*.c "$src"/plugins/*/*/*.c; do
  object=$(object_of "$file")
  if grep -q RAD_EXPORT "$file" || [ ! -e "$object" ]; then
    continue
  fi
  kind=$(basename "$object")
  ar -rcs "$work/lib/lib${kind%%-*}.a" "$object"
done
for file in "$src"/plugins/*/*.c; do
  grep -q RAD_EXPORT "$file" || continue
  kind=$(basename "$(dirname "$file")") name=$(basename "$file" .c)
  part=$work/lib/lib$kind.a
  [ -e "$part" ] || part=
  # shellcheck disable=SC2086 # flags are words
  "$MUSL" -shared -Wl,-z,defs -Wl,--allow-shlib-undefined -o "$work/so/$kind-$name.so" \
    "$work/obj/$kind-$name.o" $part $libs -lopenblas -ljpeg -lsqlite3 ||
    fail "$file: does not link against musl"
done
# shellcheck disable=SC2086
"$MUSL" -Wl,--allow-shlib-undefined -o "$work/rademacher" "$work"/obj/core-*.o $libs ||
  fail "the program does not link against musl"
echo "check-portable: $count files, strict C11 with POSIX 2008, and musl"
