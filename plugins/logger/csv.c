/* SPDX-License-Identifier: BSD-3-Clause
 * csv.c - metrics.csv (RFC 4180): trial, arm, seed, epoch, name, value; a line for each metric of
 * each epoch, and one with the epoch "final" for each that a job ends with. Numbers read back
 * exactly. */
#include <inttypes.h>
#include <rademacher/logger.h>
#include <stdio.h>
#include <string.h>

typedef struct csv {
  const char *file;
} csv;
static const rad_key keys[] = {
    RAD_KEY(csv, file, "metrics.csv", 0, 0, RAD_FIXED, "name of the file in the run directory"),
};

/* Quoted where it has to be; at most 2 strlen(s) + 2 bytes. */
static size_t put_field(char *out, const char *s)
{
  size_t n = 0;
  if (!strpbrk(s, ",\"\r\n")) {
    memcpy(out, s, strlen(s));
    return strlen(s);
  }
  out[n++] = '"';
  for (; *s; s++) {
    if (*s == '"')
      out[n++] = '"';
    out[n++] = *s;
  }
  out[n++] = '"';
  return n;
}

static rad_status event(rad_ctx *c, const void *self, const rad_event *e)
{
  char number[32];
  static const char head[] = "trial,arm,seed,epoch,name,value\n";
  const char *file = ((const csv *)self)->file;
  if (e->type == RAD_EV_STUDY)
    return c->host->append(c, file, head, sizeof head - 1);
  if (e->type != RAD_EV_METRIC || !e->arm || !e->name)
    return RAD_OK;
  char *line = c->host->scratch(c, 2 * (strlen(e->arm) + strlen(e->name)) + 160);
  if (!line)
    return RAD_ENOMEM;
  size_t n = (size_t)snprintf(line, 32, "%" PRIu64 ",", e->trial);
  n += put_field(line + n, e->arm);
  n += (size_t)snprintf(line + n, 32, ",%" PRIu64 ",", e->seed);
  n += e->epoch == UINT64_MAX ? put_field(line + n, "final")
                              : (size_t)snprintf(line + n, 32, "%" PRIu64, e->epoch);
  line[n++] = ',';
  n += put_field(line + n, e->name);
  n += (size_t)snprintf(line + n, 40, ",%s\n", c->host->number(number, e->value));
  return c->host->append(c, file, line, n);
}

static const rad_logger_ops ops = {.size = sizeof ops, .event = event};
static const rad_plugin csv_plugin = {RAD_PLUGIN(RAD_LOGGER, "csv", csv, &ops), RAD_KEYS(keys),
                                      .version = "1", .summary = "metrics as a table",
                                      .reference = "RFC 4180"};
RAD_EXPORT(&csv_plugin)
