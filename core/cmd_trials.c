/* SPDX-License-Identifier: BSD-3-Clause
 * cmd_trials.c - `rademacher trials`: the trials of a run, sorted, filtered, as a table, CSV or
 * JSON. */
#include "commands.h"
#include "report.h"
#include "trial_table.h"
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char trials_usage[] =
    "Usage: rademacher trials DIR [options]\n"
    "\n"
    "Lists the trials of a run: states, searched keys, objective, metrics (means over seeds, of "
    "the\n"
    "last epoch).\n"
    "\n"
    "  rademacher trials runs/search --sort -objective -n 10\n"
    "  rademacher trials runs/search --where 'real.val.accuracy > 0.8' --where state=complete\n"
    "  rademacher trials runs/search --columns trial,lr,objective --csv\n"
    "\n"
    "      --sort COLUMN       smallest first; -COLUMN: greatest first; what has no value is last\n"
    "      --where CONDITION   COLUMN and one of < <= > >= = != ~ (contains) and a value; each "
    "must\n"
    "                          hold\n"
    "      --columns A,B,...   these, in this order; a name may be the end of one: lr\n"
    "      --all               also parts of metrics, greatest and smallest values, sizes\n"
    "  -n N                    at most N\n"
    "      --csv, --json       for machines: all digits\n"
    "      --plugin-dir DIR    look for plugins here first\n"
    "  -h, --help              this text\n";

enum { MOST_CONDITIONS = 32 };
typedef struct condition {
  const char *text;
  const trial_column *column;
  enum { LESS, LESS_SAME, MORE, MORE_SAME, SAME, OTHER, HAS } how;
  const char *value;
  double number; /* NaN: a word */
} condition;
typedef struct request {
  const char *dir, *plugin_dir, *sort, *columns;
  condition where[MOST_CONDITIONS];
  size_t nwhere, most;
  bool all, csv, json, down;
  const trial_column *by;
  const trial_column **shown; /* (nshown) */
  int *width;                 /* (nshown) */
  size_t nshown;
  const trial **row; /* (n) */
  size_t n;
  trial_table table;
  arena mem;
} request;

/* --- conditions --- */
static rad_status parse_condition(request *q, condition *c, diag *d)
{
  static const char *const op[] = {"<=", ">=", "!=", "<", ">", "=", "~"};
  static const unsigned how[] = {LESS_SAME, MORE_SAME, OTHER, LESS, MORE, SAME, HAS};
  const size_t n = strcspn(c->text, "<>=!~");
  size_t k = 0;
  while (k < 7 && strncmp(c->text + n, op[k], strlen(op[k])) != 0)
    k++;
  if (k == 7 || n == 0)
    return diag_error(d, RAD_EINVAL, (origin){0},
                      "--where %s: must be COLUMN, one of < <= > >= = != ~, and a value", c->text);
  size_t m = n;
  while (m > 0 && c->text[m - 1] == ' ')
    m--;
  const char *name = arena_strndup(&q->mem, c->text, m);
  c->how = how[k];
  c->value = c->text + n + strlen(op[k]);
  c->value += strspn(c->value, " ");
  if (!text_to_double(c->value, &c->number))
    c->number = (double)NAN;
  c->column = name ? trial_table_find(&q->table, name, d) : NULL;
  return c->column ? RAD_OK : RAD_EINVAL;
}

static bool holds_word(const condition *c, const char *word)
{
  switch (c->how) {
  case SAME:
    return strcmp(word, c->value) == 0;
  case OTHER:
    return strcmp(word, c->value) != 0;
  case HAS:
    return strstr(word, c->value) != NULL;
  default:
    return false; /* words have no order */
  }
}

static bool holds(const request *q, const condition *c, const trial *t)
{
  char room[64];
  const double v = trial_number(&q->table, t, c->column);
  if (isnan(c->number) || column_is_words(&q->table, c->column) || c->how == HAS)
    return holds_word(c, trial_word(&q->table, t, c->column, 0, room));
  switch (c->how) {
  case LESS:
    return v < c->number;
  case LESS_SAME:
    return v <= c->number;
  case MORE:
    return v > c->number;
  case MORE_SAME:
    return v >= c->number;
  case OTHER:
    return v != c->number;
  default:
    return v == c->number;
  }
}

/* --- order --- */
typedef struct keyed {
  const trial *t;
  double number;
  const char *word;
  bool down;
} keyed;

static int compare(const void *x, const void *y)
{
  const keyed *a = x, *b = y;
  const bool p = a->word ? *a->word == '\0' : isnan(a->number);
  const bool q = b->word ? *b->word == '\0' : isnan(b->number);
  const uint64_t i = a->t->known.index, k = b->t->known.index;
  int order = p != q ? (p ? 1 : -1) : 0;
  if (order == 0 && !p && a->word)
    order = strcmp(a->word, b->word) * (a->down ? -1 : 1);
  else if (order == 0 && !p)
    order = ((a->number > b->number) - (a->number < b->number)) * (a->down ? -1 : 1);
  return order != 0 ? order : (i > k) - (i < k);
}

static rad_status sort_rows(request *q)
{
  char room[64];
  keyed *v = calloc(q->n + 1, sizeof *v);
  if (!v)
    return RAD_ENOMEM;
  for (size_t i = 0; i < q->n; i++) {
    const bool words = column_is_words(&q->table, q->by);
    v[i] = (keyed){.t = q->row[i], .number = (double)NAN, .down = q->down};
    if (words) /* these are not made in `room` */
      v[i].word = trial_word(&q->table, q->row[i], q->by, 0, room);
    else
      v[i].number = trial_number(&q->table, q->row[i], q->by);
  }
  qsort(v, q->n, sizeof *v, compare);
  for (size_t i = 0; i < q->n; i++)
    q->row[i] = v[i].t;
  free(v);
  return RAD_OK;
}

/* --- output --- */
static void put_json(const request *q, text *out)
{
  char room[64];
  json_open(out, NULL, '[');
  for (size_t i = 0; i < q->n; i++) {
    text_puts(out, i > 0 ? ",\n" : "\n");
    json_open(out, NULL, '{');
    for (size_t k = 0; k < q->nshown; k++) {
      const trial_column *c = q->shown[k];
      const double v = trial_number(&q->table, q->row[i], c);
      const char *word = trial_word(&q->table, q->row[i], c, 0, room);
      if (c->what == COLUMN_TRIAL)
        json_uint(out, c->name, q->row[i]->known.index);
      else if (isnan(v) || column_is_words(&q->table, c))
        json_text(out, c->name, *word ? word : NULL);
      else
        json_double(out, c->name, v);
    }
    json_close(out, '}');
  }
  text_puts(out, "\n]\n");
}

static void put_field(text *out, const char *s)
{
  const bool quoted = strpbrk(s, ",\"\r\n") != NULL;
  text_puts(out, quoted ? "\"" : "");
  for (; *s; s++)
    text_add(out, *s == '"' ? "\"\"" : s, *s == '"' ? 2 : 1);
  text_puts(out, quoted ? "\"" : "");
}

static void put_csv(const request *q, text *out)
{
  char room[64];
  for (size_t i = 0; i <= q->n; i++)
    for (size_t k = 0; k < q->nshown; k++) {
      put_field(out, i == 0 ? q->shown[k]->name
                            : trial_word(&q->table, q->row[i - 1], q->shown[k], 0, room));
      text_puts(out, k + 1 < q->nshown ? "," : "\n");
    }
}

/* The first line of a text: reasons may have several. */
static size_t first_line(const char *s)
{
  return strcspn(s, "\n");
}

static void put_table(const request *q, text *out)
{
  char room[64];
  for (size_t k = 0; k < q->nshown; k++) {
    const trial_column *c = q->shown[k];
    size_t width = strlen(c->name);
    for (size_t i = 0; i < q->n; i++) {
      const size_t n = first_line(trial_word(&q->table, q->row[i], c, 6, room));
      width = n > width ? n : width;
    }
    q->width[k] = (int)width;
  }
  for (size_t i = 0; i <= q->n; i++) {
    const size_t start = out->n;
    for (size_t k = 0; k < q->nshown; k++) {
      const trial_column *c = q->shown[k];
      const char *s = i == 0 ? c->name : trial_word(&q->table, q->row[i - 1], c, 6, room);
      text_printf(out, column_is_words(&q->table, c) ? "%s%-*.*s" : "%s%*.*s", k > 0 ? "  " : "",
                  q->width[k], (int)first_line(s), s);
    }
    while (out->n > start && out->s[out->n - 1] == ' ')
      out->s[--out->n] = '\0';
    text_puts(out, "\n");
  }
}

/* --- the request --- */
static rad_status choose_columns(request *q, diag *d)
{
  const char *const *name;
  size_t n;
  RAD_TRY(config_words(&q->mem, q->columns ? q->columns : "", &name, &n));
  const size_t most = n > q->table.n ? n : q->table.n;
  q->shown = arena_alloc(&q->mem, (most + 1) * sizeof *q->shown);
  q->width = arena_alloc(&q->mem, (most + 1) * sizeof *q->width);
  if (!q->shown || !q->width)
    return RAD_ENOMEM;
  for (size_t i = 0; i < n; i++)
    if (!(q->shown[q->nshown++] = trial_table_find(&q->table, name[i], d)))
      return RAD_EINVAL;
  for (size_t i = 0; n == 0 && i < q->table.n; i++)
    if (q->all || !q->table.column[i].minor)
      q->shown[q->nshown++] = &q->table.column[i];
  return RAD_OK;
}

static rad_status choose_rows(request *q, const record *r, diag *d)
{
  q->down = q->sort && *q->sort == '-';
  if (q->sort && !(q->by = trial_table_find(&q->table, q->sort + q->down, d)))
    return RAD_EINVAL;
  for (size_t i = 0; i < q->nwhere; i++)
    RAD_TRY(parse_condition(q, &q->where[i], d));
  q->row = arena_alloc(&q->mem, (r->n + 1) * sizeof *q->row);
  if (!q->row)
    return RAD_ENOMEM;
  for (size_t i = 0; i < r->n; i++) {
    bool all = true;
    for (size_t k = 0; k < q->nwhere && all; k++)
      all = holds(q, &q->where[k], r->trial[i]);
    if (all)
      q->row[q->n++] = r->trial[i];
  }
  if (q->by)
    RAD_TRY(sort_rows(q));
  q->n = q->most > 0 && q->most < q->n ? q->most : q->n;
  return RAD_OK;
}

static rad_status list(request *q, env *e)
{
  run_dir r;
  text out = {0};
  RAD_TRY(run_dir_open(&r, e, q->dir, false));
  rad_status s = trial_table_new(&q->table, &r.record);
  if (s >= 0)
    s = choose_columns(q, e->diag);
  if (s >= 0)
    s = choose_rows(q, &r.record, e->diag);
  if (s >= 0) {
    (q->json ? put_json : q->csv ? put_csv : put_table)(q, &out);
    s = out.failed ? RAD_ENOMEM : RAD_OK;
  }
  if (s >= 0)
    fputs(text_str(&out), stdout);
  text_free(&out);
  trial_table_free(&q->table);
  run_dir_free(&r);
  return s;
}

/* --- the command line --- */
enum { SORT = 256, WHERE, COLUMNS, ALL, CSV, JSON, PLUGIN_DIR };

static bool take(request *q, int c, const char *arg)
{
  int64_t n;
  switch (c) {
  case SORT:
    q->sort = arg;
    return true;
  case WHERE:
    if (q->nwhere < MOST_CONDITIONS)
      q->where[q->nwhere++].text = arg;
    return true;
  case COLUMNS:
    q->columns = arg;
    return true;
  case PLUGIN_DIR:
    q->plugin_dir = arg;
    return true;
  case ALL:
    return q->all = true;
  case CSV:
    return q->csv = true;
  case JSON:
    return q->json = true;
  case 'n':
    if (text_to_int64(arg, &n) && n > 0) {
      q->most = (size_t)n;
      return true;
    }
    fprintf(stderr, "rademacher: -n %s: must be a whole number from 1 on\n", arg);
    return false;
  default: /* getopt has said what is wrong */
    return false;
  }
}

/* An exit status, or -1: go on. */
static int read_options(request *q, int argc, char **argv)
{
  static const struct option longs[] = {{"sort", required_argument, NULL, SORT},
                                        {"where", required_argument, NULL, WHERE},
                                        {"columns", required_argument, NULL, COLUMNS},
                                        {"all", no_argument, NULL, ALL},
                                        {"csv", no_argument, NULL, CSV},
                                        {"json", no_argument, NULL, JSON},
                                        {"plugin-dir", required_argument, NULL, PLUGIN_DIR},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};
  optind = 1;
  for (int c; (c = getopt_long(argc, argv, "n:h", longs, NULL)) != -1;)
    if (c == 'h') {
      fputs(trials_usage, stdout);
      return EXIT_DONE;
    } else if (!take(q, c, optarg)) {
      return EXIT_USAGE;
    }
  if (argc - optind == 1) {
    q->dir = argv[optind];
    return -1;
  }
  fputs("rademacher: trials of what? Name one run directory, e.g. runs/quickstart\n", stderr);
  return EXIT_USAGE;
}

int cmd_trials(int argc, char **argv)
{
  request q = {.dir = NULL};
  const int stop = read_options(&q, argc, argv);
  if (stop >= 0)
    return stop;
  diag g = {0};
  env e = {.diag = &g};
  rad_status s = plugins_new(&e.plugins, q.plugin_dir, &g);
  if (s >= 0)
    s = list(&q, &e);
  diag_flush(&g);
  arena_free(&q.mem);
  plugins_free(e.plugins);
  env_free(&e);
  diag_free(&g);
  return exit_status(s);
}
