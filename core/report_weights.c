/* SPDX-License-Identifier: BSD-3-Clause
 * report_weights.c - histograms of the weights of each layer at the end, a line for each arm, from
 * the checkpoint of the first seed. Weights that are exactly 0 (masked) are left out. */
#include "report.h"
#include "safetensors.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BINS = 60, MOST_LAYERS = 9, MOST_ARMS = 16 };

const char *job_file(run_dir *r, const trial *t, size_t arm, const char *name)
{
  const char *dir = job_folder(&r->mem, r->dir, t->known.index, r->x.arm[arm], r->x.seed[0], 1.0);
  return dir ? fs_join(&r->mem, dir, name) : NULL;
}

const trial *trial_with(run_dir *r, const char *name)
{
  for (size_t i = 0; i < r->nshown; i++)
    for (size_t a = 0; a < r->x.narm; a++) {
      const char *path = job_file(r, r->shown[i], a, name);
      if (path && fs_is_file(path))
        return r->shown[i];
    }
  return NULL;
}

/* "hidden.W", not "momentum/hidden.W". */
static bool is_weight(const st_tensor *t)
{
  const size_t n = strlen(t->name);
  return t->type == RAD_F32 && n > 2 && strcmp(t->name + n - 2, ".W") == 0 &&
         !strchr(t->name, '/') && t->bytes > 0;
}

typedef struct histogram {
  double lo, hi, count[BINS], n;
} histogram;

static void find_ends(histogram *h, const st_tensor *t)
{
  const float *w = t->data;
  for (size_t i = 0; i < t->bytes / sizeof *w; i++)
    if (isfinite(w[i])) {
      h->lo = (double)w[i] < h->lo ? (double)w[i] : h->lo;
      h->hi = (double)w[i] > h->hi ? (double)w[i] : h->hi;
    }
}

static void fill(histogram *h, const st_tensor *t)
{
  const float *w = t->data;
  const double span = h->hi - h->lo;
  for (size_t i = 0; span > 0 && i < t->bytes / sizeof *w; i++)
    if (isfinite(w[i]) && w[i] != 0.0f) {
      const double at = floor(((double)w[i] - h->lo) / span * BINS);
      h->count[at < BINS ? (size_t)at : BINS - 1]++;
      h->n++;
    }
}

typedef struct layer { /* its histogram in each arm */
  const char *name;
  histogram h[MOST_ARMS];
  size_t from[MOST_ARMS], to[MOST_ARMS]; /* rows */
} layer;

static size_t narms(const run_dir *r)
{
  return r->x.narm < MOST_ARMS ? r->x.narm : MOST_ARMS;
}

static void put_rows(figure *f, const run_dir *r, layer *l)
{
  for (size_t a = 0; a < narms(r); a++) {
    const histogram *h = &l->h[a];
    const double width = (h->hi - h->lo) / BINS;
    l->from[a] = f->rows;
    for (size_t k = 0; h->n > 0 && k < BINS; k++) {
      figure_number(f, h->lo + ((double)k + 0.5) * width);
      figure_number(f, h->count[k] / h->n / width);
      figure_number(f, h->count[k]);
      figure_word(f, r->x.arm[a]);
      figure_word(f, l->name);
      figure_row(f);
    }
    l->to[a] = f->rows;
  }
}

static void panel(figure *f, const run_dir *r, const layer *l, size_t at)
{
  range x = {.any = false}, y = {.any = false};
  bool first = true;
  range_add(&y, 0);
  for (size_t a = 0; a < narms(r); a++)
    for (size_t k = 0; l->h[a].n > 0 && k < BINS; k++) {
      range_add(&x, l->h[a].lo);
      range_add(&x, l->h[a].hi);
      range_add(&y, l->h[a].count[k] / l->h[a].n * BINS / (l->h[a].hi - l->h[a].lo));
    }
  figure_panel(f, at, l->name, "weight", at % f->columns == 0 ? "density" : "");
  range_put(&x, 'x', &f->gp);
  range_put(&y, 'y', &f->gp);
  for (size_t a = 0; a < narms(r); a++)
    if (l->to[a] > l->from[a]) {
      figure_rows(f, first, l->from[a], l->to[a] - 1, "1:2");
      text_printf(&f->gp, " with histeps lw 1.3 dt %zu lc rgb '%s'", 1 + a / 7, figure_color(a));
      first = false;
    }
  text_puts(&f->gp, "\n");
}

static void draw(figures *fs, run_dir *r, layer *l, size_t n, uint64_t trial_index)
{
  key_entry key[MOST_ARMS];
  char *name = arena_printf(&r->mem, "%sweights", r->prefix);
  figure *f =
      name ? figure_new(fs, name, "Weights at the end", "weight,density,count,arm,layer") : NULL;
  if (!f)
    return;
  for (size_t i = 0; i < n; i++)
    put_rows(f, r, &l[i]);
  for (size_t a = 0; a < narms(r); a++)
    key[a] = (key_entry){r->x.arm[a], arena_printf(&r->mem, "with lines lw 1.3 dt %zu lc rgb '%s'",
                                                   1 + a / 7, figure_color(a))};
  figure_begin(f, n, key, narms(r) > 1 ? narms(r) : 0);
  for (size_t i = 0; i < n; i++)
    panel(f, r, &l[i], i);
  figure_end(f);
  text_printf(&f->caption, "Of trial %" PRIu64 ", seed %" PRIu64 "; zeros are left out.",
              trial_index, r->x.seed[0]);
}

/* Layers of the first arm's network; the others have the same. */
static size_t name_layers(layer *l, const st_file *file)
{
  size_t n = 0;
  for (size_t i = 0; i < file->n && n < MOST_LAYERS; i++)
    if (is_weight(&file->tensor[i]))
      l[n++].name = file->tensor[i].name;
  return n;
}

void figures_weights(figures *fs, run_dir *r)
{
  const trial *t = trial_with(r, "last.safetensors");
  layer *l = t ? calloc(MOST_LAYERS, sizeof *l) : NULL;
  st_file *file = t ? calloc(narms(r), sizeof *file) : NULL;
  diag ignored = {0}; /* a checkpoint that cannot be read is not drawn */
  size_t n = 0, any = 0;
  for (size_t a = 0; l && file && a < narms(r); a++) {
    const char *path = job_file(r, t, a, "last.safetensors");
    if (!path || !fs_is_file(path) || st_read(&file[a], path, &ignored) < 0)
      continue;
    n = n > 0 ? n : name_layers(l, &file[a]);
    for (size_t i = 0; i < n; i++) {
      const st_tensor *w = st_find(&file[a], l[i].name);
      if (!w || !is_weight(w))
        continue;
      find_ends(&l[i].h[a], w);
      fill(&l[i].h[a], w);
      any += l[i].h[a].n > 0;
    }
  }
  if (any > 0)
    draw(fs, r, l, n, t->known.index);
  for (size_t a = 0; file && a < narms(r); a++)
    st_free(&file[a]);
  diag_free(&ignored);
  free(file);
  free(l);
}
