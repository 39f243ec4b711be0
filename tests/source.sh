#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# source.sh - what is promised of the source itself: every file is built and has its licence, plugins
# include only what they may, nothing that cannot be used safely is called, files stay small, shell
# and C are formatted.
# shellcheck source=tests/lib.sh
. "${top_srcdir:?is set by make check}/tests/lib.sh"
cd "$top_srcdir" || exit 99

all_c() { find core include plugins tests -name '*.[ch]'; }

# Every source is in a makefile: by its own name, or a plugin as .la, a program without .c.
unlisted() {
  for f in core/*.c plugins/*/*.c tests/*.c tests/*/*.c; do
    stem=${f%.c}
    grep -Eq "(^|[ \`])($f|$stem(\.la)?)( |\$)" core/local.mk plugins/local.mk tests/local.mk ||
      echo "$f"
  done
  for f in tests/*.sh; do
    grep -q "$f" tests/local.mk || echo "$f"
  done
}
nothing() { [ -z "$("$@" | tee "$TMP/out")" ]; }
ok 'every source is in a makefile' nothing unlisted

no_licence() {
  {
    all_c
    find tests core plugins m4 -name '*.sh' -o -name '*.py' -o -name '*.mk' -o -name rademacher.m4
    echo bootstrap
  } | while read -r f; do
    head -n 3 "$f" | grep -q 'SPDX-License-Identifier: BSD-3-Clause' || echo "$f"
  done
}
ok 'every file states its licence' nothing no_licence

unsafe() {
  all_c | xargs grep -nE '\b(strcpy|strcat|sprintf|vsprintf|atoi|atof|strtok|gets|system|popen|rand)\(' |
    grep -v '^tests/'
}
ok 'no call that cannot be used safely' nothing unsafe
exits() { grep -nE '\b(exit|abort)\(' core/*.c plugins/*/*.c | grep -v '_exit('; }
ok 'neither exit nor abort' nothing exits

foreign() { # a header beside it may be a plugin's own
  for f in plugins/*/*.[ch]; do
    sed -n 's/^#include "\(.*\)".*/\1/p' "$f" | while read -r h; do
      case $h in */*) echo "$f: $h" ;; *) [ -f "$(dirname "$f")/$h" ] || echo "$f: $h" ;; esac
    done
  done
}
ok 'plugins include only the public headers and their own' nothing foreign
from_plugins() { grep -n 'plugins/' core/*.[ch] | grep '#include'; }
ok 'the core includes no plugin' nothing from_plugins

long() {
  for f in core/*.c plugins/*/*.c; do
    most=500
    case $f in plugins/*) most=300 ;; esac
    [ "$(wc -l <"$f")" -lt "$most" ] || echo "$f: $(wc -l <"$f") lines"
  done
}
ok 'files stay small' nothing long
unfinished() { grep -rnE '\b(TODO|FIXME|XXX)\b' core include plugins configs docs README.md; }
ok 'nothing is marked as unfinished' nothing unfinished

# Another version formats differently.
case $(clang-format --version 2>/dev/null) in
*' 14.'*)
  unformatted() { all_c | xargs clang-format --dry-run 2>&1 | grep warning: | cut -d: -f1 | uniq -c; }
  ok 'C is formatted' nothing unformatted
  ;;
*) skip 'C is formatted' 'no clang-format 14' ;;
esac
if command -v shellcheck >/dev/null 2>&1; then
  lint() { shellcheck -x -S warning bootstrap tests/*.sh; }
  ok 'shell scripts pass shellcheck' lint
else
  skip 'shell scripts pass shellcheck' 'no shellcheck'
fi
finish
