# SPDX-License-Identifier: BSD-3-Clause
"""optuna_read.py - a study in Optuna: trials, distributions, values, intermediate values, after a resume too."""
import io
import json
import os
import subprocess
import sys
import tempfile

try:
    import optuna
except ImportError as missing:
    print(f"skipped: {missing.name} is not installed")
    sys.exit(0)

EXPERIMENT = """
[run]
epochs = 4
batch = 16
seeds = 1, 2
[dataset]
plugin = blobs
features = 5
classes = 3
sigma = 0.8
train = 90
test = 30
[layer h]
plugin = dense
units = search(2, 20, log)
[layer a]
plugin = choice(relu, tanh, identity)
[layer out]
plugin = dense
units = 3
[optimizer]
lr = search(0.001, 1, log)
[objective]
val.accuracy = 1
[constraint small]
metric = val.loss
max = 0.6
[search]
plugin = random
trials = 12
[logger db]
plugin = optuna
metric = main.val.loss
[logger console]
enabled = false
"""


def rademacher(*words):
    done = subprocess.run([os.environ["RADEMACHER"], *words], capture_output=True, text=True, check=False)
    if done.returncode == 2 and "there is no logger plugin 'optuna'" in done.stderr:
        print("skipped: built without SQLite")
        sys.exit(0)
    if done.returncode != 0:
        sys.exit(done.stderr)


def opened(folder):
    """The storage; Optuna before 3.2 knows these tables by an older number."""
    old = tuple(int(n) for n in optuna.__version__.split(".")[:2]) < (3, 2)
    return optuna.storages.RDBStorage(f"sqlite:///{folder}/study.db", skip_compatibility_check=old)


def check(folder, trials):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = opened(folder)
    names = [s.study_name for s in optuna.get_all_study_summaries(storage=storage)]
    study = optuna.load_study(study_name=names[0], storage=storage)
    with open(f"{folder}/summary.json", encoding="utf-8") as f:
        ours = json.load(f)["trials"]
    assert len(study.trials) == len(ours) == trials
    assert study.directions == [optuna.study.StudyDirection.MAXIMIZE]
    for t, o in zip(study.trials, ours):
        assert t.number == o["id"] and t.state == optuna.trial.TrialState.COMPLETE, t
        assert t.value == o["objective"], (t, o)
        assert t.params == o["params"], (t, o)
        assert sorted(t.intermediate_values) == [0, 1, 2, 3, 4], t
        assert t.user_attrs["main.val.loss seed 1"] > 0 and len(t.system_attrs["constraints"]) == 1
        assert t.duration.total_seconds() >= 0
    d = study.trials[0].distributions
    assert d["optimizer.lr"] == optuna.distributions.FloatDistribution(0.001, 1, log=True), d
    assert d["layer.h.units"] == optuna.distributions.IntDistribution(2, 20, log=True), d
    assert d["layer.a.plugin"] == optuna.distributions.CategoricalDistribution(("relu", "tanh", "identity")), d
    return study


def dashboard(folder, trials):
    """What optuna-dashboard's pages are made of."""
    try:
        from optuna_dashboard import wsgi
    except ImportError:
        print("skipped: optuna_dashboard is not installed")
        return
    app = wsgi(opened(folder))

    def get(path):
        status = []
        body = app({"REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": "", "SERVER_NAME": "here",
                    "SERVER_PORT": "80", "wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr,
                    "wsgi.url_scheme": "http"}, lambda s, *_: status.append(s))
        text = b"".join(body)
        assert status[0].startswith("200"), (path, status, text)
        return json.loads(text)

    studies = get("/api/studies")["study_summaries"]
    assert len(studies) == 1 and studies[0]["directions"] == ["maximize"], studies
    page = get(f"/api/studies/{studies[0]['study_id']}")
    with open(f"{folder}/summary.json", encoding="utf-8") as f:
        ours = json.load(f)["trials"]
    assert len(page["trials"]) == trials
    for t, o in zip(page["trials"], ours):
        assert t["state"] == "Complete" and float(t["values"][0]) == o["objective"], (t, o)
        assert len(t["intermediate_values"]) == 5 and len(t["params"]) == 3, t
    print("and in optuna-dashboard")


with tempfile.TemporaryDirectory() as FOLDER:
    with open(f"{FOLDER}/e.ini", "w", encoding="utf-8") as INI:
        INI.write(EXPERIMENT)
    RUN = f"{FOLDER}/run"
    rademacher("run", f"{FOLDER}/e.ini", "-q", "--no-report", "-o", RUN)
    check(RUN, 12)
    rademacher("run", f"{FOLDER}/e.ini", "-q", "--no-report", "-o", RUN, "-s", "search.trials=15")
    STUDY = check(RUN, 15)
    dashboard(RUN, 15)
    STUDY.optimize(lambda t: t.suggest_float("optimizer.lr", 0.001, 1, log=True), n_trials=2)  # and it goes on there
    assert len(STUDY.trials) == 17 and STUDY.trials[-1].number == 16
print(f"a study of 15 trials, resumed, in Optuna {optuna.__version__}")
