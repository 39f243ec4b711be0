/* SPDX-License-Identifier: BSD-3-Clause
 * weights.c - the parameters of a network from a file that this program or another one has
 * written. */
#include "weights.h"
#include "safetensors.h"
#include <stdlib.h>
#include <string.h>

enum { MOST_NAMED = 4 }; /* tensors that a message lists */

/* What PyTorch calls a tensor of this role. */
static const char *other_name(const param *p, arena *mem)
{
  switch (p->pub.role) {
  case RAD_WEIGHT:
  case RAD_SCALE:
    return arena_printf(mem, "%s.weight", p->pub.layer);
  case RAD_BIAS:
    return arena_printf(mem, "%s.bias", p->pub.layer);
  default:
    return arena_printf(mem, "%s.running_%s", p->pub.layer, p->pub.name);
  }
}

static const st_tensor *find(const st_file *f, const param *p, arena *mem)
{
  const char *own = arena_printf(mem, "%s.%s", p->pub.layer, p->pub.name);
  const char *other = other_name(p, mem);
  const st_tensor *t = own ? st_find(f, own) : NULL;
  return t ? t : other ? st_find(f, other) : NULL;
}

static bool same_shape(const rad_shape *a, const rad_shape *b)
{
  return a->rank == b->rank && memcmp(a->dim, b->dim, a->rank * sizeof a->dim[0]) == 0;
}

static const char *shape_text(const rad_shape *s, arena *mem)
{
  text t = {0};
  for (size_t i = 0; i < s->rank; i++)
    text_printf(&t, "%s%zu", i > 0 ? "x" : "", s->dim[i]);
  const char *out = arena_strdup(mem, text_str(&t));
  text_free(&t);
  return out ? out : "";
}

/* Numbers of a tensor as floats. */
static bool to_float(const st_tensor *t, size_t n, float *out)
{
  const uint16_t *half = t->data;
  const double *wide = t->data;
  if (t->type == RAD_F32)
    memcpy(out, t->data, n * sizeof *out);
  for (size_t i = 0; t->type == RAD_F64 && i < n; i++)
    out[i] = (float)wide[i];
  for (size_t i = 0; t->type == RAD_BF16 && i < n; i++) {
    const uint32_t bits = (uint32_t)half[i] << 16;
    memcpy(&out[i], &bits, sizeof bits);
  }
  return t->type == RAD_F32 || t->type == RAD_F64 || t->type == RAD_BF16;
}

static rad_status take(const model *m, const param *p, const st_tensor *t, float *room)
{
  if (!to_float(t, p->decl->count, room))
    return RAD_EINVAL;
  if (!m->value)
    return RAD_OK;
  RAD_TRY(param_from_file(m, p, room, p->pub.value));
  for (size_t k = 0; p->pub.mask && k < p->pub.n; k++)
    p->pub.value[k] = p->pub.mask[k] ? p->pub.value[k] : 0.0f;
  return RAD_OK;
}

/* One tensor; `used` (f->n) marks that of the file. */
static rad_status read_param(const model *m, const param *p, const st_file *f, const char *path,
                             bool *used, diag *d)
{
  arena mem = {0};
  const rad_shape want = file_shape(p);
  const st_tensor *t = find(f, p, &mem);
  rad_status s = RAD_EINVAL;
  if (!t)
    diag_error(d, s, (origin){.file = path}, "has no tensor %s.%s (%s), nor %s", p->pub.layer,
               p->pub.name, shape_text(&want, &mem), other_name(p, &mem));
  else if (!same_shape(&t->shape, &want))
    diag_error(d, s, (origin){.file = path}, "tensor %s is %s, that of the network is %s", t->name,
               shape_text(&t->shape, &mem), shape_text(&want, &mem));
  else {
    float *room = malloc(p->decl->count * sizeof *room);
    used[t - f->tensor] = true;
    s = !room ? RAD_ENOMEM : take(m, p, t, room);
    if (s == RAD_EINVAL)
      diag_error(d, s, (origin){.file = path}, "tensor %s is not of floats: F32, F64 or BF16",
                 t->name);
    free(room);
  }
  arena_free(&mem);
  return s;
}

/* What is not the network's; "momentum/hidden.W" and the like are nobody's business. */
static void warn_of_rest(const st_file *f, const bool *used, const char *path, diag *d)
{
  text names = {0};
  size_t n = 0;
  for (size_t i = 0; i < f->n; i++)
    if (!used[i] && !strchr(f->tensor[i].name, '/') && ++n <= MOST_NAMED)
      text_printf(&names, "%s%s", n > 1 ? ", " : "", f->tensor[i].name);
  if (n > 0)
    diag_warning(d, (origin){.file = path}, "%zu tensors are none of the network's: %s%s", n,
                 text_str(&names), n > MOST_NAMED ? ", ..." : "");
  text_free(&names);
}

rad_status weights_read(model *m, const char *path, diag *d)
{
  st_file f;
  RAD_TRY(st_read(&f, path, d));
  bool *used = calloc(f.n + 1, sizeof *used);
  rad_status worst = used ? RAD_OK : RAD_ENOMEM;
  for (uint32_t i = 0; used && i < m->pub.nparam; i++) {
    const rad_status s = read_param(m, &m->param[i], &f, path, used, d);
    worst = s < 0 ? s : worst;
  }
  if (worst >= 0) {
    warn_of_rest(&f, used, path, d);
    worst = m->value ? model_shadows(m) : RAD_OK;
  }
  free(used);
  st_free(&f);
  return worst;
}

rad_status weights_begin(trainer *t)
{
  const section *run = config_find(t->config, "run", "");
  const setting *set = run ? section_get(run, "weights") : NULL;
  const char *path;
  if (t->run.weights[0] == '\0')
    return RAD_OK;
  if (fit_predicts(t))
    return rad_fail(&t->fit->ctx, RAD_EINVAL, "has no network that [run] weights could be of");
  const char *base = fs_origin_dir(&t->mem, set->at);
  RAD_TRY(base ? fs_data_path(&t->mem, base, t->run.weights, &path, t->env->diag) : RAD_ENOMEM);
  RAD_TRY(weights_read(t->model, path, t->env->diag));
  return t->model->value ? env_add_file(t->env, path) : RAD_OK;
}

rad_status network_open(trainer **t, env *e, const config *arm, const char *path, size_t rows)
{
  RAD_TRY(trainer_new(t, e, arm, NULL, true));
  if (fit_predicts(*t))
    return rad_fail(&(*t)->fit->ctx, RAD_EINVAL, "predicts by itself: there is no network");
  RAD_TRY(model_alloc((*t)->model, rows));
  return weights_read((*t)->model, path, e->diag);
}
