/* SPDX-License-Identifier: BSD-3-Clause
 * sections.c - checks every section and key of a configuration by the tables of the core and of
 * the plugins that it names. */
#include "sections.h"
#include "blocks.h"
#include <string.h>

rad_status section_plugins(const section *s, arena *mem, const char *const **names, size_t *n)
{
  const char *value = section_value(s, "plugin", NULL);
  *n = 0;
  if (!value || is_range(value))
    return RAD_OK;
  return is_choice(value) ? searched_words(mem, value, names, n)
                          : config_words(mem, value, names, n);
}

/* Tables of a section under a plugin (NULL: the core's alone); tables[2]. 0: the plugin is not
 * there, which has been reported. */
static size_t section_tables(env *e, const section *s, const char *plugin_name, origin at,
                             key_table *tables)
{
  const kind_info *info = kind_by_name(s->kind);
  char title[160];
  if (!info)
    return 0;
  const key_table common = {info->common, info->ncommon};
  tables[0] = common;
  if (!plugin_name)
    return 1;
  const plugin *p =
      plugins_find(e->plugins, info->kind, plugin_name, at, section_title(s, title), e->diag);
  if (!p)
    return 0;
  tables[0] = (key_table){p->d.keys, p->d.nkeys}; /* first: its names are the likelier meant */
  tables[1] = common;
  return 2;
}

const rad_key *section_key(env *e, const section *s, const setting *set, arena *mem)
{
  const char *const *name;
  size_t n;
  key_table tables[2];
  const kind_info *info = kind_by_name(s->kind);
  if (!info || ((info->flags & KIND_FREE) && set->only)) /* x@plugin is of another section */
    return NULL;
  if (set->only)
    return keys_find(tables, section_tables(e, s, set->only, set->at, tables), set->key);
  const rad_key *key = keys_find(&(key_table){info->common, info->ncommon}, 1, set->key);
  if (key || !(info->flags & KIND_PLUGIN) || section_plugins(s, mem, &name, &n) < 0)
    return key;
  for (size_t i = 0; i < n && !key; i++)
    key = keys_find(tables, section_tables(e, s, name[i], set->at, tables), set->key);
  return key;
}

/* --- one section --- */
typedef struct check {
  env *env;
  const kind_info *info;
  const section *section; /* with what an overlay's section inherits */
  const char *title;
  bool complete;
  arena *mem;
} check;

static bool contains(const char *const *list, size_t n, const char *word)
{
  for (size_t i = 0; i < n; i++)
    if (strcmp(list[i], word) == 0)
      return true;
  return false;
}

static void check_value(const check *k, const rad_key *key, const setting *set)
{
  searched ignored;
  diag *d = k->env->diag;
  if (!is_searched(set->value))
    keys_parse(key, set->value, NULL, k->mem, set->at, k->title, d);
  else if (k->info->flags & KIND_STUDY)
    diag_error(d, RAD_EINVAL, set->at,
               "%s %s = %.80s: this section is the same for all trials and "
               "cannot be searched",
               k->title, set->key, set->value);
  else
    searched_parse(key, set, k->title, k->mem, d, &ignored);
}

static void check_setting(const check *k, const setting *set, const key_table *tables, size_t n)
{
  if (keys_unknown(set, tables, n, k->title, k->env->diag) == RAD_OK)
    check_value(k, keys_find(tables, n, set->key), set);
}

static bool has_setting(const section *s, const char *key, const char *plugin_name)
{
  for (size_t i = 0; i < s->n; i++)
    if (strcmp(s->v[i].key, key) == 0 &&
        (!s->v[i].only || (plugin_name && strcmp(s->v[i].only, plugin_name) == 0)))
      return true;
  return false;
}

static void check_required(const check *k, const char *plugin_name, const key_table *tables,
                           size_t n)
{
  for (size_t t = 0; t < n; t++)
    for (size_t i = 0; i < tables[t].n; i++) {
      const rad_key *key = &tables[t].v[i];
      if (!key->def && !has_setting(k->section, key->name, plugin_name))
        diag_error(k->env->diag, RAD_EINVAL, k->section->at, "%s needs a key '%s' (%s)", k->title,
                   key->name, key->help);
    }
}

/* The settings of `s` as they count under one plugin. Those of the core are the same under each
 * choice of a plugin: the messages do not name it. */
static void check_under(const check *k, const section *s, const char *plugin_name, origin at,
                        const char *choice)
{
  key_table tables[2];
  const size_t n = section_tables(k->env, k->section, plugin_name, at, tables);
  check named = *k;
  named.title = choice ? choice : k->title;
  for (size_t i = 0; n > 0 && i < s->n; i++) {
    const setting *set = &s->v[i];
    const bool common = !set->only && keys_find(&tables[n - 1], 1, set->key);
    if (!set->only || (plugin_name && strcmp(set->only, plugin_name) == 0))
      check_setting(common ? k : &named, set, tables, n);
  }
  if (k->complete && n > 0)
    check_required(&named, plugin_name, tables, n);
}

/* x@plugin, where that plugin is not the section's: an arm may still switch to it. */
static void check_others(const check *k, const section *s, const char *const *name, size_t n)
{
  key_table tables[2];
  for (size_t i = 0; i < s->n; i++) {
    const setting *set = &s->v[i];
    if (!set->only || contains(name, n, set->only))
      continue;
    const size_t nt = section_tables(k->env, s, set->only, set->at, tables);
    if (nt > 0)
      check_setting(k, set, tables, nt);
  }
}

static void check_plugin_section(check *k, const section *s)
{
  const char *const *name;
  size_t n;
  diag *d = k->env->diag;
  const setting *set = section_get(k->section, "plugin");
  if (!set) {
    if (k->complete)
      diag_error(d, RAD_EINVAL, s->at, "%s needs 'plugin = NAME'; `rademacher plugins` lists them",
                 k->title);
    return; /* an arm or axis may bring it */
  }
  if (section_plugins(k->section, k->mem, &name, &n) < 0) {
    diag_error(d, RAD_ENOMEM, s->at, "out of memory");
    return;
  }
  if (!is_searched(set->value) && n != 1) {
    diag_error(d, RAD_EINVAL, set->at, "%s plugin = %.80s: must be the name of one plugin",
               k->title, set->value);
    return;
  }
  if (n == 0) /* search(...), or an empty choice: say so, and look no further */
    check_value(k, keys_find(&(key_table){k->info->common, k->info->ncommon}, 1, "plugin"), set);
  for (size_t i = 0; i < n; i++) {
    text t = {0};
    text_printf(&t, "%s %.64s:", k->title, name[i]);
    check_under(k, s, name[i], set->at, n > 1 ? text_str(&t) : NULL);
    text_free(&t);
  }
  check_others(k, s, name, n);
}

/* --- names, and sections with keys of the user's own --- */
static const kind_info *check_kind(env *e, const section *s)
{
  char title[160], hint[96];
  section_title(s, title);
  const kind_info *info = kind_by_name(s->kind);
  if (!info)
    diag_error(e->diag, RAD_EINVAL, s->at, "%s unknown kind of section%s", title,
               kind_hint(hint, s->kind));
  else if ((info->flags & KIND_NAMED) && !*s->name)
    diag_error(e->diag, RAD_EINVAL, s->at, "%s needs a name: [%s NAME]", title, s->kind);
  else if (!(info->flags & (KIND_NAMED | KIND_BOTH)) && *s->name)
    diag_error(e->diag, RAD_EINVAL, s->at, "%s takes no name: there is one [%s] only", title,
               s->kind);
  else
    return info;
  return NULL;
}

static void check_free_section(const check *k)
{
  static const char *const taken[] = {"train", "val", "test", "rest", "model"};
  const section *s = k->section;
  const key_table own = {k->info->common, k->info->ncommon};
  diag *d = k->env->diag;
  const bool arm = strcmp(s->kind, "arm") == 0, axis = strcmp(s->kind, "axis") == 0;
  if (arm && contains(taken, 5, s->name))
    diag_error(d, RAD_EINVAL, s->at,
               "%s an arm cannot be called train, val, test, rest or model: "
               "metrics would be ambiguous",
               k->title);
  size_t rows = 0;
  for (size_t i = 0; i < s->n; i++) {
    const setting *set = &s->v[i];
    const rad_key *key = keys_find(&own, 1, set->key);
    if (key) {
      check_value(k, key, set);
    } else if (axis) { /* config_arm says what is wrong with an arm's */
      rows++;
      if (strstr(set->value, "search(") || strstr(set->value, "choice("))
        diag_error(d, RAD_EINVAL, set->at,
                   "%s %.80s: a row is one point; search keys in their "
                   "own sections, and they exist in the rows that leave them alone",
                   k->title, set->key);
    }
  }
  if (axis && rows == 0)
    diag_error(d, RAD_EINVAL, s->at, "%s has no rows: NAME = SECTION.KEY=VALUE, ...", k->title);
}

static void check_section(check *k, const section *s)
{
  if (k->info->flags & KIND_FREE) {
    if (!k->complete) /* these do not depend on the arm */
      check_free_section(k);
  } else if (k->info->flags & KIND_PLUGIN) {
    check_plugin_section(k, s);
  } else {
    check_under(k, s, NULL, s->at, NULL);
  }
}

rad_status sections_check(env *e, const config *c, bool complete)
{
  arena mem = {0};
  tree t;
  diag dropped = {0};
  const size_t before = e->diag->errors;
  const bool built = tree_build(&t, c, &dropped) == RAD_OK; /* references_check reports */
  for (size_t i = 0; i < c->n; i++) {
    const section *s = c->v[i], *whole = s;
    char title[160];
    const kind_info *info = check_kind(e, s);
    if (!info || !section_enabled(s))
      continue;
    if (section_is_overlay(s)) {
      const part *p = built && complete ? tree_find(&t, strrchr(s->name, '.') + 1) : NULL;
      whole = p ? part_copy(p, s->name, &mem) : NULL;
      if (!whole)
        continue;
    }
    check k = {.env = e,
               .info = info,
               .section = whole,
               .title = section_title(s, title),
               .complete = complete,
               .mem = &mem};
    const bool switched = whole != s && section_get(s, "plugin");
    check_section(&k, switched ? whole : s);
  }
  diag_free(&dropped);
  tree_free(&t);
  arena_free(&mem);
  return e->diag->errors > before ? RAD_EINVAL : RAD_OK;
}
