/* SPDX-License-Identifier: BSD-3-Clause
 * optuna.c - the study as a storage of Optuna, in SQLite: optuna.load_study(study_name=...,
 * storage="sqlite:///study.db"), optuna-dashboard. Trials with their parameters, distributions,
 * values (all maximised), intermediate values, constraints; what jobs end with are user attributes.
 * One process writes; it is drawn from the journal, so it need not survive a power cut. Times are
 * UTC. https://optuna.readthedocs.io, optuna/storages/_rdb/models.py; tables: optuna.h */
#include "optuna.h"
#include "../quote.h"
#include "sql.h"
#include <inttypes.h>
#include <rademacher/logger.h>
#include <stdio.h>

enum { KEY_ROOM = 512, WAIT_MS = 60000 };
typedef struct store {
  sqlite3 *db;
  bool open; /* in a transaction: replayed events are written in one */
} store;
typedef struct optuna {
  const char *file, *metric;
  store *store;
} optuna;
static const rad_key keys[] = {
    RAD_KEY(optuna, file, "study.db", 0, 0, RAD_FIXED, "name of the file in the run directory"),
    RAD_KEY(
        optuna, metric, "", 0, 0, RAD_FIXED,
        "ARM.SPLIT.NAME whose epochs are the intermediate values, of the first seed; empty: what "
        "a pruner has seen"),
};

static rad_status init(rad_ctx *c, void *self)
{
  optuna *v = self;
  v->store = c->host->alloc(c, 1, sizeof *v->store);
  return v->store ? RAD_OK : rad_fail(c, RAD_ENOMEM, "out of memory");
}

static void fini(rad_ctx *c, void *self)
{
  store *s = ((optuna *)self)->store;
  (void)c;
  if (s->open)
    sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL);
  sqlite3_close(s->db);
}

/* --- statements --- */
static rad_status fault(rad_ctx *c, const optuna *v)
{
  return rad_fail(c, RAD_EIO, "%s: %s", v->file,
                  v->store->db ? sqlite3_errmsg(v->store->db) : "no memory for SQLite");
}

static rad_status execute(rad_ctx *c, const optuna *v, const char *sql)
{
  return sqlite3_exec(v->store->db, sql, NULL, NULL, NULL) == SQLITE_OK ? RAD_OK : fault(c, v);
}

/* The values of a statement, as in sql.h. */
#define RUN(c, v, ...) (sql_run((v)->store->db, __VA_ARGS__) ? RAD_OK : fault(c, v))

/* What Optuna's json.loads takes for a number. */
static const char *json_number(rad_ctx *c, char out[32], double x)
{
  return isnan(x)      ? "NaN"
         : isfinite(x) ? c->host->number(out, x)
         : x > 0       ? "Infinity"
                       : "-Infinity";
}

static int64_t id_of(const rad_event *e)
{
  return (int64_t)e->trial + 1;
}

/* --- studies --- */
static rad_status create(rad_ctx *c, const optuna *v)
{
  RAD_TRY(c->host->append(c, v->file, "", 0)); /* what was there is gone */
  const char *path = c->host->path(c, v->file);
  if (!path)
    return RAD_EINVAL;
  if (sqlite3_open_v2(path, &v->store->db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
    return fault(c, v);
  sqlite3_busy_timeout(v->store->db, WAIT_MS); /* a dashboard reads it */
  RAD_TRY(execute(c, v, "PRAGMA synchronous = OFF"));
  RAD_TRY(execute(c, v, "BEGIN"));
  v->store->open = true;
  return execute(c, v, optuna_tables);
}

static rad_status on_study(rad_ctx *c, const optuna *v, const rad_event *e)
{
  size_t room = 4, n = 0;
  if (e->space->nscore == 0)
    return rad_fail(c, RAD_EINVAL, "a study of Optuna has an [objective], this one has none");
  RAD_TRY(create(c, v));
  RAD_TRY(RUN(c, v, "INSERT INTO studies VALUES (1, ?)", "s", e->experiment));
  for (size_t k = 0; k < e->space->nscore; k++) {
    room += 6 * strlen(e->terms[k]) + 4;
    RAD_TRY(
        RUN(c, v, "INSERT INTO study_directions VALUES (NULL, 'MAXIMIZE', 1, ?)", "i", (int64_t)k));
  }
  char *names = c->host->scratch(c, room);
  if (!names)
    return RAD_ENOMEM;
  for (size_t k = 0; k < e->space->nscore; k++) {
    names[n++] = k == 0 ? '[' : ',';
    n += quote(names + n, e->terms[k]);
  }
  memcpy(names + n, "]", 2);
  return RUN(c, v, "INSERT INTO study_system_attributes VALUES (NULL, 1, 'study:metric_names', ?)",
             "s", names);
}

/* --- trials --- */
static const char *distribution(rad_ctx *c, const rad_dim *d)
{
  char lo[32], hi[32];
  size_t room = 256, n = 0;
  for (size_t k = 0; k < d->nchoice; k++)
    room += 6 * strlen(d->choice[k]) + 4;
  char *out = c->host->scratch(c, room);
  if (!out)
    return NULL;
  if (d->type != RAD_ENUM) {
    snprintf(out, room,
             "{\"name\": \"%sDistribution\", \"attributes\": {\"log\": %s, \"step\": %s, "
             "\"low\": %s, \"high\": %s}}",
             d->type == RAD_INT ? "Int" : "Float", d->log ? "true" : "false",
             d->type == RAD_INT ? "1" : "null", c->host->number(lo, d->lo),
             c->host->number(hi, d->hi));
    return out;
  }
  n = (size_t)snprintf(out, room,
                       "{\"name\": \"CategoricalDistribution\", \"attributes\": {\"choices\": [");
  for (size_t k = 0; k < d->nchoice; k++) {
    if (k > 0)
      out[n++] = ',';
    n += quote(out + n, d->choice[k]);
  }
  snprintf(out + n, room - n, "]}}");
  return out;
}

static rad_status on_trial(rad_ctx *c, const optuna *v, const rad_event *e)
{
  RAD_TRY(RUN(c, v,
              "INSERT INTO trials VALUES (?, ?, 1, 'RUNNING',"
              "strftime('%Y-%m-%d %H:%M:%f', ?, 'unixepoch') || '000', NULL)",
              "iid", id_of(e), (int64_t)e->trial, e->time));
  for (size_t i = 0; i < e->space->ndim; i++) {
    const rad_dim *d = e->space->dim[i];
    const double x = e->trial_record->value[i];
    const char *json = isnan(x) ? "" : distribution(c, d);
    if (!json)
      return RAD_ENOMEM;
    if (*json)
      RAD_TRY(RUN(c, v, "INSERT INTO trial_params VALUES (NULL, ?, ?, ?, ?)", "isds", id_of(e),
                  d->name, x, json));
  }
  return RAD_OK;
}

static rad_status put_intermediate(rad_ctx *c, const optuna *v, const rad_event *e, uint64_t step,
                                   double x)
{
  return RUN(c, v, "INSERT OR REPLACE INTO trial_intermediate_values VALUES (NULL, ?, ?, ?, ?)",
             "iidt", id_of(e), (int64_t)step, x, x);
}

static rad_status put_attribute(rad_ctx *c, const optuna *v, const rad_event *e, const char *key,
                                const char *json)
{
  return RUN(c, v, "INSERT OR REPLACE INTO trial_user_attributes VALUES (NULL, ?, ?, ?)", "iss",
             id_of(e), key, json);
}

static rad_status on_metric(rad_ctx *c, const optuna *v, const rad_event *e)
{
  char key[KEY_ROOM], number[32];
  const int n = snprintf(key, sizeof key, "%s.%s", e->arm, e->name);
  if (e->epoch != UINT64_MAX)
    return strcmp(key, v->metric) == 0 && e->seed == e->seeds[0]
               ? put_intermediate(c, v, e, e->epoch, e->value)
               : RAD_OK;
  if (e->nseed > 1 && n > 0 && (size_t)n < sizeof key)
    snprintf(key + n, sizeof key - (size_t)n, " seed %" PRIu64, e->seed);
  return put_attribute(c, v, e, key, json_number(c, number, e->value));
}

/* Of constrained samplers: > 0 is violated. */
static rad_status put_constraints(rad_ctx *c, const optuna *v, const rad_event *e)
{
  const size_t n = e->space->nconstraint, room = 40 * n + 4;
  char *out = c->host->scratch(c, room), number[32];
  size_t at = 0;
  if (!out)
    return RAD_ENOMEM;
  for (size_t k = 0; k < n; k++)
    at += (size_t)snprintf(out + at, room - at, "%c%s", k == 0 ? '[' : ',',
                           json_number(c, number, e->trial_record->violation[k]));
  snprintf(out + at, room - at, "]");
  return RUN(c, v, "INSERT INTO trial_system_attributes VALUES (NULL, ?, 'constraints', ?)", "is",
             id_of(e), out);
}

static rad_status put_reason(rad_ctx *c, const optuna *v, const rad_event *e)
{
  char *json = c->host->scratch(c, 6 * strlen(e->text) + 3);
  if (!json)
    return RAD_ENOMEM;
  json[quote(json, e->text)] = '\0';
  return put_attribute(c, v, e, "reason", json);
}

static rad_status on_trial_end(rad_ctx *c, const optuna *v, const rad_event *e)
{
  const rad_trial *t = e->trial_record;
  bool whole = e->state == RAD_FINISHED;
  for (size_t k = 0; k < e->space->nscore; k++)
    whole = whole && !isnan(t->score[k]); /* Optuna has no room for NaN: then it has failed */
  for (size_t k = 0; whole && k < e->space->nscore; k++)
    RAD_TRY(RUN(c, v, "INSERT INTO trial_values VALUES (NULL, ?, ?, ?, ?)", "iidt", id_of(e),
                (int64_t)k, t->score[k], t->score[k]));
  for (size_t k = 0; v->metric[0] == '\0' && k < t->nrung; k++)
    RAD_TRY(put_intermediate(c, v, e, t->rung[k].epoch, t->rung[k].value));
  if (e->space->nconstraint > 0)
    RAD_TRY(put_constraints(c, v, e));
  if (e->text && *e->text)
    RAD_TRY(put_reason(c, v, e));
  return RUN(c, v,
             "UPDATE trials SET state = ?, datetime_complete ="
             "strftime('%Y-%m-%d %H:%M:%f', ?, 'unixepoch') || '000' WHERE trial_id = ?",
             "sdi",
             whole                    ? "COMPLETE"
             : e->state == RAD_PRUNED ? "PRUNED"
                                      : "FAIL",
             e->time, id_of(e));
}

static rad_status draw(rad_ctx *c, const optuna *v, const rad_event *e)
{
  switch (e->type) {
  case RAD_EV_STUDY:
    return on_study(c, v, e);
  case RAD_EV_TRIAL:
    return on_trial(c, v, e);
  case RAD_EV_METRIC:
    return e->arm && e->name ? on_metric(c, v, e) : RAD_OK;
  case RAD_EV_TRIAL_END:
    return on_trial_end(c, v, e);
  default:
    return RAD_OK;
  }
}

static rad_status event(rad_ctx *c, const void *self, const rad_event *e)
{
  const optuna *v = self;
  if (e->type != RAD_EV_STUDY && !v->store->open) {
    RAD_TRY(execute(c, v, "BEGIN"));
    v->store->open = true;
  }
  RAD_TRY(draw(c, v, e));
  if (e->replay && e->type != RAD_EV_STUDY_END)
    return RAD_OK;
  v->store->open = false;
  return execute(c, v, "COMMIT");
}

static const rad_logger_ops ops = {.size = sizeof ops, .event = event};
static const rad_plugin optuna_plugin = {RAD_PLUGIN(RAD_LOGGER, "optuna", optuna, &ops),
                                         RAD_KEYS(keys),
                                         .init = init,
                                         .fini = fini,
                                         .needs = 1,
                                         .version = "1",
                                         .summary = "the study as a storage of Optuna, in SQLite",
                                         .reference = "Akiba et al. 2019, KDD; optuna.org"};
RAD_EXPORT(&optuna_plugin)
