/* SPDX-License-Identifier: BSD-3-Clause
 * manifest.c - manifest.json: with what a study was run, for whoever wants to know later: version,
 * plugins and data with checksums, arithmetic, machine, command. Written once. */
#include "running.h"
#include "sections.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

typedef struct used { /* plugins that the experiment can make use of */
  const plugin **v;
  size_t n, cap;
} used;

static rad_status add(used *u, const plugin *p)
{
  for (size_t i = 0; i < u->n; i++)
    if (u->v[i] == p)
      return RAD_OK;
  const plugin **grown = array_grow(u->v, u->n, &u->cap, sizeof *grown);
  if (!grown)
    return RAD_ENOMEM;
  u->v = grown;
  u->v[u->n++] = p;
  return RAD_OK;
}

static rad_status add_config(const study *s, const config *c, used *u)
{
  arena mem = {0};
  rad_status status = RAD_OK;
  for (size_t i = 0; status >= 0 && i < c->n; i++) {
    const section *sec = c->v[i];
    const kind_info *kind = kind_by_name(sec->kind);
    const char *const *name;
    size_t n = 0;
    if (!kind || kind->kind == 0 || !section_enabled(sec))
      continue;
    status = section_plugins(sec, &mem, &name, &n);
    for (size_t k = 0; status >= 0 && k < n; k++) {
      const plugin *p =
          plugins_find(s->env->plugins, kind->kind, name[k], sec->at, sec->kind, s->diag);
      status = p ? add(u, p) : RAD_EINVAL;
    }
  }
  arena_free(&mem);
  return status;
}

static rad_status add_arms(const study *s, const config *c, used *u)
{
  rad_status status = add_config(s, c, u);
  for (size_t i = 0; status >= 0 && i < s->x->narm; i++) {
    config arm = {0};
    status = config_arm(&arm, c, s->x->arm[i], s->diag);
    if (status >= 0)
      status = add_config(s, &arm, u);
    config_free(&arm);
  }
  return status;
}

/* Every arm, as it is and with each row of each axis. */
static rad_status find_plugins(const study *s, used *u)
{
  const config *base = &s->x->base;
  rad_status status = add_arms(s, base, u);
  for (const section *a = NULL; status >= 0 && (a = config_next(base, "axis", a));)
    for (const setting *row = NULL; status >= 0 && (row = section_row(a, row));) {
      config c = {0};
      status = config_copy(&c, base);
      if (status >= 0)
        status = config_row(&c, a->name, row->key, s->diag);
      if (status >= 0)
        status = add_arms(s, &c, u);
      config_free(&c);
    }
  return status;
}

const char *plugin_sha256(study *s, const plugin *p)
{
  for (size_t i = 0; i < s->nsum; i++)
    if (s->sum[i].plugin == p)
      return s->sum[i].hex;
  plugin_sum *grown = arena_grow(&s->mem, s->sum, s->nsum, &s->csum, sizeof *grown);
  if (!grown)
    return NULL;
  s->sum = grown;
  grown[s->nsum].plugin = p;
  return fs_sha256_file(p->file, grown[s->nsum].hex, s->diag) < 0 ? NULL : grown[s->nsum++].hex;
}

rad_status plugins_sha256(study *s, char hex[65])
{
  used u = {0};
  text all = {0};
  rad_status status = find_plugins(s, &u);
  for (size_t i = 0; status >= 0 && i < u.n; i++) {
    const uint32_t kind = u.v[i]->d.kind;
    if (kind_by_id(kind)->flags & KIND_STUDY)
      continue;
    const char *sum = plugin_sha256(s, u.v[i]);
    text_printf(&all, "%s %s %s\n", plugin_kind_name(kind), u.v[i]->d.name, sum ? sum : "");
    status = sum ? RAD_OK : RAD_EIO;
  }
  if (status >= 0 && all.failed)
    status = RAD_ENOMEM;
  if (status >= 0)
    fs_sha256(text_str(&all), all.n, hex);
  text_free(&all);
  free(u.v);
  return status;
}

static rad_status put_plugins(study *s, text *out)
{
  used u = {0};
  rad_status status = find_plugins(s, &u);
  json_open(out, "plugins", '[');
  for (size_t i = 0; status >= 0 && i < u.n; i++) {
    const char *hex = plugin_sha256(s, u.v[i]);
    if (!hex) {
      status = RAD_EIO;
      break;
    }
    text_puts(out, i > 0 ? ",\n" : "\n");
    json_open(out, NULL, '{');
    json_text(out, "kind", plugin_kind_name(u.v[i]->d.kind));
    json_text(out, "name", u.v[i]->d.name);
    json_text(out, "version", u.v[i]->d.version);
    json_text(out, "file", u.v[i]->file);
    json_text(out, "sha256", hex);
    json_close(out, '}');
  }
  json_close(out, ']');
  free(u.v);
  return status;
}

/* What the worker that decoded the data sets has read. */
static rad_status put_data(const study *s, text *out, arena *mem)
{
  char *path = arena_printf(mem, "%s/cache/files.json", s->dir);
  json_t *list = path ? json_load_file(path, 0, NULL) : NULL, *file;
  size_t i;
  json_open(out, "data", '[');
  json_array_foreach(list, i, file)
  {
    json_open(out, NULL, '{');
    json_text(out, "path", json_member_text(file, "path"));
    json_text(out, "sha256", json_member_text(file, "sha256"));
    json_uint(out, "bytes", json_member_uint(file, "bytes"));
    json_close(out, '}');
  }
  json_close(out, ']');
  json_decref(list);
  return path ? RAD_OK : RAD_ENOMEM;
}

/* What the file itself and the command line say, and what their words have replaced. */
static rad_status put_own(const study *s, text *out, arena *mem)
{
  const config *c = &s->x->base;
  json_open(out, "own", '[');
  for (size_t i = 0; i < c->n; i++)
    for (size_t k = 0; k < c->v[i]->n; k++) {
      const setting *v = &c->v[i]->v[k];
      const char *file = v->at.file ? v->at.file : "";
      if (strncmp(file, "-s ", 3) != 0 && (c->nfiles == 0 || strcmp(file, c->files[0]) != 0))
        continue;
      const char *dotted = section_dotted(c->v[i], v->key, mem);
      char *key =
          dotted ? arena_printf(mem, "%s%s%s", dotted, v->only ? "@" : "", v->only ? v->only : "")
                 : NULL;
      char *from = v->at.line > 0 ? arena_printf(mem, "%s:%u", file, v->at.line)
                                  : arena_strdup(mem, "command line");
      if (!key || !from)
        return RAD_ENOMEM;
      json_open(out, NULL, '{');
      json_text(out, "key", key);
      json_text(out, "value", v->value);
      json_text(out, "was", v->was);
      json_text(out, "from", from);
      json_close(out, '}');
    }
  json_close(out, ']');
  return RAD_OK;
}

static void put_machine(text *out)
{
  struct utsname u;
  struct tm tm;
  char now[32] = "";
  const time_t t = time(NULL);
  if (gmtime_r(&t, &tm))
    strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", &tm);
  json_text(out, "start", now);
  if (uname(&u) < 0)
    return;
  json_open(out, "host", '{');
  json_text(out, "name", u.nodename);
  json_text(out, "system", u.sysname);
  json_text(out, "release", u.release);
  json_text(out, "machine", u.machine);
  json_close(out, '}');
}

rad_status manifest_write(study *s)
{
  arena mem = {0};
  text out = {0};
  char *path = fs_join(&mem, s->dir, "manifest.json");
  rad_status status = path ? RAD_OK : RAD_ENOMEM;
  if (path && !fs_is_file(path)) {
    json_open(&out, NULL, '{');
    json_text(&out, "experiment", s->record.name);
    json_text(&out, "version", PACKAGE_VERSION);
    json_uint(&out, "abi", RAD_ABI);
    json_uint(&out, "minor", RAD_MINOR);
    json_text(&out, "command", s->o->command);
    status = put_own(s, &out, &mem);
    put_machine(&out);
    json_text(&out, "fingerprint", s->record.fingerprint);
    if (status >= 0)
      status = put_plugins(s, &out);
    if (status >= 0)
      status = put_data(s, &out, &mem);
    json_close(&out, '}');
    text_puts(&out, "\n");
    if (status >= 0)
      status = out.failed ? RAD_ENOMEM : fs_write(path, out.s, out.n, s->diag);
  }
  text_free(&out);
  arena_free(&mem);
  return status;
}
