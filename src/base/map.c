#include "base/map.h"

#include <stdlib.h>
#include <string.h>

static uint64_t rotl(uint64_t x, int b)
{
    return x << b | x >> (64 - b);
}

static void round_of(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

/** SipHash-1-3 (Aumasson, Bernstein), in the machine's byte order: the hash never leaves the process. */
static uint64_t hash_of(const struct vc_map *m, const uint8_t *key)
{
    uint64_t v[4] = {m->seed[0] ^ 0x736f6d6570736575ULL, m->seed[1] ^ 0x646f72616e646f6dULL,
                     m->seed[0] ^ 0x6c7967656e657261ULL, m->seed[1] ^ 0x7465646279746573ULL};
    size_t n = m->key_len;
    uint64_t last = (uint64_t)n << 56;
    for (; n >= 8; n -= 8, key += 8) {
        uint64_t w;
        memcpy(&w, key, 8);
        v[3] ^= w;
        round_of(v);
        v[0] ^= w;
    }
    for (size_t i = 0; i < n; i++)
        last |= (uint64_t)key[i] << (8 * i);
    v[3] ^= last;
    round_of(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        round_of(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void vc_map_init(struct vc_map *m, size_t key_len, const uint64_t seed[2])
{
    *m = (struct vc_map){.key_len = key_len <= VC_MAP_KEY_MAX ? key_len : VC_MAP_KEY_MAX, .seed = {seed[0], seed[1]}};
}

void vc_map_deinit(struct vc_map *m)
{
    free(m->slots);
    m->slots = NULL;
    m->cap = m->n = 0;
}

/** The slot of the key, or the empty one where it belongs. cap > n, so there is one. */
static struct vc_map_slot *find(const struct vc_map *m, const void *key)
{
    size_t i = (size_t)hash_of(m, key) & (m->cap - 1);
    while (m->slots[i].value && memcmp(m->slots[i].key, key, m->key_len) != 0)
        i = (i + 1) & (m->cap - 1);
    return &m->slots[i];
}

void *vc_map_get(const struct vc_map *m, const void *key)
{
    return m->cap ? find(m, key)->value : NULL;
}

static int grow(struct vc_map *m)
{
    struct vc_map bigger = *m;
    bigger.cap = m->cap ? m->cap * 2 : 16;
    bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
    if (!bigger.slots)
        return -1;
    for (size_t i = 0; i < m->cap; i++) {
        if (m->slots[i].value)
            *find(&bigger, m->slots[i].key) = m->slots[i];
    }
    free(m->slots);
    *m = bigger;
    return 0;
}

int vc_map_reserve(struct vc_map *m)
{
    return m->cap == 0 || m->n * 4 >= m->cap * 3 ? grow(m) : 0;
}

int vc_map_put(struct vc_map *m, const void *key, void *value)
{
    struct vc_map_slot *s = m->cap ? find(m, key) : NULL;
    if (!s || !s->value) {
        if (vc_map_reserve(m) != 0)
            return -1;
        s = find(m, key);
        memcpy(s->key, key, m->key_len);
        m->n++;
    }
    s->value = value;
    return 0;
}

void *vc_map_remove(struct vc_map *m, const void *key)
{
    if (!m->cap)
        return NULL;
    struct vc_map_slot *s = find(m, key);
    void *value = s->value;
    if (!value)
        return NULL;
    m->n--;
    /* close the gap, so that no search stops before its key */
    size_t hole = (size_t)(s - m->slots), i = hole;
    for (;;) {
        i = (i + 1) & (m->cap - 1);
        if (!m->slots[i].value)
            break;
        size_t home = (size_t)hash_of(m, m->slots[i].key) & (m->cap - 1);
        if (((i - home) & (m->cap - 1)) >= ((i - hole) & (m->cap - 1))) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole].value = NULL;
    return value;
}

void *vc_map_next(const struct vc_map *m, size_t *at)
{
    while (*at < m->cap) {
        void *value = m->slots[(*at)++].value;
        if (value)
            return value;
    }
    return NULL;
}
