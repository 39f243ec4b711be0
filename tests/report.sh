#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# report.sh - the page and figures of a run: what is in them, names and numbers that are hard, runs
# that are cut short or damaged, ten thousand trials, and a real browser where there is one.
# shellcheck source=tests/lib.sh
. "${top_srcdir:?is set by make check}/tests/lib.sh"
cd "$TMP" || exit 99

cat >exp.ini <<'END'
[run]
epochs = 3
batch = 16
seeds = 4, 9
[dataset]
plugin = blobs
features = 5
classes = 3
sigma = 0.9
train = 90
test = 60
[layer hidden]
plugin = dense
units = choice(3, 7, 20)
[layer act]
plugin = relu
[layer out]
plugin = dense
units = 3
[optimizer]
plugin = sgd
lr = 0.07
[arm real]
[arm noise]
noise.labels.plugin = random_labels
[logger console]
enabled = false
END
page() { grep -F -e "$1" "$TMP/run/report.html"; }
no_page() { ! grep -F -e "$1" "$TMP/run/report.html"; }
gnuplot=$(command -v gnuplot) || gnuplot=

# --- what is there ---
rad run exp.ini -o run
ok 'run: status' status_is 0
ok 'run: says where the report is' out_has 'Report: '
ok 'run: nothing on standard error' err_empty
for f in curves-train-loss curves-train-accuracy curves-test-accuracy epochs-to-fit-by-layer-hidden-units test-error-by-layer-hidden-units; do
  ok "$f: data" test -s "run/figures/$f.csv"
  ok "$f: script" test -s "run/figures/$f.gp"
done
ok 'the page: verdict' page 'did not fit'
ok 'the page: network' page 'parameters'
ok 'the page: command' page 'rademacher run exp.ini -o run'
ok 'the page: configuration' page 'units = choice(3, 7, 20)'
ok 'the page: checksums of plugins' page 'sha256'
own() { grep -F -e "$1" run/manifest.json; }
ok 'manifest: what the file says, and where' own '{"key": "optimizer.lr", "value": "0.07", "was": null, "from": "exp.ini:'
rad run exp.ini -o said -s run.epochs=2 -s layer.act.plugin=tanh -q --no-report
said() { grep -F -e "$1" said/manifest.json; }
ok 'manifest: what the command line says' said '{"key": "layer.act.plugin", "value": "tanh", "was": "relu", "from": "command line"}'
ok 'the page: what the file says' page 'What the file itself and the command line say'
outside() { ! grep -nE '(src|href)="?(https?:)?//|url\((["'\'']?)http|@import' run/report.html; }
ok 'the page fetches nothing' outside

# What is to be quoted of a search is the winner's training with seeds of its own.
rad run exp.ini -o won -q -s objective.real.val.accuracy=1 -s search.plugin=random -s search.trials=3 -s final.seeds=31,32,33
ok 'final: status' status_is 0
ok 'final: is on the page' grep -E 'Final: trial [0-2] again, on train and val, seeds 31, 32, 33' won/report.html
told() {
  sed -n 's/^real  *[0-9.]* % +- [0-9.]*  *\([0-9.]* % +- [0-9.]*\) .*/\1/p' out | tail -n 1 >told
  [ -s told ] && sed -n '/Final: trial/,/<.table>/p' won/report.html | grep -F -f told
}
ok 'final: the numbers are those of the text' told

# Numbers of the CSV are those of the journal: the mean of two seeds in the last epoch.
number() { # arm seed
  sed -n 's/.*"event": "epoch", "trial": 1, "arm": "'"$1"'", "seed": '"$2"', "epoch": 3,.*"train.loss": \([^,}]*\).*/\1/p' run/journal.jsonl
}
mean() {
  a=$(number noise 4) b=$(number noise 9)
  awk -F, -v a="$a" -v b="$b" '$1 == 3 && $6 == 1 && $7 == "noise" {
    d = $2 - (a + b) / 2; e = $3 - (a < b ? a : b); n++
    exit !(d < 1e-12 && -d < 1e-12 && e == 0 && $5 == 2) } END { exit !n }' run/figures/curves-train-loss.csv
}
ok 'curves: mean, lowest and number of seeds' mean
censored() { grep -q '^7,3,1,9,not fitted,noise,7,noise$' run/figures/epochs-to-fit-by-layer-hidden-units.csv; }
ok 'epochs to fit: a run that did not fit is censored at its last epoch' censored
no_mean() { ! grep mean run/figures/epochs-to-fit-by-layer-hidden-units.csv; }
ok 'epochs to fit: and is in no mean' no_mean
cp run/report.html first.html
rad report run
ok 'again: status' status_is 0
ok 'again: the same page' cmp first.html run/report.html

if [ -n "$gnuplot" ]; then
  drawn() { for f in run/figures/*.gp; do [ -s "${f%.gp}.svg" ] && [ -s "${f%.gp}.png" ] || return 1; done; }
  ok 'every figure as SVG and PNG' drawn
  ok 'gnuplot had nothing to say' test ! -e run/figures/gnuplot.log
  same_ids() { tr '<' '\n' <run/report.html | sed -n "s/.* id=[\"']\([^\"']*\).*/\1/p" | sort | uniq -d | grep .; }
  ok 'ids are unique' test -z "$(same_ids)"
  rm run/figures/*.svg
  (cd run/figures && gnuplot curves-train-loss.gp && gnuplot -e "format='pdf'" curves-train-loss.gp) 2>"$TMP/err"
  ok 'a script draws its figure again' test -s run/figures/curves-train-loss.svg
else
  skip 'figures' 'no gnuplot'
fi
mkdir none
PATH=$TMP/none "$RADEMACHER" report run >out 2>err
ok 'without gnuplot: status' test $? -eq 0
ok 'without gnuplot: one line' test "$(wc -l <err)" -eq 1
ok 'without gnuplot: says so' grep -q 'gnuplot is not installed' err
ok 'without gnuplot: the page says so' page 'gnuplot is not installed'
ok 'without gnuplot: no old drawing' test ! -e run/figures/curves-train-loss.svg
ok 'without gnuplot: data' test -s run/figures/curves-train-loss.csv
ok 'without gnuplot: tables' page '<table id="trials"'
rad run exp.ini -o quiet -q --no-report
ok '--no-report' test ! -e quiet/report.html -a "$status" -eq 0

# --- hard names and numbers ---
cp -r run hard
sed -e 's/"name": "exp"/"name": "<script>alert(1)<\/script> \\"q\\" \\u00e9\\n\&"/' \
  -e 's/"train.loss": {"last": [^,]*, "max": [^,]*, "min": [^}]*}/"train.loss": {"last": "inf", "max": "inf", "min": "nan"}/' \
  -e 's/"epoch": 2, \(.*\)"train.loss": [^,}]*/"epoch": 2, \1"train.loss": "nan"/' \
  -e 's/"epoch": 1, \(.*\)"train.loss": [^,}]*/"epoch": 1, \1"train.loss": "inf"/' \
  run/journal.jsonl >hard/journal.jsonl
rad report hard -o 'we"i<r>d &/report.html'
ok 'hard names: status' status_is 0
ok 'hard names: nothing on standard error' err_empty
hard() { grep -F -e "$1" 'we"i<r>d &/report.html'; }
ok 'hard names: escaped' hard '<title>&lt;script&gt;alert(1)&lt;/script&gt; &quot;q&quot; é'
ok 'hard names: nothing else starts a script' test "$(grep -c '<script' 'we"i<r>d &/report.html')" -eq 1
ok 'infinity: in the table' hard '<td>inf</td>'
rest() { awk -F, '{ n += $1 == 1 || $1 == 2; k += $1 == 3 } END { exit !(k == 6 && n == 0) }' 'we"i<r>d &/figures/curves-train-loss.csv'; }
ok 'nan and infinity: not in curves' rest

# --- failures ---
rad run exp.ini -o boom -s optimizer.lr=1000 -s layer.act.plugin=identity -s run.epochs=20 -q
ok 'divergence: status' status_is 0
ok 'divergence: listed, with its reason' grep -q '<td class="t">diverged</td><td>0</td><td class="t">[a-z]' boom/report.html
ok 'divergence: no figure of what has no value' test ! -e boom/figures/test-error-by-layer-hidden-units.csv

# --- what decided ---
sed -e 's/^units = .*3, 7.*/units = search(2, 40, log)/' -e 's/^plugin = relu/plugin = choice(relu, tanh, sigmoid)/' \
  -e 's/^lr = .*/lr = search(0.001, 0.3, log)/' -e 's/^seeds = .*/seeds = 4/' exp.ini >search.ini
cat >>search.ini <<'END'
[objective]
real.val.loss = -1
[search]
plugin = random
trials = 40
END
rad run search.ini -o found
ok 'what decided: status' status_is 0
shares() { # they are summary.json's, and all of the variance
  want=$(sed -n 's/.*"share": {"optimizer.lr": \([^,}]*\).*/\1/p; s/.*"share": {.*, "optimizer.lr": \([^,}]*\).*/\1/p' found/summary.json | head -n 1)
  awk -F, -v want="$want" 'NR > 1 { sum += $2; last = $3 } $3 == "optimizer.lr" { lr = $2 - 100 * want }
    END { exit !(sum > 99.999 && sum < 100.001 && lr < 1e-9 && -lr < 1e-9 && last == "several together") }' \
    found/figures/importance.csv
}
ok 'what decided: shares' shares
"$RADEMACHER" trials found --sort -objective --columns objective,layer.act.plugin --csv | tail -n +2 >order.csv
tops() { # of each activation, how many of the best four and of the other 36
  awk -F, 'NR == FNR { act[$2]++; top[$2] += FNR <= 4; next }
    $5 == "layer.act.plugin" { n++; bad += $3 != act[$6] || $4 != top[$6] } END { exit !(n == 3 && bad == 0) }' \
    order.csv found/figures/marginals.csv
}
ok 'what decided: the top tenth' tops
row() { # of an activation: its share of the best four and of the others, in per cent
  want=$(awk -F, -v a="$1" '{ n[NR <= 4] += $2 == a } END { printf "%.0f %%</td><td>%.0f %%", n[1] / 0.04, n[0] / 0.36 }' order.csv)
  grep -F "<td class=\"t\">$1</td><td>$want</td>" found/report.html
}
for act in relu tanh sigmoid; do
  ok "what decided: the table, $act" row $act
done
ok 'what decided: the middle of numbers' grep -Eq '<td class="t">median \(middle half\)</td><td>[0-9.]+ \([0-9.]+ to [0-9.]+\)' found/report.html
ok 'what decided: not of three trials' no_page 'id="decided"'
if [ -n "$gnuplot" ]; then
  ok 'what decided: drawn' test -s found/figures/importance.png -a -s found/figures/marginals.svg -a ! -e found/figures/gnuplot.log
fi

# --- cut short, still running ---
cp -r run cut
sed '/"event": "job_end", "trial": 1, "arm": "noise", "seed": 9/,$d' run/journal.jsonl >cut/journal.jsonl
printf '{"seq": 999, "time": 17' >>cut/journal.jsonl
rm -f cut/summary.json
cp cut/journal.jsonl before.jsonl
rad report cut
ok 'cut short: status' status_is 0
ok 'cut short: says so' grep -q 'This run is incomplete' cut/report.html
ok 'cut short: has what there is' grep -Eq '[1-9] jobs? of the trials that have begun ha(s|ve) not ended' cut/report.html
ok 'cut short: the journal is left alone' cmp before.jsonl cut/journal.jsonl
head -n 1 run/journal.jsonl >cut/journal.jsonl
rad report cut
ok 'no trial yet: status' status_is 0
ok 'no trial yet: says so' grep -q 'No trial has ended yet' cut/report.html

# --- no run directory ---
mkdir empty foreign
echo hello >foreign/letter.txt
echo hello >plain
rad report
fails 2 'Name a run directory' 'no directory'
rad report run cut
fails 2 'say -o FILE' 'two without -o'
rad report nowhere
fails 2 'nowhere: there is no such folder' 'a folder that is not there'
rad report plain
fails 2 'plain: is a file' 'a file'
rad report empty
fails 2 'empty: is empty' 'an empty folder'
rad report foreign
fails 2 'foreign: is no run directory' 'a foreign folder'
cp -r run half
rm half/config.ini
rad report half
fails 2 'no config.ini' 'a run without its configuration'
cp run/config.ini half
rm half/journal.jsonl
rad report half
fails 2 'no journal.jsonl' 'a run without its journal'
: >half/journal.jsonl
rad report half
fails 2 'has no event' 'an empty journal'
sed '3s/.*/{"seq": 3, nonsense/' run/journal.jsonl >half/journal.jsonl
rad report half
fails 74 'half/journal.jsonl:3: the journal is damaged' 'a damaged journal'
echo '[layer' >half/config.ini
rad report half
fails 2 'half/config.ini:1' 'a damaged configuration'
if [ -w /dev/full ]; then
  rad report run -o /dev/full/report.html
  ok 'where nothing can be written: status' status_is 74
fi

# --- trials, show ---
rad trials run
ok 'trials: status' status_is 0
ok 'trials: a line each, and a head' test "$(wc -l <"$TMP/out")" -eq 4
ok 'trials: epochs that were not enough' out_has '>3'
rad trials run --sort -units --columns trial,units,real.test.loss --csv
csv() { [ "$(cut -d, -f1,2 "$TMP/out" | tr '\n' ' ')" = 'trial,layer.hidden.units 2,20 1,7 0,3 ' ]; }
ok 'trials: sorted by a choice of numbers' csv
same_number() { # the mean over two seeds, as summary.json has it
  want=$(sed -n 's/^{"id": 1,.*"metrics": {[^}]*"real.test.loss": \([^,]*\),.*/\1/p' run/summary.json)
  [ "$(sed -n 's/^1,7,//p' "$TMP/out")" = "$want" ]
}
ok 'trials: all digits of a mean' same_number
rad trials run --where 'units!=7' --where state=complete -n 1 --json
ok 'trials: conditions and -n' test "$(grep -c '"trial"' "$TMP/out")" -eq 1
ok 'trials: JSON' out_has '{"trial": 0, "state": "complete", "layer.hidden.units": 3, '
rad trials run --where 'real.test.loss<0'
ok 'trials: none: status' status_is 0
ok 'trials: none: the head alone' test "$(wc -l <"$TMP/out")" -eq 1
rad trials run --where 'units ~ 0'
ok 'trials: contains' test "$(wc -l <"$TMP/out")" -eq 2
rad trials run --all
ok 'trials: --all' out_has noise.train.accuracy_noisy.max
rad trials run --columns unitz
fails 2 "no column is called 'unitz'" 'trials: an unknown column'
rad trials run --sort test.loss
fails 2 "more than one column is called 'test.loss'" 'trials: an ambiguous column'
rad trials run --where loss
fails 2 'must be COLUMN' 'trials: no condition'
rad trials run -n none
fails 2 'whole number' 'trials: -n none'
rad trials empty
fails 2 'empty: is empty' 'trials of an empty folder'
rad show run 1
ok 'show: status' status_is 0
ok 'show: keys' out_has '  layer.hidden.units = 7'
ok 'show: verdict' out_has 'did not fit'
ok 'show: jobs' out_has 'noise, seed 9: complete after 3 of 3 epochs'
ok 'show: metrics of a seed' out_has "$(number noise 9 | cut -c 1-6)"
rad show run 3
fails 2 "no trial '3'; there are 3, from 0 on" 'show: no such trial'
rad show run
fails 2 'Name a run directory and a trial' 'show without a trial'
rad show cut 0
fails 2 "no trial '0'" 'show: of a run without trials'

# --- images: true ones, the same with other labels, the same with other pixels ---
cat >images.ini <<'END'
[run]
epochs = 1
seeds = 2, 3
[dataset]
plugin = uniform
height = 9
width = 7
channels = 3
classes = 4
train = 60
test = 20
[layer conv]
plugin = conv2d
filters = 5
kernel = 3
[layer flat]
plugin = flatten
[layer out]
plugin = dense
units = 4
[arm real]
[arm labels]
noise.labels.plugin = random_labels
noise.labels.rate = 1
[arm pixels]
noise.pixels.plugin = random_pixels
[logger console]
enabled = false
END
rad run images.ini -o images
ok 'images: status' status_is 0
ok 'images: of the first seed alone' test -s images/trials/0000/real/2/samples.safetensors -a ! -e images/trials/0000/real/3/samples.safetensors
tiles() { # ARM: its samples
  awk -v arm="<h3>$1</h3>" '/<h2/ { on = 0 } /<h3/ { on = $0 == arm } on' images/report.html | tr ' ' '\n' |
    sed -n 's/.*src="data:image.png;base64,\([^"]*\).*/\1/p'
}
for arm in real labels pixels; do
  tiles $arm >$arm.txt
  ok "images: eight of arm $arm" test "$(sort -u $arm.txt | wc -l)" -eq 8
done
ok 'images: other labels, the same pixels' cmp real.txt labels.txt
ok 'images: other pixels' test "$(cat real.txt pixels.txt | sort -u | wc -l)" -eq 16
told() { [ "$(grep -c '<br>was&nbsp;' images/report.html)" -gt 2 ]; }
ok 'images: labels that are wrong' told
ok 'images: filters' grep -q '<h3>pixels, conv.W</h3>' images/report.html
bins() { awk -F, '$4 == "real" && $5 == "conv.W" { n += $3 } END { exit n != 5 * 3 * 3 * 3 }' images/figures/weights.csv; }
ok 'weights: a histogram counts each' bins
printf 'no tensors' >images/trials/0000/real/2/samples.safetensors
printf 'no tensors' >images/trials/0000/labels/2/last.safetensors
rad report images
ok 'damaged images: status' status_is 0
ok 'damaged images: the others' test "$(tiles pixels | wc -l)" -eq 8

# --- several ---
rad report run quiet -o both/report.html
ok 'two runs: status' status_is 0
ok 'two runs: side by side' grep -q 'id="comparison"' both/report.html
lines() { awk -F, 'NR > 1 { n[$7 "," $8]++ } END { exit !(n["real,1-run"] > 1 && n["noise,2-quiet"] > 1) }' both/figures/compared-train-loss.csv; }
ok 'two runs: in one figure' lines
ok 'two runs: figures of each' test -s both/figures/1-run-curves-train-loss.csv -a -s both/figures/2-quiet-curves-train-loss.csv

# --- watch: the same words as at the end of `run`, also while it goes on ---
rad watch run
ok 'watch: status' status_is 0
ok 'watch: the verdict' out_has 'did not fit'
ok 'watch: nothing on standard error' err_empty
rad watch cut --once
ok 'watch, cut short: status' status_is 0
ok 'watch, cut short: how far it is' out_has 'is incomplete'
rad watch
fails 2 'run directory' 'watch what'
rad watch "$TMP"
fails 2 'is no run directory' 'watch of another folder'
"$RADEMACHER" run exp.ini -o live -s run.epochs=40 --no-report >live.txt 2>&1 &
for _ in $(seq 300); do
  grep -q '"event": "epoch"' live/journal.jsonl 2>/dev/null && break
  sleep 0.1
done
rad watch live
wait
ok 'watch of a run that goes on: status' status_is 0
ok 'watch of a run that goes on: says how jobs end' err_has 'noise, seed 9: done after 40 epochs'
same_words() { sed '/^Results: /d' live.txt | cmp - "$TMP/out"; }
ok 'watch of a run that goes on: its verdict' same_words
finish
