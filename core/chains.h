/* SPDX-License-Identifier: BSD-3-Clause
 * chains.h - how far each compressor could go in a trial: the smallest sizes that keep most of
 * what the first network had, as shares of that one's size, and how arms differ in them. In the
 * summary of a trial
 *   "compression": {COMPRESSOR: {"of": "active_weights", "metric": "train.accuracy",
 *     "kept_99": {ARM: [x of each seed]}, "kept_90": {...}, "last": {...}}}
 * "of" is what is counted: the first of active_weights, parameters, bytes and bytes_coded that some
 * round has changed; "last" is the share that the last round has left. 1 at kept_99: no round keeps
 * it; as much as "last": the last one still does. A seed whose job has no chain is "nan". */
#ifndef CORE_CHAINS_H
#define CORE_CHAINS_H
#include "experiment.h"

struct json_t;
/* --- writing --- */
enum chain_part { CHAIN_FIRST, CHAIN_LEAST, CHAIN_LAST };
typedef struct chain_source { /* where metrics are read */
  const experiment *x;
  const void *user;
  const char **name; /* (n) of compressors */
  size_t n, cap;
  arena mem;
  /* Of a job; "prune.kept_99.bytes"; NaN: no value. */
  double (*get)(const void *user, size_t arm, size_t seed, const char *metric, enum chain_part);
} chain_source;
/* Adds the compressor whose rounds a metric numbers ("NAME.round"), once; any other adds nothing.
 */
rad_status chain_found(chain_source *, const char *metric);
void chains_put(const chain_source *, const char *key, text *out); /* the object */

/* --- reading --- */
enum { CHAIN_SHARES = 2 };
extern const int chain_share[CHAIN_SHARES]; /* 99, 90 */
typedef struct chain_spread {               /* over seeds */
  double mean, lo, hi; /* geometric mean and its 95 % interval (Student's t); NaN: fewer than 2 */
  size_t n;            /* seeds with a smaller round; 0: the rest says nothing */
  size_t none;         /* of them: no round keeps it */
  size_t less, more;   /* of them: a chain ended before it broke: it is less, or more, than that */
} chain_spread;
/* Of one compressor's object: what an arm keeps at share k. */
chain_spread chain_kept(const struct json_t *, size_t k, const char *arm);
/* What an arm keeps over what another one keeps, seed by seed. `none`: neither has a round that
 * keeps it. */
chain_spread chain_ratio(const struct json_t *, size_t k, const char *arm, const char *other);
/* "1.41 times (1.3 to 1.5)", "12 % (10 to 15)": `unit` is behind the mean; "or less" where no
 * seed's chain has broken. */
void chain_spread_put(const chain_spread *, double scale, const char *unit, text *out);
const char *chain_size_word(const struct json_t *); /* "weights": what "of" counts */
/* Of all of them what they go by, "train.accuracy", or "its metric" where that differs. */
const char *chains_metric(const struct json_t *compression);
bool arm_is_real(const char *arm); /* it is called real or true */
/* Which arm the others are compared with: the real one, else the first. */
size_t chain_reference(const char *const *arm, size_t narm);
typedef struct chain_arm {
  const char *name;
  bool noise;    /* of wrong labels or generated data */
  bool unfitted; /* it is known not to have fitted: there is little that could break */
} chain_arm;
/* Sentences, each ends in '\n': by which compressors an arm breaks earlier than the reference. */
void chains_words(const struct json_t *compression, const chain_arm *arm, size_t narm, text *out);
#endif
