/* SPDX-License-Identifier: BSD-3-Clause
 * final.c - what was selected on val is trained again, on train and val, with seeds that had no
 * part in the selection, and tested. It is a study of its own, of one trial, in final/NNNN of the
 * run directory: the trial's configuration with other seeds and another cut of val. */
#include "running.h"
#include "sections.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* --- reading --- */
/* Does a plugin of an arm go by val, which will not be there? */
static rad_status check_watchers(experiment *e, const config *arm, origin at)
{
  static const char *const kinds[] = {"schedule", "regularizer"};
  for (size_t i = 0; i < arm->n; i++) {
    const section *s = arm->v[i];
    const char *const *name = NULL;
    char title[160];
    size_t n = 0;
    diag dropped = {0};
    if ((strcmp(s->kind, kinds[0]) != 0 && strcmp(s->kind, kinds[1]) != 0) || !section_enabled(s) ||
        section_plugins(s, &e->mem, &name, &n) < 0 || n == 0)
      continue;
    const plugin *p = plugins_find(e->env->plugins, kind_by_name(s->kind)->kind, name[0], s->at,
                                   s->kind, &dropped);
    const rad_key *key = p ? keys_find(&(key_table){p->d.keys, p->d.nkeys}, 1, "metric") : NULL;
    diag_free(&dropped);
    const char *value = key ? section_value(s, "metric", key->def) : NULL;
    if (value && strncmp(value, "val.", 4) == 0)
      return diag_error(
          e->env->diag, RAD_EINVAL, at,
          "[final] trains on val too, but %s goes by %.80s: say [final] val = 0.1, or "
          "let it go by a metric of train",
          section_title(s, title), value);
  }
  return RAD_OK;
}

static rad_status check_final(experiment *e, const section *s)
{
  diag *d = e->env->diag;
  for (size_t i = 0; i < e->nfinal; i++)
    for (size_t k = 0; k < e->nseed; k++)
      if (e->final_seed[i] == e->seed[k])
        return diag_error(d, RAD_EINVAL, s->at,
                          "[final] seeds: %llu had a part in the selection ([run] seeds): take "
                          "fresh ones",
                          (unsigned long long)e->seed[k]);
  if (e->space.n > 0 && (e->nterm == 0 || e->objective.direction == DIRECTION_PARETO))
    return diag_error(d, RAD_EINVAL, s->at,
                      "[final] needs one best trial: an [objective] with direction = sum");
  for (size_t i = 0; i < e->narm && e->final_val <= 0.0; i++) {
    config c = {0};
    RAD_TRY(config_arm(&c, &e->base, e->arm[i], d));
    const rad_status r = check_watchers(e, &c, s->at);
    config_free(&c);
    RAD_TRY(r);
  }
  return RAD_OK;
}

rad_status final_read(experiment *e)
{
  const kind_info *info = kind_by_name("final");
  const section *s = config_next(&e->base, "final", NULL);
  final_keys k;
  if (!s)
    return RAD_OK;
  if (!section_get(s, "seeds"))
    return RAD_EINVAL; /* sections_check has said so */
  RAD_TRY(keys_fill(info->common, info->ncommon, s, &k, &e->mem, e->env->diag));
  e->final_val = k.val;
  RAD_TRY(seeds_read(e, &k.seeds, s, "[final]", &e->final_seed, &e->nfinal));
  return check_final(e, s);
}

/* --- running --- */
static const trial *winner(const record *r)
{
  if (r->x->space.n > 0)
    return record_best(r);
  return r->n > 0 && r->trial[0]->state == TRIAL_COMPLETE ? r->trial[0] : NULL;
}

/* Settings that the trial's own configuration is changed by; at most narm + 2. */
static size_t changes(const study *s, arena *mem, override *v)
{
  const experiment *x = s->x;
  char room[32];
  size_t n = 0;
  text seeds = {0};
  const char *val = text_from_double(room, x->final_val);
  for (size_t i = 0; i < x->nfinal; i++)
    text_printf(&seeds, "%s%" PRIu64, i > 0 ? ", " : "", x->final_seed[i]);
  v[n++].text = arena_printf(mem, "run.seeds=%s", text_str(&seeds));
  v[n++].text = arena_printf(mem, "dataset.val=%s", val);
  for (size_t i = 0; i < x->narm; i++) {
    const section *arm = config_find(&x->base, "arm", x->arm[i]);
    if (arm && section_find(arm, "dataset.val", NULL))
      v[n++].text = arena_printf(mem, "arm.%s.dataset.val=%s", x->arm[i], val);
  }
  bool failed = seeds.failed;
  for (size_t i = 0; i < n; i++)
    failed |= !v[i].text;
  text_free(&seeds);
  return failed ? 0 : n;
}

static char *final_dir(const char *dir, uint64_t index, arena *mem)
{
  return arena_printf(mem, "%s/final/%04" PRIu64, dir, index);
}

static int run(study *s, const trial *t, const char *dir, arena *mem)
{
  experiment x = {0};
  study_options o = *s->o;
  char *config_file = trial_config(mem, s->dir, t->known.index);
  override *v = arena_alloc(mem, (s->x->narm + 2) * sizeof *v);
  const size_t n = v ? changes(s, mem, v) : 0;
  if (n == 0 || !config_file)
    return EXIT_FAILED;
  rad_status r = experiment_open(&x, s->env, config_file, v, n);
  int exit = exit_status(r);
  if (r >= 0) {
    x.name = arena_printf(&x.mem, "%s, final", s->record.name);
    x.search.retries = s->x->search.retries;
    o.dir = dir;
    o.jobs = (int32_t)s->slots;
    exit = study_run(&x, &o);
  }
  experiment_free(&x);
  s->env->run_dir = s->dir;
  return exit;
}

int final_run(study *s)
{
  arena mem = {0};
  const trial *t = winner(&s->record);
  if (!t) {
    diag_warning(s->diag, (origin){0},
                 "[final]: no trial has ended well and kept the constraints: nothing to train "
                 "again");
    return EXIT_DONE;
  }
  const char *dir = final_dir(s->dir, t->known.index, &mem);
  const int exit = dir ? run(s, t, dir, &mem) : EXIT_FAILED;
  arena_free(&mem);
  if (exit != EXIT_DONE && exit != EXIT_CRASHED)
    return exit;
  const rad_status written = summary_write(s, "complete");
  return written < 0 ? exit_status(written) : exit;
}

/* --- its results --- */
/* Other winners that were tested before, when there were fewer trials. */
static void put_earlier(const char *run, uint64_t index, arena *mem, text *out)
{
  const char **name, *dir = fs_join(mem, run, "final");
  char own[32];
  size_t n = 0;
  diag ignored = {0};
  const size_t length = (size_t)snprintf(own, sizeof own, "%04" PRIu64, index);
  json_open(out, "tested_before", '[');
  if (dir && fs_list(dir, mem, &name, &n, &ignored) >= 0)
    for (size_t i = 0; i < n; i++) {
      int64_t k;
      char *plain = arena_strndup(mem, name[i], strcspn(name[i], "/"));
      if (plain && strncmp(plain, own, length + 1) != 0 && text_to_int64(plain, &k))
        json_int(out, NULL, k);
    }
  json_close(out, ']');
  diag_free(&ignored);
}

static void put_value(text *out, const char *key, const json_t *v)
{
  const char *name;
  json_t *inner;
  double x;
  if (json_is_object(v)) {
    json_open(out, key, '{');
    json_object_foreach((json_t *)(uintptr_t)v, name, inner) put_value(out, name, inner);
    json_close(out, '}');
  } else if (json_is_integer(v)) {
    json_int(out, key, json_integer_value(v));
  } else if (json_is_array(v)) {
    json_open(out, key, '[');
    for (size_t i = 0; i < json_array_size(v); i++)
      put_value(out, NULL, json_array_get(v, i));
    json_close(out, ']');
  } else if (json_to_double(v, &x)) {
    json_double(out, key, x);
  } else if (json_is_string(v)) {
    json_text(out, key, json_string_value(v));
  }
}

void final_put(const record *r, const char *run, text *out)
{
  arena mem = {0};
  const trial *t = r->x->nfinal > 0 ? winner(r) : NULL;
  char *dir = t ? final_dir(run, t->known.index, &mem) : NULL;
  char *path = dir ? fs_join(&mem, dir, "summary.json") : NULL;
  json_t *o = path && fs_is_file(path) ? json_load_file(path, 0, NULL) : NULL;
  const json_t *one = json_array_get(json_object_get(o, "trials"), 0);
  const char *state = json_member_text(o, "state");
  if (one && state && strcmp(state, "complete") == 0) {
    json_open(out, "final", '{');
    json_uint(out, "id", t->known.index);
    json_text(out, "state", json_member_text(one, "state"));
    json_double(out, "val", r->x->final_val);
    json_open(out, "run_seeds", '[');
    for (size_t i = 0; i < r->x->nfinal; i++)
      json_uint(out, NULL, r->x->final_seed[i]);
    json_close(out, ']');
    put_earlier(run, t->known.index, &mem, out);
    put_value(out, "metrics", json_object_get(one, "metrics"));
    put_value(out, "seeds", json_object_get(one, "seeds"));
    put_value(out, "compression", json_object_get(one, "compression"));
    json_close(out, '}');
  }
  json_decref(o);
  arena_free(&mem);
}
