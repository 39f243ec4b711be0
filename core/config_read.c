/* SPDX-License-Identifier: BSD-3-Clause
 * config_read.c - files with their includes, merged: what an including file says counts more than
 * what it includes, a later include more than an earlier one. */
#include "config_parts.h"
#include "inifile.h"
#include "keys.h"
#include <string.h>
#include <unistd.h>

enum { DEPTH = 10 }; /* of includes */

typedef struct loader {
  config *c;
  config_index sections; /* of c */
  const char *defaults;  /* the name as it is in origins */
  diag *diag;
} loader;
typedef struct frame { /* a file, and the one that includes it */
  const char *path;
  ini_id id;
  const struct frame *up;
} frame;
typedef struct seen { /* files that have been read, newest first */
  ini_id id;
  const struct seen *next;
} seen;
typedef struct draft { /* one file before it is merged */
  loader *l;
  config own;         /* its arena is not used: all is in the loader's */
  config_index index; /* of own's sections and their settings */
  section *now;       /* NULL: before the first section */
  bool free_keys;     /* of now: any dotted key */
  const char *include;
  origin include_at;
} draft;

static rad_status no_memory(const loader *l, origin at)
{
  return diag_error(l->diag, RAD_ENOMEM, at, "out of memory");
}

/* --- one file --- */
static rad_status take_section(void *user, const char *kind, const char *name, origin at)
{
  draft *const f = user;
  arena *const mem = &f->l->c->mem;
  char title[160];
  f->now = section_new(mem, kind, name, at);
  if (!f->now)
    return no_memory(f->l, at);
  const kind_info *const info = kind_by_name(kind);
  f->free_keys = info && (info->flags & KIND_FREE);
  const size_t first = index_find(&f->index, NULL, f->now->kind, f->now->name);
  if (*kind == '\0')
    return RAD_OK; /* malformed, and reported: its settings are read and go nowhere */
  if (first != SIZE_MAX) {
    diag_error(f->l->diag, RAD_EINVAL, at, "%s is already in line %u: one section has all its keys",
               section_title(f->now, title), f->own.v[first]->at.line);
    return RAD_OK;
  }
  section **const v = arena_grow(mem, f->own.v, f->own.n, &f->own.cap, sizeof *v);
  if (!v)
    return no_memory(f->l, at);
  f->own.v = v;
  f->own.v[f->own.n] = f->now;
  return index_add(&f->index, NULL, f->now->kind, f->now->name, f->own.n++) < 0
             ? no_memory(f->l, at)
             : RAD_OK;
}

static rad_status take_include(draft *f, const char *key, const char *value, origin at)
{
  if (strcmp(key, "include") != 0) {
    diag_error(f->l->diag, RAD_EINVAL, at,
               "'%s' is in no section: only 'include =' can stand before the first [section]", key);
    return RAD_OK;
  }
  if (f->include) {
    diag_error(f->l->diag, RAD_EINVAL, at,
               "'include' is already in line %u: name all files there, separated by commas",
               f->include_at.line);
    return RAD_OK;
  }
  f->include_at = at;
  f->include = arena_strdup(&f->l->c->mem, value);
  return f->include ? RAD_OK : no_memory(f->l, at);
}

/* Where "before.KEY" goes: the section that this one replaces. */
static section *section_before(draft *f, origin at)
{
  if (!f->now->before)
    f->now->before = section_new(&f->l->c->mem, f->now->kind, f->now->name, at);
  return f->now->before;
}

static rad_status add_setting(draft *f, section *s, const setting *set)
{
  const size_t first = index_find(&f->index, s, set->key, set->only);
  char title[160];
  if (first != SIZE_MAX) {
    diag_error(f->l->diag, RAD_EINVAL, set->at, "%s '%s%s%s%s' is already in line %u",
               section_title(s, title), s == f->now ? "" : "before.", set->key,
               set->only ? "@" : "", set->only ? set->only : "", s->v[first].at.line);
    return RAD_OK;
  }
  if (index_add(&f->index, s, set->key, set->only, s->n) < 0 ||
      section_put(&f->l->c->mem, s, set) < 0)
    return no_memory(f->l, set->at);
  return RAD_OK;
}

static rad_status take_setting(void *user, const char *key, const char *value, origin at)
{
  static const char before[] = "before.";
  draft *const f = user;
  arena *const mem = &f->l->c->mem;
  char title[160];
  if (!f->now)
    return take_include(f, key, value, at);
  if (!f->free_keys && strcmp(key, "include") == 0) {
    diag_error(f->l->diag, RAD_EINVAL, at, "'include' must stand before the first [section]");
    return RAD_OK;
  }
  section *s = f->now;
  if (!f->free_keys && strncmp(key, before, sizeof before - 1) == 0) {
    key += sizeof before - 1;
    s = section_before(f, at);
  }
  char *const own = arena_strdup(mem, key);
  setting set = {.key = own, .value = arena_strdup(mem, value), .at = at};
  if (!s || !own || !set.value)
    return no_memory(f->l, at);
  const char *const fault = key_split(own, &set.only);
  if (fault) {
    diag_error(f->l->diag, RAD_EINVAL, at, "%s '%s': %s", section_title(f->now, title), key, fault);
    return RAD_OK;
  }
  return add_setting(f, s, &set);
}

/* --- merge --- */
static void finish_before(const draft *f, section *s)
{
  char title[160];
  const setting *const plugin = section_find(s->before, "plugin", NULL);
  if (plugin)
    s->replaced = plugin->value;
  else
    diag_error(f->l->diag, RAD_EINVAL, s->before->at,
               "%s has before.KEY, but no before.plugin = the plugin that had that key",
               section_title(s, title));
}

/* `now`, of a draft, over `s`, of the configuration. */
static rad_status merge_section(draft *f, section *s, section *now)
{
  arena *const mem = &f->l->c->mem;
  const setting *const old = section_find(s, "plugin", NULL);
  const size_t plugin = index_find(&f->index, now, "plugin", NULL);
  if (old && plugin != SIZE_MAX && plugin_changes(old->value, now->v[plugin].value))
    RAD_TRY(section_drop_plugin(mem, s, old->at.file != f->l->defaults));
  if (now->before) {
    s->before = now->before;
    s->replaced = now->replaced;
  }
  for (size_t i = 0; i < s->n; i++) {
    const size_t k = index_find(&f->index, now, s->v[i].key, s->v[i].only);
    if (k == SIZE_MAX)
      continue;
    s->v[i].was = s->v[i].value;
    s->v[i].value = now->v[k].value;
    s->v[i].at = now->v[k].at;
    now->v[k].key = NULL; /* taken */
  }
  for (size_t i = 0; i < now->n; i++)
    if (now->v[i].key)
      RAD_TRY(section_put(mem, s, &now->v[i]));
  return RAD_OK;
}

static rad_status merge(draft *f)
{
  loader *const l = f->l;
  for (size_t i = l->sections.n; i < l->c->n; i++) /* overrides have added these */
    RAD_TRY(index_add(&l->sections, NULL, l->c->v[i]->kind, l->c->v[i]->name, i));
  for (size_t i = 0; i < f->own.n; i++) {
    section *const s = f->own.v[i];
    if (s->before)
      finish_before(f, s);
    const size_t at = index_find(&l->sections, NULL, s->kind, s->name);
    if (at != SIZE_MAX) {
      RAD_TRY(merge_section(f, l->c->v[at], s));
      continue;
    }
    RAD_TRY(index_add(&l->sections, NULL, s->kind, s->name, l->c->n));
    RAD_TRY(config_push(l->c, s));
  }
  return RAD_OK;
}

/* --- includes --- */
static rad_status read_file(loader *, const char *path, origin, const frame *up, const seen **);

static bool same_id(const ini_id *a, const ini_id *b)
{
  return a->device == b->device && a->inode == b->inode;
}

/* "a.ini includes b.ini includes a.ini" */
static rad_status report_cycle(const loader *l, const frame *last, const frame *first, origin at)
{
  const char *chain = last->path;
  for (const frame *x = last->up; x && chain; x = x->up) {
    chain = arena_printf(&l->c->mem, "%s includes %s", x->path, chain);
    if (x == first)
      break;
  }
  return chain ? diag_error(l->diag, RAD_EINVAL, at, "include goes in a circle: %s", chain)
               : no_memory(l, at);
}

static rad_status add_file(config *c, const char *path)
{
  const char **const v = arena_grow(&c->mem, c->files, c->nfiles, &c->cfiles, sizeof *v);
  if (!v)
    return RAD_ENOMEM;
  c->files = v;
  c->files[c->nfiles++] = path;
  return RAD_OK;
}

static rad_status read_includes(draft *f, const frame *here, const seen **done)
{
  loader *const l = f->l;
  const char *const *name;
  size_t n;
  const char *const slash = strrchr(here->path, '/');
  const int dir = slash ? (int)(slash + 1 - here->path) : 0;
  if (config_words(&l->c->mem, f->include, &name, &n) < 0)
    return no_memory(l, f->include_at);
  for (size_t i = 0; i < n; i++) {
    if (!*name[i]) {
      diag_error(l->diag, RAD_EINVAL, f->include_at,
                 "include: there is nothing between two commas");
      continue;
    }
    const char *const path =
        *name[i] == '/' ? name[i] : arena_printf(&l->c->mem, "%.*s%s", dir, here->path, name[i]);
    if (!path)
      return no_memory(l, f->include_at);
    const rad_status s = read_file(l, path, f->include_at, here, done);
    if (s < 0 && s != RAD_EINVAL)
      return s;
  }
  return RAD_OK;
}

/* Reads an open file, then what it includes, and merges in the order in which they count. */
static rad_status read_open(loader *l, int fd, const frame *here, const seen **done)
{
  draft f = {.l = l};
  const ini_events events = {take_section, take_setting, &f};
  rad_status s = ini_read(fd, here->path, &events, l->diag);
  if (s >= 0 && f.include)
    s = read_includes(&f, here, done);
  if (s >= 0 && merge(&f) < 0)
    s = no_memory(l, (origin){here->path, 0});
  index_free(&f.index);
  return s;
}

static rad_status read_once(loader *l, int fd, const frame *here, const seen **done)
{
  seen *const mark = arena_alloc(&l->c->mem, sizeof *mark);
  if (!mark || add_file(l->c, here->path) < 0)
    return no_memory(l, (origin){here->path, 0});
  *mark = (seen){here->id, *done};
  *done = mark;
  return read_open(l, fd, here, done);
}

static rad_status read_file(loader *l, const char *path, origin at, const frame *up,
                            const seen **done)
{
  frame here = {.path = path, .up = up};
  size_t depth = 0;
  int fd;
  RAD_TRY(ini_open(path, at, &fd, &here.id, l->diag));
  const frame *same = NULL;
  for (const frame *x = up; x && !same; x = x->up, depth++)
    same = same_id(&x->id, &here.id) ? x : NULL;
  bool again = false;
  for (const seen *x = *done; x && !again; x = x->next)
    again = same_id(&x->id, &here.id);
  rad_status s = RAD_OK;
  if (same)
    s = report_cycle(l, &here, same, at);
  else if (depth > DEPTH)
    s = diag_error(l->diag, RAD_EINVAL, at, "%s: includes are nested more than %d deep", path,
                   (int)DEPTH);
  else if (!again)
    s = read_once(l, fd, &here, done);
  close(fd);
  return s;
}

/* A file that the user or the installation has named; each starts afresh, so that a file that was
 * included before counts again, as the last. */
static rad_status read_top(loader *l, const char *path, origin at)
{
  const seen *done = NULL;
  const char *const own = arena_strdup(&l->c->mem, path);
  return own ? read_file(l, own, at, NULL, &done) : no_memory(l, at);
}

/* --- overrides --- */
static rad_status apply_override(loader *l, const override *o, bool plugins)
{
  arena *const mem = &l->c->mem;
  const char *const equals = strchr(o->text, '=');
  const origin at = {.file = arena_printf(mem, "-s %.200s", o->text)};
  if (!at.file)
    return no_memory(l, (origin){0});
  if (!equals)
    return plugins ? RAD_OK : diag_error(l->diag, RAD_EINVAL, at, "write -s KEY=VALUE");
  const char *const start = o->text + strspn(o->text, " \t");
  size_t n = equals > start ? (size_t)(equals - start) : 0;
  while (n > 0 && strchr(" \t", start[n - 1]))
    n--;
  const char *const dotted = arena_strndup(mem, start, n);
  if (!dotted)
    return no_memory(l, at);
  const char *const dot = strrchr(dotted, '.');
  if ((dot && strcmp(dot, ".plugin") == 0) != plugins)
    return RAD_OK;
  return config_set(l->c, dotted, equals + 1, at, l->diag);
}

/* Between two -i, plugins are set first: keys that stand beside their plugin stay. */
static rad_status apply_overrides(loader *l, const override *o, size_t n)
{
  for (size_t i = 0, end; i < n; i = end) {
    for (end = i; end < n && !o[end].include; end++)
      ;
    for (int plugins = 1; plugins >= 0; plugins--)
      for (size_t k = i; k < end; k++)
        if (apply_override(l, &o[k], plugins == 1) == RAD_ENOMEM)
          return RAD_ENOMEM;
    if (end == n)
      break;
    const origin at = {.file = arena_printf(&l->c->mem, "-i %.200s", o[end].text)};
    const rad_status s = at.file ? read_top(l, o[end].text, at) : no_memory(l, at);
    if (s < 0 && s != RAD_EINVAL)
      return s;
    end++;
  }
  return RAD_OK;
}

static rad_status read_all(loader *l, const char *defaults, const char *file, const override *o,
                           size_t n)
{
  rad_status s = RAD_OK;
  if (defaults) {
    l->defaults = arena_strdup(&l->c->mem, defaults);
    const seen *done = NULL;
    s = l->defaults ? read_file(l, l->defaults, (origin){0}, NULL, &done)
                    : no_memory(l, (origin){0});
    if (s < 0 && s != RAD_EINVAL)
      return s;
  }
  const size_t first = l->c->nfiles;
  s = read_top(l, file, (origin){0});
  if (s < 0 && s != RAD_EINVAL)
    return s;
  if (first > 0 && l->c->nfiles > first) { /* the main file first */
    const char *const main_file = l->c->files[first];
    memmove(l->c->files + 1, l->c->files, first * sizeof *l->c->files);
    l->c->files[0] = main_file;
  }
  return apply_overrides(l, o, n);
}

rad_status config_read(config *c, const char *defaults, const char *file, const override *o,
                       size_t n, diag *d)
{
  const size_t errors = d->errors;
  *c = (config){0};
  loader l = {.c = c, .diag = d};
  const rad_status s = read_all(&l, defaults, file, o, n);
  index_free(&l.sections);
  if (s < 0 && s != RAD_EINVAL) {
    config_free(c);
    return s;
  }
  return d->errors > errors ? RAD_EINVAL : RAD_OK;
}
