/* SPDX-License-Identifier: BSD-3-Clause
 * reuse.c - jobs that have been done. Two jobs do the same where the configurations of their arms,
 * as they are resolved, the files of the plugins and the seeds are the same: names of arms and
 * trials have no part in a result. In another study also the data and the arithmetic must be the
 * same; a cache folder holds
 *   KEY/result.json, metrics.jsonl, *.safetensors ...   what the job left in its folder,
 * KEY being the SHA-256 of all that. A folder in it is complete, or has another name. */
#include "fs.h"
#include "running.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* --- keys --- */
/* What has no part in the result of one job. */
static bool matters(const section *s, const char *key)
{
  static const char *const run[] = {"seeds", "threads", "checkpoint"};
  for (size_t i = 0; strcmp(s->kind, "run") == 0 && i < 3; i++)
    if (strcmp(key, run[i]) == 0)
      return false;
  return true;
}

static void drop(config *c)
{
  size_t n = 0;
  for (size_t i = 0; i < c->n; i++) {
    section *s = c->v[i];
    size_t m = 0;
    if ((kind_by_name(s->kind)->flags & KIND_STUDY) || !section_enabled(s))
      continue;
    for (size_t k = 0; k < s->n; k++)
      if (matters(s, s->v[k].key))
        s->v[m++] = s->v[k];
    s->n = m;
    c->v[n++] = s;
  }
  c->n = n;
}

static rad_status put_plugins(study *s, const config *c, text *out)
{
  for (size_t i = 0; i < c->n; i++) {
    const section *sec = c->v[i];
    const uint32_t kind = kind_by_name(sec->kind)->kind;
    const char *name = section_value(sec, "plugin", NULL);
    if (kind == 0 || !name)
      continue;
    const plugin *p = plugins_find(s->env->plugins, kind, name, sec->at, sec->kind, s->diag);
    const char *sum = p ? plugin_sha256(s, p) : NULL;
    if (!sum)
      return RAD_EIO;
    text_printf(out, "%s %s %s\n", sec->kind, name, sum);
  }
  return RAD_OK;
}

/* The weights that it begins with are another result where the file is another one. */
static rad_status put_weights(study *s, const config *c, text *out)
{
  const section *run = config_find(c, "run", "");
  const char *file = run ? section_value(run, "weights", "") : "", *path;
  arena mem = {0};
  char hex[65];
  if (!*file)
    return RAD_OK;
  rad_status status = fs_data_path(&mem, "", file, &path, s->diag);
  if (status >= 0)
    status = fs_sha256_file(path, hex, s->diag);
  if (status >= 0)
    text_printf(out, "weights %s\n", hex);
  arena_free(&mem);
  return status;
}

static rad_status arm_text(study *s, const config *whole, const char *arm, text *out)
{
  config c = {0};
  RAD_TRY(experiment_arm(s->env, whole, arm, &c));
  drop(&c);
  config_write(&c, out);
  rad_status status = put_plugins(s, &c, out);
  if (status >= 0)
    status = put_weights(s, &c, out);
  config_free(&c);
  return status >= 0 && out->failed ? RAD_ENOMEM : status;
}

rad_status reuse_keys(study *s, trial *t, const config *whole)
{
  const size_t nseed = s->x->nseed;
  rad_status status = RAD_OK;
  for (size_t a = 0; a < s->x->narm && status >= 0 && t->state == TRIAL_RUNNING; a++) {
    text own = {0};
    status = arm_text(s, whole, s->x->arm[a], &own);
    const size_t n = own.n;
    for (size_t k = 0; k < nseed && status >= 0; k++) {
      char hex[65];
      own.n = n;
      text_printf(&own, "seed %" PRIu64 "\n", s->x->seed[k]);
      fs_sha256(own.s, own.n, hex);
      t->job[a * nseed + k].key = arena_strdup(&s->record.mem, hex);
      if (own.failed || !t->job[a * nseed + k].key)
        status = RAD_ENOMEM;
    }
    text_free(&own);
  }
  return status;
}

/* KEY of a cache, from the arena; NULL: nothing to be shared. */
static const char *shared_key(const study *s, const job *j, arena *mem)
{
  text all = {0};
  char hex[65];
  size_t i;
  char *path = arena_printf(mem, "%s/cache/files.json", s->dir);
  json_t *list = path ? json_load_file(path, 0, NULL) : NULL, *file;
  const char *key = NULL;
  if (list && j->key && s->record.fingerprint && !s->record.changed) {
    const char *plugins_part = strstr(s->record.fingerprint, "; plugins "); /* of any job */
    const size_t n = plugins_part ? (size_t)(plugins_part - s->record.fingerprint)
                                  : strlen(s->record.fingerprint);
    text_printf(&all, "%s\n%.*s\n", j->key, (int)n, s->record.fingerprint);
    json_array_foreach(list, i, file)
    {
      const char *sum = json_member_text(file, "sha256");
      text_printf(&all, "%s\n", sum ? sum : "");
    }
    if (!all.failed) {
      fs_sha256(all.s, all.n, hex);
      key = arena_strdup(mem, hex);
    }
  }
  json_decref(list);
  text_free(&all);
  return key;
}

/* --- files --- */
/* What a job leaves, result.json last, as it says that the rest is there. */
static rad_status copy(const char *from, const char *to, diag *d)
{
  static const char *const last = "result.json";
  arena mem = {0};
  const char **name;
  size_t n;
  rad_status s = fs_list(from, &mem, &name, &n, d);
  for (size_t i = 0; s >= 0 && i <= n; i++) {
    const char *file = i < n ? name[i] : last;
    if (i < n &&
        (strcmp(file, last) == 0 || strcmp(file, "lock") == 0 || strcmp(file, "log.txt") == 0 ||
         strcmp(file, "paused.json") == 0 || strchr(file, '/') || strstr(file, ".tmp.")))
      continue;
    char *a = fs_join(&mem, from, file), *b = fs_join(&mem, to, file);
    fs_bytes bytes = {0};
    s = a && b ? fs_map(a, 0, 0, &bytes, d) : RAD_ENOMEM;
    if (s >= 0)
      s = fs_write(b, bytes.p, bytes.n, d);
    fs_unmap(&bytes);
  }
  arena_free(&mem);
  return s;
}

static void remove_all(const char *dir)
{
  arena mem = {0};
  diag ignored = {0};
  const char **name;
  size_t n;
  if (fs_list(dir, &mem, &name, &n, &ignored) >= 0)
    for (size_t i = 0; i < n; i++) {
      char *path = fs_join(&mem, dir, name[i]);
      if (path)
        unlink(path);
    }
  rmdir(dir);
  diag_free(&ignored);
  arena_free(&mem);
}

/* --- finding --- */
static const job *done_before(const study *s, const job *j)
{
  for (size_t i = 0; i < s->record.n; i++)
    for (size_t k = 0; k < s->record.trial[i]->njob; k++) {
      const job *o = &s->record.trial[i]->job[k];
      if ((o->state == JOB_COMPLETE || o->state == JOB_DIVERGED) && o->key &&
          strcmp(o->key, j->key) == 0)
        return o;
    }
  return NULL;
}

static const char *find(const study *s, const job *j, arena *mem)
{
  const job *o = done_before(s, j);
  if (o)
    return job_folder(mem, s->dir, o->trial->known.index, s->x->arm[o->arm], s->x->seed[o->seed],
                      1.0);
  const char *key = *s->x->search.cache ? shared_key(s, j, mem) : NULL;
  return key ? fs_join(mem, s->x->search.cache, key) : NULL;
}

static rad_status post(study *s, const job *j, const char *from)
{
  text line = {0};
  job_post(s, &line, "reuse", j);
  json_text(&line, "from", from);
  const rad_status status = study_post(s, &line, false);
  text_free(&line);
  return status;
}

/* A job that is to stop at a rung is done anyway: what the pruner sees must not depend on when its
 * twin has ended. */
rad_status reuse_take(study *s, const job *j, const char *dir)
{
  arena mem = {0};
  diag why = {0};
  rad_status status = RAD_OK;
  const char *own = fs_join(&mem, dir, "result.json");
  const char *from =
      own && j->key && job_until(s, j) == 0 && !fs_is_file(own) ? find(s, j, &mem) : NULL;
  const char *result = from ? fs_join(&mem, from, "result.json") : NULL;
  if (result && fs_is_file(result)) {
    if (copy(from, dir, &why) >= 0)
      status = post(s, j, from);
    else /* then it is done again */
      diag_warning(s->diag, (origin){.file = from}, "cannot be used again: %s",
                   text_str(&why.messages));
  }
  diag_free(&why);
  arena_free(&mem);
  return status;
}

void reuse_keep(study *s, const job *j, const char *dir)
{
  arena mem = {0};
  diag why = {0};
  if (!*s->x->search.cache || (j->state != JOB_COMPLETE && j->state != JOB_DIVERGED))
    return;
  const char *key = shared_key(s, j, &mem);
  const char *to = key ? fs_join(&mem, s->x->search.cache, key) : NULL;
  const char *tmp = to ? arena_printf(&mem, "%s.tmp.%ld", to, (long)getpid()) : NULL;
  if (tmp && !fs_is_dir(to)) {
    if (fs_mkdirs(tmp, &why) < 0 || copy(dir, tmp, &why) < 0)
      diag_warning(s->diag, (origin){.file = tmp}, "cannot be kept for other studies: %s",
                   text_str(&why.messages));
    else if (rename(tmp, to) == 0)
      tmp = NULL;
    if (tmp) /* or another study was faster */
      remove_all(tmp);
  }
  diag_free(&why);
  arena_free(&mem);
}

bool reuse_comes(const study *s, const job *j)
{
  for (size_t i = 0; j->key && job_until(s, j) == 0 && i < s->nrunning; i++) {
    const job *o = s->running[i]->job;
    if (o && o->key && job_until(s, o) == 0 && strcmp(o->key, j->key) == 0)
      return true;
  }
  return false;
}
