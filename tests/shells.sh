#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# shells.sh - what stands around the program: words for the tab key, in the shells that are there, and
# man pages.
# shellcheck source=tests/lib.sh
. "${top_srcdir:?is set by make check}/tests/lib.sh"
source=$(cd "$top_srcdir" && pwd)
build=$(cd "${top_builddir:?is set by make check}" && pwd)
cd "$TMP" || exit 99
cat >exp.ini <<'END'
[dataset]
plugin = blobs
[layer hidden]
plugin = dense
units = 8
[optimizer]
plugin = choice(sgd, adam)
END
mkdir folder

# offers TEXT WORD...: TEXT is a candidate, alone or with what it is behind a tab.
tab=$(printf '\t')
offers() {
  offered=$1
  shift
  rad complete "$@"
  grep -x -F -e "$offered" "$TMP/out" || grep -F -e "$offered$tab" "$TMP/out"
}
offers_not() { ! offers "$@"; }
ok 'a command' offers run ''
ok 'no hidden command' offers_not worker ''
ok 'the beginning counts' offers_not run c
ok 'an option' offers --resume run -
ok 'an option behind a file' offers --json run exp.ini --
ok "no option of another command" offers_not --csv run --
ok 'a file' offers :file run ''
ok 'a folder' offers :dir trials ''
ok "an option's folder" offers :dir run --resume ''
rad complete show folder 3 ''
ok 'nothing behind the last word' out_empty
ok 'a key of a section' offers layer.hidden.units= run exp.ini -s layer.
ok 'a key of the kind' offers layer.hidden.density= run exp.ini -s layer.hidden.d
ok 'keys of each choice of a plugin' offers optimizer.beta1= run exp.ini -s opt
ok 'and of the other' offers optimizer.momentum= run exp.ini -s opt
ok 'a key without a file' offers run.epochs= check -s run.
ok 'a choice' offers dataset.scale=whiten run exp.ini -s dataset.scale=w
ok 'a truth' offers dataset.enabled=false run exp.ini -s dataset.enabled=
ok 'a plugin' offers loss.plugin=cross_entropy run exp.ini -s loss.plugin=
ok 'a kind' offers layer help ''
ok 'a plugin of the kind' offers conv2d help layer c
ok 'no plugin of another kind' offers_not cross_entropy help layer ''
ok 'words of a command' offers get data ''
ok 'a data set' offers cifar10 data get ''
ok 'a second data set' offers mnist data get cifar10 m
rad complete nonsense ''
ok 'nothing for an unknown command' out_empty
ok 'no complaint about it' err_empty

PATH=$(dirname "$RADEMACHER"):$PATH
export PATH
if command -v bash >/dev/null 2>&1; then
  # shellcheck disable=SC2016 # for that bash
  in_bash() {
    bash -c '. "$1/docs/completion/rademacher"; compopt() { :; }; COMP_LINE=$2 COMP_POINT=${#2}
      _rademacher; printf "%s\n" "${COMPREPLY[@]}"' - "$source" "$1" | grep -x -F -e "$2"
  }
  ok 'bash: a command' in_bash 'rademacher che' check
  ok 'bash: behind =' in_bash 'rademacher run exp.ini -s dataset.scale=wh' whiten
  ok 'bash: a file' in_bash 'rademacher run ex' exp.ini
  ok 'bash: a folder' in_bash 'rademacher trials fo' folder
else
  skip bash 'not installed'
fi
if command -v fish >/dev/null 2>&1; then
  # shellcheck disable=SC2016
  in_fish() {
    HOME=$TMP fish -c 'source $argv[1]/docs/completion/rademacher.fish; complete -C $argv[2]' \
      "$source" "$1" | cut -f 1 | grep -x -F -e "$2"
  }
  ok 'fish: a command' in_fish 'rademacher che' check
  ok 'fish: a value' in_fish 'rademacher run exp.ini -s dataset.scale=wh' dataset.scale=whiten
  ok 'fish: a file' in_fish 'rademacher run ex' exp.ini
else
  skip fish 'not installed'
fi
if command -v zsh >/dev/null 2>&1; then
  ok 'zsh: syntax' zsh -n "$source/docs/completion/_rademacher"
else
  skip zsh 'not installed'
fi

# --- man pages ---
if [ -f "$build/docs/man/stamp" ]; then
  for c in $("$RADEMACHER" --help | sed -n 's/^  \([a-z]*\) .*/\1/p' | grep -v rademacher); do
    page=$build/docs/man/rademacher-$c.1
    ok "man page of $c" grep -q '^.SH OPTIONS' "$page"
    for o in $("$RADEMACHER" "$c" --help | sed -n 's/^ *\(-[-a-z, ]*\).*/\1/p' | tr -d ,); do
      ok "man page of $c: $o" grep -q -F -e "$(echo "$o" | sed 's/-/\\-/g')" "$page"
    done
  done
  if command -v mandoc >/dev/null 2>&1; then
    for page in "$build"/docs/man/*.[157]; do
      ok "mandoc: ${page##*/}" mandoc -T lint -W warning "$page"
    done
  else
    skip 'man pages read by mandoc' 'not installed'
  fi
else
  skip 'man pages' 'not made when cross-compiling'
fi
finish
