/* SPDX-License-Identifier: BSD-3-Clause
 * logger.h - draws the journal in another format. Version-locked. On resume the core truncates the
 * logger's files and replays the journal from its start: no logger keeps a position. */
#ifndef RADEMACHER_LOGGER_H
#define RADEMACHER_LOGGER_H
#include <rademacher/search.h>

enum {
  RAD_EV_STUDY = 1, /* the study has begun, or is resumed (replay): `space` */
  RAD_EV_TRIAL,     /* a trial has been proposed: `trial_record` */
  RAD_EV_JOB,       /* a job has been started: trial, arm, seed; `epoch`: planned epochs */
  RAD_EV_METRIC,    /* a metric of a job after an epoch, or a final one (epoch = UINT64_MAX) */
  RAD_EV_JOB_END,   /* a job has ended: `state`, `text` is the reason where it failed */
  RAD_EV_ROUND,     /* a round of compression has ended: `name` of the compressor, `value` which
                     * one; its metrics came before, with an epoch behind the arm's own */
  RAD_EV_TRIAL_END, /* `trial_record`, `state` */
  RAD_EV_STUDY_END, /* `text`: "complete", or why not */
};
typedef struct rad_event {
  uint64_t seq;                /* line of the journal, from 1 */
  double time;                 /* seconds since 1970-01-01 UTC */
  uint32_t type, state;        /* state: of the trial, search.h */
  uint64_t trial, seed, epoch; /* epoch from 1: the one that has ended */
  uint64_t ntrial, njob;       /* planned in all; 0: not known */
  const char *arm, *name;      /* name: "train.loss"; NULL where there is none */
  double value;                /* may be NaN or infinite */
  const char *text;            /* reason, message; UTF-8, any character */
  const rad_space *space;
  const rad_trial *trial_record; /* RAD_EV_TRIAL, RAD_EV_TRIAL_END */
  bool replay;                   /* it happened before this process started: no progress bars */
  /* The study, in every event. Since minor 1, as all that follows. */
  const char *experiment;
  size_t narm, nseed;
  const char *const *arms;  /* [narm] */
  const uint64_t *seeds;    /* [nseed] of every trial */
  const char *const *terms; /* [space->nscore] of the objective: "val.accuracy"; "objective", the
                             * weighted sum */
  /* Sets the parameters that the job has ended with, in RAD_EV_JOB_END; none where it left no
   * checkpoint. They live until the event returns. [serial] */
  rad_status (*weights)(rad_ctx *, const struct rad_event *, size_t *n,
                        const rad_array *const **weight);
  /* As weights: "x" (n,h,w,c) bytes, a few training images as the network got them; none where the
   * samples are no images. */
  rad_status (*samples)(rad_ctx *, const struct rad_event *, size_t *n,
                        const rad_array *const **array);
} rad_event;
/* rad_logger_ops.flags */
enum {
  RAD_LOGGER_TALKS = 1 /* to whoever sits there, and writes no file: `watch` has these alone */
};
typedef struct rad_logger_ops {
  uint32_t size;
  rad_status (*event)(rad_ctx *, const void *self, const rad_event *); /* [serial] */
  uint32_t flags;                                                      /* since minor 1 */
} rad_logger_ops;
#endif
