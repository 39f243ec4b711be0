/* SPDX-License-Identifier: BSD-3-Clause
 * label_file.c - labels from a file, as human annotators gave them (CIFAR-10N: Wei et al. 2021,
 * arXiv 2110.12088): a label 0 .. K-1 for each sample of the data set's own training split, in its
 * order, whatever `limit` and `val` take of it. A line each, or a NumPy array of one axis. */
#include "labels.h"
#include "table.h"
#include <math.h>

typedef struct label_file {
  const char *file;
  int32_t *label; /* (n) */
  size_t n;
} label_file;

static const rad_key keys[] = {
    RAD_KEY(label_file, file, NULL, 0, 0, RAD_FILE | RAD_FIXED,
            "text with a label per line, or .npy: one for each sample of the whole training split"),
};

static rad_status check_length(rad_ctx *c, const label_file *l, const rad_facts *f)
{
  if (l->n != f->own[RAD_TRAIN])
    return rad_fail(c, RAD_EINVAL,
                    "%s: has %zu labels; the data set's own training split has %llu samples (limit "
                    "and val do not count)",
                    l->file, l->n, (unsigned long long)f->own[RAD_TRAIN]);
  return RAD_OK;
}

static rad_status plan(rad_ctx *c, void *self, const rad_facts *f)
{
  label_file *l = self;
  table t;
  RAD_TRY(label_plan(c, f));
  RAD_TRY(table_read(c, l->file, &t));
  if (t.cols != 1)
    return rad_fail(c, RAD_EINVAL, "%s: has %zu numbers where one label is wanted", table_at(&t, 0).s,
                    t.cols);
  l->n = t.rows;
  RAD_TRY(check_length(c, l, f));
  l->label = c->host->alloc(c, l->n, sizeof *l->label);
  if (!l->label)
    return rad_fail(c, RAD_ENOMEM, "out of memory");
  for (size_t i = 0; i < l->n; i++) {
    if (!(t.v[i] >= 0.0 && t.v[i] < (double)f->ntarget && t.v[i] == floor(t.v[i])))
      return rad_fail(c, RAD_EINVAL, "%s: %g is not a label; there are the classes 0 to %zu",
                      table_at(&t, i).s, t.v[i], f->ntarget - 1);
    l->label[i] = (int32_t)t.v[i];
  }
  return RAD_OK;
}

static rad_status split(rad_ctx *c, const void *self, rad_part *p)
{
  const label_file *l = self;
  int32_t *y = p->y; /* (n) */
  if (p->split == RAD_TEST)
    return rad_fail(c, RAD_EINVAL, "has labels of the training split: take test out of splits");
  RAD_TRY(check_length(c, l, p->facts)); /* of another data set, perhaps */
  for (size_t i = 0; i < p->n; i++)
    y[i] = l->label[p->id[i]];
  return RAD_OK;
}

static const rad_noise_ops ops = {
    .size = sizeof ops, .flags = RAD_CHANGES_TARGETS, .plan = plan, .split = split};
static const rad_plugin file_plugin = {
    RAD_PLUGIN(RAD_NOISE, "label_file", label_file, &ops),
    RAD_KEYS(keys),
    .summary = "labels from a file, such as those of human annotators",
    .version = "1",
    .reference = "Wei et al. 2021, arXiv 2110.12088",
};
RAD_EXPORT(&file_plugin)
