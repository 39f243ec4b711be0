/* SPDX-License-Identifier: BSD-3-Clause
 * safetensors.c - weights by name: u64 length of the header (little endian), a header in JSON,
 *   {"__metadata__": {...}, "hidden.W": {"dtype": "F32", "shape": [512, 784],
 *    "data_offsets": [0, 1605632]}, ...}
 * padded with blanks to a multiple of 8, then the data, (out,in,h,w), in order of alignment and
 * name. https://github.com/huggingface/safetensors */
#include "../quote.h"
#include <inttypes.h>
#include <rademacher/exporter.h>
#include <stdio.h>

typedef struct safetensors {
  int32_t names;
} safetensors;
enum { OWN, TORCH };
static const char *const naming[] = {"own", "torch", NULL};
static const rad_key keys[] = {
    RAD_CHOICE(safetensors, names, "own", naming,
               "own: LAYER.W, b, gamma, beta, mean, var; torch: LAYER.weight, bias, running_mean, "
               "running_var"),
};

static const struct dtype {
  uint32_t type;
  const char *name;
  size_t size;
} dtypes[] = {{RAD_F64, "F64", 8}, {RAD_I64, "I64", 8},   {RAD_F32, "F32", 4},
              {RAD_I32, "I32", 4}, {RAD_BF16, "BF16", 2}, {RAD_U8, "U8", 1}};
enum { NDTYPE = sizeof dtypes / sizeof *dtypes, ENTRY = 320 };

/* "hidden.W" as PyTorch's modules say it. */
static const char *name_of(rad_ctx *c, const safetensors *v, const char *name)
{
  static const char *const pair[][2] = {
      {"W", "weight"},  {"gamma", "weight"},      {"b", "bias"},
      {"beta", "bias"}, {"mean", "running_mean"}, {"var", "running_var"}};
  const char *dot = strrchr(name, '.');
  if (v->names == OWN || !dot)
    return name;
  const size_t stem = (size_t)(dot + 1 - name);
  for (size_t i = 0; i < sizeof pair / sizeof *pair; i++)
    if (strcmp(dot + 1, pair[i][0]) == 0) {
      char *out = c->host->scratch(c, stem + 16);
      if (out)
        snprintf(out, stem + 16, "%.*s%s", (int)stem, name, pair[i][1]);
      return out;
    }
  return name;
}

static size_t put_entry(char *out, const char *name, const rad_array *a, const struct dtype *d,
                        size_t at)
{
  size_t n = quote(out, name);
  n += (size_t)snprintf(out + n, ENTRY, ":{\"dtype\":\"%s\",\"shape\":[", d->name);
  for (size_t i = 0; i < a->shape.rank; i++)
    n += (size_t)snprintf(out + n, 24, i > 0 ? ",%zu" : "%zu", a->shape.dim[i]);
  n += (size_t)snprintf(out + n, 64, "],\"data_offsets\":[%zu,%zu]}", at,
                        at + rad_count(&a->shape) * d->size);
  return n;
}

static size_t put_metadata(char *out, const rad_export *x)
{
  size_t n = (size_t)snprintf(out, 64, "{\"__metadata__\":{\"format\":\"pt\",\"experiment\":");
  n += quote(out + n, x->experiment);
  n += (size_t)snprintf(out + n, 16, ",\"arm\":");
  n += quote(out + n, x->arm);
  return n + (size_t)snprintf(out + n, 96, ",\"trial\":\"%" PRIu64 "\",\"seed\":\"%" PRIu64 "\"}",
                              x->trial, x->seed);
}

static size_t header_room(const rad_export *x)
{
  size_t n = 512 + 6 * (strlen(x->experiment) + strlen(x->arm));
  for (size_t i = 0; i < x->nweight; i++)
    n += ENTRY + 6 * strlen(x->weight[i]->name);
  return n;
}

static rad_status put_header(rad_ctx *c, const safetensors *v, const rad_export *x)
{
  uint8_t length[8];
  char *head = c->host->scratch(c, header_room(x));
  if (!head)
    return RAD_ENOMEM;
  size_t n = put_metadata(head, x), at = 0;
  for (size_t d = 0; d < NDTYPE; d++)
    for (size_t i = 0; i < x->nweight; i++) {
      const rad_array *a = x->weight[i];
      const char *name = a->type == dtypes[d].type ? name_of(c, v, a->name) : a->name;
      if (!name)
        return RAD_ENOMEM;
      if (a->type != dtypes[d].type)
        continue;
      head[n++] = ',';
      n += put_entry(head + n, name, a, &dtypes[d], at);
      at += rad_count(&a->shape) * dtypes[d].size;
    }
  head[n++] = '}';
  while (n % 8 != 0)
    head[n++] = ' ';
  for (size_t i = 0; i < 8; i++)
    length[i] = (uint8_t)((uint64_t)n >> (8 * i));
  RAD_TRY(c->host->append(c, NULL, length, sizeof length));
  return c->host->append(c, NULL, head, n);
}

static rad_status write(rad_ctx *c, const void *self, const rad_export *x)
{
  if (x->nweight == 0)
    return rad_fail(c, RAD_EINVAL, "the job has no weights");
  RAD_TRY(put_header(c, self, x));
  for (size_t d = 0; d < NDTYPE; d++)
    for (size_t i = 0; i < x->nweight; i++) {
      const rad_array *a = x->weight[i];
      if (a->type == dtypes[d].type)
        RAD_TRY(c->host->append(c, NULL, a->data, rad_count(&a->shape) * dtypes[d].size));
    }
  return RAD_OK;
}

static const rad_exporter_ops ops = {
    .size = sizeof ops, .wants = RAD_WANTS_WEIGHTS, .write = write};
static const rad_plugin safetensors_plugin = {
    RAD_PLUGIN(RAD_EXPORTER, "safetensors", safetensors, &ops),
    RAD_KEYS(keys),
    .needs = 1,
    .version = "1",
    .summary = "weights by name, as PyTorch and others read them",
    .reference = "github.com/huggingface/safetensors"};
RAD_EXPORT(&safetensors_plugin)
