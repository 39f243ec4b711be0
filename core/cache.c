/* SPDX-License-Identifier: BSD-3-Clause
 * cache.c - a decoded data set in a file that every worker maps read-only, named by a hash of all
 * that its samples follow from.
 *
 * In this machine's byte order: head, names of classes, mean (C), std (C), x train, x test,
 * y train, y test, each at a multiple of 64 bytes. It gets its name only when it is complete; a
 * length that does not follow from its own head makes it invalid, and it is written anew. */
#include "store.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "RADDATA"
enum { VERSION = 1, FILES_DEEP = 3 };

/* --- its name --- */

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

/* Where the value of a RAD_FILE key is; where it is missing, the message names the setting. */
static rad_status locate(arena *mem, const section *s, const char *key, const char *value,
                         const char **path, diag *d)
{
  const setting *v = section_get(s, key);
  const char *base = fs_origin_dir(mem, v ? v->at : (origin){0});
  char title[160];
  diag found = {0};
  rad_status r = base ? fs_data_path(mem, base, value, path, &found) : RAD_ENOMEM;
  if (r < 0 && found.messages.n > 0) /* without its end of line */
    diag_error(d, r, v ? v->at : s->at, "%s %s: %.*s", section_title(s, title), key,
               (int)found.messages.n - 1, found.messages.s);
  diag_free(&found);
  return r;
}

/* All that the samples follow from: plugin, keys, files; and those of the section it replaces. */
static rad_status describe(text *t, const section *s, env *e, arena *mem)
{
  const char *name, *path;
  char title[160];
  RAD_TRY(store_plugin(e, s, &name));
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
    RAD_TRY(locate(mem, s, k->name, value, &path, e->diag));
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
  RAD_TRY(store_section(e, arm, name, &s));
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

/* --- its content --- */

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
                  place(&at, h->n[0], store_sample(f), &h->x[0]) &&
                  place(&at, h->n[1], store_sample(f), &h->x[1]) &&
                  place(&at, h->n[0], store_target(f), &h->y[0]) &&
                  place(&at, h->n[1], store_target(f), &h->y[1]);
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
  return !store_fault(f) && head_fill(&expected, f, (size_t)h->nnames) &&
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
    RAD_TRY(decoder_split(c, s));
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

/* Memory that writing takes: one part of the samples, all targets, mean and deviation. */
static rad_status reserve(decoder *c, const head *h, float **meanstd, arena *mem)
{
  size_t bytes;
  *meanstd = arena_alloc(mem, 2 * c->moments.C * sizeof **meanstd);
  c->buffer = arena_alloc(mem, c->part * c->xb);
  for (int s = 0; s < 2; s++)
    if (!size_mul((size_t)h->n[s], c->yb, &bytes) || !(c->y[s] = arena_alloc(mem, bytes + 1)))
      return RAD_ENOMEM;
  return *meanstd && c->buffer ? RAD_OK : RAD_ENOMEM;
}

static rad_status write_new(decoder *c, const rad_facts *f, text *names, arena *mem,
                            const char *path)
{
  env *e = c->dataset->env;
  float *meanstd;
  head h;
  RAD_TRY(decoder_new(c, c->dataset, f, mem));
  RAD_TRY(store_names_text(f, names));
  if (!head_fill(&h, f, names->n))
    return rad_fail(&c->dataset->ctx, RAD_EINVAL, "too large for this machine");
  RAD_TRY(reserve(c, &h, &meanstd, mem));
  RAD_TRY(fs_new_open(c->file, path, e->diag));
  rad_status r = write_all(c, &h, names, meanstd);
  if (r >= 0)
    r = fs_new_commit(c->file, e->diag);
  fs_new_abandon(c->file);
  return r;
}

rad_status cache_write(instance *d, const rad_facts *f, const char *path)
{
  arena mem = {0};
  text names = {0};
  fs_new file = {.fd = -1};
  decoder c = {.dataset = d, .file = &file};
  const rad_status r = write_new(&c, f, &names, &mem, path);
  text_free(&names);
  arena_free(&mem);
  return r;
}

rad_status cache_map(store *st, const char *path, env *e)
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
  const rad_status r = store_names_read(st, (const char *)b->p + h.names, (size_t)h.nnames);
  return r == RAD_EINVAL ? diag_error(e->diag, r, (origin){0}, "%s: damaged; delete it", path) : r;
}
