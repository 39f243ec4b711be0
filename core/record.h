/* SPDX-License-Identifier: BSD-3-Clause
 * record.h - journal.jsonl and what is known from it. Every event is a line; a line is appended
 * first and then applied by the same function that replays it, so that a resumed study knows
 * exactly what an uninterrupted one knows.
 *
 *   {"seq", "time", "event": "study", "name", "pid", "host"}         a coordinator has started
 *   {... "event": "fingerprint", "fingerprint"}                      first, and when accepted anew
 *   {... "event": "trial", "trial", "params": {name: text}, "point": [x], "epochs": [n per arm],
 *        "given": name}                                            only of a [point NAME]
 *   {... "event": "job", "trial", "arm", "seed"}                     a worker has started
 *   {... "event": "epoch", "trial", "arm", "seed", "epoch", "seconds", "metrics": {name: x}}
 *   {... "event": "crash", "trial", "arm", "seed", "reason"}         it ended without a result
 *   {... "event": "pause", "trial", "arm", "seed", "epochs", "seconds", "metrics": as job_end}
 *   {... "event": "reuse", "trial", "arm", "seed", "from"}           another job has done it
 *   {... "event": "verdict", "trial", "level", "value", "action", "next", "share": where it is not
 *        1}   of the pruner: "go on", "pause", "give up"; of the core: "leave", as nothing will
 *        come that it is paused for
 *   {... "event": "job_end", "trial", "arm", "seed", "key", "state", "reason", "epochs", "seconds",
 *        "metrics": {name: {"last", "max", "min"}}}
 *   {... "event": "trial_end", "trial", "state", "reason", "score": [x], "violation": [x]}
 *   {... "event": "measures", "metrics": {name: x}}                  over the whole study
 *   {... "event": "end", "text"} */
#ifndef CORE_RECORD_H
#define CORE_RECORD_H
#include "json.h"
#include "study.h"
#include <sys/types.h>

/* --- journal --- */
typedef struct journal {
  int fd;
  const char *path;
  uint64_t seq; /* of the last line */
  off_t size;
} journal;
typedef rad_status journal_visit(void *user, const struct json_t *line, diag *);
/* Visits every line that is there, cuts off a half-written last one, and stays open to append. */
rad_status journal_open(journal *, const char *path, journal_visit *, void *user, diag *);
void journal_close(journal *);
/* These two visit the lines and change nothing, also while another process writes. The lines that
 * have come since the last call; the first time (a journal of .fd = -1 and .path alone) all. */
rad_status journal_follow(journal *, journal_visit *, void *user, diag *);
/* All. `skip`: is this line (n bytes) not wanted? It is then counted, not parsed. */
typedef bool journal_skip(void *user, const char *line, size_t n);
rad_status journal_read(const char *path, journal_skip *, journal_visit *, void *user, diag *);
void journal_begin(const journal *, text *line, const char *event); /* {"seq", "time", "event" */
/* Closes the line and writes it whole; `sync`: it is on the disk when this returns. */
rad_status journal_append(journal *, text *line, bool sync, diag *);

/* --- record --- */
typedef struct outcome { /* of one metric of a job */
  const char *name;      /* "train.loss" */
  double last, max, min; /* NaN: no value */
} outcome;
enum job_state { JOB_WAITING, JOB_RUNNING, JOB_PAUSED, JOB_COMPLETE, JOB_DIVERGED, JOB_FAILED };
typedef struct job {
  struct trial *trial;
  size_t arm, seed; /* indices into the experiment's */
  enum job_state state;
  const char *reason;
  uint64_t epochs; /* trained */
  double seconds;
  outcome *metric;
  size_t nmetric;
  uint64_t seen; /* epochs below this one are in the journal */
  int32_t crashes;
  const char *key; /* of what it does (reuse.c): equal keys, equal results; NULL: not known */
} job;
enum trial_state { TRIAL_RUNNING, TRIAL_COMPLETE, TRIAL_PRUNED, TRIAL_DIVERGED, TRIAL_FAILED };
typedef struct trial {
  rad_trial known, hidden; /* as the search sees it: its results; only its values */
  double *value, *score, *violation;
  uint64_t *epochs; /* (narm) planned */
  enum trial_state state;
  const char *reason;
  const char *given; /* the [point NAME] that it is; NULL: the search proposed it */
  job *job;          /* (narm,nseed) */
  size_t njob;
  uint64_t until; /* the epoch of its next rung, or of the one that it waits at; 0: none */
  double share;   /* of the training samples, that its watched arm trains on; 1: all */
  uint64_t level; /* verdicts on it: one before the training, one at each rung of its cohort */
  bool arrived;   /* it is at its next rung */
  bool paused, given_up, ended; /* ended: its last rung is its end */
  rad_rung *rung;               /* [nrung] that it has stopped at, then its end */
  size_t nrung, crung;
} trial;
typedef struct record {
  const experiment *x;
  size_t nscore;
  trial **trial; /* (n) */
  size_t n, cap;
  size_t ruled_out, in_a_row; /* by static constraints, before the training: all; the last ones */
  outcome *metric;            /* (nmetric) of the study: `last` alone counts */
  size_t nmetric;
  const char *name;        /* of the experiment, as it was first called */
  bool complete;           /* the last that was heard of it */
  double last, wall;       /* time of the last line; seconds that coordinators have run */
  const char *fingerprint; /* latest, or NULL */
  bool changed;            /* it has changed, and that was accepted */
  arena mem;
} record;
void record_new(record *, const experiment *);
void record_free(record *);
rad_status record_apply(record *, const struct json_t *line, diag *);
trial *record_trial(const record *, const struct json_t *line); /* of its "trial"; or NULL */
job *record_job(const record *, const struct json_t *line);     /* and "arm", "seed"; or NULL */
/* May the job be started? What the pruner does not watch waits until the rest is done. */
bool job_ready(const record *, const job *);
/* Mean over seeds of "arm.split.name[.max|.min]", or of "model.name" (the first arm's); NaN where
 * no job has it. In v (nseed), *n: each seed's, unless NULL. */
double trial_metric(const record *, const trial *, const char *metric, double *v, size_t *n);
double job_metric(const job *, const char *metric); /* "val.accuracy.max"; NaN: no value */
const char *trial_state_name(enum trial_state);
const char *job_state_name(enum job_state);
/* Is a better than every other: greatest score among those that keep the constraints. NULL: none */
const trial *record_best(const record *);
bool trial_feasible(const record *, const trial *);
/* folders.c: of a run directory `dir`, from the arena; NULL: out of memory. What a job trains on a
 * share below 1 of its samples is in a folder of its own in the job's. */
char *trial_folder(arena *, const char *dir, uint64_t index);
char *trial_config(arena *, const char *dir, uint64_t index); /* its config.ini */
char *job_folder(arena *, const char *dir, uint64_t index, const char *arm, uint64_t seed,
                 double share);
/* summary.c: what is in the summary.json of a run directory. */
rad_status summary_text(const record *, const char *dir, const char *state, text *out);
/* Half of the width of the 95 % interval of a mean of n > 1 values is this times std / sqrt(n): the
 * 97.5 % point of Student's t with n - 1 degrees of freedom. */
double student_95(size_t n);
/* final.c: "final" in it, where the winner has been trained again. */
void final_put(const record *, const char *dir, text *out);
#endif
