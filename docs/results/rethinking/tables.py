#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Tables of the run directories of configs/rethinking, for rethinking.md and its figures.

usage: tables.py RUNS TABLE...     RUNS: the folder of the run directories

Each TABLE is a run directory's name; NAME.curves.csv and NAME.csv are written here.
curves: the training loss by epoch, mean over seeds with its 95 % interval (Student). A training that ended
because it had fitted keeps its last value, so that the mean stays one of all seeds.
NAME.csv: one row for each setting and arm, at the end of the trainings. A training that did not fit is counted
and never averaged: `epochs` is the mean only where all have fitted.
"""
import csv, json, math, os, sys

T95 = [0, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262]  # by degrees of freedom


def interval(v):
    n = len(v)
    mean = sum(v) / n
    if n < 2:
        return mean, math.nan
    std = math.sqrt(sum((x - mean) ** 2 for x in v) / (n - 1))
    return mean, T95[n - 1] * std / math.sqrt(n)


def read(run):
    """{(trial, arm, seed): {metric: {epoch: value}}} and {trial: "its values"}"""
    jobs = {}
    with open(os.path.join(run, "metrics.csv"), newline="") as f:
        for r in csv.DictReader(f):
            job = jobs.setdefault((int(r["trial"]), r["arm"], int(r["seed"])), {})
            epoch = int(r["epoch"]) if r["epoch"].isdigit() else r["epoch"]  # "final": after any restore
            job.setdefault(r["name"], {})[epoch] = float(r["value"])
    with open(os.path.join(run, "summary.json")) as f:
        trials = json.load(f)["trials"]
    return jobs, {t["id"]: " ".join(t["params"].values()) or "-" for t in trials}


def curves(jobs, names, out):
    out.writerow(["setting", "arm", "epoch", "seeds", "loss", "half_width"])
    for trial, arm in dict.fromkeys(k[:2] for k in sorted(jobs)):
        runs = [{e: v for e, v in j["train.loss"].items() if e != "final"}
                for k, j in jobs.items() if k[:2] == (trial, arm)]
        for epoch in sorted(set().union(*runs)):
            at = [r[max(e for e in r if e <= epoch)] for r in runs]
            mean, half = interval(at)
            out.writerow([names[trial], arm, epoch, len(at), f"{mean:.5g}", f"{half:.3g}"])


def ends(jobs, names, out):
    shown = ["train.accuracy", "train.accuracy_noisy", "train.loss", "val.accuracy", "test.accuracy"]
    out.writerow(["setting", "arm", "seeds", "fitted", "epochs", "epochs_half", "longest"]
                 + [x for s in shown for x in (s, s + "_half")])
    for trial, arm in dict.fromkeys(k[:2] for k in sorted(jobs)):
        runs = [j for k, j in sorted(jobs.items()) if k[:2] == (trial, arm)]
        row = [names[trial], arm, len(runs)]
        fit = [min((e for e, a in j["train.accuracy"].items() if e not in (0, "final") and a >= 1), default=None)
               for j in runs]
        fitted = [e for e in fit if e is not None]
        mean, half = interval(fitted) if len(fitted) == len(runs) else (math.nan, math.nan)
        row += [len(fitted), f"{mean:.4g}", f"{half:.2g}", max(int(j["epochs"]["final"]) for j in runs)]
        for s in shown:
            last = [j[s]["final"] for j in runs if s in j]
            mean, half = interval(last) if len(last) == len(runs) else (math.nan, math.nan)
            row += [f"{mean:.4f}", f"{half:.2g}"]
        out.writerow(row)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    for name in sys.argv[2:]:
        jobs, names = read(os.path.join(sys.argv[1], name))
        for what, suffix in ((curves, ".curves.csv"), (ends, ".csv")):
            with open(os.path.join(here, name + suffix), "w", newline="") as f:
                what(jobs, names, csv.writer(f, lineterminator="\n"))


if __name__ == "__main__":
    main()
