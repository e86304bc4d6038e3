#include "base/digest_many.h"

void digest_many_one_by_one(const struct digest_message *m, size_t n)
{
	for (size_t i = 0; i < n; i++)
		digest_sha256(m[i].p, m[i].n, m[i].out);
}

void digest_many_sha256(const struct digest_message *m, size_t n)
{
	if (!digest_many_in_lanes(m, n))
		digest_many_one_by_one(m, n);
}

#if !defined(__x86_64__)

bool digest_many_in_lanes(const struct digest_message *m, size_t n)
{
	return false;
}

#else

/* libcrypto goes on from a state in the middle of a message only through the interface that it would rather hide. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "base/mem.h"

#include <immintrin.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#define LANES DIGEST_MANY_LANES
#define WORTH_IT 8u /* with fewer messages left libcrypto's one at a time is faster */
#define BLOCK 64u   /* bytes */
#define AVX512 __attribute__((target("avx512f,avx512bw")))

/* One word of each of the messages. */
typedef uint32_t words __attribute__((vector_size(4 * LANES)));

/* A message on its way: its whole blocks, where they lie, then the one or two that padding makes of its end. */
struct lane {
	const struct digest_message *message; /* NULL: none */
	const unsigned char *p;
	size_t blocks; /* left at p */
	bool padded;   /* p is in `end` */
	size_t end_blocks;
	unsigned char end[2 * BLOCK];
};

struct run {
	words state[8]; /* FIPS 180-4: H0 to H7 */
	struct lane lane[LANES];
	size_t busy;
	const struct digest_message **next; /* the messages that have no lane yet, */
	size_t waiting;                     /* and their number */
};

/* FIPS 180-4, section 5.3.3 */
static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
				    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

/* Section 4.2.2 */
static const uint32_t K[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/* Section 4.1.2; any function of three bits is one instruction, by its table. */
#define BITWISE(x, y, z, table) ((words)_mm512_ternarylogic_epi32((__m512i)(x), (__m512i)(y), (__m512i)(z), table))
#define CH(x, y, z) BITWISE(x, y, z, 0xca)
#define MAJ(x, y, z) BITWISE(x, y, z, 0xe8)
#define XOR(x, y, z) BITWISE(x, y, z, 0x96)
#define ROTR(x, n) ((x) >> (n) | (x) << (32 - (n)))
#define SUM0(x) XOR(ROTR(x, 2), ROTR(x, 13), ROTR(x, 22))
#define SUM1(x) XOR(ROTR(x, 6), ROTR(x, 11), ROTR(x, 25))
#define SIGMA0(x) XOR(ROTR(x, 7), ROTR(x, 18), (x) >> 3)
#define SIGMA1(x) XOR(ROTR(x, 17), ROTR(x, 19), (x) >> 10)

/* The next block of every message, turned from rows into columns: w[t] gets word t of each. Sections 3.1 and 5.2.1:
 * words are big-endian. Rows are woven by words, then by pairs of words, then by quarters. */
AVX512 static inline void load_blocks(const unsigned char *const p[LANES], size_t at, words w[16])
{
	const __m512i swap = _mm512_set4_epi32(0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203);
	__m512i r[16], s[16];

#pragma GCC unroll 16
	for (int i = 0; i < 16; i++)
		r[i] = _mm512_shuffle_epi8(_mm512_loadu_si512(p[i] + at), swap);
#pragma GCC unroll 8
	for (int i = 0; i < 16; i += 2) {
		s[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
		s[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
	}
#pragma GCC unroll 4
	for (int i = 0; i < 16; i += 4) {
		r[i] = _mm512_unpacklo_epi64(s[i], s[i + 2]);
		r[i + 1] = _mm512_unpackhi_epi64(s[i], s[i + 2]);
		r[i + 2] = _mm512_unpacklo_epi64(s[i + 1], s[i + 3]);
		r[i + 3] = _mm512_unpackhi_epi64(s[i + 1], s[i + 3]);
	}
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++) {
		__m512i a = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x44), b = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xee);
		__m512i c = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x44);
		__m512i d = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xee);

		w[i] = (words)_mm512_shuffle_i32x4(a, c, 0x88);
		w[i + 4] = (words)_mm512_shuffle_i32x4(a, c, 0xdd);
		w[i + 8] = (words)_mm512_shuffle_i32x4(b, d, 0x88);
		w[i + 12] = (words)_mm512_shuffle_i32x4(b, d, 0xdd);
	}
}

/* Section 6.2.2, for n blocks of every message. Of the message schedule only the last sixteen words are kept. */
AVX512 static void hash_blocks(words state[8], const unsigned char *const p[LANES], size_t n)
{
	for (size_t at = 0; at < n * BLOCK; at += BLOCK) {
		words a = state[0], b = state[1], c = state[2], d = state[3];
		words e = state[4], f = state[5], g = state[6], h = state[7];
		words w[16];

		load_blocks(p, at, w);
#pragma GCC unroll 64
		for (int t = 0; t < 64; t++) {
			if (t >= 16)
				w[t % 16] += SIGMA1(w[(t - 2) % 16]) + w[(t - 7) % 16] + SIGMA0(w[(t - 15) % 16]);
			words t1 = h + SUM1(e) + CH(e, f, g) + (K[t] + w[t % 16]);
			words t2 = SUM0(a) + MAJ(a, b, c);

			h = g, g = f, f = e, e = d + t1;
			d = c, c = b, b = a, a = t1 + t2;
		}
		state[0] += a, state[1] += b, state[2] += c, state[3] += d;
		state[4] += e, state[5] += f, state[6] += g, state[7] += h;
	}
}

static void put_u32be(unsigned char *p, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(p, &v, sizeof v);
}

/* Section 5.1.1: a bit of 1, zeros, and the message's length in bits at the end of a block. */
static void pad(struct lane *l)
{
	size_t n = l->message->n, rest = n % BLOCK;

	l->end_blocks = rest + 1 + 8 <= BLOCK ? 1 : 2;
	size_t size = l->end_blocks * BLOCK;
	memset(l->end, 0, size);
	if (rest > 0)
		memcpy(l->end, l->p + l->blocks * BLOCK, rest);
	l->end[rest] = 0x80;
	put_u32be(l->end + size - 8, (uint32_t)((uint64_t)n >> 29));
	put_u32be(l->end + size - 4, (uint32_t)((uint64_t)n << 3));
}

static void go_to_end(struct lane *l)
{
	l->p = l->end;
	l->blocks = l->end_blocks;
	l->padded = true;
}

/* The next message into lane i, if there is one. */
static void refill(struct run *r, size_t i)
{
	struct lane *l = &r->lane[i];

	l->message = NULL;
	if (r->waiting == 0)
		return;
	l->message = *r->next++;
	r->waiting--;
	r->busy++;
	for (int k = 0; k < 8; k++)
		r->state[k][i] = initial[k];
	l->p = l->message->p;
	l->blocks = l->message->n / BLOCK;
	l->padded = false;
	pad(l);
	if (l->blocks == 0)
		go_to_end(l);
}

/* Lane i has done n blocks. */
static void advance(struct run *r, size_t i, size_t n)
{
	struct lane *l = &r->lane[i];

	l->p += n * BLOCK;
	l->blocks -= n;
	if (l->blocks > 0)
		return;
	if (!l->padded) {
		go_to_end(l);
		return;
	}
	for (int k = 0; k < 8; k++)
		put_u32be(l->message->out + 4 * k, r->state[k][i]);
	r->busy--;
	refill(r, i);
}

/* As many blocks as every busy lane still has; an idle one does another's again. */
static void step(struct run *r)
{
	const unsigned char *p[LANES], *any = NULL;
	size_t n = SIZE_MAX;

	for (size_t i = 0; i < LANES; i++)
		if (r->lane[i].message && r->lane[i].blocks < n) {
			n = r->lane[i].blocks;
			any = r->lane[i].p;
		}
	for (size_t i = 0; i < LANES; i++)
		p[i] = r->lane[i].message ? r->lane[i].p : any;
	hash_blocks(r->state, p, n);
	for (size_t i = 0; i < LANES; i++)
		if (r->lane[i].message)
			advance(r, i, n);
}

/* What is left of the message in lane i: whole blocks only, so that libcrypto has nothing to remember but the state. */
static void finish_alone(struct run *r, size_t i)
{
	struct lane *l = &r->lane[i];
	SHA256_CTX ctx = {.md_len = DIGEST_SHA256};

	for (int k = 0; k < 8; k++)
		ctx.h[k] = r->state[k][i];
	SHA256_Update(&ctx, l->p, l->blocks * BLOCK);
	if (!l->padded)
		SHA256_Update(&ctx, l->end, l->end_blocks * BLOCK);
	for (int k = 0; k < 8; k++)
		put_u32be(l->message->out + 4 * k, ctx.h[k]);
}

static int longest_first(const void *a, const void *b)
{
	const struct digest_message *x = *(const struct digest_message *const *)a;
	const struct digest_message *y = *(const struct digest_message *const *)b;

	return (x->n < y->n) - (x->n > y->n);
}

/* With the longest first all lanes end at about the same time. */
bool digest_many_in_lanes(const struct digest_message *m, size_t n)
{
	if (n < WORTH_IT || !__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw"))
		return false;
	AUTO_FREE const struct digest_message **order = mem_array(NULL, n, sizeof(const struct digest_message *));
	struct run r = {.next = order, .waiting = n};

	for (size_t i = 0; i < n; i++)
		order[i] = &m[i];
	qsort(order, n, sizeof(const struct digest_message *), longest_first);
	for (size_t i = 0; i < LANES; i++)
		refill(&r, i);
	while (r.busy >= WORTH_IT)
		step(&r);
	for (size_t i = 0; i < LANES; i++)
		if (r.lane[i].message)
			finish_alone(&r, i);
	return true;
}

#endif
