#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# analysis.sh - what docs/analysis.md says about reading a run is run, where the programs are there.
# shellcheck source=tests/lib.sh
. "${top_srcdir:?is set by make check}/tests/lib.sh"
cd "$TMP" || exit 99
mkdir bin
ln -s "$RADEMACHER" bin/rademacher
PATH=$TMP/bin:$PATH

{
  small_study 3 '1, 2'
  cat <<'END'
[arm true]
[arm random]
noise.labels.plugin = random_labels
END
} >exp.ini
rad run exp.ini -o runs/quickstart --no-report
ok 'run: status' status_is 0

# Block k of docs/analysis.md into block.k, its language into block.k.of.
awk '/^```./ { n++; sub(/^```/, ""); print > ("block." n ".of"); within = 1; next }
     /^```$/ { within = 0 }
     within { print > ("block." n) }' "$top_srcdir/docs/analysis.md"
ok 'the page has blocks' test -s block.7

run_block() { # FILE LANGUAGE
  case $2 in
  sh) sh -e "$1" ;;
  python*) python3 -W ignore "$1" ;;
  r) Rscript --vanilla "$1" ;;
  gnuplot) gnuplot "$1" ;;
  *)
    echo "no such language: $2"
    false
    ;;
  esac >"$TMP/out" 2>"$TMP/err" </dev/null
}
there() { # LANGUAGE
  case $1 in
  python) command -v python3 ;;
  python*) python3 -c "import ${1#python }" ;;
  r) command -v Rscript ;;
  *) command -v "$1" ;;
  esac >/dev/null 2>&1
}
k=1
while [ -s "block.$k" ]; do
  language=$(cat "block.$k.of")
  if there "$language"; then
    ok "block $k, $language" run_block "block.$k" "$language"
    case $language in
    python* | r) ok "block $k, $language: a result" test -s "$TMP/out" ;;
    esac
    ok "block $k, $language: no complaint" err_empty
  else
    skip "block $k" "no $language"
  fi
  k=$((k + 1))
done
if there gnuplot; then
  drawn() { grep -q '<use' "$1"; } # points
  ok 'gnuplot: curves' drawn accuracy.svg
  ok 'gnuplot: trials' drawn trials.svg
fi
finish
