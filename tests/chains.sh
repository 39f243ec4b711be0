#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# chains.sh - compressors from outside: mistakes are named, with their line, before anything is
# trained; a study may go by what they report; what the report says of them is what jobs recorded.
# shellcheck source=tests/lib.sh
. "${top_srcdir:?is set by make check}/tests/lib.sh"

cat >"$TMP/base.ini" <<'INI'
[run]
epochs = 3
batch = 16
[dataset]
plugin = blobs
classes = 3
features = 6
train = 90
test = 30
[layer hidden]
plugin = dense
units = 12
[layer act]
plugin = relu
[layer out]
plugin = dense
units = 3
[optimizer]
plugin = sgd
INI

# refused NAME LINE TEXT: the lines on standard input, from line 2 on, are refused with file and line
refused() {
  {
    echo "include = $TMP/base.ini"
    cat
  } >"$TMP/exp.ini"
  rad run "$TMP/exp.ini" -o "$TMP/none"
  fails 2 "$3" "$1"
  ok "$1: says line $2" err_has "exp.ini:$2:"
  ok "$1: nothing is left" [ ! -e "$TMP/none" ]
}
refused 'unknown layer' 4 "there is no layer or block 'hiden' (did you mean 'hidden'?)" <<'INI'
[compressor p]
plugin = magnitude
apply = hiden
INI
refused 'too large a share' 4 'share = 1.5' <<'INI'
[compressor p]
plugin = magnitude
share = 1.5
INI
refused 'no rounds' 4 'rounds = 0' <<'INI'
[compressor p]
plugin = magnitude
rounds = 0
INI
refused 'unknown metric' 4 "nothing reports 'acuracy'" <<'INI'
[compressor p]
plugin = magnitude
metric = train.acuracy
INI
refused 'the test split' 4 'may not see the test split' <<'INI'
[compressor p]
plugin = magnitude
metric = test.accuracy
INI
refused 'an objective that nobody reports' 5 'of a compressor there are' <<'INI'
[compressor p]
plugin = magnitude
[objective]
p.kept_99.weight = -1
INI

# What is wrong only with the whole network or the data is found by the planning of the first trial.
checked() {
  {
    echo "include = $TMP/base.ini"
    cat
  } >"$TMP/exp.ini"
  rad check "$TMP/exp.ini"
  ok "$1: status" status_is 2
  ok "$1: says '$3'" err_has "$3"
  ok "$1: says line $2" err_has "exp.ini:$2:"
}
checked 'rewinding without training' 2 'rewind = true wants epochs' <<'INI'
[compressor p]
plugin = magnitude
rewind = true
INI
checked 'no network' 4 'there is no network to compress' <<'INI'
[fit]
plugin = kernel
[compressor p]
plugin = magnitude
INI

checked 'inputs that are not there' 2 "there are no samples 'nose.train'" <<'INI'
[compressor d]
plugin = distill
inputs = nose.train
INI
checked 'inputs of another shape' 5 'has samples of another shape than [dataset]: 5, not 6' <<'INI'
[compressor d]
plugin = distill
inputs = noise.train
[dataset noise]
plugin = blobs
classes = 3
features = 5
INI
refused 'no bits' 4 'bits = 8, 0: must be' <<'INI'
[compressor q]
plugin = quantize
bits = 8, 0
INI
checked 'half a bit' 2 'bits: must be whole numbers' <<'INI'
[compressor q]
plugin = quantize
bits = 8, 2.5
INI
refused 'no units' 4 'keep = 0: must be' <<'INI'
[compressor d]
plugin = distill
keep = 0
INI

# A search by the size that keeps the accuracy: the same bits for one job and two.
cat >"$TMP/study.ini" <<INI
include = $TMP/base.ini
[compressor p]
plugin = magnitude
share = 0.3
rounds = 6
epochs = 1
[layer hidden]
units = choice(8, 16)
[objective]
p.kept_90.parameters = -1
[search]
plugin = grid
INI
for jobs in 1 2; do
  rad run "$TMP/study.ini" -o "$TMP/jobs$jobs" --jobs $jobs
  ok "study with $jobs jobs" status_is 0
  sed -e 's/"[^"]*seconds[^"]*": *[^,}]*//g' -e 's/"wall_s": *[^,}]*//' \
    "$TMP/jobs$jobs/summary.json" >"$TMP/summary$jobs"
done
ok 'the objective is there' grep -q '"main.p.kept_90.parameters"' "$TMP/summary1"
ok 'jobs do not matter' cmp "$TMP/summary1" "$TMP/summary2"
ok 'nor to the networks' cmp "$TMP/jobs1/trials/0001/main/1/p.round-006.safetensors" \
  "$TMP/jobs2/trials/0001/main/1/p.round-006.safetensors"
cd "$TMP" || exit 99
best=$(sed -n 's/.*"best": \([0-9]*\).*/\1/p' jobs1/summary.json)
of_best() { awk -F, -v best="$best" 'NR > 1 { n++; bad += $8 != best } END { exit !(n == 7 && bad == 0) }' jobs1/figures/compression-train-accuracy.csv; }
ok 'report of a study: figures of the best trial' of_best
of_each() { [ "$(tr '<' '\n' <jobs1/report.html | grep -c '^td class="t">p$')" -eq 2 ]; }
ok 'report of a study: a row of each trial' of_each
rad trials jobs1 --columns trial,p.kept_90.parameters
ok 'trials: a column of a compressor, where it is asked for' out_has main.p.kept_90.parameters
rad trials jobs1
ok 'trials: else none' eval '! grep -F main.p. out'

# --- the report, against metrics.jsonl of the jobs ---
cat >arms.ini <<'INI'
include = base.ini
[run]
epochs = 60
evaluate = 20
seeds = 4, 9, 2
[dataset]
features = 20
sigma = 1
scale = standardize
[layer hidden]
units = 48
[optimizer]
lr = 0.05
momentum = 0.9
[compressor p]
plugin = magnitude
share = 0.3
rounds = 9
epochs = 1
control = true
[compressor q]
plugin = quantize
bits = 8, 5, 3, 2, 1
[arm real]
[arm fake]
noise.labels.plugin = random_labels
INI
rad run arms.ini -o arms --jobs 2
ok 'arms: status' status_is 0
cp out said
# sizes COMPRESSOR SIZE: of each arm and seed "ARM SEED ROUND SIZE TRAIN TEST FIT SCRATCH", - for none.
sizes() {
  for arm in real fake; do
    for seed in 4 9 2; do
      awk -v who="$arm $seed" -v c="$1" -v size="$2" '
        function get(name,   key, i) {
          key = "\"" c "." name "\": "
          i = index($0, key)
          return i ? substr($0, i + length(key), match(substr($0, i + length(key)), /[,}]/) - 1) : "-"
        }
        get("fit.train.loss") != "-" { fit = get("fit.train.loss") }
        get("round") != "-" {
          print who, get("round"), get(size), get("train.accuracy"), get("test.accuracy"), fit == "" ? "-" : fit, get("control.train.accuracy")
        }' "arms/trials/0000/$arm/$seed/metrics.jsonl"
    done
  done
}
sizes p active_weights >p.txt
sizes q bytes >q.txt
ok 'arms: ten lines of each job' test "$(wc -l <p.txt)" -eq 60
# csv FIGURE COLUMN NETWORK: shares, means, lowest and highest of each arm, compressor and round are
# those of column COLUMN of p.txt and q.txt.
csv() {
  awk -v col="$2" -v network="$3" '
    function near(a, b) { return a - b < 1e-9 && b - a < 1e-9 }
    FILENAME != last { last = FILENAME; file++ }
    file < 3 {
      at = (file == 1 ? "p " : "q ") $1 " " $3
      if ($3 == 0) first[file $1 $2] = $4
      if ($col == "-") next
      n[at]++; sum[at] += $col; share[at] += log($4 / first[file $1 $2])
      lo[at] = n[at] == 1 || $col < lo[at] ? $col + 0 : lo[at]
      hi[at] = n[at] == 1 || $col > hi[at] ? $col + 0 : hi[at]
      next
    }
    FNR > 1 {
      split($0, f, ",")
      if (f[12] != network) next
      at = f[10] " " f[11] " " f[6]
      bad += !(at in n) || f[5] != n[at] || !near(f[1], 100 * exp(share[at] / n[at])) || !near(f[2], sum[at] / n[at]) || !near(f[3], lo[at]) || !near(f[4], hi[at])
      seen++
    }
    END { for (i in n) want++; print seen, want, bad; exit !(seen == want && bad == 0 && seen > 0) }' p.txt q.txt "arms/figures/$1.csv"
}
ok 'figure: training accuracy' csv compression-train-accuracy 5 compressed
ok 'figure: test accuracy' csv compression-test-accuracy 6 compressed
ok 'figure: training accuracy from scratch' csv compression-train-accuracy 8 'from scratch'
ok 'figure: the loss of the fit' csv compression-fit-loss 7 compressed
ok 'figure: not another column' eval '! csv compression-test-accuracy 5 compressed'
# What is drawn in green is of the real arm, dashed from scratch, and of one compressor a panel.
drawn() {
  tr -d '\\' <arms/figures/compression-train-accuracy.gp | tr '\n' ' ' | sed 's/using/\n/g; s/every ::/\nevery /g' |
    awk '/^every / { split($2, r, "::") } / with .*points/ && /lc rgb/ && !/-1 with/ {
      match($0, /#[0-9A-F]*/); color = substr($0, RSTART, 7); match($0, /dt [0-9]/); print r[1], r[2], color, substr($0, RSTART + 3, 1) }' >drawn.txt
  awk 'FNR == NR { split($0, f, ","); row[FNR - 2] = f[10] "," f[11] "," f[12]; next }
    { lines++
      want = ($3 == "#009E73" ? "real" : $3 == "#D55E00" ? "fake" : "none") "," ($4 == 2 ? "from scratch" : "compressed")
      for (i = $1; i <= $2; i++) bad += substr(row[i], 3) != want || substr(row[i], 1, 1) != substr(row[$1], 1, 1) }
    END { print lines, bad; exit !(lines == 6 && bad == 0) }' arms/figures/compression-train-accuracy.csv drawn.txt
}
ok 'figure: lines are those of their arms' drawn
# kept COMPRESSOR SHARE: "ARM MEAN LO HI" of sizes in per cent, then "ratio MEAN LO HI".
kept() {
  awk -v share="$2" '
    function spread(label, scale, n, s, q,   m, h) {
      m = s / n; h = q / n - m * m; h = 4.3027 * sqrt(h > 0 ? h / (n - 1) : 0)
      printf "%s %.3g %.3g %.3g\n", label, scale * exp(m), scale * exp(m - h), scale * exp(m + h)
    }
    $3 == 0 { size[$1 $2] = $4; had[$1 $2] = $5; least[$1 $2] = 1; seed[$2] }
    $5 >= share * had[$1 $2] && $4 / size[$1 $2] < least[$1 $2] { least[$1 $2] = $4 / size[$1 $2] }
    END {
      for (k in seed) {
        n++; a = log(least["real" k]); b = log(least["fake" k])
        s1 += a; q1 += a * a; s2 += b; q2 += b * b; s3 += b - a; q3 += (b - a) * (b - a)
      }
      spread("real", 100, n, s1, q1); spread("fake", 100, n, s2, q2); spread("ratio", 1, n, s3, q3)
    }' "$1.txt"
}
cell() { # COMPRESSOR ARM COLUMN of the table
  tr -d '\n' <arms/report.html | sed 's/.*id="kept"//; s/<.table>.*//; s/<tr>/\n/g' |
    awk -F'<td[^>]*>' -v c="$1" -v a="$2" -v col="$3" '{ gsub(/<\/t[dr]>/, "") } $2 == c && $3 == a { print $(col + 1) }'
}
is_like() { # MEAN LO HI, then the words that have them
  [ "$4" ] || return 1
  echo "$1 $2 $3: $4"
  case $4 in
  'no round') [ "$1" = 100 ] ;;
  "$1"*'in all 3 seeds'*) [ "$2" = "$3" ] ;;
  "$1"*"($2 to $3)"*) true ;;
  "$1"*"($2 to 100)"*) awk -v x="$3" 'BEGIN { exit !(x > 100) }' ;;
  *) false ;;
  esac
}
for c in p q; do
  for share in 99 90; do
    kept $c 0.$share >kept.txt
    col=$((share == 99 ? 5 : 7))
    for arm in real fake; do
      # shellcheck disable=SC2046 # words
      ok "table: $c, $arm, $share %" is_like $(sed -n "s/^$arm //p" kept.txt) "$(cell $c $arm $col)"
    done
    words=$(sed -n "s/^At $share % of train.accuracy, fake (noise) .* by $c (\([^)]*\)).*/\1/p; s/^At $share % .*[),:y] $c (\([^)]*\)).*/\1/p" said | head -n 1)
    # shellcheck disable=SC2046
    set -- $(sed -n 's/^ratio //p' kept.txt)
    ratio() { case $words in *"$1 times the "*" in all 3 seeds") [ "$2" = "$3" ] ;; *"$1 times the "*", $2 to $3") true ;; *) echo "$words"; false ;; esac; }
    ok "verdict: $c, $share %" ratio "$@"
  done
done

rad run arms.ini -s run.epochs=1 -s run.evaluate=1 -s compressor.p.rounds=1 -o unfitted
ok 'verdict: what has not fitted is not compared' out_has 'Compressed, fake is not compared with real'
ok 'verdict: nor otherwise' eval '! grep "times the" out'

# Cut short in the third round of one job: the journal has what there is.
cp -r arms cut
n=$(grep -n '"arm": "fake", "seed": 9, .*"p.round": 3[,}]' arms/journal.jsonl | cut -d: -f1)
head -n "$n" arms/journal.jsonl >cut/journal.jsonl
rm -f cut/summary.json cut/figures/*
rad report cut
ok 'cut short: status' status_is 0
ok 'cut short: the section is there' grep -q 'id="compression"' cut/report.html
fewer() {
  awk -F, '$10 == "p" && $11 == "fake" && $12 == "compressed" { n[$6] = $5 } END { print n[3], n[4]; exit !(n[3] > 0 && n[4] + 0 < n[3]) }' cut/figures/compression-train-accuracy.csv
}
ok 'cut short: in no round after it' fewer

# A chain whose first round diverges is its first network alone.
rad run base.ini -s compressor.d.plugin=distill -s compressor.d.lr=1000 -s compressor.d.epochs=20 -o diverged
ok 'diverged: status' status_is 0
ok 'diverged: says so' grep -q 'round 1 diverged: the chain ends' diverged/trials/0000/main/1/log.txt
ok 'diverged: in the table' grep -q '>0; then diverged in 1 of 1 seeds</td>' diverged/report.html
ok 'diverged: round 0 in the figure' test "$(wc -l <diverged/figures/compression-train-accuracy.csv)" -eq 2
ok 'diverged: nothing is known of what it keeps' test "$(tr '<' '\n' <diverged/report.html | grep -c '^td class="t">no round$')" -eq 0
if command -v gnuplot >/dev/null; then
  ok 'diverged: drawn' test -s diverged/figures/compression-train-accuracy.svg -a ! -e diverged/figures/gnuplot.log
  ok 'figures: as SVG and PNG' test -s arms/figures/compression-agreement.svg -a -s arms/figures/compression-agreement.png -a ! -e arms/figures/gnuplot.log
fi
rad run base.ini -o plain -q
ok 'without compressors: no section' test "$(grep -c 'ompression' plain/report.html)" -eq 0

# --- check: what rounds will take ---
# rounds FORMULA SETTING...: GFLOP of the rounds are FORMULA of the passes F and B of a sample, all
# samples, those of train and seen in an epoch (train and val).
rounds() {
  rounds_formula=$1
  shift
  rad check base.ini "$@"
  awk '
    /per image/ { sub(/.*per image /, ""); f = $1 / 1000; b = $4 / 1000 }
    /samples:/ { train = $2; seen = $2 + $4; all = $2 + $4 + $6 }
    /rounds of compressors at most/ { y = $NF }
    END { want = '"$rounds_formula"'; print y, want; exit !(want > 0 && y / want > 0.998 && y / want < 1.002) }' out
}
p='-s compressor.p.plugin=magnitude -s compressor.p.rounds=6 -s layer.hidden.units=2000'
d='-s compressor.d.plugin=distill -s compressor.d.rounds=3 -s compressor.d.keep=0.5 -s compressor.d.epochs=4 -s layer.hidden.units=2000'
# shellcheck disable=SC2086 # words
{
  ok 'check: rounds without training' rounds '7 * all * f' $p
  ok 'check: rounds with training' rounds '7 * all * f + 6 * 5 * (train * (f + b) + seen * f)' $p -s compressor.p.epochs=5
  ok 'check: and evaluated less often' rounds '7 * all * f + 6 * 5 * (train * (f + b) + seen * f / 2)' $p -s compressor.p.epochs=5 -s run.evaluate=2
  ok 'check: with controls' rounds '7 * all * f + 6 * (3 * (train * (f + b) + seen * f) + all * f)' $p -s compressor.p.control=true
  ok 'check: smaller and smaller, with a teacher' rounds 'all * f * 1.875 + 4 * 0.875 * (train * (f + b) + seen * f) + 4 * 1.75 * (train + seen) * f' $d
}
# The time is that of both, of which rounds are six sevenths; how many GFLOP/s there are is rounded.
whole() {
  rad check base.ini $p -s compressor.p.epochs=100000 -s run.epochs=100000 --jobs 1
  awk '
    /rounds of compressors at most/ { work = $4 + $NF; sub(/,/, "", $5) }
    /^Roughly/ { time = $2 * ($3 == "s" ? 1 : $3 == "min" ? 60 : 3600); rate = $5 }
    END { r = work / (rate > 0 ? rate : 0.5) / time; print work, rate, time; exit !(time > 60 && r > 0.5 && r < 2) }' out
}
ok 'check: the time is that of training and rounds' whole
finish
