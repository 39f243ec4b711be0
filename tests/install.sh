#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# install.sh - the installed tree: program, plugins, headers, files. A plugin is built against it
# from outside, the way README and docs/plugins.md say, and is used by the installed program.
# shellcheck source=tests/lib.sh
. "${top_srcdir:?is set by make check}/tests/lib.sh"
unset MAKEFLAGS MFLAGS RAD_PLUGIN_PATH RADEMACHER_DEFAULTS
root=$TMP/root

build=${top_builddir:?is set by make check}
install_tree() { make -C "$build" install DESTDIR="$root"; }
ok 'make install DESTDIR' install_tree
prefix=$(sed -n 's/^prefix=//p' "$build/rademacher.pc")
plugindir=$(sed -n 's/^libdir=//p' "$build/rademacher.pc" |
  sed -e "s|\${exec_prefix}|$prefix|" -e "s|\${prefix}|$prefix|")/rademacher/plugins
at=$root$prefix

ok 'the program is there' test -x "$at/bin/rademacher"
ok 'the plugins are there' test -f "$root$plugindir/layer/dense.so"
no_la() { [ -z "$(find "$root" -name '*.la')" ]; }
ok 'no libtool archive is installed' no_la
ok 'completion is there' test -f "$at/share/bash-completion/completions/rademacher"
ok 'man pages are there' test -f "$at/share/man/man1/rademacher-run.1"
ok 'the headers are there' test -f "$at/include/rademacher/rademacher.h"
ok 'the defaults are there' test -f "$at/share/rademacher/defaults.ini"
ok 'experiments keep their folders' test -f "$at/share/rademacher/model/mlp-2x512.ini"

# pkg-config, with everything below $root.
flags() {
  PKG_CONFIG_LIBDIR=$(dirname "$(find "$root" -name rademacher.pc)") PKG_CONFIG_PATH='' \
    pkg-config --define-variable=prefix="$at" "$@" rademacher
}
code_of() { awk '/^```c$/ { on = 1; next } /^```$/ { on = 0 } on' "$1"; }
# build_plugin PAGE KIND NAME
build_plugin() {
  code_of "$top_srcdir/$1" >"$TMP/$3.c"
  mkdir -p "$TMP/plugins/$2"
  # shellcheck disable=SC2046 # flags are words
  ${CC:-cc} -std=c11 -O2 -Wall -Wextra -Wpedantic -Wconversion -Wno-unused-parameter -Werror \
    -shared -fPIC $(flags --cflags) "$TMP/$3.c" -o "$TMP/plugins/$2/$3.so"
}
if command -v pkg-config >/dev/null 2>&1; then
  same_dir() { [ "$(flags --variable=plugindir)" = "$root$plugindir" ]; }
  ok 'pkg-config knows the plugin folder' same_dir
else
  flags() { echo "-I$at/include"; }
fi
ok "README's plugin compiles" build_plugin README.md regularizer l1
ok "the manual's plugin compiles" build_plugin docs/plugins.md layer softplus

# The installed program, its own plugins by path: the prefix of this tree is not this folder.
RADEMACHER=$at/bin/rademacher
RADEMACHER_DEFAULTS=$at/share/rademacher/defaults.ini
RAD_PLUGIN_PATH=$TMP/plugins:$root$plugindir
export RADEMACHER_DEFAULTS RAD_PLUGIN_PATH
rad help layer softplus
ok 'help shows a foreign plugin: status' status_is 0
ok 'help shows a foreign plugin' out_has sharpness
rad plugins
ok 'plugins lists it with its file' out_has "$TMP/plugins/layer/softplus.so"

cat >"$TMP/exp.ini" <<'END'
[run]
epochs = 3
batch = 32
[dataset]
plugin = blobs
features = 5
classes = 3
train = 200
test = 60
[layer hidden]
plugin = dense
units = 7
[layer soft]
plugin = softplus
sharpness = 2.5
[layer out]
plugin = dense
units = 3
[regularizer sparse]
plugin = l1
lambda = 1e-3
END
cd "$TMP" || exit 99
rad run exp.ini -q -o "$TMP/with"
ok 'an experiment with foreign plugins: status' status_is 0
ok 'and it has a summary' test -s "$TMP/with/summary.json"
rad run exp.ini -q -o "$TMP/without" -s regularizer.sparse.enabled=false
loss() { sed -n 's/.*"main.train.loss": *\([-0-9.e+]*\).*/\1/p' "$1/summary.json" | head -n 1; }
differs() { [ -n "$(loss "$TMP/with")" ] && [ "$(loss "$TMP/with")" != "$(loss "$TMP/without")" ]; }
ok 'the foreign regularizer changes the training' differs

uninstall() {
  make -C "$build" uninstall DESTDIR="$root" &&
    [ -z "$(find "$root" -type f -o -type l)" ]
}
ok 'make uninstall leaves nothing' uninstall
finish
