/* SPDX-License-Identifier: BSD-3-Clause
 * text.h - growing strings, memory that is freed at once, numbers as text, near words. */
#ifndef CORE_TEXT_H
#define CORE_TEXT_H
#include <rademacher/abi.h>
#include <stdarg.h>

/* --- sizes: every product and sum of sizes that come from input goes through these --- */
bool size_mul(size_t a, size_t b, size_t *out); /* false: would overflow, *out is unchanged */
bool size_add(size_t a, size_t b, size_t *out);

/* --- text: a growing, NUL-terminated string; zero-initialised is "" --- */
typedef struct text {
  char *s; /* (n + 1); NULL while nothing was added */
  size_t n, cap;
  bool failed; /* sticky: memory ran out, the text is incomplete */
} text;
void text_add(text *, const char *s, size_t n);
void text_puts(text *, const char *s);
void text_printf(text *, const char *fmt, ...) RAD_PRINTF(2, 3);
void text_vprintf(text *, const char *fmt, va_list);
void text_clear(text *);            /* keeps the memory */
void text_free(text *);             /* back to zero */
const char *text_str(const text *); /* never NULL */

/* --- arena: many small pieces with one lifetime; zero-initialised is ready --- */
typedef struct arena {
  struct arena_chunk *chunk;
} arena;
void *arena_alloc(arena *, size_t bytes); /* zeroed, aligned for any type; NULL: no memory */
char *arena_strdup(arena *, const char *s);
char *arena_strndup(arena *, const char *s, size_t n);
char *arena_printf(arena *, const char *fmt, ...) RAD_PRINTF(2, 3);
void arena_free(arena *);                            /* back to zero */
void *arena_aligned(arena *, size_t n, size_t size); /* n elements, to 64 bytes, zeroed */

/* --- arrays that grow: room for one more than n elements, doubled where `cap` is reached. Returns
 * the array, which may have moved; NULL: no memory, and it is as it was --- */
void *array_grow(void *v, size_t n, size_t *cap, size_t size); /* by realloc */
void *arena_grow(arena *, void *v, size_t n, size_t *cap, size_t size);

/* --- numbers; independent of the locale --- */
/* The whole of s, blanks around it allowed; decimal; neither "nan" nor "inf" nor hexadecimal. */
bool text_to_double(const char *s, double *out);
bool text_to_int64(const char *s, int64_t *out); /* decimal integers only; false on overflow */
/* Shortest decimal text that reads back as v; "nan", "inf", "-inf". Returns out. */
const char *text_from_double(char out[32], double v);
const char *text_from_float(char out[32], float v); /* shortest that reads back as a float */

/* --- words --- */
/* The word of list (n) that is close enough to be meant, or NULL: Damerau-Levenshtein, at most a
 * third of the word's length. */
const char *text_nearest(const char *word, const char *const *list, size_t n);
/* " (did you mean 'units'?)" with the nearest word, or "". Returns out. */
const char *text_hint(char out[96], const char *word, const char *const *list, size_t n);
bool text_is_name(const char *s); /* [A-Za-z0-9_-]{1,64} */
#endif
