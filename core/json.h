/* SPDX-License-Identifier: BSD-3-Clause
 * json.h - writing JSON (RFC 8259) into a text. Reading is jansson's work. Numbers that JSON lacks
 * are the strings "nan", "inf" and "-inf"; json_to_double reads both forms back. */
#ifndef CORE_JSON_H
#define CORE_JSON_H
#include "text.h"

/* Values, each with the comma before it that its place needs. key NULL: an array's element. */
void json_open(text *, const char *key, char bracket);      /* '{' or '[' */
void json_close(text *, char bracket);                      /* '}' or ']' */
void json_text(text *, const char *key, const char *value); /* NULL value: null */
void json_double(text *, const char *key, double value);    /* shortest that reads back */
void json_int(text *, const char *key, int64_t value);
void json_uint(text *, const char *key, uint64_t value);
void json_bool(text *, const char *key, bool value);

struct json_t;                                           /* jansson */
bool json_to_double(const struct json_t *, double *out); /* a number, or one of the strings */
/* Numbers of a JSON object; NaN and 0 where they are missing or of another type. */
double json_member_double(const struct json_t *, const char *key);
uint64_t json_member_uint(const struct json_t *, const char *key);
const char *json_member_text(const struct json_t *, const char *key); /* or NULL */
#endif
