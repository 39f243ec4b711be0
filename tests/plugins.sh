#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# plugins.sh - which plugins the program finds, from outside. The faulty ones are those of
# tests/bad_plugins, built into tests/zoo; tests/core_plugin.c looks at each.
# shellcheck disable=SC1091,SC2034
. "${top_srcdir:?is set by make check}/tests/lib.sh"

zoo=${top_builddir:?is set by make check}/tests/zoo
built=$RAD_PLUGIN_PATH

# The build tree's plugins are found without a variable, and from anywhere.
unset RAD_PLUGIN_PATH
cd "$TMP" || exit 99
rad plugins
ok 'uninstalled: status' status_is 0
ok 'uninstalled: finds the built ones' out_has "$built/layer/"
ok 'uninstalled: nothing to complain about' err_empty
rad plugins --json
ok '--json: status' status_is 0
ok '--json: one array' out_has '[{"kind": '
ok '--json: the file' out_has "\"file\": \"$built/"

# Documentation is drawn from all of them.
rad plugins
sed 1d "$TMP/out" >"$TMP/list"
rad help --all
ok 'help --all: status' status_is 0
while read -r kind name rest; do
  ok "help --all: $kind $name" out_has "### $kind $name"
  [ -n "$rest" ]
done <"$TMP/list"
rad help
ok 'help: kinds' out_has '  regularizer '
rad help run
ok 'help run: keys' out_has epochs
rad help run x
fails 2 'has no plugins' 'help of a plugin of a section without plugins'
rad help layer dense more
fails 2 'KIND and NAME' 'help with three arguments'
rad help --all layer
fails 2 'leave out KIND' 'help --all with a kind'
rad plugins layer
fails 2 "no argument 'layer'" 'plugins with an argument'
rad plugins --nonsense
fails 2 nonsense 'plugins with an unknown option'

# Only absolute folders; never the current one.
mkdir -p layer
cp "$zoo/good.so" layer/good.so
rad help layer good
fails 2 "no layer plugin 'good'" 'a plugin in the current directory'
rad plugins --plugin-dir .
fails 2 'not an absolute path' 'a relative folder'
rad plugins --plugin-dir "$TMP/none"
fails 2 'there is no folder' 'a folder that is not there'
for path in : .: "$TMP:" "$TMP::/x" relative; do
  RAD_PLUGIN_PATH=$path
  export RAD_PLUGIN_PATH
  rad plugins
  fails 2 RAD_PLUGIN_PATH "RAD_PLUGIN_PATH=$path"
done
unset RAD_PLUGIN_PATH

# Faulty files: a warning each in the list, an error for who names one.
rad plugins --plugin-dir "$zoo"
ok 'zoo: status' status_is 0
ok 'zoo: the sound one is there' out_has "$zoo/good.so"
ok 'zoo: the old one is there' out_has "$zoo/old.so"
ok 'zoo: ABI' err_has 'built for plugin ABI 7, this program has ABI 1'
ok 'zoo: symbol' err_has 'no symbol rademacher_plugins'
ok 'zoo: twice' err_has 'layer twice twice'
mkdir -p p/layer q/layer
cp "$zoo/other_abi.so" p/layer/other_abi.so
rad help layer other_abi --plugin-dir "$TMP/p"
fails 2 'other_abi.so does not load: it was built for plugin ABI 7' 'a plugin of another ABI'
echo 'not a shared object' >p/layer/text.so
rad help layer text --plugin-dir "$TMP/p"
fails 2 'text.so does not load: it is not a shared object' 'a text file'
head -c 1000 "$zoo/good.so" >p/layer/cut.so
rad help layer cut --plugin-dir "$TMP/p"
fails 2 'cut.so does not load' 'a truncated file'

# The first one wins, the other is shown where it is asked for.
rm -f p/layer/*
cp "$zoo/good.so" p/layer/good.so
cp "$zoo/good.so" q/layer/good.so
RAD_PLUGIN_PATH=$TMP/q
export RAD_PLUGIN_PATH
rad plugins --plugin-dir "$TMP/p"
ok 'two: the first' out_has "$TMP/p/layer/good.so"
ok 'two: not the second' sh -c "! grep -F '$TMP/q/' '$TMP/out'"
rad plugins --plugin-dir "$TMP/p" --all
ok 'two: --all' out_has "$TMP/q/layer/good.so, hidden by $TMP/p/layer/good.so"

# Standard output that cannot be written.
if [ -w /dev/full ]; then
  status=0
  "$RADEMACHER" plugins >/dev/full 2>"$TMP/err" || status=$?
  ok 'full disk: status' status_is 74
  ok 'full disk: says so' err_has 'cannot write to standard output'
fi
finish
