/* SPDX-License-Identifier: BSD-3-Clause
 * cmd_new.c - `rademacher new`: a whole, commented experiment file from a data set, a network and
 * some kinds of noise, each an arm. Data set and network are copied out of the experiment files
 * that came with the program, so that the new one stands alone. On a terminal it asks for what is
 * not said. */
#include "commands.h"
#include "experiment.h"
#include "fs.h"
#include "study.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char new_usage[] =
    "Usage: rademacher new FILE [options]\n"
    "\n"
    "Writes an experiment: the same network trained on the data as they are, and again with each\n"
    "kind of noise. On a terminal it asks for what no option says.\n"
    "\n"
    "  rademacher new my.ini --data mnist --model mlp-2x512 --noise random_labels\n"
    "  rademacher new my.ini --data cifar10 --model cnn --noise random_labels,random_pixels\n"
    "\n"
    "      --data NAME         of configs/data: mnist, fashion-mnist, cifar10, ...\n"
    "      --model NAME        of configs/model: mlp-2x512, cnn, lenet, ...\n"
    "      --noise NAME        noise plugins, A,B,...: an arm each\n"
    "      --search NAME       also search for the learning rate, by this plugin\n"
    "      --epochs N          of each training (default: 20)\n"
    "      --seeds A,B,...     each arm with each of these (default: 1)\n"
    "      --plugin-dir DIR    look for plugins here first\n"
    "  -h, --help              this text\n";

enum { MOST_NOISES = 16 };
typedef struct wish {
  const char *file, *data, *model, *search, *epochs, *seeds, *plugin_dir;
  const char *noise[MOST_NOISES];
  size_t nnoise;
  env env;
  diag diag;
  text out;
  arena mem;
} wish;

static rad_status wrong(wish *w, const char *fmt, const char *a, const char *b)
{
  return diag_error(&w->diag, RAD_EINVAL, (origin){0}, fmt, a, b);
}

/* --- the experiment files that came with the program --- */
static char *part_path(wish *w, const char *folder, const char *name)
{
  const char *defaults = experiment_defaults(&w->mem);
  const char *slash = defaults ? strrchr(defaults, '/') : NULL;
  return slash ? arena_printf(&w->mem, "%.*s/%s%s%s%s", (int)(slash - defaults), defaults, folder,
                              name ? "/" : "", name ? name : "", name ? ".ini" : "")
               : NULL;
}

/* "cnn, lenet, ...": what is in a folder. */
static const char *part_names(wish *w, const char *folder)
{
  const char **name, *list;
  size_t n = 0;
  text all = {0};
  diag dropped = {0};
  const char *path = part_path(w, folder, NULL);
  if (path && fs_list(path, &w->mem, &name, &n, &dropped) < 0)
    n = 0;
  for (size_t i = 0; i < n; i++) {
    const char *end = strstr(name[i], ".ini");
    if (end)
      text_printf(&all, "%s%.*s", all.n > 0 ? ", " : "", (int)(end - name[i]), name[i]);
  }
  list = arena_strdup(&w->mem, text_str(&all));
  text_free(&all);
  diag_free(&dropped);
  return list ? list : "";
}

static rad_status put_part(wish *w, const char *folder, const char *name)
{
  fs_bytes b = {0};
  const char *path = text_is_name(name) ? part_path(w, folder, name) : NULL;
  if (!path || !fs_is_file(path)) {
    text why = {0};
    text_printf(&why, "--%s %s: there is none of this name; there are %s", folder, name,
                part_names(w, folder));
    const rad_status s = wrong(w, "%s%s", text_str(&why), "");
    text_free(&why);
    return s;
  }
  RAD_TRY(fs_map(path, 0, 0, &b, &w->diag));
  text_puts(&w->out, "\n");
  text_add(&w->out, (const char *)b.p, b.n);
  fs_unmap(&b);
  return RAD_OK;
}

/* --- sections with their keys --- */
/* ";rate = 1 ; share of the labels", or with a value the same without the first ';'. */
static void put_key(wish *w, const char *prefix, const rad_key *k, const char *value)
{
  const char *shown = value ? value : k->def;
  text line = {0};
  if (!shown)
    return;
  text_printf(&line, "%s%s%s = %s", value ? "" : ";", prefix, k->name, shown);
  text_printf(&w->out, "%-31s ; %s\n", text_str(&line), k->help);
  text_free(&line);
}

static void put_keys(wish *w, const char *prefix, const rad_key *k, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (strcmp(k[i].name, "plugin") != 0 && strcmp(k[i].name, "enabled") != 0)
      put_key(w, prefix, &k[i], NULL);
}

static void put_run(wish *w)
{
  const kind_info *run = kind_by_name("run");
  text_puts(&w->out, "\n[run]\n");
  for (size_t i = 0; i < run->ncommon; i++) {
    const char *name = run->common[i].name;
    put_key(w, "", &run->common[i],
            strcmp(name, "epochs") == 0  ? w->epochs
            : strcmp(name, "seeds") == 0 ? w->seeds
                                         : NULL);
  }
}

/* The plugin that defaults.ini names. */
static rad_status put_optimizer(wish *w)
{
  config c = {0};
  const kind_info *kind = kind_by_name("optimizer");
  RAD_TRY(config_read(&c, NULL, experiment_defaults(&w->mem), NULL, 0, &w->diag));
  const char *name = section_value(config_find(&c, kind->name, ""), "plugin", "");
  const plugin *p = plugins_find(w->env.plugins, kind->kind, name, (origin){0}, "new:", &w->diag);
  if (p) {
    text_printf(&w->out, "\n[optimizer]\nplugin = %s\n", name);
    for (size_t i = 0; i < kind->ncommon; i++)
      if (strcmp(kind->common[i].name, "lr") == 0)
        put_key(w, "", &kind->common[i], w->search ? "search(0.001, 0.3)" : "0.01");
    put_keys(w, "", p->d.keys, p->d.nkeys);
  }
  config_free(&c);
  return p ? RAD_OK : RAD_EINVAL;
}

static rad_status put_arm(wish *w, const char *name)
{
  const plugin *p =
      plugins_find(w->env.plugins, RAD_NOISE, name, (origin){0}, "--noise:", &w->diag);
  const char *prefix = arena_printf(&w->mem, "noise.%s.", name);
  if (!p || !prefix)
    return p ? RAD_ENOMEM : RAD_EINVAL;
  text_printf(&w->out, "\n[arm %s]\n", name);
  text_printf(&w->out, "noise.%s.plugin = %s ; %s\n", name, name, p->d.summary);
  put_keys(w, prefix, p->d.keys, p->d.nkeys);
  return RAD_OK;
}

/* What is good: to learn the data and not to fit noise. */
static rad_status put_search(wish *w)
{
  const plugin *p =
      plugins_find(w->env.plugins, RAD_SEARCH, w->search, (origin){0}, "--search:", &w->diag);
  if (!p)
    return RAD_EINVAL;
  text_printf(&w->out, "\n[search]\nplugin = %s ; %s\ntrials = 20\n", w->search, p->d.summary);
  put_keys(w, "", p->d.keys, p->d.nkeys);
  text_puts(&w->out, "\n; Greater is better.\n[objective]\nreal.val.accuracy = 1\n");
  for (size_t i = 0; i < w->nnoise; i++)
    text_printf(&w->out, "%s.train.accuracy.max = %g\n", w->noise[i], -1.0 / (double)w->nnoise);
  return RAD_OK;
}

static rad_status compose(wish *w)
{
  text_puts(&w->out,
            "; Which of these arms does the network fit, and how soon? Written by `rademacher "
            "new`; keys behind\n; ';' are as they would be without the line. `rademacher "
            "check` explains the file, `rademacher run`\n; runs it, `rademacher help KIND "
            "NAME` tells of plugins and their keys.\n");
  put_run(w);
  RAD_TRY(put_part(w, "data", w->data));
  RAD_TRY(put_part(w, "model", w->model));
  RAD_TRY(put_optimizer(w));
  text_puts(&w->out, "\n; An arm is the whole experiment with some keys changed.\n[arm real]\n");
  for (size_t i = 0; i < w->nnoise; i++)
    RAD_TRY(put_arm(w, w->noise[i]));
  if (w->search)
    RAD_TRY(put_search(w));
  return w->out.failed ? RAD_ENOMEM : RAD_OK;
}

/* Written whole, then read as `run` would; what cannot be run is not left there. */
static rad_status write_checked(wish *w)
{
  experiment x = {0};
  if (access(w->file, F_OK) == 0)
    return wrong(w, "%s is there already; name another file%s", w->file, "");
  RAD_TRY(fs_write(w->file, w->out.s, w->out.n, &w->diag));
  const rad_status s = experiment_open(&x, &w->env, w->file, NULL, 0);
  experiment_free(&x);
  if (s < 0)
    unlink(w->file);
  return s;
}

/* --- questions --- */
/* The line that is typed; NULL: none. */
static const char *ask(wish *w, const char *question)
{
  char line[512];
  fprintf(stderr, "%s ", question);
  if (!fgets(line, sizeof line, stdin))
    return NULL;
  line[strcspn(line, "\n")] = '\0';
  return *line ? arena_strdup(&w->mem, line) : NULL;
}

static const char *noise_names(wish *w)
{
  const plugin *const *v;
  size_t n;
  text all = {0};
  if (plugins_scan(w->env.plugins, &v, &n, &w->diag) < 0)
    return "";
  for (size_t i = 0; i < n; i++)
    if (v[i]->d.kind == RAD_NOISE)
      text_printf(&all, "%s%s", all.n > 0 ? ", " : "", v[i]->d.name);
  const char *s = arena_strdup(&w->mem, text_str(&all));
  text_free(&all);
  return s ? s : "";
}

static rad_status add_noises(wish *w, const char *list)
{
  const char *const *word;
  size_t n;
  RAD_TRY(config_words(&w->mem, list, &word, &n));
  for (size_t i = 0; i < n; i++) {
    for (size_t k = 0; k < w->nnoise; k++)
      if (strcmp(w->noise[k], word[i]) == 0)
        return wrong(w, "--noise %s is there twice%s", word[i], "");
    if (w->nnoise == MOST_NOISES)
      return wrong(w, "at most 16 kinds of noise%s%s", "", "");
    w->noise[w->nnoise++] = word[i];
  }
  return RAD_OK;
}

static rad_status complete_wish(wish *w)
{
  const bool asks = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
  if (asks && !w->data) {
    fprintf(stderr, "Data sets: %s\n", part_names(w, "data"));
    w->data = ask(w, "Which?");
  }
  if (asks && !w->model) {
    fprintf(stderr, "Networks: %s\n", part_names(w, "model"));
    w->model = ask(w, "Which?");
  }
  if (asks && w->nnoise == 0) {
    fprintf(stderr, "Kinds of noise, an arm each: %s\n", noise_names(w));
    const char *list = ask(w, "Which, separated by commas?");
    RAD_TRY(list ? add_noises(w, list) : RAD_OK);
  }
  if (!w->data)
    return wrong(w, "on which data? --data NAME, one of %s%s", part_names(w, "data"), "");
  if (!w->model)
    return wrong(w, "which network? --model NAME, one of %s%s", part_names(w, "model"), "");
  if (w->nnoise == 0)
    return wrong(w, "with which noise? --noise NAME, one of %s%s", noise_names(w), "");
  return RAD_OK;
}

/* An exit status, or -1: go on. */
static int read_options(wish *w, int argc, char **argv)
{
  enum { DATA = 256, MODEL, NOISE, SEARCH, EPOCHS, SEEDS, PLUGIN_DIR };
  static const struct option longs[] = {{"data", required_argument, NULL, DATA},
                                        {"model", required_argument, NULL, MODEL},
                                        {"noise", required_argument, NULL, NOISE},
                                        {"search", required_argument, NULL, SEARCH},
                                        {"epochs", required_argument, NULL, EPOCHS},
                                        {"seeds", required_argument, NULL, SEEDS},
                                        {"plugin-dir", required_argument, NULL, PLUGIN_DIR},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};
  const char **to[] = {&w->data,   &w->model, NULL,          &w->search,
                       &w->epochs, &w->seeds, &w->plugin_dir};
  optind = 1;
  for (int c; (c = getopt_long(argc, argv, "h", longs, NULL)) != -1;)
    if (c == NOISE) {
      if (add_noises(w, optarg) < 0)
        return EXIT_USAGE;
    } else if (c >= DATA)
      *to[c - DATA] = optarg;
    else {
      fputs(c == 'h' ? new_usage : "", stdout);
      return c == 'h' ? EXIT_DONE : EXIT_USAGE;
    }
  if (argc - optind != 1) {
    fputs("rademacher: new what? Name one file to write, e.g. my.ini\n", stderr);
    return EXIT_USAGE;
  }
  w->file = argv[optind];
  return -1;
}

static rad_status make(wish *w)
{
  RAD_TRY(plugins_new(&w->env.plugins, w->plugin_dir, &w->diag));
  RAD_TRY(complete_wish(w));
  RAD_TRY(compose(w));
  RAD_TRY(write_checked(w));
  printf("%s is written. Next:\n  rademacher check %s\n  rademacher run %s\n", w->file, w->file,
         w->file);
  return RAD_OK;
}

int cmd_new(int argc, char **argv)
{
  wish w = {.epochs = "20", .seeds = "1"};
  w.env.diag = &w.diag;
  int exit = read_options(&w, argc, argv);
  if (exit < 0)
    exit = exit_status(make(&w));
  diag_flush(&w.diag);
  plugins_free(w.env.plugins);
  env_free(&w.env);
  diag_free(&w.diag);
  text_free(&w.out);
  arena_free(&w.mem);
  return exit;
}
