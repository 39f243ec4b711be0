/* SPDX-License-Identifier: BSD-3-Clause
 * core_experiment.c - experiments with the real plugins: what is refused and in which words, what
 * is searched, what a trial's configuration contains, blocks, grid and random. */
#include "blocks.h"
#include "experiment.h"
#include "fs.h"
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[64], file[80];
static diag said;
static env world;
static experiment x;
static bool opened;

static void begin(void)
{
  said = (diag){0};
  world = (env){.diag = &said};
  opened = false;
  snprintf(dir, sizeof dir, "%s", "/tmp/rademacher-test-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(dir));
  snprintf(file, sizeof file, "%s/exp.ini", dir);
  ck_assert_msg(plugins_new(&world.plugins, NULL, &said) == RAD_OK, "%s", text_str(&said.messages));
}
static void end(void)
{
  if (opened)
    experiment_free(&x);
  plugins_free(world.plugins);
  env_free(&world);
  diag_free(&said);
  unlink(file);
  rmdir(dir);
}

static rad_status open_over(const char *ini, const override *o, size_t n)
{
  ck_assert(fs_write(file, ini, strlen(ini), &said) == RAD_OK);
  if (opened)
    experiment_free(&x);
  diag_free(&said);
  opened = true;
  return experiment_open(&x, &world, file, o, n);
}
static rad_status open_text(const char *ini)
{
  return open_over(ini, NULL, 0);
}
static void must_open(const char *ini)
{
  ck_assert_msg(open_text(ini) == RAD_OK, "%s", text_str(&said.messages));
}
static size_t times(const char *what)
{
  size_t n = 0;
  for (const char *s = text_str(&said.messages); (s = strstr(s, what)); s++)
    n++;
  return n;
}
#define REFUSED(text_, what)                                                                       \
  do {                                                                                             \
    ck_assert_msg(open_text(text_) == RAD_EINVAL, "was accepted; wanted: %s", what);               \
    ck_assert_msg(times(what) == 1, "wanted once: %s\ngot: %s", what, text_str(&said.messages));   \
  } while (0)
/* the same, and nothing else is wrong with it */
#define REFUSED_ONLY(text_, what)                                                                  \
  do {                                                                                             \
    REFUSED(text_, what);                                                                          \
    ck_assert_msg(said.errors == 1, "%s", text_str(&said.messages));                               \
  } while (0)

static const dim *find_dim(const char *name)
{
  for (size_t i = 0; i < x.space.n; i++)
    if (strcmp(x.space.dim[i].d.name, name) == 0)
      return &x.space.dim[i];
  ck_abort_msg("no dimension %s", name);
}
static int32_t place_of(const char *name)
{
  return (int32_t)(find_dim(name) - x.space.dim);
}
static const char *value_of(const config *c, const char *kind, const char *name, const char *key)
{
  const section *s = config_find(c, kind, name);
  return s ? section_value(s, key, "(none)") : "(no section)";
}

#define DATA  "[dataset]\nplugin = blobs\n"
#define DENSE "[layer out]\nplugin = dense\nunits = 10\n"
#define NET   "[layer hidden]\nplugin = dense\nunits = 31\n[layer act]\nplugin = elu\n" DENSE

/* --- what is refused --- */
START_TEST(a_plain_experiment)
{
  must_open(DATA NET "[run]\nseeds = 3, 1, 4\nepochs = 7\n");
  ck_assert_str_eq(x.name, "exp");
  ck_assert_uint_eq(x.narm, 1);
  ck_assert_str_eq(x.arm[0], "main");
  ck_assert_uint_eq(x.nseed, 3);
  ck_assert(x.seed[0] == 3 && x.seed[2] == 4 && x.run.epochs == 7 && x.run.batch == 128);
  ck_assert_uint_eq(x.space.n, 0);
  ck_assert_uint_eq(x.nterm, 0);
  ck_assert_uint_eq(said.errors + said.warnings, 0);
}
END_TEST

START_TEST(faults_of_keys)
{
  REFUSED_ONLY(DATA NET "uints = 3\n",
               "exp.ini:11: [layer out] unknown key 'uints' (did you mean 'units'?)\n");
  REFUSED_ONLY(DATA "[layer a]\nplugin = dense\nunits = -3\n",
               "exp.ini:5: [layer a] units = -3: must be an integer from 1 to 1000000\n");
  REFUSED_ONLY(DATA "[layer a]\nplugin = dense\n", "[layer a] needs a key 'units'");
  REFUSED_ONLY(DATA NET "[layre x]\nplugin = elu\n",
               "unknown kind of section (did you mean 'layer'?)");
  REFUSED(DATA NET "[loss x]\nplugin = mse\n", "[loss x] takes no name");
  REFUSED(DATA NET "[noise]\nplugin = random_labels\n", "[noise] needs a name: [noise NAME]");
  REFUSED_ONLY(DATA NET "[layer x]\nfreeze = true\n", "[layer x] needs 'plugin = NAME'");
  REFUSED(DATA NET "[layer x]\nplugin = densee\n", "(did you mean 'dense'?)");
  REFUSED_ONLY(DATA NET "[run]\nseeds = 1, 1\n", "1 is there twice");
  REFUSED_ONLY(DATA NET "[run]\nseeds = 1.5\n", "whole numbers");
  REFUSED_ONLY(NET, "there is no [dataset] section");
  REFUSED_ONLY(DATA, "there is no [layer NAME] section");
  REFUSED_ONLY(DATA "[layer a]\nplugin = elu\nenabled = false\n",
               "there is no [layer NAME] section");
}
END_TEST

START_TEST(all_errors_at_once)
{
  ck_assert(open_text(DATA "[layer a]\nplugin = dense\nunits = x\n[layer b]\nplugin = elu\n"
                           "alhpa = 1\n[objective]\nval.acuracy.max = y\n") == RAD_EINVAL);
  ck_assert_uint_eq(said.errors, 3);
}
END_TEST

START_TEST(disabled_sections_are_not_looked_at)
{
  must_open(DATA NET "[layer x]\nplugin = nothing\nenabled = false\nfoo = 3\n");
}
END_TEST

/* --- arms --- */
START_TEST(arms_are_checked)
{
  const char *arms = DATA NET "[arm real]\n[arm noise]\nnoise.labels.plugin = random_labels\n";
  must_open(arms);
  ck_assert_uint_eq(x.narm, 2);
  ck_assert_str_eq(x.arm[1], "noise");
  REFUSED_ONLY(DATA NET "[arm a]\nlayer.hidden.units = 0\n", "exp.ini:12: ");
  REFUSED_ONLY(DATA NET "[arm a]\nlayer.act.plugin = relu\nlayer.act.alpha = 2\n",
               "unknown key 'alpha'");
  REFUSED_ONLY(DATA NET "[arm test]\n", "an arm cannot be called");
  /* one mistake that both arms share */
  REFUSED_ONLY(DATA NET "foo = 1\n[arm a]\n[arm b]\n", "unknown key 'foo'");
  /* what an arm brings need not be there without it */
  must_open(NET "[arm a]\ndataset.plugin = blobs\n[arm b]\ndataset.plugin = gaussian\n");
  REFUSED_ONLY(NET "[arm a]\ndataset.plugin = blobs\n[arm b]\n", "there is no [dataset]");
}
END_TEST

START_TEST(keys_of_one_plugin)
{
  must_open(DATA NET "[optimizer]\nmomentum@sgd = 0.5\nbeta1@adam = 0.8\nlr@adam = 0.001\n");
  REFUSED_ONLY(DATA NET "[optimizer]\nbeta1@sgd = 0.5\n", "unknown key 'beta1'");
  REFUSED_ONLY(DATA NET "[optimizer]\nbeta1@adam = 5\n", "beta1 = 5: must be a number from 0 to");
  REFUSED(DATA NET "[optimizer]\nbeta1@nobody = 5\n", "nobody");
  must_open(DATA NET "[arm r]\noptimizer.momentum@sgd = 0.5\n");
  ck_assert_msg(said.errors == 0, "%s", text_str(&said.messages));
  must_open(DATA NET "[optimizer]\nplugin = choice(sgd, adam)\nmomentum@sgd = search(0.1, 0.7)\n"
                     "beta1@adam = search(0.1, 0.9)\nlr = search(0.001, 0.1)\n");
  ck_assert_uint_eq(x.space.n, 4);
  const dim *m = find_dim("optimizer.momentum@sgd"), *b = find_dim("optimizer.beta1@adam");
  ck_assert_int_eq(m->d.parent, place_of("optimizer.plugin"));
  ck_assert(m->d.nwhen == 1 && m->d.when[0] == 0 && b->d.nwhen == 1 && b->d.when[0] == 1);
  ck_assert(find_dim("optimizer.lr")->d.log); /* the key says so */
  REFUSED_ONLY(DATA NET "[optimizer]\nplugin = choice(sgd, adam)\nmomentum = 0.5\n",
               "[optimizer] adam: unknown key 'momentum'");
  REFUSED_ONLY(DATA NET "[optimizer]\nplugin = choice(sgd, adam)\nlr = 1e9\n",
               "[optimizer] lr = 1e9: must be");
  config c;
  const double point[] = {1, NAN, 0.25, 0.01};
  ck_assert_int_eq(place_of("optimizer.plugin"), 0);
  must_open(DATA NET "[optimizer]\nplugin = choice(sgd, adam)\nmomentum@sgd = search(0.1, 0.7)\n"
                     "beta1@adam = search(0.1, 0.9)\nlr = search(0.001, 0.1)\n");
  ck_assert(experiment_trial(&x, point, &c) == RAD_OK);
  ck_assert_str_eq(value_of(&c, "optimizer", "", "plugin"), "adam");
  ck_assert_str_eq(value_of(&c, "optimizer", "", "beta1"), "0.25");
  ck_assert_str_eq(value_of(&c, "optimizer", "", "lr"), "0.01");
  text t = {0};
  config_write(&c, &t);
  ck_assert_msg(!strstr(text_str(&t), "search") && !strstr(text_str(&t), "choice") &&
                    !strstr(text_str(&t), "momentum"),
                "%s", text_str(&t));
  text_free(&t);
  config_free(&c);
}
END_TEST

/* --- searched values --- */
START_TEST(searches_that_are_refused)
{
#define UNITS(v) DATA "[layer a]\nplugin = dense\nunits = " v "\n"
  must_open(UNITS("search(3, 97)"));
  ck_assert(find_dim("layer.a.units")->d.type == RAD_INT && find_dim("layer.a.units")->d.log);
  must_open(UNITS("search(3, 97, linear)"));
  ck_assert(!find_dim("layer.a.units")->d.log);
  REFUSED_ONLY(UNITS("search(0, 97)"), "[layer a] units = 0: must be an integer from 1");
  REFUSED_ONLY(UNITS("search(9, 3)"), "the lower end must be below the upper end");
  REFUSED_ONLY(UNITS("search(9)"), "a range has two ends");
  REFUSED_ONLY(UNITS("search(3, 9, lin)"), "the third word must be log or linear");
  REFUSED_ONLY(UNITS("search(3, 9"), "parenthesis");
  REFUSED_ONLY(UNITS("search(3, 9) 4"), "parenthesis");
  REFUSED_ONLY(UNITS("search(3, 9.5)"), "units = 9.5: must be an integer");
  REFUSED_ONLY(UNITS("choice(3, 4, 3)"), "a choice is there twice");
  REFUSED_ONLY(UNITS("choice(3, x)"), "units = x: must be an integer");
  REFUSED_ONLY(UNITS("choice()"), "units = choice(): write");
#undef UNITS
  REFUSED_ONLY(DATA NET "[layer x]\nplugin = dense\nunits = 3\ngain = search(0, 2, log)\n",
               "a log scale needs ends above 0");
  REFUSED_ONLY(DATA NET "[layer x]\nplugin = dense\nunits = 3\nbias = search(0, 1)\n",
               "only numbers have a range");
  REFUSED_ONLY(DATA NET "[run]\nseeds = choice(1, 2)\n", "cannot be searched");
  REFUSED_ONLY(DATA NET "[run]\nevaluate = search(1, 4)\n", "cannot be searched");
  REFUSED_ONLY(DATA NET "[search]\nplugin = choice(grid, random)\n", "cannot be searched");
  REFUSED_ONLY(DATA NET "[arm a]\nlayer.hidden.foo = search(1, 2)\n", "unknown key 'foo'");
}
END_TEST

START_TEST(searched_values_reach_the_trial)
{
  must_open(DATA "[layer a]\nplugin = dense\nunits = choice(16, 077, 410)\nbias = choice(true, no)"
                 "\n[layer b]\nplugin = elu\nalpha = search(0.1, 3)\n[run]\nepochs = search(2, 9)\n"
                 "[arm r]\n[arm n]\nnoise.l.plugin = random_labels\nnoise.l.rate = search(0, 1)\n");
  ck_assert_uint_eq(x.space.n, 5);
  double p[5];
  p[place_of("layer.a.units")] = 1;
  p[place_of("layer.a.bias")] = 1;
  p[place_of("layer.b.alpha")] = 0.1 + 0.2;
  p[place_of("run.epochs")] = 8;
  p[place_of("arm.n.noise.l.rate")] = 0.73;
  config c, arm;
  ck_assert(experiment_trial(&x, p, &c) == RAD_OK);
  ck_assert_str_eq(value_of(&c, "layer", "a", "units"), "077");
  ck_assert_str_eq(value_of(&c, "layer", "a", "bias"), "no");
  ck_assert_str_eq(value_of(&c, "layer", "b", "alpha"), "0.30000000000000004");
  ck_assert_str_eq(value_of(&c, "run", "", "epochs"), "8");
  ck_assert_ptr_null(config_find(&c, "search", ""));
  ck_assert(experiment_arm(&world, &c, "n", &arm) == RAD_OK);
  ck_assert_str_eq(value_of(&arm, "noise", "l", "rate"), "0.73");
  config_free(&arm);
  config_free(&c);
}
END_TEST

START_TEST(sections_that_are_off)
{
  const char *off = DATA NET "[arm real]\n[arm dropped]\n%s[regularizer d]\nplugin = dropout\n"
                             "rate = search(0.1, 0.9)\nenabled = false\n";
  text ini = {0};
  config c, arm;
  text_printf(&ini, off, "");
  must_open(text_str(&ini));
  ck_assert_uint_eq(x.space.n, 0);
  ck_assert(experiment_trial(&x, NULL, &c) == RAD_OK);
  ck_assert_str_eq(value_of(&c, "regularizer", "d", "rate"), "(none)");
  config_free(&c);
  text_clear(&ini);
  text_printf(&ini, off, "regularizer.d.enabled = true\n");
  must_open(text_str(&ini));
  ck_assert_uint_eq(x.space.n, 1);
  ck_assert(experiment_trial(&x, (const double[]){0.375}, &c) == RAD_OK);
  ck_assert(experiment_arm(&world, &c, "dropped", &arm) == RAD_OK);
  ck_assert_str_eq(value_of(&arm, "regularizer", "d", "rate"), "0.375");
  config_free(&arm);
  config_free(&c);
  text_free(&ini);
}
END_TEST

/* A trial's file is an experiment of its own: it opens, searches nothing, and says the same. */
static void round_trip(const double *point)
{
  config c;
  text t = {0}, again = {0};
  ck_assert(experiment_trial(&x, point, &c) == RAD_OK);
  config_write(&c, &t);
  config_free(&c);
  ck_assert_msg(open_text(text_str(&t)) == RAD_OK, "%s\n%s", text_str(&said.messages),
                text_str(&t));
  ck_assert_uint_eq(x.space.n, 0);
  ck_assert(experiment_trial(&x, NULL, &c) == RAD_OK);
  config_write(&c, &again);
  config_free(&c);
  ck_assert_str_eq(text_str(&t), text_str(&again));
  text_free(&t);
  text_free(&again);
}

START_TEST(files_become_absolute)
{
  must_open("[dataset]\nplugin = idx\ntrain_images = a/b.idx\ntrain_labels = data:mnist/x\n" NET
            "[arm a]\n[arm b]\ndataset.train_images = c.idx\n");
  config c, arm;
  char want[128];
  ck_assert(experiment_trial(&x, NULL, &c) == RAD_OK);
  snprintf(want, sizeof want, "%s/a/b.idx", dir);
  ck_assert_str_eq(value_of(&c, "dataset", "", "train_images"), want);
  ck_assert_str_eq(value_of(&c, "dataset", "", "train_labels"), "data:mnist/x");
  ck_assert(experiment_arm(&world, &c, "b", &arm) == RAD_OK);
  snprintf(want, sizeof want, "%s/c.idx", dir);
  ck_assert_str_eq(value_of(&arm, "dataset", "", "train_images"), want);
  config_free(&arm);
  config_free(&c);
  round_trip(NULL);
  /* the replaced data set is still asked for shapes: its files are wanted, too */
  const override o[] = {{false, "dataset.plugin=uniform"}};
  ck_assert(open_over("[dataset]\nplugin = idx\ntrain_images = a.idx\ntrain_labels = b.idx\n" NET,
                      o, 1) == RAD_OK);
  ck_assert(experiment_trial(&x, NULL, &c) == RAD_OK);
  snprintf(want, sizeof want, "%s/a.idx", dir);
  const section *data = config_find(&c, "dataset", "");
  ck_assert_ptr_nonnull(data->before);
  ck_assert_str_eq(section_value(data->before, "train_images", ""), want);
  config_free(&c);
}
END_TEST

START_TEST(files_in_rows_become_absolute)
{
  char want[64];
  must_open("[dataset]\nplugin = idx\ntrain_images = /i\ntrain_labels = /l\n" NET
            "[axis set]\nx = run.epochs=3, dataset.train_images = a.idx\ny = run.epochs=4\n");
  const char *row = value_of(&x.base, "axis", "set", "x");
  snprintf(want, sizeof want, "run.epochs=3, dataset.train_images = /");
  ck_assert_msg(strncmp(row, want, strlen(want)) == 0 && strstr(row, "/a.idx"), "%s", row);
  ck_assert_str_eq(value_of(&x.base, "axis", "set", "y"), "run.epochs=4");
  ck_assert_str_eq(value_of(&x.base, "dataset", "", "train_images"), "/i");
}
END_TEST

/* --- axes --- */
START_TEST(axes)
{
  const char *ini =
      DATA "[layer a]\nplugin = dense\nunits = search(3, 9)\n[layer b]\nplugin = elu\nalpha = "
           "search(0.5, 2)\n[layer c]\nplugin = dense\nunits = 4\n[block body]\nlayers = b, c\n"
           "enabled = false\n[axis model]\nsmall = layer.a.units=2\ndeep = block.body.enabled=true"
           "\nrelu = block.body.enabled=true, layer.b.plugin=relu\n";
  must_open(ini);
  ck_assert_uint_eq(x.space.n, 3);
  ck_assert_int_eq(place_of("axis.model"), 0); /* parents first */
  const dim *axis = find_dim("axis.model"), *a = find_dim("layer.a.units"),
            *alpha = find_dim("layer.b.alpha");
  ck_assert(axis->d.type == RAD_ENUM && axis->d.nchoice == 3 && axis->d.parent < 0);
  ck_assert_str_eq(axis->d.choice[2], "relu");
  ck_assert(a->d.parent == 0 && a->d.nwhen == 2 && a->d.when[0] == 1 && a->d.when[1] == 2);
  ck_assert(alpha->d.parent == 0 && alpha->d.nwhen == 1 && alpha->d.when[0] == 1);
  double p[3] = {0, NAN, NAN};
  config c;
  ck_assert(experiment_trial(&x, p, &c) == RAD_OK);
  ck_assert_str_eq(value_of(&c, "layer", "a", "units"), "2");
  ck_assert_ptr_null(config_find(&c, "axis", "model"));
  config_free(&c);
  round_trip(p);
  must_open(ini);
  p[0] = 2;
  p[place_of("layer.a.units")] = 5;
  ck_assert(experiment_trial(&x, p, &c) == RAD_OK);
  ck_assert_str_eq(value_of(&c, "layer", "a", "units"), "5");
  ck_assert_str_eq(value_of(&c, "layer", "b", "plugin"), "relu");
  config_free(&c);
  round_trip(p);
  REFUSED_ONLY(DATA NET "[axis m]\nx = layer.out.units=0\ny = layer.out.units=3\n",
               "units = 0: must be");
  REFUSED_ONLY(DATA NET "[axis m]\nx = layer.out.units=1\ny = layer.out.units=0\n",
               "units = 0: must be");
  REFUSED_ONLY(DATA NET "[axis m]\n", "[axis m] has no rows");
  REFUSED(DATA NET "[axis m]\nx = layer.out.units=search(1,2)\n", "a row is one point");
}
END_TEST

/* --- points that are given --- */
#define SPACE                                                                                      \
  DATA "[layer hidden]\nplugin = dense\nunits = search(16, 99)\n[layer act]\nplugin = choice("     \
       "relu, elu)\nalpha@elu = search(0.5, 2)\n" DENSE "[block body]\nlayers = hidden, act\n"     \
       "repeat = search(1, 3)\nsame = false\n[optimizer]\nlr = choice(0.25, 0.0625)\n[axis m]\n"   \
       "few = run.epochs=3\nmany = run.epochs=7\n"

static double given_value(size_t i, const char *name)
{
  return x.given[i].value[place_of(name)];
}

START_TEST(points)
{
  must_open(SPACE "[point a]\nlayer.hidden.units = 31\nlayer.body.2.hidden.units = 17\n"
                  "block.body.repeat = 2\noptimizer.lr = 6.25e-2\naxis.m = many\n[point b]\n"
                  "[point off]\nenabled = false\nnonsense = 1\n[point c]\n"
                  "layer.act.plugin = elu\nlayer.body.2.act.alpha@elu = 0.7318\n");
  ck_assert_uint_eq(x.ngiven, 3);
  ck_assert_str_eq(x.given[2].name, "c");
  ck_assert_double_eq(given_value(0, "layer.body.1.hidden.units"), 31);
  ck_assert_double_eq(given_value(0, "layer.body.2.hidden.units"), 17);
  ck_assert(isnan(given_value(0, "layer.body.3.hidden.units")));
  ck_assert(isnan(given_value(0, "layer.body.1.act.alpha@elu")));
  ck_assert_double_eq(given_value(0, "optimizer.lr"), 1);
  ck_assert_double_eq(given_value(0, "axis.m"), 1);
  ck_assert_double_eq(given_value(1, "block.body.repeat"),
                      2); /* the middle, and the first choice */
  ck_assert_double_eq(given_value(1, "optimizer.lr"), 0);
  ck_assert_double_eq(given_value(1, "layer.body.2.hidden.units"), 39); /* log: 15.5 .. 99.5 */
  ck_assert_double_eq(given_value(2, "layer.body.1.act.alpha@elu"), 1.25);
  ck_assert_double_eq(given_value(2, "layer.body.2.act.alpha@elu"), 0.7318);
  config c;
  ck_assert(experiment_trial(&x, x.given[0].value, &c) == RAD_OK);
  ck_assert_ptr_null(config_find(&c, "point", "a"));
  ck_assert_str_eq(value_of(&c, "run", "", "epochs"), "7");
  config_free(&c);
}
END_TEST

START_TEST(points_that_are_refused)
{
  REFUSED_ONLY(SPACE "[point a]\nlayer.hiden.units = 31\n",
               "exp.ini:22: [point a] layer.hiden.units: this key is not searched (did you mean "
               "'layer.hidden.units'?)\n");
  REFUSED_ONLY(SPACE "[point a]\nrun.epochs = 3\n",
               "[point a] run.epochs: this key is not searched");
  REFUSED_ONLY(SPACE "[point a]\nlayer.hidden.units = 100\n",
               "units = 100: must be an integer from 16 to 99\n");
  REFUSED_ONLY(SPACE "[point a]\nblock.body.repeat = 1.5\n", "must be an integer from 1 to 3\n");
  REFUSED_ONLY(SPACE "[point a]\noptimizer.lr = 0.1\n", "must be one of 0.25, 0.0625\n");
  REFUSED_ONLY(SPACE "[point a]\nlayer.act.plugin = elu\nlayer.act.alpha@elu = 2.5\n",
               "alpha@elu = 2.5: must be a number from 0.5 to 2\n");
  REFUSED_ONLY(SPACE "[point a]\nlayer.hidden.units = search(20, 30)\n", "must be an integer");
  REFUSED_ONLY(
      SPACE "[point a]\nlayer.body.3.hidden.units = 20\n",
      "is there only with block.body.repeat = 3; this point does not say, which means 2\n");
  REFUSED_ONLY(SPACE "[point a]\nlayer.act.alpha@elu = 1\n",
               "is there only with layer.body.1.act.plugin = elu; this point does not say");
  REFUSED_ONLY(SPACE "[point a]\nblock.body.repeat = 1\nlayer.body.2.act.alpha@elu = 1\n",
               "is there only with layer.body.2.act.plugin = elu; this point has not even that\n");
  REFUSED_ONLY(SPACE "[point a]\n[point b]\naxis.m = few\n",
               "[point b] is the same as [point a]\n");
  REFUSED_ONLY(SPACE "[point]\n", "[point] needs a name");
  REFUSED_ONLY(SPACE "[arm r]\npoint.a.axis.m = few\n", "cannot change [point]");
}
END_TEST

/* --- objective --- */
START_TEST(objectives)
{
  must_open(DATA NET "[arm real]\n[arm noise]\nnoise.l.plugin = random_labels\n[objective]\n"
                     "real.val.accuracy.last = 1\nnoise.train.accuracy.max = -1.5\n"
                     "model.active_weights = -1e-6\nreal.epochs_to_fit = -0.01\n"
                     "[constraint small]\nmetric = model.parameters\nmax = 6e4\n");
  ck_assert_uint_eq(x.nterm, 4);
  ck_assert_str_eq(x.term[0].metric, "real.val.accuracy");
  ck_assert_str_eq(x.term[1].metric, "noise.train.accuracy.max");
  ck_assert(x.term[1].weight == -1.5);
  ck_assert_uint_eq(x.nconstraint, 1);
  ck_assert(x.constraint[0].is_static && x.constraint[0].max == 6e4 &&
            x.constraint[0].min == -HUGE_VAL);
  ck_assert(x.space.view.nscore == 1 && x.space.view.nconstraint == 1);
  must_open(DATA NET "[objective]\nepochs_to_fit = -1\n");
  ck_assert_str_eq(x.term[0].metric, "main.epochs_to_fit");
  must_open(DATA NET "[objective]\nval.accuracy = 1\nseconds = -1\ndirection = pareto\n");
  ck_assert_str_eq(x.term[0].metric, "main.val.accuracy");
  ck_assert_uint_eq(x.space.view.nscore, 2);
#define ARMS DATA NET "[arm real]\n[arm noise]\n[objective]\n"
  REFUSED_ONLY(ARMS "rael.val.accuracy = 1\n", "there is no such arm (did you mean 'real'?)");
  REFUSED_ONLY(ARMS "val.accuracy = 1\n", "name the arm in front");
  REFUSED_ONLY(ARMS "real.vall.accuracy = 1\n", "did you mean 'val'?");
  REFUSED_ONLY(ARMS "dirction = sum\n", "unknown key 'dirction' (did you mean 'direction'?)");
  REFUSED_ONLY(ARMS "real.val. = 1\n", "ARM.SPLIT.NAME");
  REFUSED_ONLY(ARMS "model.flops = 1\n", "did you mean 'flop'?");
  REFUSED_ONLY(ARMS "real.val.accuracy = much\n", "must be a number other than 0");
  REFUSED_ONLY(ARMS "real.val.loss = 1\nreal.val.loss.last = 1\n", "this metric is there twice");
  REFUSED_ONLY(DATA NET "[constraint c]\nmetric = model.flop\n", "limits nothing");
  REFUSED_ONLY(DATA NET "[constraint c]\nmetric = model.flop\nmin = 3\nmax = 2\n",
               "min is above max");
}
END_TEST

/* Names that nobody reports, as plugins say; where one does not say, anything may be there. */
START_TEST(misspelt_metrics)
{
  static const char axis[] = DATA NET "[axis a]\none = measure.more.enabled=true\n"
                                      "two = run.epochs=3\n[measure more]\nplugin = norms\n"
                                      "enabled = false\n[objective]\nmain.more.l2 = -1\n";
  REFUSED_ONLY(ARMS "real.val.acuracy = 1\n",
               "nothing reports 'acuracy' of val (did you mean 'accuracy'?)");
  REFUSED_ONLY(ARMS "noise.train.accuracy_wrong.max = 1\n", "nothing reports 'accuracy_wrong'");
  REFUSED_ONLY(DATA NET "[constraint c]\nmetric = val.los\nmax = 2\n", "did you mean 'loss'?");
  REFUSED_ONLY(DATA NET "[pruner]\nplugin = median\nmetric = main.val.lss\n",
               "did you mean 'loss'?");
  REFUSED_ONLY(DATA NET "[regularizer s]\nplugin = early_stopping\nmetric = val.los\n",
               "did you mean 'loss'?");
  REFUSED_ONLY(DATA NET "[measure n]\nplugin = norms\n[objective]\nmain.n.l1 = 1\n",
               "nothing reports 'l1' of n");
  REFUSED_ONLY(DATA NET "[measure s]\nplugin = sharpness\n[objective]\nmain.val.rise = 1\n",
               "nothing reports 'rise' of val"); /* it does not report of splits */
  REFUSED_ONLY(DATA NET "[measure n]\nplugin = norms\n[objective]\nmain.n = 1\n",
               "nothing reports '' of n");
  REFUSED_ONLY(DATA NET "[measure loss]\nenabled = false\n[objective]\nval.loss = -1\n",
               "nothing reports 'loss' of val");
  must_open(DATA NET "[measure n]\nplugin = norms\n[measure g]\nplugin = margin\n[objective]\n"
                     "main.n.l2.max = 1\nval.margin_p2.5 = 1\ntrain.loss_noisy = 1\n");
  must_open(axis); /* a row may switch it on */
}
END_TEST

START_TEST(nothing_selects_by_test)
{
  REFUSED_ONLY(ARMS "real.test.accuracy = 1\n", "may not see the test split");
  REFUSED_ONLY(DATA NET "[constraint c]\nmetric = test.loss\nmax = 2\n",
               "may not see the test split");
  REFUSED_ONLY(DATA NET "[regularizer s]\nplugin = early_stopping\nmetric = test.loss\n",
               "[regularizer s] metric: what selects may not see the test split");
  REFUSED_ONLY(DATA NET "[arm a]\nschedule.plugin = plateau\nschedule.metric = test.loss\n",
               "may not see the test split");
  REFUSED_ONLY(DATA NET "[measure epochs_to_fit]\nmetric = test.accuracy\n",
               "may not see the test split");
  must_open(DATA NET "[regularizer s]\nplugin = early_stopping\nmetric = test.loss\n[objective]\n"
                     "allow_test = true\ntest.loss = -1\n");
  ck_assert(x.objective.allow_test);
  round_trip(NULL);
  ck_assert_uint_eq(x.nterm, 0);
}
END_TEST

/* --- references --- */
START_TEST(references)
{
  REFUSED_ONLY(DATA NET "input = hiden\n", "there is no layer or block 'hiden' (did you mean "
                                           "'hidden'?)");
  REFUSED_ONLY(DATA NET "input = out\n", "cannot read itself");
  REFUSED_ONLY(DATA "[layer first]\nplugin = elu\ninput = out\n" NET, "it comes later");
  REFUSED_ONLY(DATA NET "[regularizer d]\nplugin = dropout\napply = hidden, axt\n",
               "there is no layer or block 'axt'");
  REFUSED_ONLY(DATA "[layer off]\nplugin = elu\nenabled = false\n" NET "input = off\n",
               "it is switched off");
  must_open(DATA NET "input = hidden\n[regularizer d]\nplugin = dropout\napply = hidden, act\n");
#define NESTED                                                                                     \
  DATA NET "[block i]\nlayers = hidden\n[block o]\nlayers = i, act\n[regularizer d]\n"             \
           "plugin = dropout\napply = "
  must_open(NESTED "i, o.2, o.2.i, o.2.i.1, i.1.hidden, o.3.hidden\n");
  REFUSED_ONLY(NESTED "o.hidden\n", "there is no layer or block 'o.hidden'");
  REFUSED_ONLY(NESTED "i.1.act\n", "there is no layer or block 'i.1.act'");
  REFUSED_ONLY(NESTED "i.2.o.1.hidden\n", "there is no layer or block 'i.2.o.1.hidden'");
  REFUSED_ONLY(NESTED "o.0\n", "there is no layer or block 'o.0'");
  REFUSED_ONLY(NESTED "hidden.2\n", "there is no layer or block 'hidden.2'");
  REFUSED_ONLY(DATA NET "[block b]\nlayers = hidden, acd\n",
               "there is no layer or block 'acd' (did you mean 'act'?)");
  REFUSED_ONLY(DATA NET "[block b]\nlayers = hidden, out\n", "'out' does not follow 'hidden'");
  REFUSED_ONLY(DATA NET "[block b]\nlayers = act, hidden\n", "'hidden' does not follow 'act'");
  REFUSED_ONLY(DATA NET "[block b]\nlayers = act\n[block c]\nlayers = act\n",
               "'act' is already in [block b]");
  REFUSED_ONLY(DATA NET "[block b]\nlayers = c\n[block c]\nlayers = b\n", "contain itself");
  REFUSED_ONLY(DATA NET "[block act]\nlayers = hidden\n", "has the name of");
  REFUSED_ONLY(DATA NET "[block b]\nrepeat = 2\n", "[block b] needs a key 'layers'");
  REFUSED_ONLY(DATA NET "[block b]\nlayers =\n", "there is no name in it");
  REFUSED_ONLY(DATA NET "[arm a]\nunits = 2\n", "units: write SECTION.KEY");
  REFUSED_ONLY(DATA NET "[constraint c]\nmax = 2\n", "[constraint c] needs a key 'metric'");
  REFUSED(DATA NET "[block b]\nlayers = act\nrepeat = 0\n", "repeat = 0: must be an integer");
  REFUSED_ONLY(DATA NET "input = hidden\n[block b]\nlayers = hidden, act\n",
               "it is inside a block; name the block");
  must_open(DATA NET "input = b\n[block b]\nlayers = hidden, act\n");
  REFUSED_ONLY(DATA NET "[layer b.1.hidden]\nunits = 3\n", "there is no such copy");
  REFUSED_ONLY(DATA NET "[block b]\nlayers = hidden\nrepeat = 2\n[layer b.2.hidden]\nunits = 0\n",
               "[layer b.2.hidden] units = 0: must be");
}
END_TEST

/* --- blocks --- */
static void expanded(const double *point, const char *arm, const char *want)
{
  config c, out;
  text t = {0};
  ck_assert_msg(experiment_trial(&x, point, &c) == RAD_OK, "%s", text_str(&said.messages));
  ck_assert_msg(experiment_arm(&world, &c, arm, &out) == RAD_OK, "%s", text_str(&said.messages));
  for (const section *s = NULL; (s = config_next(&out, "layer", s));)
    text_printf(&t, "%s:%s:%s ", s->name, section_value(s, "units", "-"),
                section_value(s, "input", "-"));
  ck_assert_str_eq(text_str(&t), want);
  ck_assert_ptr_null(config_next(&out, "block", NULL));
  text_free(&t);
  config_free(&out);
  config_free(&c);
}

START_TEST(blocks_repeat)
{
  must_open(DATA NET "input = body\n[block body]\nlayers = hidden, act\nrepeat = 2\n");
  expanded(NULL, "main",
           "body.1.hidden:31:- body.1.act:-:- body.2.hidden:31:- body.2.act:-:- "
           "out:10:body.2.act ");
  must_open(DATA "[layer in]\nplugin = dense\nunits = 7\n[layer a]\nplugin = dense\nunits = 7\n"
                 "[layer b]\nplugin = add\ninput = a, in\n" DENSE
                 "[block r]\nlayers = a, b\nrepeat = 2\n[arm x]\n[arm y]\nblock.r.enabled = "
                 "false\n[arm z]\nblock.r.repeat = 1\nlayer.a.units = 8\n");
  expanded(NULL, "x", "in:7:- r.1.a:7:- r.1.b:-:r.1.a, in r.2.a:7:- r.2.b:-:r.2.a, in out:10:- ");
  expanded(NULL, "y", "in:7:- out:10:- ");
  expanded(NULL, "z", "in:7:- r.1.a:8:- r.1.b:-:r.1.a, in out:10:- ");
}
END_TEST

START_TEST(blocks_nest)
{
  must_open(DATA NET "input = outer\n[block inner]\nlayers = hidden\nrepeat = 2\n"
                     "[block outer]\nlayers = inner, act\nrepeat = 2\n"
                     "[layer inner.2.hidden]\nunits = 5\n[layer outer.2.inner.2.hidden]\n"
                     "units = 6\n[block outer.1.inner]\nrepeat = 3\n");
  expanded(NULL, "main",
           "outer.1.inner.1.hidden:31:- outer.1.inner.2.hidden:5:- outer.1.inner.3.hidden:31:- "
           "outer.1.act:-:- outer.2.inner.1.hidden:31:- outer.2.inner.2.hidden:6:- "
           "outer.2.act:-:- out:10:outer.2.act ");
}
END_TEST

START_TEST(copies_have_values_of_their_own)
{
  must_open(DATA "[layer hidden]\nplugin = dense\nunits = search(16, 99)\n[layer act]\nplugin = "
                 "choice(elu, relu)\nalpha@elu = search(0.5, 2)\n" DENSE
                 "[block body]\nlayers = hidden, act\nrepeat = search(1, 3)\nsame = false\n");
  ck_assert_uint_eq(x.space.n, 10);
  const int32_t repeat = place_of("block.body.repeat");
  const dim *one = find_dim("layer.body.1.hidden.units"),
            *two = find_dim("layer.body.2.act.plugin"),
            *three = find_dim("layer.body.3.hidden.units"),
            *alpha = find_dim("layer.body.3.act.alpha@elu");
  ck_assert(one->d.parent < 0);
  ck_assert(two->d.parent == repeat && two->d.nwhen == 2 && two->d.when[0] == 2 &&
            two->d.when[1] == 3);
  ck_assert(three->d.parent == repeat && three->d.nwhen == 1 && three->d.when[0] == 3);
  ck_assert_int_eq(alpha->d.parent, place_of("layer.body.3.act.plugin"));
  ck_assert_str_eq(three->copy, "body.3");
  for (size_t i = 0; i < x.space.n; i++)
    ck_assert_int_lt(x.space.dim[i].d.parent, (int32_t)i);
  double p[10];
  for (size_t i = 0; i < 10; i++)
    p[i] = NAN;
  p[repeat] = 2;
  p[place_of("layer.body.1.hidden.units")] = 64;
  p[place_of("layer.body.2.hidden.units")] = 32;
  p[place_of("layer.body.1.act.plugin")] = 1;
  p[place_of("layer.body.2.act.plugin")] = 0;
  p[place_of("layer.body.2.act.alpha@elu")] = 1.25;
  expanded(p, "main",
           "body.1.hidden:64:- body.1.act:-:- body.2.hidden:32:- body.2.act:-:- out:10:- ");
  config c, out;
  ck_assert(experiment_trial(&x, p, &c) == RAD_OK);
  ck_assert(experiment_arm(&world, &c, "main", &out) == RAD_OK);
  ck_assert_str_eq(value_of(&out, "layer", "body.1.act", "plugin"), "relu");
  ck_assert_str_eq(value_of(&out, "layer", "body.2.act", "plugin"), "elu");
  ck_assert_str_eq(value_of(&out, "layer", "body.2.act", "alpha"), "1.25");
  config_free(&out);
  config_free(&c);
  round_trip(p);
}
END_TEST

START_TEST(blocks_that_explode)
{
  const char *deep = "[block a]\nlayers = hidden\nrepeat = 1000\n[block b]\nlayers = a\n"
                     "repeat = 1000\n[block c]\nlayers = b\nrepeat = 1000\n";
  text t = {0};
  text_printf(&t, "%s%s%s", DATA, NET, deep);
  must_open(text_str(&t));
  config c, out;
  ck_assert(experiment_trial(&x, NULL, &c) == RAD_OK);
  ck_assert(experiment_arm(&world, &c, "main", &out) == RAD_EINVAL);
  ck_assert_uint_eq(times("the blocks make more than 100000 layers"), 1);
  config_free(&c);
  text_clear(&t);
  text_printf(&t, "%s%s%slayer.hidden.units = 3\n", DATA, NET, "[arm x]\n");
  must_open(text_str(&t));
  text_clear(&t);
  text_printf(&t, "%s[layer hidden]\nplugin = dense\nunits = search(1,9)\n%s", DATA,
              "[block a]\nlayers = hidden\nsame = false\nrepeat = 1000\n[block b]\nlayers = a\n"
              "repeat = 1000\nsame = false\n");
  REFUSED_ONLY(text_str(&t), "the space has more than 4096 dimensions");
  text_free(&t);
}
END_TEST

/* --- grid and random --- */
typedef struct asked {
  rad_trial trial[512];
  const rad_trial *all[512];
  double value[512][16];
} asked;

static uint64_t ask_all(const char *name, asked *a, size_t most, uint64_t *counted)
{
  instance *i = NULL;
  ck_assert_msg(instance_new(&i, &world, RAD_SEARCH, name, NULL) == RAD_OK, "%s",
                text_str(&said.messages));
  const rad_search_ops *ops = &i->plugin->ops.search;
  const size_t mark = scratch_mark(&world);
  rad_status s = ops->count(&i->ctx, i->self, &x.space.view, counted);
  scratch_release(&world, mark);
  size_t n = 0;
  for (; s == RAD_OK && n < most; n++) {
    const rad_history h = {.n = n, .trial = a->all};
    for (size_t d = 0; d < x.space.n; d++)
      a->value[n][d] = NAN;
    s = ops->ask(&i->ctx, i->self, &x.space.view, &h, a->value[n]);
    scratch_release(&world, mark);
    if (s != RAD_OK)
      break;
    a->trial[n] = (rad_trial){.index = n, .state = RAD_RUNNING, .value = a->value[n]};
    a->all[n] = &a->trial[n];
    for (size_t d = 0; d < x.space.n; d++) {
      const rad_dim *m = x.space.view.dim[d];
      const double v = a->value[n][d];
      if (!rad_dim_exists(&x.space.view, d, a->value[n]))
        ck_assert(isnan(v));
      else
        ck_assert(v >= m->lo && v <= m->hi && (m->type == RAD_FLOAT || v == floor(v)));
    }
  }
  instance_free(i);
  ck_assert_msg(s >= 0, "%s", text_str(&said.messages));
  return n;
}

static bool same_point(const double *a, const double *b)
{
  for (size_t d = 0; d < x.space.n; d++)
    if (a[d] != b[d] && !(isnan(a[d]) && isnan(b[d])))
      return false;
  return true;
}

/* repeat 1: 2 x 3; repeat 2: (2 x 3)^2, the activation's slope only under leaky_relu: 1 + 2 = 3 */
#define CONDITIONAL                                                                                \
  DATA "[layer h]\nplugin = dense\nunits = choice(8, 16)\n[layer act]\nplugin = choice(elu, "      \
       "leaky_relu)\nslope@leaky_relu = choice(0.1, 0.25)\n" DENSE                                 \
       "[block b]\nlayers = h, act\nrepeat = search(1, 2)\nsame = false\n"

START_TEST(grid_enumerates)
{
  static asked a;
  uint64_t counted;
  must_open(CONDITIONAL);
  const uint64_t n = ask_all("grid", &a, 512, &counted);
  ck_assert_uint_eq(n, 6 + 36);
  ck_assert_uint_eq(counted, 42);
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < i; k++)
      ck_assert(!same_point(a.value[i], a.value[k]));
  must_open(DATA NET);
  ck_assert_uint_eq(ask_all("grid", &a, 512, &counted), 1);
  ck_assert_uint_eq(counted, 1);
}
END_TEST

START_TEST(grid_refuses)
{
  uint64_t n;
  instance *i = NULL;
  must_open(DATA NET "[optimizer]\nlr = search(0.01, 1)\n");
  ck_assert(instance_new(&i, &world, RAD_SEARCH, "grid", NULL) == RAD_OK);
  ck_assert(i->plugin->ops.search.count(&i->ctx, i->self, &x.space.view, &n) == RAD_EINVAL);
  ck_assert_uint_eq(times("choice("), 1);
  double point[8] = {NAN};
  const rad_history h = {0};
  ck_assert(i->plugin->ops.search.ask(&i->ctx, i->self, &x.space.view, &h, point) == RAD_EINVAL);
  must_open(DATA NET "[run]\nepochs = search(1, 100000)\nbatch = search(1, 100000)\n");
  ck_assert(i->plugin->ops.search.count(&i->ctx, i->self, &x.space.view, &n) == RAD_EINVAL);
  ck_assert_uint_eq(times("more than 1000000000 points"), 1);
  instance_free(i);
}
END_TEST

START_TEST(random_draws_small_spaces_without_replacement)
{
  static asked a, again, other;
  uint64_t counted;
  must_open(CONDITIONAL);
  world.seed = 7;
  ck_assert_uint_eq(ask_all("random", &a, 512, &counted), 42);
  ck_assert_uint_eq(counted, 42);
  for (size_t i = 0; i < 42; i++)
    for (size_t k = 0; k < i; k++)
      ck_assert(!same_point(a.value[i], a.value[k]));
  ask_all("random", &again, 512, &counted);
  world.seed = 8;
  ask_all("random", &other, 512, &counted);
  size_t equal = 0;
  for (size_t i = 0; i < 42; i++) {
    ck_assert(same_point(a.value[i], again.value[i]));
    equal += same_point(a.value[i], other.value[i]);
  }
  ck_assert_uint_lt(equal, 12);
}
END_TEST

START_TEST(random_covers_ranges)
{
  static asked a, again;
  uint64_t counted;
  must_open(DATA
            "val = search(0.1, 0.5)\n[layer h]\nplugin = dense\nunits = search(10, 1000)\n" DENSE
            "[optimizer]\nlr = search(0.001, 0.1)\n");
  world.seed = 3;
  ck_assert_uint_eq(ask_all("random", &a, 512, &counted), 512);
  ck_assert_uint_eq(counted, 0);
  const int32_t u = place_of("layer.h.units"), lr = place_of("optimizer.lr"),
                val = place_of("dataset.val");
  size_t units = 0, rates = 0, low = 0;
  for (size_t i = 0; i < 512; i++) {
    units += a.value[i][u] <= 100;
    rates += a.value[i][lr] <= 0.01;
    low += a.value[i][val] <= 0.2;
  }
  /* halves on the log scales, a quarter on the other: within 4.4 standard deviations */
  ck_assert_msg(units > 206 && units < 306, "%zu", units);
  ck_assert_msg(rates > 206 && rates < 306, "%zu", rates);
  ck_assert_msg(low > 85 && low < 171, "%zu", low);
  ck_assert_uint_eq(ask_all("random", &again, 20, &counted), 20);
  for (size_t i = 0; i < 20; i++)
    ck_assert(same_point(a.value[i], again.value[i]));
}
END_TEST

START_TEST(the_command_line_overrides)
{
  const override o[] = {{false, "layer.hidden.units=search(2, 5)"},
                        {false, "layer.act.plugin=relu"}};
  ck_assert_msg(open_over(DATA NET, o, 2) == RAD_OK, "%s", text_str(&said.messages));
  ck_assert_uint_eq(x.space.n, 1);
  const override bad[] = {{false, "layer.hidden.unit=4"}};
  ck_assert(open_over(DATA NET, bad, 1) == RAD_EINVAL);
  ck_assert_msg(times("unknown key 'unit' (did you mean 'units'?)") == 1, "%s",
                text_str(&said.messages));
}
END_TEST

int main(void)
{
  Suite *s = suite_create("experiment");
  TCase *t = tcase_create("experiment");
  tcase_add_checked_fixture(t, begin, end);
  tcase_set_timeout(t, 60);
  tcase_add_test(t, a_plain_experiment);
  tcase_add_test(t, faults_of_keys);
  tcase_add_test(t, all_errors_at_once);
  tcase_add_test(t, disabled_sections_are_not_looked_at);
  tcase_add_test(t, arms_are_checked);
  tcase_add_test(t, keys_of_one_plugin);
  tcase_add_test(t, searches_that_are_refused);
  tcase_add_test(t, searched_values_reach_the_trial);
  tcase_add_test(t, sections_that_are_off);
  tcase_add_test(t, files_become_absolute);
  tcase_add_test(t, files_in_rows_become_absolute);
  tcase_add_test(t, axes);
  tcase_add_test(t, points);
  tcase_add_test(t, points_that_are_refused);
  tcase_add_test(t, objectives);
  tcase_add_test(t, misspelt_metrics);
  tcase_add_test(t, nothing_selects_by_test);
  tcase_add_test(t, references);
  tcase_add_test(t, blocks_repeat);
  tcase_add_test(t, blocks_nest);
  tcase_add_test(t, copies_have_values_of_their_own);
  tcase_add_test(t, blocks_that_explode);
  tcase_add_test(t, grid_enumerates);
  tcase_add_test(t, grid_refuses);
  tcase_add_test(t, random_draws_small_spaces_without_replacement);
  tcase_add_test(t, random_covers_ranges);
  tcase_add_test(t, the_command_line_overrides);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
