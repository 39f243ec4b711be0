/* SPDX-License-Identifier: BSD-3-Clause
 * jsonl.c - metrics.jsonl: an object on a line for each metric of each epoch,
 *   {"trial": 0, "arm": "real", "seed": 1, "epoch": 3, "name": "train.loss", "value": 0.31}
 * "epoch": null is what a job ends with. What JSON has no number for is "nan", "inf" or "-inf". */
#include "../quote.h"
#include <inttypes.h>
#include <rademacher/logger.h>
#include <stdio.h>

typedef struct jsonl {
  const char *file;
} jsonl;
static const rad_key keys[] = {
    RAD_KEY(jsonl, file, "metrics.jsonl", 0, 0, RAD_FIXED, "name of the file in the run directory"),
};

static rad_status event(rad_ctx *c, const void *self, const rad_event *e)
{
  char number[32];
  const char *file = ((const jsonl *)self)->file;
  if (e->type == RAD_EV_STUDY) /* starts the file, so that it is there and of this study */
    return c->host->append(c, file, "", 0);
  if (e->type != RAD_EV_METRIC || !e->arm || !e->name)
    return RAD_OK;
  char *line = c->host->scratch(c, 6 * (strlen(e->arm) + strlen(e->name)) + 240);
  if (!line)
    return RAD_ENOMEM;
  size_t n = (size_t)snprintf(line, 48, "{\"trial\": %" PRIu64 ", \"arm\": ", e->trial);
  n += quote(line + n, e->arm);
  n += (size_t)snprintf(line + n, 48, ", \"seed\": %" PRIu64 ", \"epoch\": ", e->seed);
  n += e->epoch == UINT64_MAX ? (size_t)snprintf(line + n, 8, "null")
                              : (size_t)snprintf(line + n, 32, "%" PRIu64, e->epoch);
  n += (size_t)snprintf(line + n, 16, ", \"name\": ");
  n += quote(line + n, e->name);
  n += (size_t)snprintf(line + n, 16, ", \"value\": ");
  const char *quote = isfinite(e->value) ? "" : "\""; /* JSON has no word for these */
  n += (size_t)snprintf(line + n, 48, "%s%s%s}\n", quote, c->host->number(number, e->value), quote);
  return c->host->append(c, file, line, n);
}

static const rad_logger_ops ops = {.size = sizeof ops, .event = event};
static const rad_plugin jsonl_plugin = {RAD_PLUGIN(RAD_LOGGER, "jsonl", jsonl, &ops),
                                        RAD_KEYS(keys), .version = "1",
                                        .summary = "metrics as JSON, an object on a line"};
RAD_EXPORT(&jsonl_plugin)
