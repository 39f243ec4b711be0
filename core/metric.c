/* SPDX-License-Identifier: BSD-3-Clause
 * metric.c - names of metrics, and who may look at the test split: what selects may not. */
#include "sections.h"
#include <math.h>
#include <string.h>

static const char *const splits[] = {"train", "val", "test", "rest"};
static const char *const statics[] = {"parameters", "active_weights", "flop"};
static const char *const of_arm[] = {"epochs", "seconds"};

static bool among(const char *const *list, size_t n, const char *word)
{
  for (size_t i = 0; i < n; i++)
    if (strcmp(list[i], word) == 0)
      return true;
  return false;
}

typedef struct place {
  const char *name; /* as written */
  origin at;
  const char *title;
  diag *diag;
} place;

static rad_status reject(const place *p, const char *what, const char *hint)
{
  return diag_error(p->diag, RAD_EINVAL, p->at, "%s %.80s: %s%s", p->title, p->name, what, hint);
}

static rad_status no_memory(const place *p)
{
  return diag_error(p->diag, RAD_ENOMEM, p->at, "out of memory");
}

/* "a.b.c" into words; 0: an empty word, or more than `cap`. */
static size_t split_dots(arena *mem, const char *name, const char **word, size_t cap)
{
  size_t n = 0;
  for (const char *s = name;; s++) {
    const size_t length = strcspn(s, ".");
    if (length == 0 || n == cap || !(word[n] = arena_strndup(mem, s, length)))
      return 0;
    n++;
    s += length;
    if (!*s)
      return n;
  }
}

/* Does a metric, with or without an arm before it, look at the test split? */
static bool metric_is_test(const char *name)
{
  for (const char *s = name; (s = strstr(s, "test.")); s++)
    if (s == name || s[-1] == '.')
      return true;
  return false;
}

static rad_status parse_static(const place *p, const char *const *word, size_t n, arena *mem,
                               const char **canonical)
{
  char hint[96] = "";
  if (n != 2 || !among(statics, 3, word[1]))
    return reject(p, "of a model there are model.parameters, model.active_weights and model.flop",
                  n > 1 ? text_hint(hint, word[1], statics, 3) : "");
  *canonical = arena_printf(mem, "model.%s", word[1]);
  return *canonical ? RAD_OK : no_memory(p);
}

/* "epochs", or what a measure reports under its own name: "epochs_to_fit". */
static bool is_of_arm(const experiment *e, const char *word)
{
  return among(of_arm, 2, word) || config_find(&e->base, "measure", word);
}

static rad_status no_source(const experiment *e, const place *p, const char *const *word, size_t n)
{
  const char *list[64];
  char hint[96];
  size_t m = 0;
  for (size_t i = 0; i < (n > 1 ? 4 : 2); i++)
    list[m++] = n > 1 ? splits[i] : of_arm[i];
  for (const section *s = NULL; m < 64 && (s = config_next(&e->base, "measure", s));)
    list[m++] = s->name;
  return reject(p,
                "no such metric; they are ARM.train.NAME, ARM.val.NAME, ARM.test.NAME, "
                "ARM.MEASURE, ARM.MEASURE.NAME, ARM.epochs, ARM.seconds and model.NAME",
                text_hint(hint, word[0], list, m));
}

static rad_status no_name(const place *p, const char *where, const char *name, const char *hint)
{
  return diag_error(
      p->diag, RAD_EINVAL, p->at,
      "%s %.80s: nothing reports '%.80s' of %s%s; `rademacher help measure NAME` says "
      "what does",
      p->title, p->name, name, where, hint);
}

/* word[1], ... of a metric: reported by some measure of the arm? */
static rad_status check_name(const place *p, env *e, const config *arm, bool disabled_too,
                             const char *const *word, size_t n)
{
  const bool of_split = among(splits, 4, word[0]);
  text name = {0};
  char hint[96];
  bool found = false;
  for (size_t i = 1; i < n; i++)
    text_printf(&name, "%s%s", i > 1 ? "." : "", word[i]);
  rad_status s = metric_reported(e, arm, disabled_too, of_split ? NULL : word[0], text_str(&name),
                                 &found, hint);
  if (s == RAD_OK && !found)
    s = no_name(p, word[0], text_str(&name), hint);
  text_free(&name);
  return s;
}

/* What the core and the trainings of a compressor report of each round. */
static bool is_of_round(const char *const *word, size_t n)
{
  static const char *const own[] = {"parameters",  "active_weights", "bytes",
                                    "bytes_coded", "round",          "epochs"};
  static const char *const kept[] = {"kept_99", "kept_90"};
  if (n == 1)
    return among(own, 6, word[0]);
  if (n == 2 && among(kept, 2, word[0]))
    return among(own, 4, word[1]);
  if (n == 2 && among(splits, 4, word[0]) && strcmp(word[1], "agreement") == 0)
    return true;
  return n == 3 && among(splits, 4, word[1]); /* "fit.train.loss" */
}

/* A metric belongs to a split, to "DATASET.split", to a compressor, or to a measure or regularizer
 * of the arm. */
static rad_status check_source(const experiment *e, const place *p, const char *arm,
                               const char *const *word, size_t n)
{
  if (n == 1 && among(of_arm, 2, word[0]))
    return RAD_OK;
  const bool axes = config_count(&e->base, "axis") > 0; /* a row may switch it on */
  config c = {0};
  rad_status r = config_arm(&c, &e->base, arm, e->env->diag);
  if (r < 0)
    return r;
  if (n > 1 && config_find(&c, "dataset", word[0]))
    r = RAD_OK;
  else if (n > 1 && config_compressor(&c, word[0])) {
    if (n == 3 && among(splits, 4, word[1]) && strcmp(word[2], "agreement") != 0)
      r = check_name(p, e->env, &c, axes, word + 1, n - 1);
    else if (!is_of_round(word + 1, n - 1))
      r = reject(p,
                 "of a compressor there are parameters, active_weights, bytes, bytes_coded, "
                 "each also as kept_99.NAME and kept_90.NAME, round, epochs, SPLIT.agreement, "
                 "SPLIT.NAME of measures and TRAINING.SPLIT.NAME",
                 "");
  } else if ((n > 1 && among(splits, 4, word[0])) || config_find(&c, "measure", word[0]) ||
             config_find(&c, "regularizer", word[0]))
    r = check_name(p, e->env, &c, axes, word, n);
  else
    r = no_source(e, p, word, n);
  config_free(&c);
  return r;
}

/* "[arm.]split.name[.last|.max|.min]", "[arm.]epochs" and so on, "model.flop": reported where it
 * is malformed or names no arm; else its canonical form, from the arena. */
static rad_status metric_parse(const experiment *e, const char *name, origin at, const char *title,
                               arena *mem, const char **canonical)
{
  const place p = {name, at, title, e->env->diag};
  char hint[96];
  const char *word[16], *arm = e->arm[0];
  size_t n = split_dots(mem, name, word, 16), first = 0;
  if (n == 0)
    return reject(&p, "a metric is written ARM.SPLIT.NAME, as in real.val.accuracy", "");
  if (strcmp(word[0], "model") == 0)
    return parse_static(&p, word, n, mem, canonical);
  if (among(e->arm, e->narm, word[0])) {
    arm = word[0];
    first = 1;
  } else if (e->narm > 1 || strcmp(arm, "main") != 0) {
    return among(splits, 4, word[0]) || is_of_arm(e, word[0])
               ? reject(&p, "name the arm in front, as in ARM.val.accuracy", "")
               : reject(&p, "there is no such arm", text_hint(hint, word[0], e->arm, e->narm));
  }
  if (n > first + 2 && strcmp(word[n - 1], "last") == 0)
    n--;
  if (n == first)
    return reject(&p, "a metric is written ARM.SPLIT.NAME, as in real.val.accuracy", "");
  size_t named = n;
  if (named > first + 2 && (strcmp(word[n - 1], "max") == 0 || strcmp(word[n - 1], "min") == 0))
    named--;
  RAD_TRY(check_source(e, &p, arm, word + first, named - first));
  *canonical = arm;
  for (size_t i = first; i < n && *canonical; i++)
    *canonical = arena_printf(mem, "%s.%s", *canonical, word[i]);
  return *canonical ? RAD_OK : no_memory(&p);
}

/* --- [objective] --- */
static rad_status refuse_test(diag *d, origin at, const char *title, const char *name)
{
  return diag_error(d, RAD_EINVAL, at,
                    "%s %.80s: what selects may not see the test split; use val, or say "
                    "[objective] allow_test = true, and the report will say so too",
                    title, name);
}

static rad_status read_term(experiment *e, const section *s, const setting *set)
{
  char room[160];
  const char *title = section_title(s, room), *canonical;
  double weight;
  diag *d = e->env->diag;
  const kind_info *info = kind_by_name("objective");
  if (!strchr(set->key, '.') && !is_of_arm(e, set->key))
    return keys_unknown(set, &(key_table){info->common, info->ncommon}, 1, title, d);
  RAD_TRY(metric_parse(e, set->key, set->at, title, &e->mem, &canonical));
  if (!text_to_double(set->value, &weight) || weight == 0.0)
    return diag_error(d, RAD_EINVAL, set->at,
                      "%s %.80s = %.80s: must be a number other than 0, the metric's weight", title,
                      set->key, set->value);
  if (metric_is_test(canonical) && !e->objective.allow_test)
    return refuse_test(d, set->at, title, set->key);
  for (size_t i = 0; i < e->nterm; i++)
    if (strcmp(e->term[i].metric, canonical) == 0)
      return diag_error(d, RAD_EINVAL, set->at, "%s %.80s: this metric is there twice", title,
                        set->key);
  e->term[e->nterm++] = (term){.metric = canonical, .weight = weight, .at = set->at};
  return RAD_OK;
}

static rad_status read_objective(experiment *e)
{
  const section *s = config_find(&e->base, "objective", "");
  const kind_info *info = kind_by_name("objective");
  rad_status worst =
      keys_fill(info->common, info->ncommon, s, &e->objective, &e->mem, e->env->diag);
  if (!s)
    return worst;
  e->term = arena_alloc(&e->mem, (s->n + 1) * sizeof *e->term);
  if (!e->term)
    return diag_error(e->env->diag, RAD_ENOMEM, s->at, "out of memory");
  for (size_t i = 0; i < s->n; i++) {
    if (keys_find(&(key_table){info->common, info->ncommon}, 1, s->v[i].key))
      continue;
    const rad_status r = read_term(e, s, &s->v[i]);
    worst = r < 0 ? r : worst;
  }
  return worst;
}

/* --- [constraint NAME] --- */
static rad_status read_constraint(experiment *e, const section *s)
{
  const kind_info *info = kind_by_name("constraint");
  char room[160];
  const char *title = section_title(s, room), *canonical;
  diag *d = e->env->diag;
  constraint_keys k;
  if (!section_get(s, "metric"))
    return RAD_EINVAL; /* sections_check has said so */
  RAD_TRY(keys_fill(info->common, info->ncommon, s, &k, &e->mem, d));
  const setting *metric = section_get(s, "metric");
  RAD_TRY(metric_parse(e, k.metric, metric->at, title, &e->mem, &canonical));
  if (metric_is_test(canonical) && !e->objective.allow_test)
    return refuse_test(d, metric->at, title, k.metric);
  const bool least = section_get(s, "min"), most = section_get(s, "max");
  if (!least && !most)
    return diag_error(d, RAD_EINVAL, s->at, "%s limits nothing: it needs min, max or both", title);
  if (k.min > k.max)
    return diag_error(d, RAD_EINVAL, s->at, "%s min is above max", title);
  e->constraint[e->nconstraint++] = (constraint){.name = arena_strdup(&e->mem, s->name),
                                                 .metric = canonical,
                                                 .min = least ? k.min : -HUGE_VAL,
                                                 .max = most ? k.max : HUGE_VAL,
                                                 .is_static = strncmp(canonical, "model.", 6) == 0};
  return RAD_OK;
}

/* --- [pruner] --- */
/* How many noises an arm has, a data set that replaces another counted as one. */
static rad_status noises_of(const experiment *e, size_t arm, size_t *n)
{
  config c = {0};
  RAD_TRY(config_arm(&c, &e->base, e->arm[arm], e->env->diag));
  const section *data = config_find(&c, "dataset", "");
  *n = config_count(&c, "noise") + (data && data->before);
  config_free(&c);
  return RAD_OK;
}

static size_t arm_of(const experiment *e, const char *metric)
{
  size_t i = 0;
  while (i < e->narm &&
         (strncmp(metric, e->arm[i], strlen(e->arm[i])) != 0 || metric[strlen(e->arm[i])] != '.'))
    i++;
  return i;
}

/* What fits noise stays at chance for long and then jumps, so nothing is given up for it where
 * nobody says so: the first term with a positive weight of an arm with no more noise than others.
 */
static rad_status first_term(experiment *e, const section *s, const char *title)
{
  size_t least = SIZE_MAX, *n = arena_alloc(&e->mem, e->narm * sizeof *n);
  if (!n)
    return diag_error(e->env->diag, RAD_ENOMEM, s->at, "out of memory");
  for (size_t i = 0; i < e->narm; i++) {
    RAD_TRY(noises_of(e, i, &n[i]));
    least = n[i] < least ? n[i] : least;
  }
  for (size_t i = 0; i < e->nterm; i++) {
    const size_t arm = arm_of(e, e->term[i].metric);
    if (e->term[i].weight > 0.0 && arm < e->narm && n[arm] == least) {
      e->watch = (watch){e->term[i].metric, arm, 1.0};
      return RAD_OK;
    }
  }
  return diag_error(e->env->diag, RAD_EINVAL, s->at,
                    "%s does not know what to watch: the objective has no metric with a positive "
                    "weight of an arm without noise; say which, e.g. metric = %s.val.accuracy",
                    title, e->arm[0]);
}

static rad_status read_pruner(experiment *e, const section *s)
{
  const kind_info *info = kind_by_name("pruner");
  char room[160];
  const char *title = section_title(s, room), *canonical;
  diag *d = e->env->diag;
  pruner_keys k;
  const setting *metric = section_get(s, "metric");
  if (!section_get(s, "plugin"))
    return RAD_EINVAL; /* sections_check has said so */
  RAD_TRY(keys_fill(info->common, info->ncommon, s, &k, &e->mem, d));
  if (!metric || !*metric->value)
    return first_term(e, s, title);
  RAD_TRY(metric_parse(e, k.metric, metric->at, title, &e->mem, &canonical));
  const size_t arm = arm_of(e, canonical);
  if (arm == e->narm)
    return diag_error(d, RAD_EINVAL, metric->at,
                      "%s metric = %.80s: is the same after every epoch; a [constraint] limits it",
                      title, k.metric);
  e->watch = (watch){canonical, arm, k.goal == GOAL_MIN ? -1.0 : 1.0};
  for (size_t i = 0; i < e->nterm && !section_get(s, "goal"); i++)
    if (strcmp(e->term[i].metric, canonical) == 0)
      e->watch.sign = e->term[i].weight > 0.0 ? 1.0 : -1.0;
  return RAD_OK;
}

rad_status metrics_read(experiment *e)
{
  rad_status worst = read_objective(e);
  e->constraint = arena_alloc(&e->mem, (e->base.n + 1) * sizeof *e->constraint);
  if (!e->constraint)
    return diag_error(e->env->diag, RAD_ENOMEM, (origin){0}, "out of memory");
  for (const section *s = NULL; (s = config_next(&e->base, "constraint", s));) {
    const rad_status r = read_constraint(e, s);
    worst = r < 0 ? r : worst;
  }
  const section *pruner = config_next(&e->base, "pruner", NULL);
  const rad_status r = pruner ? read_pruner(e, pruner) : RAD_OK;
  return r < 0 ? r : worst;
}

/* --- `metric` keys of plugins --- */
/* The metric of an arm, or each that is chosen from. */
static rad_status check_value(env *e, const config *c, bool allow_test, const section *s,
                              const setting *set)
{
  arena mem = {0};
  char title[160];
  const char *const *value = &set->value;
  const char *word[16];
  size_t n = 1;
  rad_status r = RAD_OK;
  section_title(s, title);
  if (is_searched(set->value) && searched_words(&mem, set->value, &value, &n) < 0)
    n = 0; /* which is reported elsewhere */
  for (size_t i = 0; i < n && r == RAD_OK; i++) {
    const place p = {value[i], set->at, title, e->diag};
    const size_t m = split_dots(&mem, value[i], word, 16);
    if (!allow_test && metric_is_test(value[i]))
      r = refuse_test(e->diag, set->at, title, set->key);
    else if (m > 1 && among(splits, 4, word[0]))
      r = check_name(&p, e, c, false, word, m);
  }
  arena_free(&mem);
  return r;
}

rad_status metrics_check(env *e, const config *c, bool allow_test)
{
  rad_status worst = RAD_OK;
  for (size_t i = 0; i < c->n; i++) {
    const section *s = c->v[i];
    const kind_info *info = kind_by_name(s->kind);
    if (!info || !section_enabled(s) || !(info->flags & KIND_PLUGIN))
      continue;
    for (size_t k = 0; k < s->n; k++)
      if (strcmp(s->v[k].key, "metric") == 0 && check_value(e, c, allow_test, s, &s->v[k]) < 0)
        worst = RAD_EINVAL;
  }
  return worst;
}
