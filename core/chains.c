/* SPDX-License-Identifier: BSD-3-Clause
 * chains.c - see chains.h: sizes that are left, as JSON, and statistics of them over seeds. */
#include "chains.h"
#include "json.h"
#include "record.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NAMES = 160, NSIZE = 4 };
const int chain_share[CHAIN_SHARES] = {99, 90};
static const struct size { /* the first that some round changes is what is counted */
  const char *name, *word;
} sizes[NSIZE] = {{"active_weights", "weights"},
                  {"parameters", "parameters"},
                  {"bytes", "bytes"},
                  {"bytes_coded", "coded bytes"}};

/* --- writing --- */
rad_status chain_found(chain_source *s, const char *metric)
{
  const char *dot = strchr(metric, '.');
  if (!dot || strcmp(dot, ".round") != 0)
    return RAD_OK;
  const size_t n = (size_t)(dot - metric);
  for (size_t i = 0; i < s->n; i++)
    if (strlen(s->name[i]) == n && strncmp(s->name[i], metric, n) == 0)
      return RAD_OK;
  char *name = arena_strndup(&s->mem, metric, n);
  const char **grown = name ? arena_grow(&s->mem, s->name, s->n, &s->cap, sizeof *grown) : NULL;
  if (!grown)
    return RAD_ENOMEM;
  s->name = grown;
  s->name[s->n++] = name;
  return RAD_OK;
}

static double get(const chain_source *s, size_t arm, size_t seed, const char *chain,
                  const char *prefix, const char *size, enum chain_part part)
{
  char metric[NAMES];
  const int n = snprintf(metric, sizeof metric, "%s.%s%s", chain, prefix, size);
  return n > 0 && n < NAMES ? s->get(s->user, arm, seed, metric, part) : (double)NAN;
}

static bool changes(const chain_source *s, const char *chain, const char *size)
{
  for (size_t a = 0; a < s->x->narm; a++)
    for (size_t k = 0; k < s->x->nseed; k++)
      if (get(s, a, k, chain, "", size, CHAIN_LEAST) < get(s, a, k, chain, "", size, CHAIN_FIRST))
        return true;
  return false;
}

/* Shares of the first size, an array for each arm. */
static void put_shares(const chain_source *s, const char *chain, const char *prefix,
                       const char *size, const char *key, text *out)
{
  json_open(out, key, '{');
  for (size_t a = 0; a < s->x->narm; a++) {
    json_open(out, s->x->arm[a], '[');
    for (size_t k = 0; k < s->x->nseed; k++)
      json_double(out, NULL,
                  get(s, a, k, chain, prefix, size, CHAIN_LAST) /
                      get(s, a, k, chain, "", size, CHAIN_FIRST));
    json_close(out, ']');
  }
  json_close(out, '}');
}

static const char *metric_of(const experiment *x, const char *chain)
{
  const section *s = config_compressor(&x->base, chain);
  return s ? section_value(s, "metric", "train.accuracy") : NULL; /* NULL: only an arm has it */
}

void chains_put(const chain_source *s, const char *key, text *out)
{
  json_open(out, key, '{');
  for (size_t i = 0; i < s->n; i++) {
    size_t k = 0;
    while (k < NSIZE && !changes(s, s->name[i], sizes[k].name))
      k++;
    k = k < NSIZE ? k : 0;
    json_open(out, s->name[i], '{');
    json_text(out, "of", sizes[k].name);
    json_text(out, "metric", metric_of(s->x, s->name[i]));
    for (size_t q = 0; q < CHAIN_SHARES; q++) {
      char share[16], prefix[24];
      snprintf(share, sizeof share, "kept_%d", chain_share[q]);
      snprintf(prefix, sizeof prefix, "%s.", share);
      put_shares(s, s->name[i], prefix, sizes[k].name, share, out);
    }
    put_shares(s, s->name[i], "", sizes[k].name, "last", out);
    json_close(out, '}');
  }
  json_close(out, '}');
}

/* --- reading --- */
static const json_t *shares(const json_t *chain, const char *key, const char *arm)
{
  return json_object_get(json_object_get(chain, key), arm);
}

static const json_t *kept(const json_t *chain, size_t k, const char *arm)
{
  char key[16];
  snprintf(key, sizeof key, "kept_%d", chain_share[k]);
  return shares(chain, key, arm);
}

static double at(const json_t *list, size_t i)
{
  double v;
  return json_to_double(json_array_get(list, i), &v) ? v : (double)NAN;
}

/* Sums of logarithms become the geometric mean and its interval. */
static void finish(chain_spread *s, double sum, double square)
{
  const double n = (double)s->n, mean = sum / n;
  const double var = s->n > 1 ? fmax(0, square - n * mean * mean) / (n - 1) : (double)NAN;
  const double half = s->n > 1 ? student_95(s->n) * sqrt(var / n) : (double)NAN;
  s->mean = exp(mean);
  s->lo = exp(mean - half);
  s->hi = exp(mean + half);
}

chain_spread chain_kept(const json_t *chain, size_t k, const char *arm)
{
  const json_t *own = kept(chain, k, arm), *last = shares(chain, "last", arm);
  chain_spread s = {.n = 0};
  double sum = 0, square = 0;
  for (size_t i = 0; i < json_array_size(own); i++) {
    const double v = at(own, i);
    if (!(v > 0) || !(at(last, i) < 1))
      continue;
    s.n++;
    s.none += v >= 1;
    s.less += v <= at(last, i);
    sum += log(v);
    square += log(v) * log(v);
  }
  finish(&s, sum, square);
  s.hi = fmin(s.hi, 1); /* no network is larger than the first one */
  return s;
}

chain_spread chain_ratio(const json_t *chain, size_t k, const char *arm, const char *other)
{
  const json_t *a = kept(chain, k, arm), *b = kept(chain, k, other);
  const json_t *last_a = shares(chain, "last", arm), *last_b = shares(chain, "last", other);
  chain_spread s = {.n = 0};
  double sum = 0, square = 0;
  for (size_t i = 0; i < json_array_size(a); i++) {
    const double v = at(a, i), w = at(b, i);
    if (!(v > 0) || !(w > 0) || !(at(last_a, i) < 1) || !(at(last_b, i) < 1))
      continue;
    s.n++;
    s.none += v >= 1 && w >= 1;
    s.less += v <= at(last_a, i);
    s.more += w <= at(last_b, i);
    sum += log(v / w);
    square += log(v / w) * log(v / w);
  }
  finish(&s, sum, square);
  return s;
}

/* Rounds that are the same in each seed have no spread, which is not certainty. */
static bool all_alike(const chain_spread *s)
{
  return s->n > 1 && s->hi - s->lo < 1e-3 * s->mean;
}

static void put_alike(const chain_spread *s, text *out)
{
  if (s->n == 2)
    text_puts(out, " in both seeds");
  else
    text_printf(out, " in all %zu seeds", s->n);
}

void chain_spread_put(const chain_spread *s, double scale, const char *unit, text *out)
{
  text_printf(out, "%.3g%s%s", scale * s->mean, unit,
              s->less > 0   ? " or less"
              : s->more > 0 ? " or more"
                            : "");
  if (all_alike(s))
    put_alike(s, out);
  else if (s->n > 1)
    text_printf(out, " (%.3g to %.3g)", scale * s->lo, scale * s->hi);
}

const char *chain_size_word(const json_t *chain)
{
  const char *of = json_member_text(chain, "of");
  for (size_t i = 0; of && i < NSIZE; i++)
    if (strcmp(of, sizes[i].name) == 0)
      return sizes[i].word;
  return "";
}

bool arm_is_real(const char *arm)
{
  return strcmp(arm, "real") == 0 || strcmp(arm, "true") == 0;
}

size_t chain_reference(const char *const *arm, size_t narm)
{
  for (size_t i = 0; i < narm; i++)
    if (arm_is_real(arm[i]))
      return i;
  return 0;
}

/* --- words --- */
enum finding { EARLIER, LATER, ALIKE, SINGLE, UNKEPT, TOO_SOON, NOTHING };

static enum finding finding_of(const chain_spread *s)
{
  if (s->n == 0)
    return NOTHING;
  if (s->none == s->n)
    return UNKEPT;
  if (s->less > 0 && s->more > 0)
    return TOO_SOON;
  if (s->n == 1)
    return SINGLE;
  if (s->lo > 1)
    return s->less > 0 ? TOO_SOON : EARLIER;
  if (s->hi < 1)
    return s->more > 0 ? TOO_SOON : LATER;
  return ALIKE;
}

static void put_ratio(const chain_spread *s, const char *word, text *out)
{
  text_printf(out, " (%s%.3g times the %s",
              s->less   ? "at most "
              : s->more ? "at least "
                        : "",
              s->mean, word);
  if (all_alike(s))
    put_alike(s, out);
  else if (s->n > 1)
    text_printf(out, ", %.3g to %.3g", s->lo, s->hi);
  text_puts(out, ")");
}

/* "breaks earlier than real by magnitude (1.41 times the weights, 1.3 to 1.5), ablation (...)" */
static bool put_clause(const json_t *all, size_t k, const char *arm, const char *ref,
                       enum finding wanted, const char *before, text *out)
{
  static const char *const begin[][2] = {
      {"breaks earlier than ", " by "},
      {"breaks later than ", " by "},
      {"shows no difference from ", " by "},
      {"compares with ", ", of one seed and so without an interval, by "},
      {"breaks in the first round, like ", ", by "},
      {"cannot be told from ", ", as rounds end too soon, by "}};
  const char *name;
  json_t *chain;
  size_t n = 0;
  json_object_foreach((json_t *)(uintptr_t)all, name, chain)
  {
    const chain_spread s = chain_ratio(chain, k, arm, ref);
    if (finding_of(&s) != wanted)
      continue;
    if (n++ == 0)
      text_printf(out, "%s%s%s%s", before, begin[wanted][0], ref, begin[wanted][1]);
    else
      text_puts(out, ", ");
    text_puts(out, name);
    if (wanted != UNKEPT && wanted != TOO_SOON)
      put_ratio(&s, chain_size_word(chain), out);
  }
  return n > 0;
}

const char *chains_metric(const json_t *all)
{
  const char *name, *metric = NULL, *own;
  json_t *chain;
  json_object_foreach((json_t *)(uintptr_t)all, name, chain)
  {
    own = json_member_text(chain, "metric");
    if (!own || (metric && strcmp(own, metric) != 0))
      return "its metric";
    metric = own;
  }
  return metric ? metric : "";
}

static void put_pair(const json_t *all, size_t k, const chain_arm *a, const char *ref, text *out)
{
  text own = {0};
  bool any = false;
  for (int o = EARLIER; o < NOTHING; o++)
    any = put_clause(all, k, a->name, ref, (enum finding)o, any ? "; " : "", &own) || any;
  if (any)
    text_printf(out, "At %d %% of %s, %s%s %s.\n", chain_share[k], chains_metric(all), a->name,
                a->noise ? " (noise)" : "", text_str(&own));
  out->failed = out->failed || own.failed;
  text_free(&own);
}

void chains_words(const json_t *all, const chain_arm *arm, size_t narm, text *out)
{
  size_t ref = 0;
  if (json_object_size(all) == 0)
    return;
  for (size_t a = narm; a-- > 0;)
    ref = arm_is_real(arm[a].name) ? a : ref;
  for (size_t a = 0; a < narm; a++)
    if (a != ref && (arm[a].unfitted || arm[ref].unfitted))
      text_printf(
          out, "Compressed, %s is not compared with %s: what had not fitted has little to lose.\n",
          arm[a].name, arm[ref].name);
  for (size_t k = 0; k < CHAIN_SHARES; k++)
    for (size_t a = 0; a < narm; a++)
      if (a != ref && !arm[a].unfitted && !arm[ref].unfitted)
        put_pair(all, k, &arm[a], arm[ref].name, out);
}
