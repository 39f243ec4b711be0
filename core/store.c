/* SPDX-License-Identifier: BSD-3-Clause
 * store.c - one [dataset] section's samples, decoded once and shared: in memory, or in a cache file
 * that every worker maps read-only.
 *
 * A cache file, in this machine's byte order: head, names of classes, mean (C), std (C), x train,
 * x test, y train, y test, each at a multiple of 64 bytes. It gets its name only when it is
 * complete; a length that does not follow from its own head makes it invalid, and it is written
 * anew. */
#include "data.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "RADDATA"
enum { VERSION = 1, PART_SAMPLES = 256, PART_BYTES = 4 << 20, FILES_DEEP = 3 };

/* --- what is known before the samples are read --- */

static size_t target_size(const rad_facts *f) /* bytes of one sample's target; 0: too many */
{
  size_t n;
  if (f->target == RAD_CLASS)
    return sizeof(int32_t);
  return f->target == RAD_MULTI ? f->ntarget : size_mul(f->ntarget, sizeof(float), &n) ? n : 0;
}

static size_t sample_size(const rad_facts *f) /* bytes of one sample; 0: none, or too many */
{
  size_t n = f->type == RAD_U8 ? 1 : sizeof(float);
  for (size_t i = 0; i < f->sample.rank; i++)
    if (!size_mul(n, f->sample.dim[i], &n))
      return 0;
  return n;
}

size_t store_line(const rad_shape *s)
{
  return s->rank > 1 ? s->dim[s->rank - 1] * s->dim[s->rank - 2] : s->dim[0];
}

size_t store_bytes(const rad_facts *f)
{
  size_t one, all;
  return size_add(sample_size(f), target_size(f), &one) &&
                 size_mul(one, (size_t)(f->n[RAD_TRAIN] + f->n[RAD_TEST]), &all)
             ? all
             : SIZE_MAX;
}

static const char *facts_fault(const rad_facts *f)
{
  if (f->sample.rank < 1 || f->sample.rank > 5)
    return "samples must have 1 to 5 axes";
  if (f->type != RAD_U8 && f->type != RAD_F32)
    return "samples must be bytes or 32-bit floats";
  if (f->target < RAD_CLASS || f->target > RAD_REAL)
    return "unknown type of targets";
  if (f->ntarget < 1 || f->ntarget > INT32_MAX || !target_size(f))
    return "impossible number of classes or targets";
  if (!sample_size(f))
    return "a sample has no numbers, or too many";
  if (!isfinite(f->scale) || !(f->scale > 0.0f))
    return "the scale of its numbers must be above 0";
  if (f->n[RAD_TRAIN] < 1)
    return "there is no training sample";
  if (f->n[RAD_TRAIN] > UINT32_MAX || f->n[RAD_TEST] > UINT32_MAX)
    return "more than 4294967295 samples";
  return NULL;
}

rad_status store_seed(env *e, const config *arm, uint64_t *seed)
{
  const section empty = {.kind = "run", .name = ""};
  const section *s = config_find(arm, "run", "");
  const kind_info *k = kind_by_name("run");
  run_keys keys = {0};
  arena mem = {0};
  const rad_status r = keys_fill(k->common, k->ncommon, s ? s : &empty, &keys, &mem, e->diag);
  arena_free(&mem);
  *seed = (uint64_t)keys.data_seed;
  return r;
}

static rad_status find_section(env *e, const config *arm, const char *name, const section **out)
{
  *out = config_find(arm, "dataset", name);
  if (!*out)
    return diag_error(e->diag, RAD_EINVAL, (origin){0},
                      "there is no section [dataset%s%s]; add one, as in configs/data/mnist.ini",
                      *name ? " " : "", name);
  return RAD_OK;
}

static rad_status plugin_name(env *e, const section *s, const char **out)
{
  char title[160];
  *out = section_value(s, "plugin", NULL);
  if (!*out)
    return diag_error(e->diag, RAD_EINVAL, s->at, "%s needs plugin = ..., for example idx",
                      section_title(s, title));
  return RAD_OK;
}

/* Opens what the section replaces first: generated data are made in its likeness. */
static rad_status open_section(env *e, const section *s, rad_facts *f, instance **out)
{
  const char *name, *fault;
  instance *d = NULL, *old = NULL;
  rad_status r = RAD_OK;
  RAD_TRY(plugin_name(e, s, &name));
  memset(f, 0, sizeof *f);
  if (s->before)
    RAD_TRY(open_section(e, s->before, f, &old));
  f->labels = NULL; /* they belong to `old` */
  instance_free(old);
  RAD_TRY(instance_new(&d, e, RAD_DATASET, name, s));
  const size_t mark = scratch_mark(e);
  r = d->plugin->ops.dataset.open(&d->ctx, d->self, f);
  scratch_release(e, mark);
  if (r >= 0 && (fault = facts_fault(f)))
    r = rad_fail(&d->ctx, RAD_EINVAL, "%s", fault);
  if (r < 0) {
    instance_free(d);
    return r;
  }
  f->n[RAD_VAL] = 0;
  f->mean = f->std = NULL;
  *out = d;
  return RAD_OK;
}

rad_status store_facts(env *e, const config *arm, const char *name, rad_facts *f, instance **out)
{
  const section *s;
  const uint64_t seed = e->seed;
  RAD_TRY(find_section(e, arm, name, &s));
  RAD_TRY(store_seed(e, arm, &e->seed));
  const rad_status r = open_section(e, s, f, out);
  e->seed = seed;
  return r;
}

/* --- the cache file's name --- */

/* Path, size and time of a file; of a folder those of all that is in it. */
static void identify(text *t, const char *path, int depth, env *e, arena *mem)
{
  struct stat st;
  const char **name;
  size_t n;
  if (stat(path, &st) != 0) {
    text_printf(t, "%s missing\n", path); /* reading it will say so */
    return;
  }
  if (!S_ISDIR(st.st_mode)) {
    text_printf(t, "%s %lld %lld %ld\n", path, (long long)st.st_size, (long long)st.st_mtim.tv_sec,
                st.st_mtim.tv_nsec);
    return;
  }
  if (depth == 0 || fs_list(path, mem, &name, &n, e->diag) < 0)
    return;
  for (size_t i = 0; i < n; i++) {
    const char *inside = fs_join(mem, path, name[i]);
    if (inside)
      identify(t, inside, depth - 1, e, mem);
  }
}

/* All that the samples follow from: plugin, keys, files; and those of the section it replaces. */
static rad_status describe(text *t, const section *s, env *e, arena *mem)
{
  const char *name, *path;
  char title[160];
  RAD_TRY(plugin_name(e, s, &name));
  const plugin *p =
      plugins_find(e->plugins, RAD_DATASET, name, s->at, section_title(s, title), e->diag);
  if (!p)
    return RAD_EINVAL;
  text_printf(t, "%s %s\n", p->d.name, p->d.version ? p->d.version : "");
  for (size_t i = 0; i < p->d.nkeys; i++) {
    const rad_key *k = &p->d.keys[i];
    const setting *v = section_get(s, k->name);
    const char *value = v ? v->value : k->def;
    text_printf(t, "%s = %s\n", k->name, value ? value : "");
    if (!(k->flags & RAD_FILE) || !value || !*value)
      continue;
    const char *base = v && v->at.file ? fs_dirname(mem, v->at.file) : "";
    RAD_TRY(fs_data_path(mem, base, value, &path, e->diag));
    identify(t, path, FILES_DEEP, e, mem);
  }
  return s->before ? describe(t, s->before, e, mem) : RAD_OK;
}

rad_status store_key(env *e, const config *arm, const char *name, char hex[65])
{
  const section *s;
  uint64_t seed;
  text t = {0};
  arena mem = {0};
  RAD_TRY(find_section(e, arm, name, &s));
  RAD_TRY(store_seed(e, arm, &seed));
  text_printf(&t, "version %d, [dataset %s], data_seed %llu\n", VERSION, name,
              (unsigned long long)seed);
  rad_status r = describe(&t, s, e, &mem);
  if (r >= 0 && t.failed)
    r = RAD_ENOMEM;
  if (r >= 0)
    fs_sha256(text_str(&t), t.n, hex);
  text_free(&t);
  arena_free(&mem);
  return r;
}

/* --- decoding --- */

static rad_status check_part(instance *d, const rad_part *p)
{
  const rad_facts *f = p->facts;
  const float *v = f->type == RAD_F32 ? p->x : NULL;
  const size_t n = v ? p->n * rad_count(&f->sample) : 0;
  for (size_t i = 0; i < n; i++)
    if (!isfinite(v[i]))
      return rad_fail(&d->ctx, RAD_EINVAL, "sample %llu has a number that is not finite",
                      (unsigned long long)p->id[i / rad_count(&f->sample)]);
  const int32_t *y = f->target == RAD_CLASS ? p->y : NULL;
  for (size_t i = 0; y && i < p->n; i++)
    if (y[i] < -1 || (y[i] >= 0 && (size_t)y[i] >= f->ntarget))
      return rad_fail(&d->ctx, RAD_EINVAL, "label %ld of sample %llu is not one of %zu classes",
                      (long)y[i], (unsigned long long)p->id[i], f->ntarget);
  return RAD_OK;
}

static rad_status read_part(instance *d, const rad_facts *f, uint32_t split, uint64_t first,
                            size_t n, void *x, void *y)
{
  uint64_t id[PART_SAMPLES];
  float weight[PART_SAMPLES];
  for (size_t i = 0; i < n; i++) {
    id[i] = first + i;
    weight[i] = 1.0f;
  }
  rad_part p = {.facts = f, .split = split, .n = n, .id = id, .x = x, .y = y, .weight = weight};
  const size_t mark = scratch_mark(d->env);
  rad_status r = d->plugin->ops.dataset.read(&d->ctx, d->self, &p);
  scratch_release(d->env, mark);
  return r < 0 ? r : check_part(d, &p);
}

typedef struct decoder { /* where decoded samples go: to memory, or to a file */
  instance *dataset;
  const rad_facts *facts;
  uint8_t *x[2], *y[2]; /* x NULL: through `buffer` into `file` */
  uint8_t *buffer;      /* (part,sample) */
  fs_new *file;
  moments moments;
  size_t part, xb, yb; /* samples of a part; bytes of a sample, of a target */
} decoder;

static rad_status decode_split(decoder *c, int s)
{
  env *e = c->dataset->env;
  const rad_facts *f = c->facts;
  const uint32_t split = s == 0 ? RAD_TRAIN : RAD_TEST;
  const size_t lines = rad_count(&f->sample) / c->moments.line;
  for (uint64_t i = 0; i < f->n[split]; i += c->part) {
    const size_t n = f->n[split] - i < c->part ? (size_t)(f->n[split] - i) : c->part;
    uint8_t *x = c->file ? c->buffer : c->x[s] + i * c->xb;
    if (e->cancelled && *e->cancelled)
      return RAD_ECANCEL;
    RAD_TRY(read_part(c->dataset, f, split, i, n, x, c->y[s] + i * c->yb));
    if (s == 0)
      moments_add(&c->moments, f->type, x, n * lines);
    if (c->file)
      RAD_TRY(fs_new_put(c->file, x, n * c->xb, e->diag));
  }
  return RAD_OK;
}

static rad_status decoder_new(decoder *c, instance *d, const rad_facts *f, arena *mem)
{
  c->dataset = d;
  c->facts = f;
  c->xb = sample_size(f);
  c->yb = target_size(f);
  c->part = PART_BYTES / c->xb;
  c->part = c->part < 1 ? 1 : c->part > PART_SAMPLES ? PART_SAMPLES : c->part;
  return moments_new(&c->moments, mem, store_line(&f->sample), f->sample.dim[f->sample.rank - 1]);
}

/* --- the cache file --- */

typedef struct head { /* no padding inside */
  char magic[8];
  uint32_t version, order, type, target;
  uint64_t rank, dim[RAD_MAX_RANK], ntarget, n[2];
  uint64_t names, moments, x[2], y[2], bytes; /* offsets, length of all */
  uint64_t scale, nnames;                     /* a float's bits; bytes of the names */
} head;

static bool place(uint64_t *at, uint64_t n, uint64_t size, uint64_t *offset)
{
  size_t bytes, end;
  if (n > SIZE_MAX || !size_mul((size_t)n, (size_t)size, &bytes) ||
      !size_add((size_t)*at, bytes, &end) || !size_add(end, 63, &end))
    return false;
  *offset = *at;
  *at = end & ~(size_t)63;
  return true;
}

/* Everything of the head that follows from the facts and the length of the names. */
static bool head_fill(head *h, const rad_facts *f, size_t nnames)
{
  uint64_t at = 0, start;
  uint32_t bits;
  memset(h, 0, sizeof *h);
  memcpy(h->magic, MAGIC, sizeof h->magic);
  memcpy(&bits, &f->scale, sizeof bits);
  h->version = VERSION;
  h->order = 0x01020304;
  h->type = f->type;
  h->target = f->target;
  h->rank = f->sample.rank;
  for (size_t i = 0; i < f->sample.rank; i++)
    h->dim[i] = f->sample.dim[i];
  h->ntarget = f->ntarget;
  h->n[0] = f->n[RAD_TRAIN];
  h->n[1] = f->n[RAD_TEST];
  h->scale = bits;
  h->nnames = nnames;
  const bool ok = place(&at, 1, sizeof *h, &start) && place(&at, 1, nnames, &h->names) &&
                  place(&at, 2 * f->sample.dim[f->sample.rank - 1], sizeof(float), &h->moments) &&
                  place(&at, h->n[0], sample_size(f), &h->x[0]) &&
                  place(&at, h->n[1], sample_size(f), &h->x[1]) &&
                  place(&at, h->n[0], target_size(f), &h->y[0]) &&
                  place(&at, h->n[1], target_size(f), &h->y[1]);
  h->bytes = at;
  return ok;
}

static bool head_read(const fs_bytes *b, head *h, rad_facts *f)
{
  head expected;
  if (b->n < sizeof *h)
    return false;
  memcpy(h, b->p, sizeof *h);
  memset(f, 0, sizeof *f);
  if (h->rank < 1 || h->rank > RAD_MAX_RANK - 1 || h->bytes != b->n || h->nnames > b->n)
    return false;
  const uint32_t bits = (uint32_t)h->scale;
  memcpy(&f->scale, &bits, sizeof f->scale);
  f->sample.rank = (size_t)h->rank;
  for (size_t i = 0; i < f->sample.rank; i++)
    f->sample.dim[i] = (size_t)h->dim[i];
  f->type = h->type;
  f->target = h->target;
  f->ntarget = (size_t)h->ntarget;
  f->n[RAD_TRAIN] = h->n[0];
  f->n[RAD_TEST] = h->n[1];
  return !facts_fault(f) && head_fill(&expected, f, (size_t)h->nnames) &&
         memcmp(&expected, h, sizeof expected) == 0;
}

/* Zeros up to an offset at which something starts; the position is kept by the caller. */
static rad_status pad(fs_new *file, uint64_t *at, uint64_t to, env *e)
{
  static const uint8_t zero[64];
  const size_t n = (size_t)(to - *at);
  *at = to;
  return fs_new_put(file, zero, n, e->diag);
}

static rad_status put_at(fs_new *file, uint64_t *at, uint64_t to, const void *p, size_t n, env *e)
{
  RAD_TRY(pad(file, at, to, e));
  *at += n;
  return n ? fs_new_put(file, p, n, e->diag) : RAD_OK;
}

static rad_status write_all(decoder *c, const head *h, const text *names, float *meanstd)
{
  env *e = c->dataset->env;
  const size_t C = c->moments.C;
  uint64_t at = 0;
  RAD_TRY(put_at(c->file, &at, 0, h, sizeof *h, e));
  RAD_TRY(put_at(c->file, &at, h->names, names->s, names->n, e));
  RAD_TRY(put_at(c->file, &at, h->moments, meanstd, 2 * C * sizeof *meanstd, e));
  for (int s = 0; s < 2; s++) {
    RAD_TRY(pad(c->file, &at, h->x[s], e));
    RAD_TRY(decode_split(c, s));
    at += h->n[s] * c->xb;
  }
  for (int s = 0; s < 2; s++)
    RAD_TRY(put_at(c->file, &at, h->y[s], c->y[s], (size_t)h->n[s] * c->yb, e));
  RAD_TRY(pad(c->file, &at, h->bytes, e));
  moments_end(&c->moments, c->facts->scale, meanstd, meanstd + C);
  const off_t where = (off_t)h->moments;
  if (lseek(c->file->fd, where, SEEK_SET) != where)
    return diag_error(e->diag, RAD_EIO, (origin){0}, "%s: %s", c->file->path, strerror(errno));
  return fs_new_put(c->file, meanstd, 2 * C * sizeof *meanstd, e->diag);
}

static rad_status names_text(const rad_facts *f, text *t)
{
  for (size_t i = 0; f->labels && i < f->ntarget; i++)
    text_add(t, f->labels[i], strlen(f->labels[i]) + 1);
  return t->failed ? RAD_ENOMEM : RAD_OK;
}

/* The names of the classes, one after the other, each with its NUL; none at all is fine. */
static rad_status names_read(store *st, const char *p, size_t n)
{
  const size_t T = st->facts.ntarget;
  if (n == 0)
    return RAD_OK;
  if (n < T || p[n - 1] != '\0')
    return RAD_EINVAL;
  const char **v = arena_alloc(&st->mem, T * sizeof *v);
  char *copy = arena_alloc(&st->mem, n);
  if (!v || !copy)
    return RAD_ENOMEM;
  memcpy(copy, p, n);
  for (size_t i = 0, at = 0; i < T; at += strlen(copy + at) + 1, i++) {
    if (at >= n)
      return RAD_EINVAL;
    v[i] = copy + at;
  }
  st->facts.labels = v;
  return RAD_OK;
}

static rad_status write_cache(instance *d, const rad_facts *f, const char *path)
{
  env *e = d->env;
  arena mem = {0};
  text names = {0};
  fs_new file = {.fd = -1};
  head h;
  decoder c = {.file = &file};
  size_t ybytes[2];
  rad_status r = decoder_new(&c, d, f, &mem);
  if (r >= 0)
    r = names_text(f, &names);
  if (r >= 0 && (!head_fill(&h, f, names.n) || !size_mul((size_t)h.n[0], c.yb, &ybytes[0]) ||
                 !size_mul((size_t)h.n[1], c.yb, &ybytes[1])))
    r = rad_fail(&d->ctx, RAD_EINVAL, "too large for this machine");
  float *meanstd = arena_alloc(&mem, 2 * f->sample.dim[f->sample.rank - 1] * sizeof *meanstd);
  c.buffer = arena_alloc(&mem, c.part * c.xb);
  for (int s = 0; r >= 0 && s < 2; s++)
    if (!(c.y[s] = arena_alloc(&mem, ybytes[s] + 1)))
      r = RAD_ENOMEM;
  if (r >= 0 && (!meanstd || !c.buffer))
    r = RAD_ENOMEM;
  if (r >= 0)
    r = fs_new_open(&file, path, e->diag);
  if (r >= 0) {
    r = write_all(&c, &h, &names, meanstd);
    if (r >= 0)
      r = fs_new_commit(&file, e->diag);
    fs_new_abandon(&file);
  }
  text_free(&names);
  arena_free(&mem);
  return r;
}

/* RAD_DONE: there is no such file, or it is not whole. */
static rad_status map_cache(store *st, const char *path, env *e)
{
  head h;
  fs_bytes *b = arena_alloc(&st->mem, sizeof *b);
  if (!b)
    return RAD_ENOMEM;
  if (!fs_is_file(path))
    return RAD_DONE;
  RAD_TRY(fs_map(path, 0, 0, b, e->diag));
  st->mapping = b;
  if (!head_read(b, &h, &st->facts)) {
    diag_warning(e->diag, (origin){0}, "%s is damaged and is written anew", path);
    fs_unmap(b);
    st->mapping = NULL;
    return RAD_DONE;
  }
  for (int s = 0; s < 2; s++) {
    st->x[s] = b->p + h.x[s];
    st->y[s] = b->p + h.y[s];
  }
  st->facts.mean = (const float *)(const void *)(b->p + h.moments);
  st->facts.std = st->facts.mean + st->facts.sample.dim[st->facts.sample.rank - 1];
  const rad_status r = names_read(st, (const char *)b->p + h.names, (size_t)h.nnames);
  return r == RAD_EINVAL ? diag_error(e->diag, r, (origin){0}, "%s: damaged; delete it", path) : r;
}

static rad_status cache_path(env *e, const config *arm, const char *name, const char *cache,
                             text *path)
{
  char hex[65];
  RAD_TRY(store_key(e, arm, name, hex));
  text_printf(path, "%s/%s.data", cache, hex);
  return path->failed ? RAD_ENOMEM : RAD_OK;
}

static rad_status decode_to(env *e, const config *arm, const char *name, const char *path)
{
  rad_facts f;
  instance *d;
  RAD_TRY(store_facts(e, arm, name, &f, &d));
  const rad_status r = write_cache(d, &f, path);
  instance_free(d);
  return r;
}

rad_status store_prepare(env *e, const config *arm, const char *name, const char *cache)
{
  store *st = NULL;
  const rad_status r = store_open(&st, e, arm, name, cache);
  store_free(st);
  return r;
}

static rad_status open_cached(store *st, env *e, const config *arm, const char *name,
                              const char *cache)
{
  text path = {0};
  rad_status r = fs_mkdirs(cache, e->diag);
  if (r >= 0)
    r = cache_path(e, arm, name, cache, &path);
  if (r >= 0)
    r = map_cache(st, text_str(&path), e);
  if (r == RAD_DONE) {
    r = decode_to(e, arm, name, text_str(&path));
    if (r >= 0)
      r = map_cache(st, text_str(&path), e);
    if (r == RAD_DONE)
      r = diag_error(e->diag, RAD_EIO, (origin){0},
                     "%s: gone or damaged right after it was written", text_str(&path));
  }
  text_free(&path);
  return r;
}

static rad_status decode_here(store *st, env *e, const config *arm, const char *name)
{
  rad_facts *f = &st->facts;
  decoder c = {0};
  text names = {0};
  instance *d;
  RAD_TRY(store_facts(e, arm, name, f, &d));
  const size_t C = f->sample.dim[f->sample.rank - 1];
  rad_status r = decoder_new(&c, d, f, &st->mem);
  float *meanstd = arena_alloc(&st->mem, 2 * C * sizeof *meanstd);
  for (int s = 0; r >= 0 && s < 2; s++) {
    size_t xn = 0, yn = 0;
    const size_t n = (size_t)f->n[s == 0 ? RAD_TRAIN : RAD_TEST];
    if (size_mul(n, c.xb, &xn) && size_mul(n, c.yb, &yn)) {
      st->x[s] = c.x[s] = arena_alloc(&st->mem, xn + 1);
      st->y[s] = c.y[s] = arena_alloc(&st->mem, yn + 1);
    }
    r = c.x[s] && c.y[s] && meanstd ? decode_split(&c, s) : RAD_ENOMEM;
  }
  if (r >= 0)
    r = names_text(f, &names);
  f->labels = NULL;
  if (r >= 0)
    r = names_read(st, text_str(&names), names.n);
  if (r >= 0) {
    moments_end(&c.moments, f->scale, meanstd, meanstd + C);
    f->mean = meanstd;
    f->std = meanstd + C;
  }
  text_free(&names);
  instance_free(d);
  return r;
}

rad_status store_open(store **out, env *e, const config *arm, const char *name, const char *cache)
{
  store *st = calloc(1, sizeof *st);
  *out = NULL;
  if (!st)
    return RAD_ENOMEM;
  const rad_status r = cache ? open_cached(st, e, arm, name, cache) : decode_here(st, e, arm, name);
  if (r < 0) {
    store_free(st);
    return r;
  }
  *out = st;
  return RAD_OK;
}

void store_free(store *st)
{
  if (!st)
    return;
  instance_free(st->dataset);
  if (st->mapping)
    fs_unmap(st->mapping);
  arena_free(&st->mem);
  free(st);
}
