/* SPDX-License-Identifier: BSD-3-Clause
 * plugins_path.c - the folders where plugins are looked for, and what was found there. */
#include "fs.h"
#include "keys.h"
#include "plugin_file.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#ifndef PKGLIBDIR
#error "the build states where plugins are installed: -DPKGLIBDIR=\"/usr/local/lib/rademacher\""
#endif

enum { MAX_DEPTH = 8, MAX_FOLDERS = 10000, MAX_PROGRAM = 4096 };

struct plugins {
  arena mem;
  const char **dir; /* (ndir) absolute, in order */
  size_t ndir;
  plugin_file **file; /* (nfile) loaded so far */
  size_t nfile, cfile, folders;
  bool scanned;
  const plugin **list; /* (nlist) after a scan: by kind and name, hidden ones left out */
  const plugin **all;  /* (nall) with hidden ones behind those that hide them */
  size_t nlist, nall;
};

/* Written once, first thing in main: there is no other way to know it on systems without /proc. */
static char program[MAX_PROGRAM];

rad_status plugins_set_program(const char *argv0)
{
  arena mem = {0};
  const char *path = fs_program(&mem, argv0);
  const size_t n = path ? strlen(path) : 0;
  if (n < sizeof program)
    memcpy(program, path ? path : "", n + 1);
  arena_free(&mem);
  return n < sizeof program ? RAD_OK : RAD_EINVAL;
}

const char *plugins_program(void)
{
  return *program ? program : NULL;
}

const char *const plugins_environment[] = {"OPENBLAS_NUM_THREADS=1", "OMP_NUM_THREADS=1", NULL};

rad_status plugins_set_environment(void)
{
  for (size_t i = 0; plugins_environment[i]; i++) {
    char name[64] = "";
    const char *const variable = plugins_environment[i];
    const size_t n = strcspn(variable, "=");
    if (n < sizeof name)
      memcpy(name, variable, n);
    if (setenv(name, variable + n + 1, 1) != 0)
      return RAD_ENOMEM;
  }
  return RAD_OK;
}

/* --- the path --- */
static rad_status add_dir(plugins *p, const char *dir, size_t n, const char *who, diag *d)
{
  if (n == 0 || dir[0] != '/')
    return diag_error(d, RAD_EINVAL, (origin){0},
                      "%s: '%.*s' is not an absolute path, and plugins are never loaded from the "
                      "current directory",
                      who, (int)(n < 200 ? n : 200), dir);
  while (n > 1 && dir[n - 1] == '/')
    n--;
  const char **more = realloc(p->dir, (p->ndir + 1) * sizeof *more);
  char *copy = arena_strndup(&p->mem, dir, n);
  if (more)
    p->dir = more;
  if (!more || !copy)
    return diag_error(d, RAD_ENOMEM, (origin){0}, "out of memory");
  for (size_t i = 0; i < p->ndir; i++)
    if (strcmp(p->dir[i], copy) == 0)
      return RAD_OK;
  p->dir[p->ndir++] = copy;
  return RAD_OK;
}

static rad_status add_variable(plugins *p, diag *d)
{
  const char *v = getenv("RAD_PLUGIN_PATH");
  if (!v || *v == '\0')
    return RAD_OK;
  for (;;) {
    const size_t n = strcspn(v, ":");
    RAD_TRY(add_dir(p, v, n, "RAD_PLUGIN_PATH", d));
    if (v[n] == '\0')
      return RAD_OK;
    v += n + 1;
  }
}

/* The build tree's folder where the program was not installed, else the installed one. */
static rad_status add_own(plugins *p, diag *d)
{
  const char *path = plugins_program();
  char *dir = path ? fs_dirname(&p->mem, path) : NULL;
  const size_t n = dir ? strlen(dir) : 0;
  if (n > 6 && strcmp(dir + n - 6, "/.libs") == 0) /* libtool keeps the program itself there */
    dir[n - 6] = '\0';
  const char *built = dir ? fs_join(&p->mem, dir, "plugins") : NULL;
  if (!built || !fs_is_dir(built))
    built = PKGLIBDIR "/plugins";
  return add_dir(p, built, strlen(built), "installed plugins", d);
}

rad_status plugins_new(plugins **out, const char *dir, diag *d)
{
  *out = NULL;
  plugins *p = calloc(1, sizeof *p);
  if (!p)
    return diag_error(d, RAD_ENOMEM, (origin){0}, "out of memory");
  rad_status s = RAD_OK;
  if (dir && dir[0] == '/' && !fs_is_dir(dir))
    s = diag_error(d, RAD_EINVAL, (origin){0}, "--plugin-dir: there is no folder %s", dir);
  else if (dir)
    s = add_dir(p, dir, strlen(dir), "--plugin-dir", d);
  if (s == RAD_OK)
    s = add_variable(p, d);
  if (s == RAD_OK)
    s = add_own(p, d);
  if (s < 0) {
    plugins_free(p);
    return s;
  }
  *out = p;
  return RAD_OK;
}

void plugins_free(plugins *p)
{
  if (!p)
    return;
  free(p->dir);
  free(p->file);
  free(p->list);
  free(p->all);
  arena_free(&p->mem);
  free(p);
}

const char *const *plugins_path(const plugins *p, size_t *n)
{
  *n = p->ndir;
  return p->dir;
}

/* --- files --- */
/* The file at a path, loaded when it is asked for first; NULL: no memory. */
static plugin_file *file_at(plugins *p, size_t dir, const char *path)
{
  for (size_t i = 0; i < p->nfile; i++)
    if (strcmp(p->file[i]->path, path) == 0) {
      p->file[i]->dir = dir < p->file[i]->dir ? dir : p->file[i]->dir;
      return p->file[i];
    }
  plugin_file **v = array_grow(p->file, p->nfile, &p->cfile, sizeof *v);
  if (!v)
    return NULL;
  p->file = v;
  plugin_file *f = arena_alloc(&p->mem, sizeof *f);
  if (!f || plugin_file_load(f, path, &p->mem) < 0)
    return NULL;
  f->dir = dir;
  return p->file[p->nfile++] = f;
}

typedef struct level { /* the folders above: a link back to one of them is not followed */
  const struct level *above;
  dev_t dev;
  ino_t ino;
  int depth;
} level;

static bool is_loop(const level *l)
{
  for (const level *a = l->above; a; a = a->above)
    if (a->dev == l->dev && a->ino == l->ino)
      return true;
  return false;
}

/* *.so, and folders below; of hidden names only libtool's .libs. */
static bool is_wanted(const char *name, bool *folder)
{
  const size_t n = strlen(name);
  *folder = n > 0 && name[n - 1] == '/';
  if (name[0] == '.')
    return strcmp(name, ".libs/") == 0;
  return *folder || (n > 3 && strcmp(name + n - 3, ".so") == 0);
}

/* Loads every file below a folder of the path; in the order of strcmp, as names are sorted. */
static rad_status walk(plugins *p, size_t root, const char *dir, const level *above, arena *mem)
{
  struct stat st;
  if (stat(dir, &st) < 0)
    return RAD_OK; /* gone: nothing is found there */
  const level here = {above, st.st_dev, st.st_ino, above ? above->depth + 1 : 0};
  if (is_loop(&here) || here.depth > MAX_DEPTH || ++p->folders > MAX_FOLDERS)
    return RAD_OK;
  const char **name;
  size_t n;
  diag unread = {0}; /* a folder that cannot be read holds no plugin for this user */
  const rad_status listed = fs_list(dir, mem, &name, &n, &unread);
  diag_free(&unread);
  if (listed < 0)
    return listed == RAD_ENOMEM ? listed : RAD_OK;
  for (size_t i = 0; i < n; i++) {
    bool folder;
    if (!is_wanted(name[i], &folder))
      continue;
    char *path = fs_join(mem, dir, name[i]);
    if (!path)
      return RAD_ENOMEM;
    if (folder)
      path[strlen(path) - 1] = '\0';
    if (!folder && !file_at(p, root, path))
      return RAD_ENOMEM;
    if (folder)
      RAD_TRY(walk(p, root, path, &here, mem));
  }
  return RAD_OK;
}

/* --- the list --- */
typedef struct entry {
  plugin *p;
  size_t dir;
  int place; /* 0: DIR/<kind>/<name>.so, 1: in .libs there, 2: elsewhere */
} entry;

/* The two paths of a plugin in a folder, tried before anything is scanned. */
static char *named_path(arena *mem, const char *dir, uint32_t kind, const char *name, int place)
{
  return arena_printf(mem, "%s%s%s/%s%s.so", dir, strcmp(dir, "/") == 0 ? "" : "/",
                      plugin_kind_name(kind), place == 0 ? "" : ".libs/", name);
}

static int place_of(const plugins *p, size_t dir, const plugin *q)
{
  int place = 0;
  for (; place < 2; place++) {
    arena mem = {0};
    const char *path = named_path(&mem, p->dir[dir], q->d.kind, q->d.name, place);
    const bool same = path && strcmp(path, q->file) == 0;
    arena_free(&mem);
    if (same)
      break;
  }
  return place;
}

static int compare(size_t a, size_t b)
{
  return (a > b) - (a < b);
}

/* By kind and name; then as find goes: by name in each folder, else the first that a scan meets. */
static int by_rank(const void *left, const void *right)
{
  const entry *a = left, *b = right;
  int c = compare(a->p->d.kind, b->p->d.kind);
  c = c ? c : strcmp(a->p->d.name, b->p->d.name);
  c = c ? c : compare(a->place == 2, b->place == 2);
  c = c ? c : compare(a->dir, b->dir);
  c = c ? c : a->place - b->place;
  return c ? c : strcmp(a->p->file, b->p->file);
}

static rad_status make_list(plugins *p)
{
  size_t n = 0;
  for (size_t f = 0; f < p->nfile; f++)
    n += p->file[f]->n;
  entry *v = calloc(n + 1, sizeof *v);
  p->list = calloc(n + 1, sizeof *p->list);
  p->all = calloc(n + 1, sizeof *p->all);
  if (!v || !p->list || !p->all) {
    free(v);
    return RAD_ENOMEM;
  }
  n = 0;
  for (size_t f = 0; f < p->nfile; f++)
    for (size_t i = 0; i < p->file[f]->n; i++, n++) {
      v[n] = (entry){.p = p->file[f]->v[i], .dir = p->file[f]->dir};
      v[n].place = place_of(p, v[n].dir, v[n].p);
    }
  qsort(v, n, sizeof *v, by_rank);
  for (size_t i = 0; i < n; i++) {
    const plugin *last = p->nlist > 0 ? p->list[p->nlist - 1] : NULL;
    p->all[p->nall++] = v[i].p;
    if (last && last->d.kind == v[i].p->d.kind && strcmp(last->d.name, v[i].p->d.name) == 0)
      v[i].p->hidden_by = last;
    else
      p->list[p->nlist++] = v[i].p;
  }
  free(v);
  return RAD_OK;
}

static rad_status scan(plugins *p, diag *d)
{
  if (p->scanned)
    return RAD_OK;
  arena mem = {0};
  rad_status s = RAD_OK;
  p->folders = 0;
  for (size_t i = 0; i < p->ndir && s == RAD_OK; i++)
    s = walk(p, i, p->dir[i], NULL, &mem);
  arena_free(&mem);
  if (s == RAD_OK)
    s = make_list(p);
  if (s < 0)
    return diag_error(d, s, (origin){0}, "out of memory while looking for plugins");
  p->scanned = true;
  return RAD_OK;
}

static rad_status scan_and_warn(plugins *p, diag *d)
{
  RAD_TRY(scan(p, d));
  for (size_t i = 0; i < p->nfile; i++)
    if (p->file[i]->error)
      diag_warning(d, (origin){0}, "%s does not load: %s", p->file[i]->path, p->file[i]->error);
  return RAD_OK;
}

rad_status plugins_scan(plugins *p, const plugin *const **list, size_t *n, diag *d)
{
  RAD_TRY(scan_and_warn(p, d));
  *list = p->list;
  *n = p->nlist;
  return RAD_OK;
}

rad_status plugins_all(plugins *p, const plugin *const **list, size_t *n, diag *d)
{
  RAD_TRY(scan_and_warn(p, d));
  *list = p->all;
  *n = p->nall;
  return RAD_OK;
}

/* --- one plugin --- */
typedef struct wanted {
  uint32_t kind;
  const char *name, *title;
  origin at;
} wanted;

static rad_status not_found(plugins *p, const wanted *w, diag *d)
{
  const char **name = calloc(p->nlist + 1, sizeof *name);
  size_t n = 0, broken = 0;
  text dirs = {0};
  for (size_t i = 0; name && i < p->nlist; i++)
    if (p->list[i]->d.kind == w->kind)
      name[n++] = p->list[i]->d.name;
  for (size_t i = 0; i < p->nfile; i++)
    broken += p->file[i]->error != NULL;
  for (size_t i = 0; i < p->ndir; i++)
    text_printf(&dirs, "%s%s", i > 0 ? ", " : "", p->dir[i]);
  char hint[96] = "";
  if (name)
    text_hint(hint, w->name, name, n);
  diag_error(d, RAD_EINVAL, w->at, "%s there is no %s plugin '%s'%s; looked in %s%s", w->title,
             plugin_kind_name(w->kind), w->name, hint, text_str(&dirs),
             broken > 0 ? "; some files there do not load: `rademacher plugins` says why" : "");
  free(name);
  text_free(&dirs);
  return RAD_EINVAL;
}

/* *out: the plugin by its file's name, or NULL where there is no such file. */
static rad_status find_by_name(plugins *p, const wanted *w, const plugin **out, diag *d)
{
  for (size_t i = 0; i < 2 * p->ndir; i++) {
    arena mem = {0};
    struct stat st;
    const char *path = named_path(&mem, p->dir[i / 2], w->kind, w->name, (int)(i % 2));
    const bool there = path && stat(path, &st) == 0;
    const plugin_file *f = there ? file_at(p, i / 2, path) : NULL;
    const bool failed = !path || (there && !f);
    arena_free(&mem);
    if (failed)
      return diag_error(d, RAD_ENOMEM, w->at, "%s out of memory", w->title);
    if (f && f->error)
      return diag_error(d, RAD_EINVAL, w->at, "%s plugin %s: %s does not load: %s", w->title,
                        w->name, f->path, f->error);
    if (f && (*out = plugin_file_find(f, w->kind, w->name)))
      return RAD_OK;
  }
  return RAD_OK;
}

const plugin *plugins_find(plugins *p, uint32_t kind, const char *name, origin at,
                           const char *title, diag *d)
{
  const wanted w = {kind, name, title ? title : "", at};
  const char *kind_name = plugin_kind_name(kind);
  if (!kind_name || !name || *name == '\0') {
    diag_error(d, RAD_EINVAL, at, "%s needs `plugin =`, the name of a %s plugin", w.title,
               kind_name ? kind_name : "known");
    return NULL;
  }
  if (!text_is_name(name)) {
    diag_error(d, RAD_EINVAL, at,
               "%s plugin = %.80s: must be a name of letters, digits, '_' and '-'", w.title, name);
    return NULL;
  }
  const plugin *found = NULL;
  if (find_by_name(p, &w, &found, d) < 0 || found)
    return found;
  if (scan(p, d) < 0)
    return NULL;
  for (size_t i = 0; i < p->nlist; i++)
    if (p->list[i]->d.kind == kind && strcmp(p->list[i]->d.name, name) == 0)
      return p->list[i];
  not_found(p, &w, d);
  return NULL;
}
