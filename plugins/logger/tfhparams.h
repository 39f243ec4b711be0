/* SPDX-License-Identifier: BSD-3-Clause
 * tfhparams.h - what TensorBoard's page of hyperparameters knows of a trial: the metadata that its
 * event files begin and end with. plugins/hparams/plugin_data.proto: HParamsPluginData. */
#ifndef PLUGINS_LOGGER_TFHPARAMS_H
#define PLUGINS_LOGGER_TFHPARAMS_H
#include "../proto.h"
#include <inttypes.h>
#include <math.h>
#include <rademacher/logger.h>
#include <stdio.h>

enum { TFHPARAMS_SUCCESS = 1, TFHPARAMS_FAILURE = 2 }; /* hparams.Status */

/* An entry of the map of parameters: google.protobuf.Value. */
static inline void tfhparams_param(proto *b, const rad_dim *d, double x)
{
  const size_t entry = proto_open(b, 1);
  proto_text(b, 1, d->name);
  const size_t val = proto_open(b, 2);
  if (d->type == RAD_ENUM)
    proto_text(b, 3, d->choice[(size_t)x]);
  else
    proto_double(b, 2, x);
  proto_close(b, val);
  proto_close(b, entry);
}

/* Bytes that the names and choices of a space need at most. */
static inline size_t tfhparams_room(const rad_space *s)
{
  size_t n = 1024;
  for (size_t i = 0; i < s->ndim; i++) {
    n += strlen(s->dim[i]->name) + 128;
    for (size_t k = 0; k < s->dim[i]->nchoice; k++)
      n += strlen(s->dim[i]->choice[k]) + 2;
  }
  return n;
}

/* SessionStartInfo of RAD_EV_TRIAL: values of the keys; the trial is the group. */
static inline void tfhparams_start(proto *b, const rad_event *e)
{
  char group[40];
  const size_t start = proto_open(b, 3);
  for (size_t i = 0; i < e->space->ndim; i++)
    if (!isnan(e->trial_record->value[i]))
      tfhparams_param(b, e->space->dim[i], e->trial_record->value[i]);
  snprintf(group, sizeof group, "trial %" PRIu64, e->trial);
  proto_text(b, 4, group);
  proto_double(b, 5, e->time);
  proto_close(b, start);
}

/* SessionEndInfo of RAD_EV_TRIAL_END. */
static inline void tfhparams_end(proto *b, const rad_event *e)
{
  const bool failed = e->state == RAD_FAILED || e->state == RAD_LOST;
  const size_t end = proto_open(b, 4);
  proto_int(b, 1, failed ? TFHPARAMS_FAILURE : TFHPARAMS_SUCCESS);
  proto_double(b, 2, e->time);
  proto_close(b, end);
}
#endif
