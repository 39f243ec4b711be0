/* SPDX-License-Identifier: BSD-3-Clause
 * cmd_complete.c - `rademacher complete WORD...`, which shells call at the tab key: the words after
 * the program's name, the last one is being written. Prints one candidate a line, "WORD\tWHAT IT
 * IS";
 * ":file" and ":dir" stand for files and folders, which shells know better. From the usage texts,
 * the plugins' tables of keys, and the experiment file that is among the words. */
#include "commands.h"
#include "data_sets.h"
#include "experiment.h"
#include "sections.h"
#include "study.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

typedef struct completion {
  env env;
  diag dropped;      /* nobody reads messages here */
  char *const *word; /* (n) */
  int n;
  const char *now; /* word[n - 1] */
  arena mem;
} completion;

static void offer(const completion *c, const char *word, size_t n, const char *what, size_t nwhat)
{
  const size_t length = strlen(c->now);
  if (n >= length && strncmp(word, c->now, length) == 0)
    printf("%.*s\t%.*s\n", (int)n, word, (int)nwhat, what);
}

static void offer_word(const completion *c, const char *word, const char *what)
{
  offer(c, word, strlen(word), what, strlen(what));
}

/* --- options: lines of the usage like "  -o, --output FILE       where to" --- */
typedef struct option_line {
  const char *name[2], *arg, *help; /* none of them ends in NUL */
  size_t length[2], narg, nhelp;
} option_line;

/* Reads the next one from *at on, and goes behind it; false: there is none. */
static bool next_option(const char **at, option_line *o)
{
  for (const char *s = *at; *s; s += *s == '\n') {
    const char *end = s + strcspn(s, "\n");
    const char *p = s + strspn(s, " ");
    *o = (option_line){0};
    for (int k = 0; p - s >= 2 && *p == '-' && k < 2; k++) {
      o->name[k] = p;
      o->length[k] = strcspn(p, ", \n");
      p += o->length[k];
      p += *p == ',' ? 2 : 0;
    }
    if (o->name[0]) {
      o->arg = p + (*p == ' ' && p[1] != ' ');
      o->narg = o->arg > p ? strcspn(o->arg, " \n") : 0;
      o->help = o->arg + o->narg + strspn(o->arg + o->narg, " ");
      o->nhelp = o->help < end ? (size_t)(end - o->help) : 0;
      *at = end;
      return true;
    }
    s = end;
  }
  return false;
}

static bool is_option(const option_line *o, const char *word)
{
  for (int k = 0; k < 2; k++)
    if (o->name[k] && strlen(word) == o->length[k] && strncmp(word, o->name[k], o->length[k]) == 0)
      return true;
  return false;
}

/* What the option takes: "FILE"; "": nothing, or it is no option of the command; NULL: no memory.
 */
static const char *argument_of(completion *c, const command *what, const char *word)
{
  option_line o;
  for (const char *at = what->usage; next_option(&at, &o);)
    if (is_option(&o, word))
      return arena_strndup(&c->mem, o.arg, o.narg);
  return "";
}

static void offer_options(const completion *c, const command *what)
{
  option_line o;
  for (const char *at = what->usage; next_option(&at, &o);)
    for (int k = 0; k < 2; k++)
      if (o.name[k])
        offer(c, o.name[k], o.length[k], o.help, o.nhelp);
}

/* --- keys: -s layer.hidden.units=64 --- */
static void offer_value(const completion *c, const char *key, const char *value, const char *what)
{
  text all = {0};
  text_printf(&all, "%s=%s", key, value);
  offer_word(c, text_str(&all), what);
  text_free(&all);
}

static void offer_plugins(completion *c, uint32_t kind, const char *key)
{
  const plugin *const *v;
  size_t n;
  if (plugins_scan(c->env.plugins, &v, &n, &c->dropped) < 0)
    return;
  for (size_t i = 0; i < n; i++)
    if (v[i]->d.kind == kind && key)
      offer_value(c, key, v[i]->d.name, v[i]->d.summary);
    else if (v[i]->d.kind == kind)
      offer_word(c, v[i]->d.name, v[i]->d.summary);
}

/* The key's name, or behind "KEY=" its values. */
static void offer_key(completion *c, const kind_info *kind, const char *prefix, const rad_key *k)
{
  const char *equal = strchr(c->now, '=');
  const char *key = arena_printf(&c->mem, "%s.%s", prefix, k->name);
  if (!key)
    return;
  if (!equal) {
    offer_value(c, key, "", k->help);
    return;
  }
  if (strlen(key) != (size_t)(equal - c->now) || strncmp(key, c->now, strlen(key)) != 0)
    return;
  if (kind->kind != 0 && strcmp(k->name, "plugin") == 0)
    offer_plugins(c, kind->kind, key);
  for (size_t i = 0; k->type == RAD_ENUM && k->choices[i]; i++)
    offer_value(c, key, k->choices[i], k->help);
  for (size_t i = 0; k->type == RAD_BOOL && i < 2; i++)
    offer_value(c, key, i == 0 ? "true" : "false", k->help);
}

static void offer_section(completion *c, const section *s)
{
  const kind_info *kind = kind_by_name(s->kind);
  const char *const *name = NULL;
  size_t n = 0;
  const char *prefix = *s->name ? arena_printf(&c->mem, "%s.%s", s->kind, s->name) : s->kind;
  if (!kind || !prefix)
    return;
  for (size_t i = 0; i < kind->ncommon; i++)
    offer_key(c, kind, prefix, &kind->common[i]);
  if (!(kind->flags & KIND_PLUGIN) || section_plugins(s, &c->mem, &name, &n) < 0)
    return;
  for (size_t i = 0; i < n; i++) {
    const plugin *p =
        plugins_find(c->env.plugins, kind->kind, name[i], s->at, s->kind, &c->dropped);
    for (size_t k = 0; p && k < p->d.nkeys; k++)
      offer_key(c, kind, prefix, &p->d.keys[k]);
  }
}

/* Of the sections of the experiment file among the words, if any, and of the defaults. */
static void offer_keys(completion *c)
{
  config all = {0};
  size_t n;
  const char *defaults = experiment_defaults(&c->mem), *file = defaults;
  const kind_info *kind = kind_list(&n);
  for (int i = 1; i + 1 < c->n; i++)
    if (fs_is_file(c->word[i]))
      file = c->word[i];
  const rad_status s =
      file ? config_read(&all, file == defaults ? NULL : defaults, file, NULL, 0, &c->dropped)
           : RAD_EIO;
  for (size_t i = 0; (s >= 0 || s == RAD_EINVAL) && i < all.n; i++)
    offer_section(c, all.v[i]);
  for (size_t i = 0; i < n; i++) {
    const section none = {.kind = kind[i].name, .name = ""};
    if (!(kind[i].flags & KIND_NAMED) && !config_find(&all, kind[i].name, ""))
      offer_section(c, &none);
  }
  config_free(&all);
}

/* --- the words of the usage's first lines: "FILE...", "[KIND [NAME]]", "get" --- */
static void offer_named(completion *c, const char *what)
{
  size_t n;
  const kind_info *kind = kind_list(&n);
  if (strcmp(what, "FILE") == 0 || strcmp(what, "DIR") == 0)
    puts(*what == 'F' ? ":file" : ":dir");
  else if (strcmp(what, "KEY=VALUE") == 0)
    offer_keys(c);
  else if (strcmp(what, "KIND") == 0)
    for (size_t i = 0; i < n; i++)
      offer_word(c, kind[i].name, kind[i].help);
  else if (strcmp(what, "NAME") == 0 && c->n > 2 && kind_by_name(c->word[c->n - 2]))
    offer_plugins(c, kind_by_name(c->word[c->n - 2])->kind, NULL);
  else if (strcmp(what, "NAME") == 0 && strcmp(c->word[0], "data") == 0) {
    const data_set *set = data_sets(&n);
    for (size_t i = 0; i < n; i++)
      offer_word(c, set[i].name, set[i].about);
  } else if (islower((unsigned char)*what))
    offer_word(c, what, "");
}

/* One line of the usage, behind "rademacher COMMAND": the word for place `at`, if those before it
 * fit. */
static void offer_place(completion *c, const char *line, char *const *place, int at)
{
  char word[64] = "";
  bool again = false;
  for (int k = 0; k <= at; k++) {
    while (!again && *line == ' ') {
      const size_t n = strcspn(++line, " \n");
      const char *from = line;
      line += n;
      if (*from == '-' && *line == ' ') /* an option with what it takes */
        line += 1 + strcspn(line + 1, " \n");
      if (*from == '-' || strncmp(from, "[-", 2) == 0 || strncmp(from, "[options]", 9) == 0)
        continue;
      from += strspn(from, "[");
      snprintf(word, sizeof word, "%.*s", (int)strcspn(from, "]. \n"), from);
      again = strncmp(from + strlen(word), "...", 3) == 0;
      break;
    }
    if (!*word || (k < at && islower((unsigned char)*word) && strcmp(word, place[k]) != 0))
      return;
    if (k == at)
      offer_named(c, word);
    if (!again)
      *word = '\0';
  }
}

static rad_status offer_places(completion *c, const command *what)
{
  char **place = arena_alloc(&c->mem, (size_t)c->n * sizeof *place);
  int n = 0;
  const size_t head = strlen("Usage: rademacher ") + strlen(what->name);
  if (!place)
    return RAD_ENOMEM;
  for (int i = 1; i + 1 < c->n; i++) {
    const char *argument = *c->word[i] == '-' ? argument_of(c, what, c->word[i]) : NULL;
    if (!argument)
      place[n++] = c->word[i];
    i += argument && *argument ? 1 : 0;
  }
  for (const char *line = what->usage; *line != '\n' && strlen(line) > head;) {
    offer_place(c, line + head, place, n);
    line += strcspn(line, "\n");
    line += *line == '\n';
  }
  return RAD_OK;
}

static rad_status complete(completion *c)
{
  size_t n;
  const command *list = command_list(&n), *what = c->n > 1 ? command_find(c->word[0]) : NULL;
  if (c->n == 1) {
    for (size_t i = 0; i < n; i++)
      if (list[i].help)
        offer_word(c, list[i].name, list[i].help);
    offer_word(c, "--help", "what there is");
    offer_word(c, "--version", "of the program and of its plugin ABI");
  }
  if (!what || !what->usage)
    return RAD_OK;
  const char *argument = c->n > 2 ? argument_of(c, what, c->word[c->n - 2]) : "";
  if (!argument)
    return RAD_ENOMEM;
  if (*argument)
    offer_named(c, argument);
  else if (*c->now == '-')
    offer_options(c, what);
  else
    return offer_places(c, what);
  return RAD_OK;
}

int cmd_complete(int argc, char **argv)
{
  completion c = {.word = argv + 1, .n = argc - 1};
  if (c.n < 1)
    return EXIT_USAGE;
  c.now = c.word[c.n - 1];
  c.env.diag = &c.dropped;
  rad_status s = plugins_new(&c.env.plugins, NULL, &c.dropped);
  if (s >= 0)
    s = complete(&c);
  plugins_free(c.env.plugins);
  env_free(&c.env);
  diag_free(&c.dropped);
  arena_free(&c.mem);
  return exit_status(s);
}
