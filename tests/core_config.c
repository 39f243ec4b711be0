/* SPDX-License-Identifier: BSD-3-Clause
 * core_config.c - the experiment language: what is read, what is refused and in which words,
 * includes, overrides, arms, rows; that what is written reads back; mutated files. */
#include "config.h"
#include "inifile.h"
#include "sanitized.h"
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "core_config.XXXXXX";
static diag g;
static config c;

static void setup(void)
{
  memcpy(dir + sizeof dir - 7, "XXXXXX", 6);
  ck_assert_ptr_nonnull(mkdtemp(dir));
  ck_assert_int_eq(chdir(dir), 0);
  g = (diag){0};
  c = (config){0};
}

static void teardown(void)
{
  static const char *const files[] = {"e.ini",     "a.ini",     "b.ini", "d.ini",
                                      "sub/x.ini", "sub/y.ini", "fifo",  "link.ini"};
  config_free(&c);
  diag_free(&g);
  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    remove(files[i]);
  for (int i = 0; i < 20; i++) {
    char name[32];
    snprintf(name, sizeof name, "n%d.ini", i);
    remove(name);
  }
  remove("sub");
  ck_assert_int_eq(chdir(".."), 0);
  ck_assert_int_eq(remove(dir), 0);
}

/* --- helpers --- */
static void put_bytes(const char *name, const char *bytes, size_t n)
{
  FILE *f = fopen(name, "wb");
  ck_assert_ptr_nonnull(f);
  ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
  ck_assert_int_eq(fclose(f), 0);
}

static void put(const char *name, const char *s)
{
  put_bytes(name, s, strlen(s));
}

static rad_status load(const override *o, size_t n)
{
  config_free(&c);
  diag_free(&g);
  return config_read(&c, NULL, "e.ini", o, n, &g);
}

static rad_status load_with(const char *override_)
{
  const override o = {false, override_};
  return load(&o, 1);
}

static void good(rad_status s)
{
  ck_assert_msg(s == RAD_OK && g.errors == 0, "%d: %s", (int)s, text_str(&g.messages));
}

/* The messages are exactly these. */
static void bad(rad_status s, const char *messages)
{
  ck_assert_int_eq(s, RAD_EINVAL);
  ck_assert_str_eq(text_str(&g.messages), messages);
  ck_assert_uint_ge(g.errors, 1);
}

static const setting *find(const config *in, const char *kind, const char *name, const char *key)
{
  const section *s = config_find(in, kind, name);
  return s ? section_get(s, key) : NULL;
}

static const char *value(const config *in, const char *kind, const char *name, const char *key)
{
  const setting *set = find(in, kind, name, key);
  return set ? set->value : "(none)";
}
#define IS(kind, name, key, expected) ck_assert_str_eq(value(&c, kind, name, key), expected)

/* "[run] epochs=3 | [layer h] ..." of all that counts, for comparisons at a glance. */
static const char *dump(const config *in)
{
  static char out[4000];
  size_t n = 0;
  out[0] = '\0';
  for (size_t i = 0; i < in->n; i++) {
    char title[160];
    const section *s = in->v[i];
    n += (size_t)snprintf(out + n, sizeof out - n, "%s%s", i ? " " : "", section_title(s, title));
    for (size_t k = 0; k < s->n; k++)
      n += (size_t)snprintf(out + n, sizeof out - n, " %s%s%s=%s", s->v[k].key,
                            s->v[k].only ? "@" : "", s->v[k].only ? s->v[k].only : "",
                            s->v[k].value);
  }
  return out;
}

/* --- reading --- */
static const char plain[] = "# a comment\n"
                            "; another\n"
                            "\n"
                            "[run]\n"
                            "epochs = 7 ; seven\n"
                            "seeds=1,2 , 3\n"
                            "   ; an indented comment\n"
                            "[ layer  h1 ] ; with blanks\n"
                            "plugin=dense\n"
                            "url = http://x;y # kept\n"
                            "quoted = \"a;b\"\n"
                            "path = C:\\x = y\n"
                            "tabs\t=\tvalue\t;\tno\n"
                            "none =\n"
                            "void = ; nothing\n"
                            "momentum@sgd = 0.73\n"
                            "[objective]\n"
                            "real.val.accuracy.max = 1\n"
                            "[layer body.2.h1]\n"
                            "[arm empty]";

START_TEST(every_construct_is_read)
{
  put("e.ini", plain);
  good(load(NULL, 0));
  ck_assert_uint_eq(c.n, 5);
  ck_assert_uint_eq(c.nfiles, 1);
  IS("run", "", "epochs", "7");
  IS("run", "", "seeds", "1,2 , 3");
  IS("layer", "h1", "url", "http://x;y # kept");
  IS("layer", "h1", "quoted", "\"a;b\"");
  IS("layer", "h1", "path", "C:\\x = y");
  IS("layer", "h1", "tabs", "value");
  IS("layer", "h1", "none", "");
  IS("layer", "h1", "void", "");
  IS("layer", "h1", "momentum", "(none)");
  IS("objective", "", "real.val.accuracy.max", "1");
  ck_assert_uint_eq(config_find(&c, "arm", "empty")->at.line, 20);
  ck_assert_uint_eq(config_find(&c, "layer", "body.2.h1")->at.line, 19);
  ck_assert_uint_eq(find(&c, "layer", "h1", "path")->at.line, 12);
  ck_assert_str_eq(find(&c, "layer", "h1", "path")->at.file, "e.ini");
  ck_assert_str_eq(c.v[1]->v[7].key, "momentum");
  ck_assert_str_eq(c.v[1]->v[7].only, "sgd");
}
END_TEST

START_TEST(line_ends_and_byte_order_mark)
{
  put("e.ini", "\xEF\xBB\xBF[run]\r\nepochs = 3\r\nbatch = \xC3\xA9\r\n");
  good(load(NULL, 0));
  ck_assert_str_eq(dump(&c), "[run] epochs=3 batch=\xC3\xA9");
  put("e.ini", "");
  good(load(NULL, 0));
  ck_assert_uint_eq(c.n, 0);
}
END_TEST

/* Whether inih takes a line whole or our reader takes the value must make no difference. */
START_TEST(long_lines_are_like_short_ones)
{
  static const char *const values[] = {"a",           "a b",   "a;b",   "a ;b",     "a\t;b",
                                       ";",           "  ; c", "a=b",   "a:b = c;", "",
                                       "'a' ; b ; c", "# a",   "a # b", "[x]",      "\xC3\xA9  ;"};
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    text t = {0};
    text_printf(&t, "[run]\nshort = %s\nlong = %300s%s\nafter = %s%300s\n", values[i], "",
                values[i], values[i], "");
    put("e.ini", t.s);
    good(load(NULL, 0));
    IS("run", "", "long", value(&c, "run", "", "short"));
    IS("run", "", "after", value(&c, "run", "", "short"));
    text_free(&t);
  }
}
END_TEST

/* Every length around inih's buffer, and far beyond it. */
START_TEST(values_of_any_length_arrive_whole)
{
  for (size_t n = 150; n < 1000000; n = n < 230 ? n + 1 : n * 3) {
    text t = {0};
    text_puts(&t, "[run]\nk = ");
    for (size_t i = 0; i < n; i++)
      text_puts(&t, i % 7 ? "x" : "y");
    text_puts(&t, "\nnext = 3\n");
    put_bytes("e.ini", t.s, t.n);
    good(load(NULL, 0));
    ck_assert_uint_eq(strlen(value(&c, "run", "", "k")), n);
    ck_assert_mem_eq(value(&c, "run", "", "k"), t.s + 10, n);
    IS("run", "", "next", "3");
    ck_assert_uint_eq(find(&c, "run", "", "next")->at.line, 3);
    text_free(&t);
  }
}
END_TEST

/* --- refused --- */
#define NO_KEY  "the line is neither [section] nor key = value nor a comment\n"
#define HEADER  "write [kind] or [kind name]; a name has at most 64 letters, digits, '_' and '-'\n"
#define INDENT  "the line is indented: values do not continue; start it in the first column\n"
#define COLON   "':' does not end a key: write key = value\n"
#define LETTERS " is not a key: keys have letters, digits, '_', '-', '.' and '@'\n"
static const struct {
  const char *file, *messages;
} faults[] = {
    {"[run]\nk = v\n  continued\n", "e.ini:3: " INDENT},
    {"[run]\nk = v\n  k2 = 3\n", "e.ini:3: " INDENT},
    {"[run]\n\tk = v\n", "e.ini:2: " INDENT},
    {"[run]\n = x\n", "e.ini:2: " INDENT},
    {"[run]\n= x\n", "e.ini:2: there is no key before the '='\n"},
    {"[run]\nk: v\n", "e.ini:2: " COLON},
    {"[run]\na:b = c\n", "e.ini:2: " COLON},
    {"[run]\nword\n", "e.ini:2: " NO_KEY},
    {"[run]\nword ; k = v\n", "e.ini:2: " NO_KEY},
    {"[run]\nword ; see: k = v\n", "e.ini:2: " NO_KEY},
    {"[run]\na b = c\n", "e.ini:2: 'a b'" LETTERS},
    {"[run]\n\xC3\xA9 = c\n", "e.ini:2: '\xC3\xA9'" LETTERS},
    {"[run]\nk =;v\n", "e.ini:2: a value cannot start with ';': leave a blank before a comment\n"},
    {"[run\nk = v\n", "e.ini:1: the ']' is missing: write [kind] or [kind name]\n"},
    {"[]\n", "e.ini:1: a section needs a kind: write [kind] or [kind name]\n"},
    {"[run] x\n", "e.ini:1: there is something after the ']'\n"},
    {"[run]]\n", "e.ini:1: there is something after the ']'\n"},
    {"[layer a b]\n", "e.ini:1: " HEADER},
    {"[layer a..b]\n", "e.ini:1: " HEADER},
    {"[layer .a]\n", "e.ini:1: " HEADER},
    {"[layer a.]\n", "e.ini:1: " HEADER},
    {"[la.yer a]\n", "e.ini:1: " HEADER},
    {"[layer \xC3\xA9]\n", "e.ini:1: " HEADER},
    {"k = v\n[run]\n",
     "e.ini:1: 'k' is in no section: only 'include =' can stand before the first [section]\n"},
    {"[run]\ninclude = a.ini\n", "e.ini:2: 'include' must stand before the first [section]\n"},
    {"include = a.ini\ninclude = b.ini\n",
     "e.ini:2: 'include' is already in line 1: name all files there, separated by commas\n"
     "e.ini:1: cannot open a.ini: No such file or directory\n"},
    {"include = a.ini,, b.ini\n", "e.ini:1: cannot open a.ini: No such file or directory\n"
                                  "e.ini:1: include: there is nothing between two commas\n"
                                  "e.ini:1: cannot open b.ini: No such file or directory\n"},
    {"[run]\nk = 1\nj = 2\nk = 3\n", "e.ini:4: [run] 'k' is already in line 2\n"},
    {"[run]\nk@a = 1\nk = 2\nk@b = 2\nk@a = 3\n", "e.ini:5: [run] 'k@a' is already in line 2\n"},
    {"[layer a]\nk = 1\n[run]\n[layer a]\nk = 3\n",
     "e.ini:4: [layer a] is already in line 1: one section has all its keys\n"},
    {"[run]\nk@ = 1\n@k = 2\nk@a@b = 3\n", "e.ini:2: [run] 'k@': write KEY@PLUGIN\n"
                                           "e.ini:3: [run] '@k': write KEY@PLUGIN\n"
                                           "e.ini:4: [run] 'k@a@b': write KEY@PLUGIN\n"},
    {"[run]\nplugin@a = b\n",
     "e.ini:2: [run] 'plugin@a': `plugin` itself cannot depend on the plugin\n"},
    {"[dataset]\nplugin = a\nbefore.k = 1\nbefore.k = 2\n",
     "e.ini:4: [dataset] 'before.k' is already in line 3\n"
     "e.ini:3: [dataset] has before.KEY, but no before.plugin = the plugin that had that key\n"},
    {"[run]\nk = a\x01\n", "e.ini:2: byte 6 (0x01) is a control character: this is no text file\n"},
    {"[run]\nk = a\rb = 2\n", "e.ini:2: byte 6 (0x0d) is a carriage return inside the line: end "
                              "lines with a line feed\n"},
    {"[run]\nk = \xFF\n", "e.ini:2: byte 5 (0xff) is not UTF-8: save the file as UTF-8\n"},
    {"; \xE9\n[run]\n", "e.ini:1: byte 3 (0xe9) is not UTF-8: save the file as UTF-8\n"},
    /* all are reported, and good lines between are read */
    {"[run\nx\n[run]\nk = 1\ny\n[run]\n",
     "e.ini:1: the ']' is missing: write [kind] or [kind name]\n"
     "e.ini:2: " NO_KEY "e.ini:5: " NO_KEY
     "e.ini:6: [run] is already in line 3: one section has all its keys\n"},
};

START_TEST(faults_are_named)
{
  put("e.ini", faults[_i].file);
  bad(load(NULL, 0), faults[_i].messages);
}
END_TEST

START_TEST(nul_bytes_are_refused)
{
  static const char bytes[] = "[run]\nk = a\0b\nj = 2\n";
  put_bytes("e.ini", bytes, sizeof bytes - 1);
  bad(load(NULL, 0), "e.ini:2: byte 6 (0x00) is a control character: this is no text file\n");
  IS("run", "", "j", "2");
}
END_TEST

START_TEST(ten_megabytes_in_a_line)
{
  const size_t n = 10000000;
  char *bytes = malloc(n + 20);
  ck_assert_ptr_nonnull(bytes);
  memcpy(bytes, "[run]\nk = ", 10);
  memset(bytes + 10, '1', n);
  memcpy(bytes + 10 + n, "\nj = 2\n", 8);
  put_bytes("e.ini", bytes, n + 17);
  free(bytes);
  bad(load(NULL, 0), "e.ini:2: the line is longer than 1048576 bytes\n");
  IS("run", "", "j", "2");
}
END_TEST

START_TEST(long_names_are_refused)
{
  char key[INI_KEY + 2], file[3 * INI_KEY];
  memset(key, 'k', sizeof key);
  key[INI_KEY + 1] = '\0';
  snprintf(file, sizeof file, "[run]\n%s = 1\n", key);
  put("e.ini", file);
  bad(load(NULL, 0), "e.ini:2: the key is longer than 180 bytes\n");
  key[INI_KEY] = '\0';
  snprintf(file, sizeof file, "[run]\n%s = 1%200s\n", key, "");
  put("e.ini", file);
  good(load(NULL, 0));
  IS("run", "", key, "1");
  key[65] = '\0';
  snprintf(file, sizeof file, "[layer %s]\n", key);
  put("e.ini", file);
  bad(load(NULL, 0), "e.ini:1: " HEADER);
  snprintf(file, sizeof file, "[layer %.64s.%.64s.%.60s]\n", key, key, key);
  put("e.ini", file);
  bad(load(NULL, 0), "e.ini:1: the section's name is longer than 180 bytes\n");
  snprintf(file, sizeof file, "[layer %.64s]\n", key); /* inih cuts at 49 */
  put("e.ini", file);
  good(load(NULL, 0));
  ck_assert_uint_eq(strlen(c.v[0]->name), 64);
}
END_TEST

START_TEST(only_regular_files_are_read)
{
  bad(load(NULL, 0), "cannot open e.ini: No such file or directory\n");
  ck_assert_int_eq(mkdir("sub", 0700), 0);
  config_free(&c);
  ck_assert_int_eq(config_read(&c, NULL, "sub", NULL, 0, &g), RAD_EINVAL);
  ck_assert_ptr_nonnull(strstr(g.messages.s, "sub is a folder: an experiment is an INI file"));
  ck_assert_int_eq(mkfifo("fifo", 0600), 0);
  config_free(&c);
  ck_assert_int_eq(config_read(&c, NULL, "fifo", NULL, 0, &g), RAD_EINVAL);
  ck_assert_ptr_nonnull(strstr(g.messages.s, "fifo is not a regular file"));
  config_free(&c);
  ck_assert_int_eq(config_read(&c, NULL, "/dev/null", NULL, 0, &g), RAD_EINVAL);
  put("e.ini", "[run]\n");
  config_free(&c);
  ck_assert_int_eq(symlink("e.ini", "link.ini"), 0);
  ck_assert_int_eq(config_read(&c, NULL, "link.ini", NULL, 0, &g), RAD_OK);
  config_free(&c);
  ck_assert_int_eq(truncate("e.ini", (off_t)INI_FILE + 1), 0); /* sparse */
  bad(load(NULL, 0), "e.ini has more than 268435456 bytes: this is no experiment\n");
}
END_TEST

/* --- includes --- */
START_TEST(includes_are_merged_in_order)
{
  ck_assert_int_eq(mkdir("sub", 0700), 0);
  put("sub/x.ini", "include = y.ini\n[run]\nepochs = 2\nbatch = 20\n[layer a]\nplugin = dense\n");
  put("sub/y.ini", "[run]\nepochs = 1\nval = 10\nfit = 5\n");
  put("b.ini", "[layer a]\nunits = 7\n[run]\nbatch = 30\nval = 30\n");
  put("e.ini", "include = sub/x.ini, b.ini\n[layer b]\n[run]\nval = 40\nextra = 1\n");
  good(load(NULL, 0));
  ck_assert_str_eq(dump(&c), "[run] epochs=2 val=40 fit=5 batch=30 extra=1 "
                             "[layer a] plugin=dense units=7 [layer b]");
  ck_assert_str_eq(find(&c, "run", "", "batch")->at.file, "b.ini");
  ck_assert_uint_eq(find(&c, "run", "", "batch")->at.line, 4);
  ck_assert_str_eq(find(&c, "run", "", "fit")->at.file, "sub/y.ini");
  ck_assert_uint_eq(c.nfiles, 4);
  ck_assert_str_eq(c.files[0], "e.ini");
}
END_TEST

START_TEST(a_diamond_counts_once)
{
  put("d.ini", "[run]\nepochs = 1\nbatch = 1\n");
  put("a.ini", "include = d.ini\n[run]\nepochs = 2\n");
  put("b.ini", "include = d.ini, d.ini\n[run]\nval = 3\n");
  put("e.ini", "include = a.ini, b.ini, d.ini\n");
  good(load(NULL, 0));
  ck_assert_str_eq(dump(&c), "[run] epochs=2 batch=1 val=3");
  const override again = {true, "d.ini"}; /* named by the user: the last word */
  good(load(&again, 1));
  ck_assert_str_eq(dump(&c), "[run] epochs=1 batch=1 val=3");
}
END_TEST

START_TEST(a_circle_is_named)
{
  put("e.ini", "include = a.ini\n[run]\n");
  put("a.ini", "include = b.ini\n");
  put("b.ini", "\ninclude = a.ini\n");
  bad(load(NULL, 0), "b.ini:2: include goes in a circle: a.ini includes b.ini includes a.ini\n");
  put("e.ini", "include = link.ini\n");
  ck_assert_int_eq(symlink("e.ini", "link.ini"), 0); /* by another name */
  bad(load(NULL, 0), "e.ini:1: include goes in a circle: e.ini includes link.ini\n");
}
END_TEST

START_TEST(depth_is_limited)
{
  for (int i = 0; i <= 12; i++) {
    char name[32], content[64];
    snprintf(name, sizeof name, "n%d.ini", i);
    snprintf(content, sizeof content, "include = n%d.ini\n", i + 1);
    put(name, i < 12 ? content : "[run]\n");
  }
  put("e.ini", "include = n3.ini\n[layer a]\n"); /* n3 is 1 deep, n12 10 */
  good(load(NULL, 0));
  ck_assert_uint_eq(c.nfiles, 11);
  put("e.ini", "include = n2.ini\n");
  bad(load(NULL, 0), "n11.ini:1: n12.ini: includes are nested more than 10 deep\n");
}
END_TEST

START_TEST(defaults_are_the_weakest)
{
  put("d.ini", "[run]\nepochs = 10\n[optimizer]\nplugin = sgd\nmomentum = 0.9\n");
  put("e.ini", "[layer a]\n[optimizer]\nplugin = adam\nbeta = 0.5\n[run]\nepochs = 3\n");
  good(config_read(&c, "d.ini", "e.ini", NULL, 0, &g));
  ck_assert_str_eq(dump(&c), "[run] epochs=3 [optimizer] plugin=adam beta=0.5 [layer a]");
  ck_assert_str_eq(c.files[0], "e.ini");
  ck_assert_str_eq(c.files[1], "d.ini");
  ck_assert_ptr_null(config_find(&c, "optimizer", "")->replaced);
}
END_TEST

/* --- plugins that change --- */
static const char replaced_data[] = "[dataset]\nplugin = idx\nval = 0.2\nimages = x\nimages@uniform"
                                    " = y\n[optimizer]\nplugin = choice(sgd, adam)\nrho = 1\n";

START_TEST(keys_of_the_old_plugin_leave)
{
  put("a.ini", replaced_data);
  put("e.ini", "include = a.ini\n[dataset]\nclasses = 7\nplugin = uniform\nlimit = 5\n");
  good(load_with("dataset.plugin=gaussian"));
  ck_assert_str_eq(dump(&c), "[dataset] plugin=gaussian val=0.2 images@uniform=y limit=5 "
                             "[optimizer] plugin=choice(sgd, adam) rho=1");
  const section *s = config_find(&c, "dataset", "");
  ck_assert_str_eq(s->replaced, "idx"); /* the first */
  ck_assert_str_eq(section_value(s->before, "images", ""), "x");
  ck_assert_str_eq(section_value(s->before, "val", ""), "0.2");
  ck_assert_ptr_null(s->before->before);
}
END_TEST

START_TEST(plugin_keys_count_where_they_match)
{
  put("e.ini", "[optimizer]\nplugin = adam\nlr = 1\nlr@sgd = 2\nlr@adam = 3\nrho@sgd = 4\n");
  good(load(NULL, 0));
  IS("optimizer", "", "lr", "3");
  IS("optimizer", "", "rho", "(none)");
  good(load_with("optimizer.plugin=sgd"));
  IS("optimizer", "", "lr", "2");
  IS("optimizer", "", "rho", "4");
  good(load_with("optimizer.plugin=other"));
  IS("optimizer", "", "lr", "1");
  good(load_with("optimizer.lr@adam=9"));
  IS("optimizer", "", "lr", "9");
}
END_TEST

START_TEST(the_same_plugin_is_no_change)
{
  put("e.ini", replaced_data);
  good(load_with("dataset.plugin=idx"));
  IS("dataset", "", "images", "x");
  good(load_with("optimizer.plugin=adam")); /* one of the choices */
  IS("optimizer", "", "rho", "1");
  ck_assert_ptr_null(config_find(&c, "optimizer", "")->before);
  good(load_with("optimizer.plugin=ada"));
  IS("optimizer", "", "rho", "(none)");
}
END_TEST

START_TEST(keys_beside_their_plugin_stay)
{
  const override o[] = {{false, "dataset.classes=7"}, {false, "dataset.plugin=uniform"}};
  put("e.ini", replaced_data);
  good(load(o, 2));
  IS("dataset", "", "classes", "7");
  IS("dataset", "", "plugin", "uniform");
}
END_TEST

/* --- dotted keys --- */
START_TEST(dotted_keys_find_their_section)
{
  const override o[] = {{false, "run.epochs=3"},
                        {false, "layer.body.1.hidden.units = 64 "},
                        {false, "dataset.val=0"},
                        {false, "dataset.other.plugin=blobs"},
                        {false, "arm.noise.dataset.plugin=uniform"},
                        {false, "arm.noise.enabled=true"},
                        {false, "arm.noise.optimizer.rho@sgd=1"},
                        {false, "objective.real.val.accuracy=1"},
                        {false, "objective.direction=pareto"},
                        {false, "constraint.small.max=60000"},
                        {false, "axis.m.big=layer.a.units=3, layer.a.input=x, y"}};
  put("e.ini", "");
  good(load(o, sizeof o / sizeof *o));
  ck_assert_str_eq(dump(&c),
                   "[dataset other] plugin=blobs [arm noise] dataset.plugin=uniform enabled=true "
                   "optimizer.rho@sgd=1 [run] epochs=3 [layer body.1.hidden] units=64 "
                   "[dataset] val=0 [objective] real.val.accuracy=1 direction=pareto "
                   "[constraint small] max=60000 "
                   "[axis m] big=layer.a.units=3, layer.a.input=x, y");
}
END_TEST

static const struct {
  const char *text, *message;
} bad_overrides[] = {
    {"foo", "write -s KEY=VALUE"},
    {"=3", "'' is not a key: write SECTION.KEY or KIND.NAME.KEY, at most 180 letters, digits, "
           "'_', '-', '.' and '@'"},
    {"a b=3", "'a b' is not a key: write SECTION.KEY or KIND.NAME.KEY, at most 180 letters, "
              "digits, '_', '-', '.' and '@'"},
    {"epochs=3", "epochs: write SECTION.KEY or KIND.NAME.KEY"},
    {"layr.x.units=3", "layr.x.units: there is no kind of section 'layr' (did you mean 'layer'?)"},
    {"zebra.x=3", "zebra.x: there is no kind of section 'zebra'"},
    {"layer.units=3", "layer.units: it needs a name: KIND.NAME.KEY"},
    {"run.x.epochs=3", "run.x.epochs: there is one such section only: SECTION.KEY"},
    {"run.=3", "run.: it needs a key: SECTION.KEY or KIND.NAME.KEY"},
    {"layer.x.=3", "layer.x.: it needs a key: SECTION.KEY or KIND.NAME.KEY"},
    {"layer..units=3", "layer..units: the name is malformed"},
    {"layer.a..b.units=3", "layer.a..b.units: the name is malformed"},
    {"layer..a.units=3", "layer..a.units: the name is malformed"},
    {"run.epochs@=3", "run.epochs@: write KEY@PLUGIN"},
    {"run.k=a ;b", "run.k = a ;b: this value cannot be written to a file: a ';' at its start or "
                   "after a blank would start a comment"},
    {"run.k= ;b", "run.k = ;b: this value cannot be written to a file: a ';' at its start or "
                  "after a blank would start a comment"},
    {"run.k=a\nb", "run.k = a\nb: this value cannot be written to a file: it has a control "
                   "character or a line end in it"},
    {"run.k=\xFF", "run.k = \xFF: this value cannot be written to a file: it is not UTF-8"},
};

START_TEST(bad_overrides_are_named)
{
  text t = {0};
  put("e.ini", "[run]\nepochs = 4\n");
  text_printf(&t, "-s %s: %s\n", bad_overrides[_i].text, bad_overrides[_i].message);
  bad(load_with(bad_overrides[_i].text), t.s);
  text_free(&t);
}
END_TEST

START_TEST(the_command_line_is_an_origin)
{
  const override o[] = {{false, "run.epochs=3"}, {true, "a.ini"}, {false, "run.batch=9"}};
  put("e.ini", "");
  put("a.ini", "[run]\nepochs = 5\nbatch = 7\n[layer z]\n");
  good(load(o, 3));
  ck_assert_str_eq(dump(&c), "[run] epochs=5 batch=9 [layer z]");
  ck_assert_str_eq(find(&c, "run", "", "batch")->at.file, "-s run.batch=9");
  ck_assert_uint_eq(find(&c, "run", "", "batch")->at.line, 0);
  const override missing = {true, "nowhere.ini"};
  bad(load(&missing, 1), "-i nowhere.ini: cannot open nowhere.ini: No such file or directory\n");
}
END_TEST

/* --- arms and rows --- */
static const char arms[] = "[dataset]\nplugin = idx\nimages = x\n[optimizer]\nlr = 1\n"
                           "[arm real]\n[arm off]\nenabled = no\n"
                           "[arm noise]\ndataset.classes = 7\ndataset.plugin = uniform\n"
                           "noise.labels.plugin = random_labels\noptimizer.lr@sgd = 2\n";

START_TEST(an_arm_overrides)
{
  config arm;
  const char *const *name;
  size_t n;
  put("e.ini", arms);
  good(load(NULL, 0));
  ck_assert_int_eq(config_arms(&c, &name, &n), RAD_OK);
  ck_assert_uint_eq(n, 2);
  ck_assert_str_eq(name[0], "real");
  ck_assert_str_eq(name[1], "noise");
  good(config_arm(&arm, &c, "noise", &g));
  ck_assert_str_eq(dump(&arm), "[dataset] plugin=uniform classes=7 [optimizer] lr=1 lr@sgd=2 "
                               "[noise labels] plugin=random_labels");
  const section *s = config_find(&arm, "dataset", "");
  ck_assert_str_eq(s->replaced, "idx");
  ck_assert_str_eq(section_value(s->before, "images", ""), "x");
  ck_assert_uint_eq(find(&arm, "noise", "labels", "plugin")->at.line, 12);
  config_free(&arm);
  good(config_arm(&arm, &c, "real", &g));
  ck_assert_str_eq(dump(&arm), "[dataset] plugin=idx images=x [optimizer] lr=1");
  config_free(&arm);
  bad(config_arm(&arm, &c, "nois", &g), "there is no [arm nois] (did you mean 'noise'?)\n");
  IS("dataset", "", "plugin", "idx"); /* `from` is as it was */
}
END_TEST

START_TEST(without_arms_there_is_main)
{
  config arm;
  const char *const *name;
  size_t n;
  put("e.ini", "[run]\nepochs = 2\n");
  good(load(NULL, 0));
  ck_assert_int_eq(config_arms(&c, &name, &n), RAD_OK);
  ck_assert_uint_eq(n, 1);
  ck_assert_str_eq(name[0], "main");
  good(config_arm(&arm, &c, "main", &g));
  ck_assert_str_eq(dump(&arm), "[run] epochs=2");
  config_free(&arm);
  ck_assert_int_eq(config_arm(&arm, &c, "other", &g), RAD_EINVAL);
}
END_TEST

START_TEST(faults_of_arms_are_all_named)
{
  config arm;
  put("e.ini", "[arm a]\nlayr.x.k = 1\nsearch.trials = 2\narm.b.run.epochs = 1\nepochs = 1\n"
               "optimizer.plugin@sgd = 2\n");
  bad(load(NULL, 0), "e.ini:6: [arm a] 'optimizer.plugin@sgd': `plugin` itself cannot depend on "
                     "the plugin\n");
  diag_free(&g);
  bad(config_arm(&arm, &c, "a", &g),
      "e.ini:2: layr.x.k: there is no kind of section 'layr' (did you mean 'layer'?)\n"
      "e.ini:3: search.trials: an arm cannot change [search], which is of the whole study\n"
      "e.ini:4: arm.b.run.epochs: an arm cannot change [arm], which is of the whole study\n"
      "e.ini:5: epochs: write SECTION.KEY or KIND.NAME.KEY\n");
  ck_assert_uint_eq(arm.n, 0);
}
END_TEST

START_TEST(a_row_sets_all_its_keys)
{
  put("e.ini", "[layer a]\nplugin = conv\nfilters = 3\n[axis m]\n"
               "big = layer.a.units=9, layer.a.plugin = dense, layer.a.input=x, y, run.k=f(1,2)\n"
               "bad = layer.a.units\nstudy = search.trials=3\narms = arm.n.run.epochs=2\n");
  good(load(NULL, 0));
  good(config_row(&c, "m", "big", &g));
  ck_assert_str_eq(value(&c, "layer", "a", "plugin"), "dense");
  IS("layer", "a", "units", "9");
  IS("layer", "a", "filters", "(none)");
  IS("layer", "a", "input", "x, y");
  IS("run", "", "k", "f(1,2)");
  good(config_row(&c, "m", "arms", &g));
  IS("arm", "n", "run.epochs", "2");
  bad(config_row(&c, "m", "bad", &g),
      "e.ini:6: [axis m] bad: 'layer.a.units': write KEY=VALUE, KEY=VALUE\n");
  diag_free(&g);
  bad(config_row(&c, "m", "study", &g),
      "e.ini:7: search.trials: a row cannot change [search], which is of the whole study\n");
  diag_free(&g);
  bad(config_row(&c, "m", "none", &g), "e.ini:4: [axis m] has no row 'none'\n");
}
END_TEST

/* --- small things --- */
START_TEST(lists_are_split)
{
  static const struct {
    const char *list, *joined;
    size_t n;
  } lists[] = {{"a, b ,c", "a|b|c|", 3}, {"", "", 0},
               {" \t", "", 0},           {"one", "one|", 1},
               {"a,,b", "a||b|", 3},     {"a,", "a||", 2},
               {",", "||", 2},           {"f(1, 2), g(h(3,4),5)", "f(1, 2)|g(h(3,4),5)|", 2},
               {"f(1, 2", "f(1, 2|", 1}, {"a), b", "a)|b|", 2}};
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
    arena mem = {0};
    text t = {0};
    const char *const *word;
    size_t n;
    ck_assert_int_eq(config_words(&mem, lists[i].list, &word, &n), RAD_OK);
    for (size_t k = 0; k < n; k++)
      text_printf(&t, "%s|", word[k]);
    ck_assert_str_eq(text_str(&t), lists[i].joined);
    ck_assert_uint_eq(n, lists[i].n);
    text_free(&t);
    arena_free(&mem);
  }
}
END_TEST

START_TEST(disabled_sections_are_passed_over)
{
  char title[160];
  put("e.ini", "[layer a]\nenabled = off\n[layer b]\n[run]\n[layer c]\nenabled = false\n"
               "[layer d]\nenabled = yes\n");
  good(load(NULL, 0));
  const section *s = config_next(&c, "layer", NULL);
  ck_assert_str_eq(section_title(s, title), "[layer b]");
  ck_assert_str_eq(section_dotted(s, "units", &c.mem), "layer.b.units");
  s = config_next(&c, "layer", s);
  ck_assert_str_eq(s->name, "d");
  ck_assert_ptr_null(config_next(&c, "layer", s));
  ck_assert_str_eq(section_title(config_find(&c, "run", ""), title), "[run]");
  ck_assert_str_eq(section_dotted(config_find(&c, "run", ""), "k", &c.mem), "run.k");
}
END_TEST

/* --- there and back --- */
static uint64_t next(uint64_t *x) /* xorshift64 */
{
  *x ^= *x << 13;
  *x ^= *x >> 7;
  *x ^= *x << 17;
  return *x;
}

static const char *random_value(uint64_t *x, char out[700])
{
  static const char *const bits[] = {"a", "7", " ", "\t", ";", "#", "=",  ":",        "[",
                                     "]", ",", "(", ")",  "@", ".", "\"", "\xC3\xA9", "\\"};
  size_t n = next(x) % 5 == 0 ? 300 : next(x) % 12;
  out[0] = '\0';
  for (size_t used = 0; n > 0; n--)
    used += (size_t)snprintf(out + used, 700 - used, "%s",
                             bits[next(x) % (sizeof bits / sizeof *bits)]);
  return out;
}

static void same_section(const section *a, const section *b)
{
  ck_assert_str_eq(a->kind, b->kind);
  ck_assert_str_eq(a->name, b->name);
  ck_assert_uint_eq(a->n, b->n);
  for (size_t i = 0; i < a->n; i++) {
    ck_assert_str_eq(a->v[i].key, b->v[i].key);
    ck_assert_str_eq(a->v[i].value, b->v[i].value);
    ck_assert_str_eq(a->v[i].only ? a->v[i].only : "-", b->v[i].only ? b->v[i].only : "-");
  }
  ck_assert_str_eq(a->replaced ? a->replaced : "-", b->replaced ? b->replaced : "-");
  ck_assert_int_eq(a->before != NULL, b->before != NULL);
  if (a->before)
    same_section(a->before, b->before);
}

static void same_config(const config *a, const config *b)
{
  ck_assert_uint_eq(a->n, b->n);
  for (size_t i = 0; i < a->n; i++)
    same_section(a->v[i], b->v[i]);
}

/* Random settings, of which config_set refuses those that no line can hold. */
static void random_config(config *out, uint64_t *x, size_t *refused)
{
  static const char *const keys[] = {
      "run.epochs",        "dataset.images",  "dataset.plugin",       "dataset.val",
      "layer.a.units",     "layer.b.2.a.x@p", "arm.n.dataset.plugin", "arm.n.layer.a.k@sgd",
      "objective.v.acc",   "axis.m.row",      "optimizer.plugin",     "optimizer.rho",
      "optimizer.rho@sgd", "constraint.c.max"};
  for (size_t k = next(x) % 30; k > 0; k--) {
    char room[700];
    const char *key = keys[next(x) % (sizeof keys / sizeof *keys)];
    const rad_status s = config_set(out, key, random_value(x, room), (origin){0}, &g);
    ck_assert(s == RAD_OK || s == RAD_EINVAL);
    *refused += s != RAD_OK;
  }
}

START_TEST(what_is_written_reads_back)
{
  uint64_t x = 0x9E3779B97F4A7C15u;
  size_t refused = 0, written = 0;
  for (int i = 0; i < 600; i++) {
    config made = {0}, copy;
    text t = {0}, again = {0};
    random_config(&made, &x, &refused);
    config_write(&made, &t);
    ck_assert(!t.failed);
    put_bytes("e.ini", text_str(&t), t.n);
    good(load(NULL, 0));
    same_config(&made, &c);
    ck_assert_int_eq(config_copy(&copy, &made), RAD_OK);
    config_free(&made);
    same_config(&copy, &c);
    config_write(&copy, &again);
    ck_assert_str_eq(text_str(&t), text_str(&again));
    config_free(&copy);
    written += t.n;
    text_free(&t);
    text_free(&again);
  }
  ck_assert_uint_gt(refused, 100); /* both happen */
  ck_assert_uint_gt(written, 100000);
}
END_TEST

START_TEST(an_experiment_reads_back)
{
  text t = {0};
  put("a.ini", replaced_data);
  put("e.ini", "include = a.ini\n[dataset]\nplugin = uniform\n[layer body.1.h]\nk@p = 3\n");
  good(load(NULL, 0));
  config first = c;
  c = (config){0};
  config_write(&first, &t);
  put_bytes("e.ini", t.s, t.n);
  good(load(NULL, 0));
  same_config(&first, &c);
  ck_assert_str_eq(config_find(&c, "dataset", "")->replaced, "idx");
  config_free(&first);
  text_free(&t);
}
END_TEST

START_TEST(what_cannot_be_written_is_noticed)
{
  text t = {0};
  put("e.ini", "[run]\nk = v\n");
  good(load(NULL, 0));
  c.v[0]->v[0].value = "/a ;b";
  config_write(&c, &t);
  ck_assert(t.failed);
  text_free(&t);
}
END_TEST

/* --- hostile --- */
/* No outcome is wanted but that there is one, and that errors are told. */
START_TEST(mutated_files_do_no_harm)
{
  static const char soup[] = "[]=;#@.,:\n\r\t \x00\xFF\xC3 abk()\"";
  uint64_t x = 20240229 + (uint64_t)_i;
  char bytes[2 * sizeof plain + 64];
  put("a.ini", "include = b.ini\n[dataset]\nplugin = idx\n");
  put("b.ini", "[run]\nepochs = 3\n");
  for (int round = 0; round < 500; round++) {
    size_t n = sizeof plain - 1;
    memcpy(bytes, plain, n);
    for (uint64_t k = 1 + next(&x) % 8; k > 0; k--) {
      const size_t at = next(&x) % n, length = next(&x) % 40 % (n - at);
      switch (next(&x) % 4) {
      case 0:
        bytes[at] = soup[next(&x) % (sizeof soup - 1)];
        break;
      case 1: /* leave out */
        memmove(bytes + at, bytes + at + length, n - at - length);
        n -= length;
        break;
      case 2: /* twice */
        if (n + length > sizeof bytes)
          break;
        memmove(bytes + at + length, bytes + at, n - at);
        n += length;
        break;
      default:
        bytes[at] = (char)next(&x);
      }
    }
    put_bytes("e.ini", bytes, n);
    const override o[] = {{false, "dataset.plugin=x"}, {true, "a.ini"}};
    const rad_status s = load(o, 2);
    ck_assert(s == RAD_OK || s == RAD_EINVAL);
    ck_assert((s == RAD_OK) == (g.errors == 0));
    text t = {0};
    config_write(&c, &t);
    ck_assert(!t.failed);
    text_free(&t);
  }
}
END_TEST

START_TEST(a_million_lines)
{
  text t = {0};
  for (int i = 0; i < 100000; i++)
    text_printf(&t, "[layer h%d]\nplugin = dense\nunits = %d\na = 1\nb = 2\n", i, i);
  text_puts(&t, "[axis a]\n");
  for (int i = 0; i < 500000; i++)
    text_printf(&t, "r%d = %d\n", i, i);
  put_bytes("a.ini", t.s, t.n);
  put("e.ini", "include = a.ini\n[layer h99999]\nunits = 7\n[axis a]\nr499999 = 8\n");
  text_free(&t);
  good(load(NULL, 0)); /* a search by line would take hours: Check's timeout */
  ck_assert_uint_eq(c.n, 100001);
  ck_assert_uint_eq(c.v[100000]->n, 500000);
  ck_assert_str_eq(section_value(c.v[99999], "units", ""), "7");
  ck_assert_str_eq(c.v[100000]->v[499999].value, "8");
}
END_TEST

#if !SANITIZED /* which reserves terabytes of addresses */
/* With less and less memory: RAD_ENOMEM, a message or none, and no crash. */
START_TEST(no_memory_is_a_status)
{
  text t = {0};
  text_puts(&t, "[axis a]\n");
  for (int i = 0; i < 300000; i++)
    text_printf(&t, "r%d = %0100d\n", i, i);
  put_bytes("e.ini", t.s, t.n);
  text_free(&t);
  for (rlim_t mib = 1; mib <= 64; mib *= 4) {
    const pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
      struct rlimit limit;
      getrlimit(RLIMIT_AS, &limit);
      size_t pages = 0;
      FILE *f = fopen("/proc/self/statm", "r");
      if (!f || fscanf(f, "%zu", &pages) != 1)
        _exit(77);
      fclose(f);
      limit.rlim_cur = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + (mib << 20);
      setrlimit(RLIMIT_AS, &limit);
      const rad_status s = config_read(&c, NULL, "e.ini", NULL, 0, &g);
      _exit(s == RAD_ENOMEM && c.n == 0 && !c.mem.chunk ? 0 : 1);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77),
                  "%d MiB: %d", (int)mib, status);
  }
}
END_TEST
#endif

int main(void)
{
  Suite *s = suite_create("config");
  TCase *t = tcase_create("config");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_set_timeout(t, 60);
  tcase_add_test(t, every_construct_is_read);
  tcase_add_test(t, line_ends_and_byte_order_mark);
  tcase_add_test(t, long_lines_are_like_short_ones);
  tcase_add_test(t, values_of_any_length_arrive_whole);
  tcase_add_loop_test(t, faults_are_named, 0, sizeof faults / sizeof *faults);
  tcase_add_test(t, nul_bytes_are_refused);
  tcase_add_test(t, ten_megabytes_in_a_line);
  tcase_add_test(t, long_names_are_refused);
  tcase_add_test(t, only_regular_files_are_read);
  tcase_add_test(t, includes_are_merged_in_order);
  tcase_add_test(t, a_diamond_counts_once);
  tcase_add_test(t, a_circle_is_named);
  tcase_add_test(t, depth_is_limited);
  tcase_add_test(t, defaults_are_the_weakest);
  tcase_add_test(t, keys_of_the_old_plugin_leave);
  tcase_add_test(t, plugin_keys_count_where_they_match);
  tcase_add_test(t, the_same_plugin_is_no_change);
  tcase_add_test(t, keys_beside_their_plugin_stay);
  tcase_add_test(t, dotted_keys_find_their_section);
  tcase_add_loop_test(t, bad_overrides_are_named, 0, sizeof bad_overrides / sizeof *bad_overrides);
  tcase_add_test(t, the_command_line_is_an_origin);
  tcase_add_test(t, an_arm_overrides);
  tcase_add_test(t, without_arms_there_is_main);
  tcase_add_test(t, faults_of_arms_are_all_named);
  tcase_add_test(t, a_row_sets_all_its_keys);
  tcase_add_test(t, lists_are_split);
  tcase_add_test(t, disabled_sections_are_passed_over);
  tcase_add_test(t, what_is_written_reads_back);
  tcase_add_test(t, an_experiment_reads_back);
  tcase_add_test(t, what_cannot_be_written_is_noticed);
  tcase_add_loop_test(t, mutated_files_do_no_harm, 0, 10);
  tcase_add_test(t, a_million_lines);
#if !SANITIZED
  tcase_add_test(t, no_memory_is_a_status);
#endif
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
