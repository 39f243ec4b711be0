/* SPDX-License-Identifier: BSD-3-Clause
 * tensorboard.c - event files of TensorBoard, in FOLDER of the run directory:
 *   FOLDER/                      text: what is searched, how it ended
 *   FOLDER/TRIAL/seed-S/         HParams of the trial; seeds are one group; its objective
 *   FOLDER/TRIAL/seed-S/ARM/     scalars over epochs; text: why it failed; histograms of weights;
 *                                training images as the network got them, filters on images
 * A scalar "train.loss" has the tag train/loss; what a job ends with, after any restore, has
 * final/train.loss. All of it follows from the journal, so a resume draws the same bytes again.
 * Event and Summary: https://github.com/tensorflow/tensorboard, compat/proto; HParams:
 * plugins/hparams/plugin_data.proto. */
#include "tfhparams.h"
#include "tfimage.h"

enum { EVENT_ROOM = 1024, NAME_ROOM = 256 };

typedef struct tensorboard {
  const char *folder;
  bool histograms, images;
} tensorboard;
static const rad_key keys[] = {
    RAD_KEY(tensorboard, folder, "tb", 0, 0, RAD_FIXED, "folder in the run directory"),
    RAD_KEY(tensorboard, histograms, "true", 0, 0, RAD_FIXED,
            "draw the weights that each job ends with"),
    RAD_KEY(tensorboard, images, "true", 0, 0, RAD_FIXED,
            "draw training images as the network got them, and filters of their size or channels"),
};

/* --- where --- */
typedef struct where { /* of an event file: seed and arm NULL: of what is above them */
  const rad_event *e;
  const uint64_t *seed;
  const char *arm;
} where;

static const char *file_name(char out[NAME_ROOM], const tensorboard *v, const where *w)
{
  char trial[32] = "", seed[32] = "";
  if (w->seed) {
    snprintf(trial, sizeof trial, "%04" PRIu64 "/", w->e->trial);
    snprintf(seed, sizeof seed, "seed-%" PRIu64 "/", *w->seed);
  }
  snprintf(out, NAME_ROOM, "%s/%s%s%s%sevents.out.tfevents.rademacher", v->folder, trial, seed,
           w->arm ? w->arm : "", w->arm ? "/" : "");
  return out;
}

/* --- records --- */
static proto record(rad_ctx *c, const rad_event *e, size_t room)
{
  proto b = {.p = c->host->scratch(c, room), .cap = room};
  b.full = b.p == NULL;
  tfrecord_begin(&b, e->time);
  return b;
}

static rad_status put(rad_ctx *c, const tensorboard *v, const where *w, proto *b)
{
  char name[NAME_ROOM];
  tfrecord_end(b);
  return b->full ? rad_fail(c, RAD_ENOMEM, "no memory for an event")
                 : c->host->append(c, file_name(name, v, w), b->p, b->n);
}

static rad_status put_head(rad_ctx *c, const tensorboard *v, const where *w)
{
  proto b = record(c, w->e, EVENT_ROOM);
  proto_text(&b, 3, "brain.Event:2");
  const size_t source = proto_open(&b, 10);
  proto_text(&b, 1, "rademacher");
  proto_close(&b, source);
  return put(c, v, w, &b);
}

static rad_status put_scalar(rad_ctx *c, const tensorboard *v, const where *w, uint64_t step,
                             const char *tag, double x)
{
  proto b = record(c, w->e, strlen(tag) + EVENT_ROOM);
  tfrecord_scalar(&b, step, tag, (float)x);
  return put(c, v, w, &b);
}

static rad_status put_text(rad_ctx *c, const tensorboard *v, const where *w, const char *tag,
                           const char *markdown)
{
  proto b = record(c, w->e, strlen(tag) + strlen(markdown) + EVENT_ROOM);
  tfrecord_text(&b, tag, markdown);
  return put(c, v, w, &b);
}

/* --- HParams: metadata alone, in a float tensor without elements --- */
static rad_status put_hparams(rad_ctx *c, const tensorboard *v, const where *w, const char *tag,
                              const proto *content)
{
  const size_t none = 0;
  proto b = record(c, w->e, content->n + EVENT_ROOM);
  const tfrecord_value s = tfrecord_open(&b, 0, tag, "hparams", 0, content);
  b.full = b.full || content->full;
  const size_t tensor = proto_open(&b, 8);
  tfrecord_shape(&b, TFRECORD_DT_FLOAT, &none, 1);
  proto_close(&b, tensor);
  tfrecord_close(&b, s);
  return put(c, v, w, &b);
}

static rad_status put_session_start(rad_ctx *c, const tensorboard *v, const where *w)
{
  const size_t room = tfhparams_room(w->e->space);
  proto b = {.p = c->host->scratch(c, room), .cap = room};
  b.full = b.p == NULL;
  tfhparams_start(&b, w->e);
  return put_hparams(c, v, w, "_hparams_/session_start_info", &b);
}

static rad_status put_session_end(rad_ctx *c, const tensorboard *v, const where *w)
{
  uint8_t room[64];
  proto b = {.p = room, .cap = sizeof room};
  tfhparams_end(&b, w->e);
  return put_hparams(c, v, w, "_hparams_/session_end_info", &b);
}

/* --- histograms --- */
static rad_status put_histogram(rad_ctx *c, const tensorboard *v, const where *w,
                                const rad_array *a)
{
  tfrecord_histogram h;
  char tag[NAME_ROOM];
  if (a->type != RAD_F32)
    return RAD_OK;
  tfrecord_count(&h, a->data, rad_count(&a->shape));
  if (h.n == 0)
    return RAD_OK;
  snprintf(tag, sizeof tag, "weights/%s", a->name);
  proto b = record(c, w->e, sizeof h + 3 * sizeof h.count + EVENT_ROOM);
  tfrecord_bars(&b, w->e->epoch, tag, &h);
  return put(c, v, w, &b);
}

static rad_status put_histograms(rad_ctx *c, const tensorboard *v, const where *w)
{
  size_t n;
  const rad_array *const *a;
  RAD_TRY(w->e->weights(c, w->e, &n, &a));
  for (size_t i = 0; i < n; i++)
    RAD_TRY(put_histogram(c, v, w, a[i]));
  return RAD_OK;
}

/* --- images --- */
static rad_status put_strip(rad_ctx *c, const tensorboard *v, const where *w, const char *tag,
                            const rad_shape *s, const uint8_t *x)
{
  proto b = record(c, w->e, tfimage_room(s) + strlen(tag) + EVENT_ROOM);
  tfimage_put(&b, w->e->epoch, tag, s, x);
  return put(c, v, w, &b);
}

static rad_status put_filters(rad_ctx *c, const tensorboard *v, const where *w, const rad_array *a,
                              const rad_shape *image)
{
  rad_shape s;
  char tag[NAME_ROOM];
  if (!tfimage_is_filters(a, image, &s))
    return RAD_OK;
  uint8_t *x = c->host->scratch(c, rad_count(&s));
  if (!x)
    return rad_fail(c, RAD_ENOMEM, "no memory for filters");
  tfimage_paint(a->data, &s, x);
  snprintf(tag, sizeof tag, "filters/%s", a->name);
  return put_strip(c, v, w, tag, &s, x);
}

static rad_status put_images(rad_ctx *c, const tensorboard *v, const where *w)
{
  size_t n, nweight;
  const rad_array *const *a, *const *weight;
  RAD_TRY(w->e->samples(c, w->e, &n, &a));
  for (size_t i = 0; i < n; i++) {
    if (!tfimage_is_strip(a[i]))
      continue;
    RAD_TRY(put_strip(c, v, w, "samples", &a[i]->shape, a[i]->data));
    RAD_TRY(w->e->weights(c, w->e, &nweight, &weight));
    for (size_t k = 0; k < nweight; k++)
      RAD_TRY(put_filters(c, v, w, weight[k], &a[i]->shape));
  }
  return RAD_OK;
}

/* --- events --- */
static size_t put_dim(char *out, size_t room, rad_ctx *c, const rad_dim *d)
{
  char lo[32], hi[32];
  size_t n = (size_t)snprintf(out, room, "| %s | ", d->name);
  if (d->type != RAD_ENUM)
    n += (size_t)snprintf(out + n, room - n, "%s to %s", c->host->number(lo, d->lo),
                          c->host->number(hi, d->hi));
  for (size_t k = 0; k < d->nchoice; k++)
    n += (size_t)snprintf(out + n, room - n, "%s%s", k > 0 ? ", " : "", d->choice[k]);
  return n + (size_t)snprintf(out + n, room - n, " |\n");
}

static rad_status on_study(rad_ctx *c, const tensorboard *v, const where *w)
{
  const rad_event *e = w->e;
  const size_t room = tfhparams_room(e->space) + strlen(e->experiment);
  char *words = c->host->scratch(c, room);
  if (!words)
    return RAD_ENOMEM;
  size_t n =
      (size_t)snprintf(words, room, "%s\n\n| searched | values |\n|---|---|\n", e->experiment);
  for (size_t i = 0; i < e->space->ndim; i++)
    n += put_dim(words + n, room - n, c, e->space->dim[i]);
  RAD_TRY(put_head(c, v, w));
  return put_text(c, v, w, "study", words);
}

/* All files of a trial are begun with it. */
static rad_status on_trial(rad_ctx *c, const tensorboard *v, const rad_event *e)
{
  for (size_t s = 0; s < e->nseed; s++) {
    where w = {e, &e->seeds[s], NULL};
    RAD_TRY(put_head(c, v, &w));
    RAD_TRY(put_session_start(c, v, &w));
    for (size_t a = 0; a < e->narm; a++) {
      w.arm = e->arms[a];
      RAD_TRY(put_head(c, v, &w));
    }
  }
  return RAD_OK;
}

static rad_status on_trial_end(rad_ctx *c, const tensorboard *v, const rad_event *e)
{
  char tag[NAME_ROOM];
  for (size_t s = 0; s < e->nseed; s++) {
    const where w = {e, &e->seeds[s], NULL};
    for (size_t k = 0; k < e->space->nscore; k++) {
      snprintf(tag, sizeof tag, "objective/%s", e->terms[k]);
      if (!isnan(e->trial_record->score[k]))
        RAD_TRY(put_scalar(c, v, &w, 0, tag, e->trial_record->score[k]));
    }
    RAD_TRY(put_session_end(c, v, &w));
  }
  return RAD_OK;
}

static rad_status on_metric(rad_ctx *c, const tensorboard *v, const where *w)
{
  char tag[NAME_ROOM];
  const bool final = w->e->epoch == UINT64_MAX;
  snprintf(tag, sizeof tag, "%s%s", final ? "final/" : "", w->e->name);
  char *dot = final ? NULL : strchr(tag, '.');
  if (dot)
    *dot = '/';
  return put_scalar(c, v, w, final ? 0 : w->e->epoch, tag, w->e->value);
}

static rad_status on_job_end(rad_ctx *c, const tensorboard *v, const where *w)
{
  if (v->histograms)
    RAD_TRY(put_histograms(c, v, w));
  if (v->images)
    RAD_TRY(put_images(c, v, w));
  return w->e->text ? put_text(c, v, w, "reason", w->e->text) : RAD_OK;
}

static rad_status event(rad_ctx *c, const void *self, const rad_event *e)
{
  const where study = {e, NULL, NULL}, job = {e, &e->seed, e->arm};
  switch (e->type) {
  case RAD_EV_STUDY:
    return on_study(c, self, &study);
  case RAD_EV_TRIAL:
    return on_trial(c, self, e);
  case RAD_EV_METRIC:
    return e->arm && e->name ? on_metric(c, self, &job) : RAD_OK;
  case RAD_EV_JOB_END:
    return e->arm ? on_job_end(c, self, &job) : RAD_OK;
  case RAD_EV_TRIAL_END:
    return on_trial_end(c, self, e);
  case RAD_EV_STUDY_END:
    return put_text(c, self, &study, "end", e->text ? e->text : "");
  default:
    return RAD_OK;
  }
}

static const rad_logger_ops ops = {.size = sizeof ops, .event = event};
static const rad_plugin tensorboard_plugin = {
    RAD_PLUGIN(RAD_LOGGER, "tensorboard", tensorboard, &ops),
    RAD_KEYS(keys),
    .needs = 1,
    .version = "1",
    .summary = "event files of TensorBoard: scalars, histograms, images, text, HParams",
    .reference = "tensorboard.dev: event.proto, plugins/hparams"};
RAD_EXPORT(&tensorboard_plugin)
