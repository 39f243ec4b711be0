/* SPDX-License-Identifier: BSD-3-Clause
 * running.h - a study while it runs, and its parts: trials, jobs, loggers, summary, manifest. */
#ifndef CORE_RUNNING_H
#define CORE_RUNNING_H
#include "arm.h"
#include "arrays.h"
#include "record.h"
#include "vectors.h"

typedef struct loggers {
  instance **v; /* (n) */
  size_t n;
  rad_host host;     /* with an `append` that starts every file afresh */
  const char **file; /* [nfile] that has been started, in order of names */
  size_t nfile, cfile;
  const char **term;       /* [nscore] */
  arrays weights, samples; /* of the job that an event is about, once they were asked for */
  const char *job;         /* its folder; NULL: none has ended in this event */
  diag *diag;
  uint64_t ntrial, njob; /* planned; 0: not known */
  bool begun, json;
  arena mem;
} loggers;

typedef struct running { /* a job that an executor has been given */
  job *job;              /* NULL: decodes the data sets */
  rad_job r;
  const char *dir;
  off_t offset; /* of metrics.jsonl: what is before it is in the journal */
  text line;    /* the last line that was read: where it is not before `offset`, start anew */
  arena mem;
} running;

typedef struct plugin_sum {
  const plugin *plugin;
  char hex[65]; /* SHA-256 of its file */
} plugin_sum;

typedef struct study {
  experiment *x;
  const study_options *o;
  env *env;
  diag *diag;
  const char *dir; /* absolute */
  int lock;
  journal journal;
  record record;
  loggers loggers;
  instance *search, *executor, *pruner; /* pruner: NULL where there is none */
  uint64_t cohort;                      /* trials that it judges together */
  instance **measure;                   /* (nmeasure) those that look at the whole study */
  size_t nmeasure;
  text results;      /* what they report */
  vectors vectors;   /* of theirs */
  running **running; /* (slots) nrunning of them */
  size_t nrunning, slots;
  uint64_t planned; /* trials in all; 0: as many as the search has */
  bool exhausted;   /* the search has no more */
  bool prepared;    /* data sets are decoded */
  int32_t preparations;
  uint64_t first;  /* the trial whose data sets are decoded */
  int exit;        /* not EXIT_DONE: stop, and why */
  plugin_sum *sum; /* [nsum] those that were asked for */
  size_t nsum, csum;
  arena mem;
} study;

/* study.c: a line of the journal: begin, add members, then post: written, applied, shown. */
void study_begin(study *, text *line, const char *event);
rad_status study_post(study *, text *line, bool sync);
/* Stops the study with an exit status; the first reason stays. */
void study_stop(study *, int exit);
int study_signals(void); /* how many have come */

/* trial.c */
rad_status trials_open(study *); /* the search, the number of trials */
/* Before anything is written: the arms of a study of one trial, or of the points that are given. */
rad_status trial_inspect(study *);
bool trial_wanted(const study *); /* may another be proposed now? */
bool trials_over(const study *);  /* none will be proposed any more */
/* Trial i is proposed from the results of the trials below this one. */
uint64_t trial_sees(const study *, uint64_t i);
rad_status trial_propose(study *); /* RAD_DONE: the space is exhausted */
/* After a kill: writes its configuration, checks it, ends it, where that was not done. */
rad_status trial_restore(study *, trial *);

/* score.c */
/* From the results of its jobs to the value of the objective. */
rad_status trial_end(study *, trial *);
/* Ends a trial without training: its network cannot be built, or breaks a constraint. */
rad_status trial_rule_out(study *, trial *, const config *);
/* Do the constraints on the network alone let a trial run whose first arm is this one? */
bool trial_allowed(const experiment *, const arm_plan *);

/* prune.c */
rad_status pruner_open(study *);
rad_status pruner_judge(study *); /* all verdicts that can be given now */

/* jobs.c, results.c */
rad_status jobs_open(study *);
rad_status jobs_start(study *, job *);          /* NULL: prepare */
uint64_t job_until(const study *, const job *); /* the epoch of its rung; 0: it has none */
double job_share(const study *, const job *);   /* of the samples, that it is trained on; 1: all */
rad_status jobs_watch(study *); /* news of all that run; ends those that have ended */
/* Asks all to stop after a checkpoint, and waits for them; at a signal they are killed. What they
 * leave is read when the study goes on. */
rad_status jobs_drain(study *);
void jobs_close(study *);
rad_status job_tail(study *, running *); /* new lines of metrics.jsonl */
/* What it has left, if it has ended or stopped at its rung. RAD_DONE: there is nothing. */
rad_status job_result(study *, job *, const char *dir);
rad_status job_finish(study *, running *); /* it has ended, somehow */
rad_status job_post(study *, text *line, const char *event, const job *);

/* study_measures.c */
rad_status study_measures_open(study *);
rad_status study_measures_run(study *); /* once all trials have ended */
void study_measures_close(study *);

/* reuse.c: a job that has been done, in this study or, with [search] cache, in another one, is not
 * done again. */
rad_status reuse_keys(study *, trial *, const config *); /* of its jobs */
/* Puts what another job has come to into the folder of one that is about to start. */
rad_status reuse_take(study *, const job *, const char *dir);
void reuse_keep(study *, const job *, const char *dir); /* for other studies; may fail */
bool reuse_comes(const study *, const job *);           /* another job that runs is doing it */

/* worker.c: removes what a killed writer has left half written in a folder. */
void sweep(const char *dir);

/* events.c */
rad_status loggers_open(loggers *, experiment *);
/* Those that talk to people and write no file, whether or not the experiment has them. */
rad_status loggers_talk(loggers *, experiment *);
rad_status loggers_send(loggers *, const record *, const struct json_t *line, bool replay);
void loggers_close(loggers *);

/* summary.c */
rad_status summary_write(const study *, const char *state);

/* final.c */
/* Once the study is complete: trains its winner again, as [final] says. An exit status. */
int final_run(study *);

/* manifest.c, same.c */
rad_status manifest_write(study *);
const char *plugin_sha256(study *, const plugin *); /* of its file; NULL: it has been reported */
/* Of all plugins that take part in a training, whichever trial. */
rad_status plugins_sha256(study *, char hex[65]);
rad_status experiment_same(study *, const char *path, bool *changed);
rad_status experiment_write(const study *, const char *path);
#endif
