/* SPDX-License-Identifier: BSD-3-Clause
 * pruner.c - pruners on learning curves that are known: what all of them promise, and what each
 * decides, against values computed by hand or by NumPy. That studies with them are the same however
 * they are run is in core_pruning.c. */
#include "host.h"
#include <check.h>
#include <math.h>
#include <rademacher/pruner.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 200, RUNGS = 100 };
static plugins *registry;

typedef struct rig {
  env env;
  diag diag;
  instance *i;
  uint64_t cohort;
  rad_trial trial[MOST];
  rad_rung rung[MOST][RUNGS];
  const rad_trial *list[MOST];
  section section;
  setting v[8];
  char words[128];
} rig;

/* keys: "first=2 every=3" */
static rad_status start(rig *r, const char *name, const char *keys, uint64_t epochs)
{
  size_t n = 0;
  *r = (rig){.cohort = 1};
  r->env = (env){.plugins = registry, .diag = &r->diag};
  snprintf(r->words, sizeof r->words, "%s", keys);
  r->v[n++] = (setting){.key = "plugin", .value = name};
  for (char *k = r->words, *end; *k != '\0'; k = end) {
    char *eq = strchr(k, '=');
    end = eq + strcspn(eq, " ");
    end += *end == ' ' ? (*end = '\0', 1) : 0;
    *eq = '\0';
    r->v[n++] = (setting){.key = k, .value = eq + 1};
  }
  r->section = (section){.kind = "pruner", .name = "", .v = r->v, .n = n, .cap = 8};
  for (size_t i = 0; i < MOST; i++) {
    r->trial[i] = (rad_trial){.index = i, .state = RAD_RUNNING, .rung = r->rung[i]};
    r->list[i] = &r->trial[i];
  }
  RAD_TRY(instance_new(&r->i, &r->env, RAD_PRUNER, name, &r->section));
  RAD_TRY(instance_state(r->i));
  const rad_pruner_ops *o = &r->i->plugin->ops.pruner;
  return o->cohort ? o->cohort(&r->i->ctx, r->i->self, epochs, &r->cohort) : RAD_OK;
}

static void end(rig *r)
{
  instance_free(r->i);
  env_free(&r->env);
  diag_free(&r->diag);
}

static rad_verdict judge(rig *r, size_t n, size_t which, uint64_t epochs)
{
  rad_verdict v[2] = {{.next = 0}, {.next = 0}};
  const rad_history all = {n, r->list};
  for (size_t k = 0; k < 2; k++) {
    const size_t mark = scratch_mark(&r->env);
    ck_assert_int_eq(
        r->i->plugin->ops.pruner.judge(&r->i->ctx, r->i->self, &all, which, epochs, &v[k]), RAD_OK);
    scratch_release(&r->env, mark);
  }
  ck_assert_uint_eq(v[0].action, v[1].action);
  ck_assert_uint_eq(v[0].next, v[1].next);
  ck_assert_double_eq(v[0].share, v[1].share);
  return v[0];
}

static void add(rig *r, size_t i, uint64_t epoch, double value)
{
  rad_trial *t = &r->trial[i];
  r->rung[i][t->nrung++] = (rad_rung){epoch, value};
}

static void add_all(rig *r, size_t i, const double *value, size_t n)
{
  for (size_t k = 0; k < n; k++)
    add(r, i, k + 1, value[k]);
}

/* --- what all promise --- */
static double quality(size_t i)
{
  return i % 11 == 7 ? 0.93 : 0.2 + 0.5 * fabs(sin(1.7 * (double)i + 0.4));
}

static double height(size_t i, uint64_t epoch)
{
  return quality(i) * (1.0 - exp(-(double)epoch / 6.0));
}

/* The epoch of the next rung; on a share of the samples, what that is worth. */
static uint64_t rung_of(rad_verdict v, uint64_t epochs)
{
  const bool all = v.share == 0.0 || v.share == 1.0;
  return all ? v.next : (uint64_t)(v.share * (double)(v.next > 0 ? v.next : epochs) + 0.5);
}

/* One cohort, as the core would: all to their next rung, then all are judged. */
static void run_cohort(rig *r, size_t begin, size_t stop, uint64_t epochs, const char *name)
{
  uint64_t next[MOST] = {0};
  for (size_t i = begin; i < stop; i++) {
    const rad_verdict v = judge(r, i + 1, i, epochs);
    ck_assert_msg(v.action == RAD_GO_ON, "%s gives up before there is anything", name);
    next[i] = rung_of(v, epochs);
  }
  for (size_t moved = 1; moved > 0;) {
    moved = 0;
    for (size_t i = begin; i < stop; i++)
      if (r->trial[i].state == RAD_RUNNING && next[i] > 0 && next[i] < epochs) {
        add(r, i, next[i], height(i, next[i]));
        moved++;
      } else if (r->trial[i].state == RAD_RUNNING) {
        next[i] = 0;
      }
    for (size_t i = begin; i < stop; i++) {
      if (r->trial[i].state != RAD_RUNNING || next[i] == 0)
        continue;
      const rad_verdict v = judge(r, stop, i, epochs);
      const uint64_t then = rung_of(v, epochs);
      ck_assert_msg(then == 0 || then > next[i], "%s: next %llu at %llu", name,
                    (unsigned long long)then, (unsigned long long)next[i]);
      r->trial[i].state = v.action == RAD_GIVE_UP ? RAD_PRUNED : RAD_RUNNING;
      next[i] = then;
    }
  }
  for (size_t i = begin; i < stop; i++)
    if (r->trial[i].state == RAD_RUNNING) {
      r->trial[i].state = RAD_FINISHED;
      add(r, i, epochs, height(i, epochs));
    }
}

START_TEST(every_pruner)
{
  const plugin *const *list;
  size_t n, pruners = 0;
  diag d = {0};
  ck_assert_int_eq(plugins_scan(registry, &list, &n, &d), RAD_OK);
  for (size_t k = 0; k < n; k++) {
    if (list[k]->d.kind != RAD_PRUNER)
      continue;
    rig *r = calloc(1, sizeof *r);
    size_t finished = 0, good = 0;
    const char *name = list[k]->d.name;
    ck_assert_msg(start(r, name, "", 40) == RAD_OK, "%s", text_str(&r->diag.messages));
    ck_assert_uint_ge(r->cohort, 1);
    for (size_t i = 0; i + r->cohort <= MOST; i += r->cohort)
      run_cohort(r, i, i + r->cohort, 40, name);
    for (size_t i = 0; i < MOST; i++) {
      finished += r->trial[i].state == RAD_FINISHED;
      good += r->trial[i].state == RAD_FINISHED && i % 11 == 7;
      ck_assert_msg(r->cohort > 1 || i % 11 != 7 || r->trial[i].state == RAD_FINISHED,
                    "%s gives one of the best up", name);
    }
    ck_assert_msg(finished > 0 && finished < 120, "%s: %zu finished", name, finished);
    ck_assert_msg(good > 0, "%s: none of the best is left", name);
    end(r);
    free(r);
    pruners++;
  }
  ck_assert_uint_ge(pruners, 5);
  diag_free(&d);
}
END_TEST

/* --- each --- */
/* Means up to epoch 2 of the four that came there: 0.25, 0.35, 0.5, 0.625; median 0.425. Trial 4
 * came to epoch 1 only, 5 has nothing. */
START_TEST(median_of_means)
{
  static const double v[][2] = {{0.2, 0.3}, {0.6, 0.1}, {0.45, 0.55}, {0.5, 0.75}};
  rig *r = calloc(1, sizeof *r);
  for (size_t least = 4; least < 6; least++) {
    char keys[32];
    snprintf(keys, sizeof keys, "trials=%zu first=1", least);
    ck_assert_int_eq(start(r, "median", keys, 9), RAD_OK);
    for (size_t i = 0; i < 4; i++)
      add_all(r, i, v[i], 2);
    add(r, 4, 1, 0.9);
    r->trial[4].state = RAD_PRUNED;
    ck_assert_uint_eq(judge(r, 7, 6, 9).next, 1);
    add(r, 6, 1, 0.1);
    add(r, 6, 2, 0.4249);
    const rad_verdict v1 = judge(r, 7, 6, 9);
    ck_assert_uint_eq(v1.action, least == 4 ? RAD_GIVE_UP : RAD_GO_ON);
    ck_assert_uint_eq(v1.next, 3);
    r->rung[6][0].value = 0.4251; /* its best so far is what counts */
    ck_assert_uint_eq(judge(r, 7, 6, 9).action, RAD_GO_ON);
    end(r);
  }
  free(r);
}
END_TEST

/* Seven of which one never came to a rung: 6 / 2 = 3 stay at the first, 6 / 4 = 1 at the second;
 * the earlier of equal ones. */
START_TEST(halves)
{
  static const double v[7] = {0.31, 0.62, 0.47, 0.62, 0, 0.58, 0.11};
  static const bool stays[7] = {false, true, false, true, false, true, false};
  rig *r = calloc(1, sizeof *r);
  ck_assert_int_eq(start(r, "halving", "cohort=7 first=2 factor=2", 9), RAD_OK);
  ck_assert_uint_eq(r->cohort, 7);
  for (size_t i = 0; i < 7; i++)
    if (i != 4)
      add(r, i, 2, v[i]);
  for (size_t i = 0; i < 7; i++)
    if (i != 4) {
      ck_assert_uint_eq(judge(r, 7, i, 9).action, stays[i] ? RAD_GO_ON : RAD_GIVE_UP);
      ck_assert_uint_eq(judge(r, 7, i, 9).next, 4);
    }
  for (size_t i = 0; i < 7; i++)
    if (stays[i])
      add(r, i, 4, i == 5 ? 0.7 : 0.69);
  ck_assert_uint_eq(judge(r, 7, 1, 9).action, RAD_GIVE_UP);
  ck_assert_uint_eq(judge(r, 7, 3, 9).action, RAD_GIVE_UP);
  ck_assert_uint_eq(judge(r, 7, 5, 9).action, RAD_GO_ON);
  end(r);
  free(r);
}
END_TEST

/* Shares 0.2, 0.6, then all; of six 6 / 3 = 2 stay after the first and one after the second. */
START_TEST(shares)
{
  static const double v[6] = {0.31, 0.62, 0.47, 0.62, 0.58, 0.11}, share[] = {0.2, 0.6, 1.0};
  static const bool stays[6] = {false, true, false, true, false, false};
  rig *r = calloc(1, sizeof *r);
  ck_assert_int_eq(start(r, "subset", "cohort=6 first=0.2", 30), RAD_OK);
  ck_assert_uint_eq(r->cohort, 6);
  for (size_t i = 0; i < 6; i++) {
    ck_assert_double_eq_tol(judge(r, i + 1, i, 30).share, share[0], 1e-15);
    ck_assert_uint_eq(judge(r, i + 1, i, 30).next, 0);
  }
  for (size_t i = 0; i < 6; i++)
    add(r, i, 6, v[i]);
  for (size_t i = 0; i < 6; i++) {
    ck_assert_uint_eq(judge(r, 6, i, 30).action, stays[i] ? RAD_GO_ON : RAD_GIVE_UP);
    ck_assert_double_eq_tol(judge(r, 6, i, 30).share, share[1], 1e-15);
  }
  add(r, 1, 18, 0.8);
  add(r, 3, 18, 0.81);
  ck_assert_uint_eq(judge(r, 6, 1, 30).action, RAD_GIVE_UP);
  ck_assert_uint_eq(judge(r, 6, 3, 30).action, RAD_GO_ON);
  ck_assert_double_eq(judge(r, 6, 3, 30).share, share[2]);
  end(r);
  free(r);
}
END_TEST

/* Table 1 of Li et al. 2018: 81, 34, 15, 8 and 5 trials from 1, 3, 9, 27 and 81 epochs. */
START_TEST(brackets)
{
  static const size_t from[] = {0, 81, 115, 130, 138, 143};
  static const uint64_t first[] = {1, 3, 9, 27, 0};
  rig *r = calloc(1, sizeof *r);
  ck_assert_int_eq(start(r, "hyperband", "", 81), RAD_OK);
  ck_assert_uint_eq(r->cohort, 143);
  for (size_t b = 0; b < 5; b++)
    for (size_t i = from[b]; i < from[b + 1]; i++)
      ck_assert_uint_eq(judge(r, i + 1, i, 81).next, first[b]);
  for (size_t i = 115; i < 130; i++)
    add(r, i, 9, height(i, 9));
  size_t stay = 0;
  for (size_t i = 115; i < 130; i++) {
    stay += judge(r, 143, i, 81).action == RAD_GO_ON;
    ck_assert_uint_eq(judge(r, 143, i, 81).next, 27);
  }
  ck_assert_uint_eq(stay, 5);
  end(r);
  ck_assert_int_eq(start(r, "hyperband", "first=7", 20), RAD_EINVAL);
  ck_assert_ptr_nonnull(strstr(text_str(&r->diag.messages), "no rung below them"));
  end(r);
  free(r);
}
END_TEST

/* Chances from NumPy: the same curves, by numpy.linalg.lstsq. */
START_TEST(chances)
{
  static const struct {
    double y[6];
    size_t n;
    uint64_t step, epochs;
    double best, chance;
  } c[] = {
      {{0.312, 0.447, 0.518, 0.561, 0.5887, 0.604}, 6, 1, 20, 0.687, 0.14806970377211454},
      {{0.5, 0.48, 0.47, 0.44, 0.42, 0.43}, 6, 1, 20, 0.6, 0.025951589632258545},
      {{0.11, 0.1, 0.115, 0.108, 0, 0}, 4, 2, 30, 0.13, 0.09157168120941954},
  };
  rig *r = calloc(1, sizeof *r);
  for (size_t k = 0; k < 6; k++) {
    char keys[64];
    const size_t i = k / 2;
    const double factor = k % 2 ? 1.0001 : 0.9999;
    snprintf(keys, sizeof keys, "first=4 every=%d chance=%.12f", (int)c[i].step,
             factor * c[i].chance);
    ck_assert_int_eq(start(r, "curve", keys, c[i].epochs), RAD_OK);
    add(r, 0, c[i].epochs, c[i].best);
    add(r, 1, c[i].epochs, c[i].best - 0.2);
    r->trial[0].state = r->trial[1].state = RAD_FINISHED;
    ck_assert_uint_eq(judge(r, 3, 2, c[i].epochs).next, c[i].step);
    for (size_t e = 0; e < c[i].n; e++)
      add(r, 2, c[i].step * (e + 1), c[i].y[e]);
    const rad_verdict v = judge(r, 3, 2, c[i].epochs);
    ck_assert_msg(v.action == (k % 2 ? RAD_GIVE_UP : RAD_GO_ON), "curve %zu, factor %g", i, factor);
    ck_assert_uint_eq(v.next, c[i].step * (c[i].n + 1));
    r->trial[0].state = r->trial[1].state = RAD_RUNNING; /* nobody to compare with */
    ck_assert_uint_eq(judge(r, 3, 2, c[i].epochs).action, RAD_GO_ON);
    end(r);
  }
  free(r);
}
END_TEST

int main(void)
{
  diag d = {0};
  if (plugins_new(&registry, NULL, &d) < 0) {
    fputs(text_str(&d.messages), stderr);
    return EXIT_FAILURE;
  }
  Suite *s = suite_create("pruner");
  TCase *t = tcase_create("pruner");
  tcase_add_test(t, every_pruner);
  tcase_add_test(t, median_of_means);
  tcase_add_test(t, halves);
  tcase_add_test(t, shares);
  tcase_add_test(t, brackets);
  tcase_add_test(t, chances);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  plugins_free(registry);
  diag_free(&d);
  return failed > 0;
}
