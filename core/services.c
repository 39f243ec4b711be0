/* SPDX-License-Identifier: BSD-3-Clause
 * services.c - what plugins may call: rad_host. Files are in services_files.c. */
#include "services.h"
#include "philox.h"
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TENSORS = 4096 };

static pthread_mutex_t messages = PTHREAD_MUTEX_INITIALIZER; /* workers may fail side by side */

static rad_status fail(rad_ctx *c, rad_status status, const char *fmt, ...)
{
  const instance *i = c->core;
  text t = {0};
  va_list ap;
  va_start(ap, fmt);
  text_vprintf(&t, fmt, ap);
  va_end(ap);
  pthread_mutex_lock(&messages);
  diag_error(i->env->diag, status, i->section ? i->section->at : (origin){0}, "%s: %s", i->title,
             text_str(&t));
  pthread_mutex_unlock(&messages);
  text_free(&t);
  return status;
}

static void put_log(rad_ctx *c, int level, const char *fmt, ...)
{
  static const char *const label[] = {"debug", "info", "warning"};
  const instance *i = c->core;
  level = level < 0 ? 0 : level > 2 ? 2 : level;
  if (level < 2 && level < 2 - i->env->verbose)
    return;
  text t = {0};
  va_list ap;
  va_start(ap, fmt);
  text_vprintf(&t, fmt, ap);
  va_end(ap);
  fprintf(stderr, "%s: %s: %s\n", label[level], i->title, text_str(&t));
  text_free(&t);
}

/* --- memory --- */
static void *alloc(rad_ctx *c, size_t n, size_t size)
{
  return arena_aligned(&((instance *)c->core)->mem, n, size);
}

static void *scratch(rad_ctx *c, size_t bytes)
{
  return scratch_take(((instance *)c->core)->env, c->worker, bytes);
}

/* --- tensors --- */
size_t type_bytes(uint32_t type)
{
  switch (type) {
  case RAD_F64:
  case RAD_I64:
    return 8;
  case RAD_F32:
  case RAD_I32:
    return 4;
  case RAD_BF16:
    return 2;
  case RAD_U8:
    return 1;
  default:
    return 0;
  }
}

/* Can the first value be stored? */
static bool fill_fits(const rad_tensor *t)
{
  switch (t->type) {
  case RAD_U8:
    return t->fill >= 0 && t->fill <= UINT8_MAX;
  case RAD_I32:
    return t->fill >= INT32_MIN && t->fill <= INT32_MAX;
  case RAD_I64:
    return t->fill >= -0x1p63 && t->fill < 0x1p63;
  case RAD_BF16:
    return t->fill == 0;
  default:
    return true;
  }
}

/* What is wrong with a declaration, or NULL; its number of elements and bytes. */
static const char *fault_of(const rad_tensor *t, size_t *count, size_t *bytes)
{
  if (!t->name || !text_is_name(t->name))
    return "needs a name of letters, digits, '_' and '-'";
  if (t->role < RAD_WEIGHT || t->role > RAD_BUFFER)
    return "has an unknown role";
  if (type_bytes(t->type) == 0 ||
      (t->role != RAD_BUFFER && t->type != RAD_F32 && t->type != RAD_F64))
    return "has a type that its role cannot have";
  if (t->shape.rank > RAD_MAX_RANK || (t->role == RAD_WEIGHT && t->shape.rank == 0))
    return "has an impossible number of axes";
  if (t->axes && strlen(t->axes) != t->shape.rank)
    return "needs one letter per axis";
  if (t->flags & ~(uint32_t)(RAD_OPAQUE | RAD_SPARSE | RAD_MAPPED))
    return "has unknown flags";
  if (!fill_fits(t))
    return "cannot hold its first value";
  *count = 1;
  for (size_t i = 0; i < t->shape.rank; i++)
    if (!size_mul(*count, t->shape.dim[i], count))
      return "has more elements than there are addresses";
  if (*count == 0 && t->role != RAD_BUFFER)
    return "has no elements";
  if (!size_mul(*count, type_bytes(t->type), bytes) || !size_add(*bytes, 63, bytes))
    return "is larger than any memory";
  *bytes -= *bytes % 64;
  *bytes = *bytes > 0 ? *bytes : 64;
  return NULL;
}

static bool is_declared(const instance *i, const char *name)
{
  for (size_t n = 0; n < i->ntensor; n++)
    if (strcmp(i->tensor[n].t.name, name) == 0)
      return true;
  return false;
}

static rad_status tensor(rad_ctx *c, const rad_tensor *request)
{
  instance *i = c->core;
  if (!i->planning)
    return rad_fail(c, RAD_EINVAL, "tensors can be declared in init, open and plan only");
  if (!request || request->size < offsetof(rad_tensor, fill))
    return rad_fail(c, RAD_EINVAL, "the declaration of a tensor has no valid size");
  declared d = {0};
  memcpy(&d.t, request, request->size < sizeof d.t ? request->size : sizeof d.t);
  const char *fault = fault_of(&d.t, &d.count, &d.bytes);
  if (fault)
    return rad_fail(c, RAD_EINVAL, "tensor %.64s %s", d.t.name ? d.t.name : "", fault);
  if (is_declared(i, d.t.name))
    return rad_fail(c, RAD_EINVAL, "tensor %s is declared twice", d.t.name);
  if (i->ntensor == MAX_TENSORS)
    return rad_fail(c, RAD_EINVAL, "more than %d tensors", MAX_TENSORS);
  d.t.size = sizeof d.t;
  d.t.name = arena_strdup(&i->mem, d.t.name);
  d.t.axes = d.t.axes ? arena_strdup(&i->mem, d.t.axes) : NULL;
  declared *grown = array_grow(i->tensor, i->ntensor, &i->ctensor, sizeof *grown);
  i->tensor = grown ? grown : i->tensor;
  if (!d.t.name || (request->axes && !d.t.axes) || !grown)
    return rad_fail(c, RAD_ENOMEM, "out of memory");
  i->tensor[i->ntensor++] = d;
  return RAD_OK;
}

/* --- randomness --- */
static void bits(rad_ctx *c, const rad_at *at, uint64_t first, size_t n, uint32_t *out)
{
  philox_bits(((instance *)c->core)->seedkey, at, first, n, out);
}

static void uniform(rad_ctx *c, const rad_at *at, uint64_t first, size_t n, float *out)
{
  philox_uniform(((instance *)c->core)->seedkey, at, first, n, out);
}

static void normal(rad_ctx *c, const rad_at *at, uint64_t first, size_t n, float *out)
{
  philox_normal(((instance *)c->core)->seedkey, at, first, n, out);
}

static const void *extension(rad_ctx *c, const char *id)
{
  (void)c;
  (void)id;
  return NULL; /* none yet */
}

const rad_host host_services = {
    .abi = RAD_ABI,
    .minor = RAD_MINOR,
    .fail = fail,
    .log = put_log,
    .alloc = alloc,
    .scratch = scratch,
    .tensor = tensor,
    .bits = bits,
    .uniform = uniform,
    .normal = normal,
    .read = service_read,
    .list = service_list,
    .load = service_load,
    .append = service_append,
    .path = service_path,
    .number = text_from_double,
    .exp = portable_exp,
    .ln = portable_log,
    .tanh = portable_tanh,
    .extension = extension,
};
