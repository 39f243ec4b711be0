#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# pages.sh PROGRAM SOURCE FOLDER VERSION DATE LOWDOWN - writes the man pages into FOLDER: section 1
# from what the program prints, rademacher.ini(5) and rademacher-plugin(7) from docs/, if LOWDOWN
# (lowdown 1.0 or later) is not empty.
set -eu
program=$1 docs=$2/docs out=$3 version=$4 date=$5 lowdown=$6

# page NAME ABOUT ARGUMENT...: of `rademacher ARGUMENT... --help`
page() {
  name=$1 about=$2
  shift 2
  "$program" "$@" --help >"$out/help.tmp"
  awk -v name="$name" -v about="$about" -v date="$date" -v version="$version" \
    -f "$docs/man/page.awk" "$out/help.tmp" >"$out/$name.1"
}

# manual NAME SECTION ABOUT FILE...: of Markdown
manual() {
  name=$1 section=$2 about=$3
  shift 3
  { printf '# NAME\n\n%s - %s\n\n' "$name" "$about" && cat "$@"; } >"$out/help.tmp"
  "$lowdown" -s -Tman -M title="$name" -M section="$section" -M date="$date" \
    -M source="rademacher $version" -o "$out/page.tmp" "$out/help.tmp"
  # groff knows no font C; a heading and its text on one line, and no paragraph right behind it
  awk '{ gsub(/\\fC/, "\\fB") }
    /^\.S[HS]$/ { heading = $0; getline; print heading, $0; next }
    heading && /^\.[LP]P$/ { heading = ""; next }
    { heading = ""; print }' "$out/page.tmp" >"$out/$name.$section"
}

page rademacher 'trains networks on real data and on noise, side by side'
"$program" --help | sed -n 's/^  \([a-z]*\)  *\(.*\)/\1 \2/p' | grep -v '^rademacher' >"$out/list.tmp"
while read -r command about; do
  page "rademacher-$command" "$about" "$command"
done <"$out/list.tmp"
if [ -n "$lowdown" ]; then
  "$program" help --all >"$out/all.tmp"
  manual rademacher.ini 5 'experiment files of rademacher' "$docs/config.md" "$out/all.tmp"
  manual rademacher-plugin 7 'how plugins of rademacher are written' "$docs/plugins.md"
fi
rm -f "$out"/*.tmp
