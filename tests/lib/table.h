#ifndef VC_TESTS_TABLE_H
#define VC_TESTS_TABLE_H

/** What every unit test includes: cmocka, and the few helpers that tables of inputs need. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

struct bytes {
    const uint8_t *at;
    size_t len;
};
/** A literal with its zeros, without the last NUL. */
#define BYTES(literal) ((struct bytes){.at = (const uint8_t *)(literal), .len = sizeof(literal) - 1})

/** A heap copy of exactly @len bytes, so that ASan sees one byte too far. Free with free(). */
void *exact(const void *from, size_t len);

/** Hexadecimal (blanks allowed) to a heap block of exactly its size. */
uint8_t *unhex(const char *text, size_t *len);

/** tests/vectors/vectors.json, loaded once; ends the test when it cannot be read. */
json_t *vectors(void);
/** The hex member @key of @obj, as unhex. */
uint8_t *vector_bytes(const json_t *obj, const char *key, size_t *len);
const char *vector_text(const json_t *obj, const char *key);

/* cmocka's own declaration keeps from analyzers that it never returns */
void _fail(const char *file, int line) __attribute__((noreturn));

/** assert_true that says which case failed. */
#define assert_case(name, condition)                                                                                   \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            fail_msg("case '%s': %s", (name), #condition);                                                             \
    } while (0)

/** Compares with tests/snapshots/@name, so that a change of a table shows in the diff. VARCO_SNAPSHOTS=write writes the
 *  file instead. */
void snapshot(const char *name, const char *text);

/** A repeatable random stream for tests (xorshift); the seed is printed by whoever starts it. */
uint64_t test_random(uint64_t *state);

#endif
