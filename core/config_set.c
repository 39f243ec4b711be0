/* SPDX-License-Identifier: BSD-3-Clause
 * config_set.c - settings by dotted key: overrides, arms, rows of an axis. */
#include "config_parts.h"
#include "inifile.h"
#include "keys.h"
#include <string.h>

static const char blanks[] = " \t";

static rad_status no_memory(diag *d, origin at)
{
  return diag_error(d, RAD_ENOMEM, at, "out of memory");
}

/* --- dotted keys --- */
typedef struct place { /* what a dotted key names */
  const kind_info *info;
  const char *name, *key, *only;
} place;

const char *key_split(char *key, const char **only)
{
  char *const at = strchr(key, '@');
  *only = NULL;
  if (!at)
    return NULL;
  *at = '\0';
  *only = at + 1;
  if (!*key || !text_is_name(*only))
    return "write KEY@PLUGIN";
  const char *const dot = strrchr(key, '.');
  if (strcmp(dot ? dot + 1 : key, "plugin") == 0)
    return "`plugin` itself cannot depend on the plugin";
  return NULL;
}

/* How the name and the key are told apart, by the kind of section. */
static const char *split_rest(place *p, char *rest)
{
  const unsigned flags = p->info->flags;
  const bool free_keys = (flags & KIND_FREE) != 0;
  char *const dot = free_keys ? strchr(rest, '.') : strrchr(rest, '.');
  p->name = "";
  p->key = rest;
  if (flags & (KIND_NAMED | KIND_BOTH)) {
    if (dot) {
      *dot = '\0';
      p->name = rest;
      p->key = dot + 1;
    } else if (flags & KIND_NAMED)
      return "it needs a name: KIND.NAME.KEY";
  } else if (dot && !free_keys)
    return "there is one such section only: SECTION.KEY";
  const size_t n = strlen(p->name);
  if ((n > 0 && (p->name[0] == '.' || p->name[n - 1] == '.')) || strstr(p->name, "..") ||
      n > INI_NAME || (n == 0 && p->key != rest))
    return "the name is malformed";
  return *p->key ? NULL : "it needs a key: SECTION.KEY or KIND.NAME.KEY";
}

/* The words of `p` are from the arena. */
static rad_status parse_dotted(arena *mem, const char *dotted, origin at, diag *d, place *p)
{
  if (!ini_is_key(dotted))
    return diag_error(d, RAD_EINVAL, at,
                      "'%.180s' is not a key: write SECTION.KEY or KIND.NAME.KEY, at most %d "
                      "letters, digits, '_', '-', '.' and '@'",
                      dotted, (int)INI_KEY);
  char hint[96], *const copy = arena_strdup(mem, dotted);
  if (!copy)
    return no_memory(d, at);
  const char *fault = key_split(copy, &p->only);
  char *const dot = strchr(copy, '.');
  if (!fault && !dot)
    fault = "write SECTION.KEY or KIND.NAME.KEY";
  if (!fault) {
    *dot = '\0';
    p->info = kind_by_name(copy);
    if (!p->info)
      return diag_error(d, RAD_EINVAL, at, "%.180s: there is no kind of section '%.60s'%s", dotted,
                        copy, kind_hint(hint, copy));
    fault = split_rest(p, dot + 1);
  }
  return fault ? diag_error(d, RAD_EINVAL, at, "%s: %s", dotted, fault) : RAD_OK;
}

/* --- set --- */
static section *section_at(config *c, const place *p, origin at)
{
  section *s = config_find(c, p->info->name, p->name);
  if (s)
    return s;
  s = section_new(&c->mem, p->info->name, p->name, at);
  return s && config_push(c, s) == RAD_OK ? s : NULL;
}

static rad_status put(config *c, const place *p, const char *value, origin at)
{
  section *const s = section_at(c, p, at);
  if (!s)
    return RAD_ENOMEM;
  setting *set = section_find(s, p->key, p->only);
  if (!set) {
    const setting new = {.key = p->key, .value = value, .only = p->only, .at = at};
    return section_put(&c->mem, s, &new);
  }
  if (strcmp(p->key, "plugin") == 0 && plugin_changes(set->value, value)) {
    RAD_TRY(section_drop_plugin(&c->mem, s, true));
    set = section_find(s, "plugin", NULL);
  }
  set->was = set->value;
  set->value = value;
  set->at = at;
  return RAD_OK;
}

rad_status config_set(config *c, const char *dotted, const char *value, origin at, diag *d)
{
  place p;
  RAD_TRY(parse_dotted(&c->mem, dotted, at, d, &p));
  value += strspn(value, blanks);
  size_t n = strlen(value);
  while (n > 0 && strchr(blanks, value[n - 1]))
    n--;
  const char *const own = arena_strndup(&c->mem, value, n);
  if (!own || (at.file && !(at.file = arena_strdup(&c->mem, at.file))))
    return no_memory(d, at);
  const char *const fault = ini_value_fault(own);
  if (fault)
    return diag_error(d, RAD_EINVAL, at, "%s = %.80s: this value cannot be written to a file: %s",
                      dotted, own, fault);
  return put(c, &p, own, at) < 0 ? no_memory(d, at) : RAD_OK;
}

/* --- several at once: plugins first, so that keys stay whose plugin is set beside them --- */
typedef struct change {
  const char *dotted, *value;
  origin at;
} change;

static bool sets_plugin(const char *dotted)
{
  const char *const dot = strrchr(dotted, '.');
  return dot && strcmp(dot, ".plugin") == 0;
}

/* `who`: "an arm" or "a row", neither of which may change what is of the whole study. */
static rad_status check_change(config *c, const change *v, const char *who, diag *d)
{
  place p;
  RAD_TRY(parse_dotted(&c->mem, v->dotted, v->at, d, &p));
  const bool nested = strcmp(p.info->name, "arm") == 0 && strcmp(who, "an arm") == 0;
  if ((p.info->flags & KIND_STUDY) || nested)
    return diag_error(d, RAD_EINVAL, v->at,
                      "%s: %s cannot change [%s], which is of the whole study", v->dotted, who,
                      p.info->name);
  return RAD_OK;
}

static rad_status apply(config *c, const change *v, size_t n, const char *who, diag *d)
{
  rad_status worst = RAD_OK;
  for (int plugins = 1; plugins >= 0; plugins--)
    for (size_t i = 0; i < n; i++) {
      if (sets_plugin(v[i].dotted) != (plugins == 1))
        continue;
      rad_status s = check_change(c, &v[i], who, d);
      if (s == RAD_OK)
        s = config_set(c, v[i].dotted, v[i].value, v[i].at, d);
      if (s == RAD_ENOMEM)
        return s;
      worst = s < 0 ? s : worst;
    }
  return worst;
}

/* --- arms --- */
static void drop_arms(config *c)
{
  size_t n = 0;
  for (size_t i = 0; i < c->n; i++)
    if (strcmp(c->v[i]->kind, "arm") != 0)
      c->v[n++] = c->v[i];
  c->n = n;
}

static rad_status apply_arm(config *to, const section *arm, diag *d)
{
  change *const v = arena_alloc(&to->mem, arm->n * sizeof *v);
  size_t n = 0;
  if (!v)
    return no_memory(d, arm->at);
  for (const setting *set = NULL; (set = section_row(arm, set));) {
    v[n] = (change){set->key, set->value, set->at};
    if (set->only)
      v[n].dotted = arena_printf(&to->mem, "%s@%s", set->key, set->only);
    if (!v[n++].dotted)
      return no_memory(d, set->at);
  }
  return apply(to, v, n, "an arm", d);
}

static rad_status unknown_arm(config *c, const char *arm, diag *d)
{
  const char *const *name;
  size_t n;
  if (config_arms(c, &name, &n) < 0)
    return no_memory(d, (origin){0});
  char hint[96];
  return diag_error(d, RAD_EINVAL, (origin){0}, "there is no [arm %.64s]%s", arm,
                    text_hint(hint, arm, name, n));
}

rad_status config_arm(config *to, const config *from, const char *arm, diag *d)
{
  const section *const s = config_find(from, "arm", arm);
  const bool whole = !s && !config_next(from, "arm", NULL) && strcmp(arm, "main") == 0;
  if (config_copy(to, from) < 0)
    return no_memory(d, (origin){0});
  rad_status r = s || whole ? RAD_OK : unknown_arm(to, arm, d);
  drop_arms(to);
  if (s)
    r = apply_arm(to, s, d);
  if (r < 0)
    config_free(to);
  return r;
}

rad_status config_arms(config *c, const char *const **names, size_t *n)
{
  const size_t count = config_count(c, "arm");
  const char **const v = arena_alloc(&c->mem, (count + 1) * sizeof *v);
  if (!v)
    return RAD_ENOMEM;
  *n = 0;
  for (const section *s = NULL; (s = config_next(c, "arm", s));)
    v[(*n)++] = s->name;
  if (count == 0)
    v[(*n)++] = "main";
  *names = v;
  return RAD_OK;
}

/* --- rows --- */
/* "KEY=VALUE" into a change; a word without '=' goes on with the value before it. */
static rad_status take_word(config *c, const char *word, change *v, size_t *n)
{
  const char *const equals = strchr(word, '=');
  if (!equals && *n > 0) {
    v[*n - 1].value = arena_printf(&c->mem, "%s, %s", v[*n - 1].value, word);
    return v[*n - 1].value ? RAD_OK : RAD_ENOMEM;
  }
  if (!equals)
    return RAD_EINVAL;
  size_t length = (size_t)(equals - word);
  while (length > 0 && strchr(blanks, word[length - 1]))
    length--;
  v[*n].dotted = arena_strndup(&c->mem, word, length);
  v[*n].value = equals + 1 + strspn(equals + 1, blanks);
  return v[(*n)++].dotted ? RAD_OK : RAD_ENOMEM;
}

rad_status config_row(config *c, const char *axis, const char *row, diag *d)
{
  const section *const s = config_find(c, "axis", axis);
  const setting *const set = s ? section_find(s, row, NULL) : NULL;
  const char *const *word;
  size_t nword, n = 0;
  if (!set)
    return diag_error(d, RAD_EINVAL, s ? s->at : (origin){0}, "[axis %.64s] has no row '%.64s'",
                      axis, row);
  const origin at = set->at;
  if (config_words(&c->mem, set->value, &word, &nword) < 0)
    return no_memory(d, at);
  change *const v = arena_alloc(&c->mem, (nword + 1) * sizeof *v);
  if (!v)
    return no_memory(d, at);
  for (size_t i = 0; i < nword; i++) {
    const rad_status r = take_word(c, word[i], v, &n);
    if (r == RAD_ENOMEM)
      return no_memory(d, at);
    if (r < 0)
      return diag_error(d, RAD_EINVAL, at, "[axis %s] %s: '%.80s': write KEY=VALUE, KEY=VALUE",
                        axis, row, word[i]);
    v[n - 1].at = at;
  }
  return apply(c, v, n, "a row", d);
}
