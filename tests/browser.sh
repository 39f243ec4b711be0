#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# browser.sh - reports in a real browser, headless: no message in its console, tables sort and
# filter, by keyboard too; a search of ten thousand trials is small. The journals are
# written here, so that nothing is trained.
# shellcheck source=tests/lib.sh
. "${top_srcdir:?is set by make check}/tests/lib.sh"
cd "$TMP" || exit 99
for browser in chromium chromium-browser google-chrome; do
  command -v "$browser" >/dev/null && break
  browser=
done

# study DIR TRIALS: a finished random search; trial 7 is the best.
study() {
  mkdir -p "$1/trials/0007"
  cat >"$1/config.ini" <<END
[run]
epochs = 5
[dataset]
plugin = blobs
[layer hidden]
plugin = dense
units = search(4, 128, log)
[layer act]
plugin = choice(relu, tanh)
[layer out]
plugin = dense
units = 10
[optimizer]
plugin = sgd
lr = search(0.001, 1, log)
[arm real]
[arm noise]
noise.labels.plugin = random_labels
[objective]
real.val.accuracy = 1
[search]
plugin = random
trials = $2
END
  sed -e 's/search(4.*/16/; s/choice.*/relu/; s/search(0.*/0.1/' -e '/^\[objective/,$d' \
    "$1/config.ini" >"$1/trials/0007/config.ini"
  awk -v n="$2" '
    function line(event, rest) {
      printf "{\"seq\": %d, \"time\": %d, \"event\": \"%s\"%s}\n", ++seq, 1700000000 + seq, event, rest
    }
    function some() { x = (x * 16807) % 2147483647; return x / 2147483647 }
    function metric(name, v) { return sprintf("\"%s\": {\"last\": %.6g, \"max\": %.6g, \"min\": %.6g}", name, v, v + 0.01, v / 3) }
    BEGIN {
      x = 12345
      split("real noise", arm, " ")
      split("relu tanh", act, " ")
      line("study", ", \"name\": \"a \\\"big\\\" <study>\", \"pid\": 1, \"host\": \"here\"")
      for (t = 0; t < n; t++) {
        lr = exp(log(0.001) * some()); u = int(4 + 124 * some()); a = int(2 * some())
        line("trial", sprintf(", \"trial\": %d, \"params\": {\"optimizer.lr\": \"%.8g\", \"layer.hidden.units\": \"%d\", \"layer.act.plugin\": \"%s\"}, \"point\": [%.8g, %d, %d], \"epochs\": [5, 5]", t, lr, u, act[a + 1], lr, u, a))
        for (k = 1; k <= 2; k++) {
          at = sprintf(", \"trial\": %d, \"arm\": \"%s\", \"seed\": 1", t, arm[k])
          for (e = 0; e <= 5 && (t < 20 || n < 100); e++)
            line("epoch", at sprintf(", \"epoch\": %d, \"seconds\": 1, \"metrics\": {\"train.accuracy\": %.6g, \"train.loss\": %.6g}", e, some(), some()))
          all = metric("train.accuracy", some()) ", " metric("train.loss", some())
          all = all ", " metric("val.accuracy", some()) ", " metric("test.accuracy", some()) ", " metric("test.loss", some())
          line("job_end", at ", \"state\": \"complete\", \"epochs\": 5, \"seconds\": 1.25, \"metrics\": {" all "}")
        }
        line("trial_end", sprintf(", \"trial\": %d, \"state\": \"complete\", \"score\": [%.6g], \"violation\": []", t, t == 7 ? 0.999 : 0.9 * some()))
      }
      line("end", ", \"text\": \"complete\"")
    }' >"$1/journal.jsonl"
}
# chains DIR: one trial of two arms and two seeds, with two compressors of eight rounds; the network
# with noise labels breaks two rounds earlier.
chains() {
  mkdir -p "$1/trials/0000"
  cat >"$1/config.ini" <<END
[run]
epochs = 2
seeds = 1, 2
[dataset]
plugin = blobs
[layer out]
plugin = dense
units = 10
[optimizer]
plugin = sgd
[compressor prune]
plugin = magnitude
rounds = 8
[compressor bits]
plugin = quantize
[arm real]
[arm noise]
noise.labels.plugin = random_labels
END
  cp "$1/config.ini" "$1/trials/0000/config.ini"
  awk '
    function line(event, rest) {
      printf "{\"seq\": %d, \"time\": %d, \"event\": \"%s\"%s}\n", ++seq, 1700000000 + seq, event, rest
    }
    function course(name, last, max, min) { return sprintf(", \"%s\": {\"last\": %.6g, \"max\": %.6g, \"min\": %.6g}", name, last, max, min) }
    function chain(at, c, size, from, breaks,   k, n, acc, kept, m) {
      for (k = 0; k <= 8; k++) {
        n = int(from * 0.7 ^ k); acc = k <= breaks ? 1 : 1 - 0.1 * (k - breaks)
        kept = acc == 1 ? n : kept
        m = sprintf("\"%s.round\": %d, \"%s.%s\": %d, \"%s.train.accuracy\": %.6g, \"%s.test.accuracy\": %.6g, \"%s.train.agreement\": %.6g", c, k, c, size, n, c, acc, c, 0.9 * acc, c, acc)
        if (acc == 1) m = m sprintf(", \"%s.kept_99.%s\": %d, \"%s.kept_90.%s\": %d", c, size, n, c, size, n)
        line("epoch", at sprintf(", \"epoch\": %d, \"seconds\": 1, \"metrics\": {%s}", ++epoch, m))
      }
      return course(c ".round", 8, 8, 0) course(c "." size, n, from, n) course(c ".kept_99." size, kept, from, kept) course(c ".kept_90." size, kept, from, kept)
    }
    BEGIN {
      split("real noise", arm, " ")
      line("study", ", \"name\": \"chains\", \"pid\": 1, \"host\": \"here\"")
      line("trial", ", \"trial\": 0, \"params\": {}, \"point\": [], \"epochs\": [2, 2]")
      for (k = 1; k <= 2; k++)
        for (s = 1; s <= 2; s++) {
          at = sprintf(", \"trial\": 0, \"arm\": \"%s\", \"seed\": %d", arm[k], s)
          for (epoch = 0; epoch <= 2; epoch++)
            line("epoch", at sprintf(", \"epoch\": %d, \"seconds\": 1, \"metrics\": {\"train.accuracy\": %.6g}", epoch, epoch / 2))
          epoch = 2
          all = course("train.accuracy", 1, 1, 0.5) chain(at, "prune", "active_weights", 1000, k == 1 ? 4 + s % 2 : 2) chain(at, "bits", "bytes", 4000, 3)
          line("job_end", at ", \"state\": \"complete\", \"epochs\": 2, \"seconds\": 1.25, \"metrics\": {" substr(all, 3) "}")
        }
      line("trial_end", ", \"trial\": 0, \"state\": \"complete\", \"score\": [], \"violation\": []")
      line("end", ", \"text\": \"complete\"")
    }' >"$1/journal.jsonl"
}
study small 40
if sanitized; then study big 1000; else study big 10000; fi
chains chains
rad report small
ok 'forty trials: status' status_is 0
rad report big
ok 'ten thousand trials: status' status_is 0
rad report chains
ok 'compression: status' status_is 0
small_enough() { [ "$(wc -c <big/report.html)" -lt 5000000 ]; }
ok 'ten thousand trials: less than 5 MB' small_enough
rows() { [ "$(tr '<' '\n' <big/report.html | grep -c '^tr>')" -lt 400 ]; }
ok 'ten thousand trials: most rows wait for the script' rows

if [ -z "$browser" ]; then
  skip 'in a browser' 'no chromium'
  finish
elif sanitized; then
  skip 'in a browser' 'the plain build writes the same reports'
  finish
fi

# open PAGE SCRIPT: the page with a script at its end; $TMP/dom is what came out, $TMP/console what
# the browser had to say.
narrow=
open() {
  { cat "$1" && printf '<script>\n%s\n</script>\n' "$2"; } >"$TMP/open.html"
  # shellcheck disable=SC2086 # an option or none
  "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$TMP/browser" $narrow \
    --enable-logging=stderr --v=0 --dump-dom "file://$TMP/open.html" >"$TMP/dom" 2>"$TMP/browser.log"
  grep CONSOLE "$TMP/browser.log" >"$TMP/console" || :
}
said() { grep -F -e "<title>$1</title>" "$TMP/dom" || { grep '<title>' "$TMP/dom"; cat "$TMP/console"; return 1; }; }
silent() { ! grep . "$TMP/console"; }

# The column `name` of the table of trials, as it is shown.
shown='const table=document.getElementById("trials");
const column=(name)=>{const i=[...table.tHead.rows[0].cells].findIndex(c=>c.textContent===name);
return [...table.tBodies[0].rows].map(r=>r.cells[i].textContent)};
const button=(name)=>[...table.tHead.rows[0].cells].find(c=>c.textContent===name).querySelector("button");
const filter=(s)=>{const f=document.querySelector("input[type=search]");f.value=s;
f.dispatchEvent(new Event("input"))};
const say=(s)=>{document.title=String(s)};'

open small/report.html "$shown"'button("objective").click();button("objective").click();
const v=column("objective").map(Number);
say([v.length,v[0],v.every((x,i)=>i===0||x<=v[i-1])])'
ok 'sort: greatest first' said '40,0.999,true'
ok 'sort: nothing in the console' silent
open small/report.html "$shown"'button("layer.act.plugin").click();
const v=column("layer.act.plugin");say([v[0],v[39],table.querySelector("[aria-sort]").textContent])'
ok 'sort: words' said 'relu,tanh,layer.act.plugin'
open small/report.html "$shown"'filter("tanh objective>0.5");
say(column("layer.act.plugin").every(x=>x==="tanh")&&column("objective").every(x=>x>0.5)&&
column("objective").length>0&&column("objective").length<40)'
ok 'filter: words and conditions' said true
open small/report.html "$shown"'const b=button("trial");b.focus();
say([document.activeElement===b,b.tabIndex,[...document.querySelectorAll("button,input,summary,a")].every(e=>e.tabIndex>=0)])'
ok 'keyboard: buttons take the focus' said 'true,0,true'
open small/report.html 'const ids=[...document.querySelectorAll("[id]")].map(e=>e.id);
const targets=[...document.querySelectorAll("a[href^=\"#\"]")].every(a=>document.getElementById(a.hash.slice(1)));
document.title=String([ids.length===new Set(ids).size,targets,document.querySelector("h1").firstChild.textContent])'
ok 'ids are unique, links lead somewhere' said 'true,true,a "big" &lt;study&gt; '

# Each other kind of study: arms alone, swept, with a front, a fit without a network, two runs side by side.
{
  small_study 2 '1, 2'
  printf '[arm real]\n[arm noise]\nnoise.labels.plugin = random_labels\n'
} >kinds.ini
printf '[dataset]\nplugin = blobs\nfeatures = 5\nclasses = 3\ntrain = 60\ntest = 30\n[fit]\nplugin = theorem1\n' >fit.ini
kind() { # NAME FILE OPTION...: a run of that kind
  kind_name=$1
  shift
  rad run "$@" -o "kinds/$kind_name" -q
  ok "$kind_name: status" status_is 0
}
mkdir kinds
kind alone kinds.ini -s layer.hidden.units=3
kind swept kinds.ini
kind front kinds.ini -s objective.real.val.accuracy=1 -s objective.noise.train.accuracy=-1 \
  -s objective.direction=pareto -s search.plugin=random -s search.trials=2
kind fit fit.ini
mkdir kinds/two
rad report kinds/alone kinds/swept -o kinds/two/report.html
ok 'two runs: status' status_is 0
for k in alone swept front fit two; do
  open "kinds/$k/report.html" 'const ids=[...document.querySelectorAll("[id]")].map(e=>e.id);
document.title=String([ids.length===new Set(ids).size,document.querySelectorAll("h1").length,
[...document.querySelectorAll("a[href^=\"#\"]")].every(a=>document.getElementById(a.hash.slice(1)))])'
  case $k in
  two) ok "$k: whole" said 'true,3,true' ;;
  *) ok "$k: whole" said 'true,1,true' ;;
  esac
  ok "$k: nothing in the console" silent
done

# The section on compression, on a telephone too: figures in it, a table that sorts by what is kept,
# and nothing wider than the window but what scrolls by itself.
kept='const table=document.getElementById("kept"),say=(s)=>{document.title=String(s)};
const cell=(r,name)=>r.cells[[...table.tHead.rows[0].cells].findIndex(c=>c.textContent===name)].textContent;
const rows=()=>[...table.tBodies[0].rows];'
# shellcheck disable=SC2016 # of the page
open chains/report.html "$kept"'
const b=[...table.tHead.rows[0].cells].find(c=>c.textContent==="keeps 99 %").querySelector("button");
b.click();say(rows().map(r=>cell(r,"compressor")+" "+cell(r,"arm")+" "+parseFloat(cell(r,"keeps 99 %"))).join(","))'
ok 'compression: sorts by what is kept' said 'prune real 20.1,bits real 34.3,bits noise 34.3,prune noise 48.9'
ok 'compression: nothing in the console' silent
open chains/report.html 'const h=document.getElementById("compression"),all=[...document.querySelectorAll("h2,figure")];
const from=all.indexOf(h)+1,to=all.findIndex((e,i)=>i>=from&&e.tagName==="H2");
document.title=String([all.slice(from,to).map(f=>f.querySelector("b").textContent).join(" "),
!!document.querySelector("nav a[href=\"#compression\"]"),
document.querySelector(".verdict").textContent.includes("noise shows no difference from real by prune (2.44 times the weights")])'
ok 'compression: figures, link and verdict' said 'Training accuracy (%) by size. Test accuracy (%) by size. Agreement on training data (%) by size.,true,true'
narrow='--window-size=420,900'
open chains/report.html 'document.title=String([document.documentElement.scrollWidth<=window.innerWidth,window.innerWidth<600,
[...document.querySelectorAll("figure svg")].every(s=>s.getBoundingClientRect().right<=window.innerWidth)])'
ok 'compression: fits into a narrow window' said 'true,true,true'
narrow=

open big/report.html "$shown"'button("objective").click();button("objective").click();
const v=column("objective").map(Number);
say([v.length,v[0],document.querySelector("[role=status]").textContent])'
ok 'ten thousand: sorts them all' said '200,0.999,200 of 10000 rows'
ok 'ten thousand: nothing in the console' silent
# That it opens quickly is told by what is in it: few rows, few bytes (above), few nodes.
open big/report.html 'document.title=String(document.querySelectorAll("*").length<20000)'
ok 'ten thousand: few nodes' said true
finish
