/* A small repository that restic 0.14.0 made, password "geheim": what our reader is measured by. */
#ifndef TEST_GOLDEN_H
#define TEST_GOLDEN_H

#include "base/codec.h"
#include "base/secret.h"
#include "repo/cipher.h"
#include "repo/id.h"
#include "store/store.h"

#include <assert.h>

#define GOLDEN_PASSWORD "geheim"
#define GOLDEN_KEY_ID "f78b4b6b3224c580ce9529190e7345a924cd269b199935806fb18328b4b9270b"
#define GOLDEN_KEY                                                                                                     \
	"{\"created\":\"2026-11-21T04:55:18.412932248Z\",\"username\":\"root\",\"hostname\":\"vm\",\"kdf\":"           \
	"\"scrypt\","                                                                                                  \
	"\"N\":32768,\"r\":8,\"p\":6,\"salt\":\"tG0inVRQUwWtPpjYd9EU5M6AtLIe2ICSkzgpW0MZhZK43pN1pSFT+"                 \
	"yAAUlhbp84GrKmW8Z+3"                                                                                          \
	"PYKmIFvpcUpKhQ==\",\"data\":\"XT7LA/"                                                                         \
	"7rxbCCL0ToAoqQgIJMZqYeGPVHwWjWTwXpfuc4R3LIqlDBoKCedYO5k1Kp0RPAcTTShmLs+MCa"                                   \
	"va7h0iK1so/w10qfpfxKzq9DNmCX2RJa/dY8drCNKKZp/ehMd4xFmGriqO/"                                                  \
	"R2Zdfmf83IpDO1pYC1w8hCp+QDtpNPwfZTPtUp86Zajq6PFI8b+jq"                                                        \
	"n4hLaC9LlVoIHWTWSKX4ZQ==\"}"

#define GOLDEN_CONFIG                                                                                                  \
	"G0KWTsx7e/m2OJCuFKj5+M/"                                                                                      \
	"p2SWpKKe3yoZ50pGrq03vo5pzV3ZVsSYz3qAuLZIlO8qovwgbAUacVbyNzRCvoKSAIqGYMWySsNWsA1IWm+NuGrwp"                    \
	"vhE9Ntzjk/sPiDekooaA0tfAhlu5jgJf+GxBParEiWd2fdYSnTkZC2yeUGcIU+fHR9nVqsc7328XqaGnDdxe7UrHxNlcRwQ="
#define GOLDEN_CONFIG_JSON                                                                                             \
	"{\"version\":2,\"id\":\"3b14b48ab88da3a435230a23c0ea045c89c519984ea8c44ec0449d10a69da622\","                  \
	"\"chunker_polynomial\":\"3c5d190a97a555\"}"

#define GOLDEN_PACK_ID "069a889e5fb18725944b78fbd540ca012253283c823c4ac78c0aabac19e7e3d4"
#define GOLDEN_PACK                                                                                                    \
	"KC69CWmBwHqoENCAJjCr6at4ntG08Q1NkoEYlmIxmAz+"                                                                 \
	"4DwxBBZhuBN5RWpK70AEUCbENYoM1TlVj2ZkbCGe5fWsbKMuT8z1Hsch0zqMa77L/HPz"                                         \
	"cUmLFtESMFU2HrgwqFfL3f/qdqgACeVGiE15kaAFPNmhkfUBGueaJfNDQ4FZWyxN9HhIBW7AfFypzxLgN5rKSQAAAA=="
#define GOLDEN_BLOB_ID "4a4b706d25f76f7cee6035c46ca346cfaca7c35c392d874da98c4488a4f875b0"
#define GOLDEN_BLOB_TEXT "CREATE TABLE x(a int);\nINSERT 1;\n"
#define GOLDEN_BLOB_LENGTH 74u

#define GOLDEN_SNAPSHOT_ID "37e8d56f0786500149b1eb0f32b8cabf5d8cebad13def025107151112420f094"
#define GOLDEN_SNAPSHOT                                                                                                \
	"lgIKVyQPlkcj2CzPE2Qck53hzZyq4wlUUO2NdZGmYvGFYueiSlU/NIcqgsZ870yNh1sUnznYM4p7VpGHoMr6NCsocwVOA7DBJx/"          \
	"1Ul8FuYQkS9sv"                                                                                                \
	"KbVieKdekF16WCN4x9tdqI3exEVUxiKsUKQLceVPQRLizGK2m4DQvls5tn68v/"                                               \
	"8Wzv+B6ppnt0klzR1rSDzYVqtn9gQ66rmasiLrOkmPDcyifrDn"                                                           \
	"Fi9lSTNhj2ABKvOOTqQ9Jko5iV0="
#define GOLDEN_SNAPSHOT_JSON                                                                                           \
	"{\"time\":\"2024-05-06T07:08:09Z\",\"tree\":"                                                                 \
	"\"28d2bdbc8f801b426deff305f5174f393ca53deddea8297018df17741d826cdd\","                                        \
	"\"paths\":[\"/x.sql\"],\"hostname\":\"dbhost\",\"username\":\"root\",\"tags\":[\"pg\"]}"

/* The bytes of a base64 text of this file, appended to out. */
__attribute__((unused)) static void golden_bytes(const char *base64, struct buf *out)
{
	bool ok = base64_decode(base64, strlen(base64), out);
	assert(ok);
}

__attribute__((unused)) static struct cipher_key golden_master(void)
{
	struct cipher_key k;
	struct buf b = BUF_INIT;

	golden_bytes("WHMFtr0XxhAPITM+MQOf0Tz0wYhN2f4dgLgoyMm/HrA=", &b);
	golden_bytes("nbvsaX8bhyfUADQ8X1dyvw==", &b);
	golden_bytes("NdSgC4zOJwGs0JIKDNyXCg==", &b);
	assert(b.len == sizeof k);
	memcpy(&k, b.p, sizeof k);
	buf_release(&b);
	return k;
}

__attribute__((unused)) static struct id golden_id(const char *hex)
{
	struct id id;
	bool ok = id_parse(&id, hex, strlen(hex));
	assert(ok);
	return id;
}

/* Put any bytes in the place of a file of a memory store. */
__attribute__((unused)) static void golden_place(struct store *s, enum store_kind kind, const char *name, const void *p,
						 size_t n)
{
	struct store_file f = {.kind = kind};
	struct error e;

	memcpy(f.name, name, strlen(name) + 1);
	int r = store_remove(s, &f, &e);
	assert(r == 0);
	r = store_put(s, &f, &(struct iovec){(void *)(uintptr_t)p, n}, 1, &e);
	assert(r == 0);
}

__attribute__((unused)) static void golden_place_base64(struct store *s, enum store_kind kind, const char *name,
							const char *base64)
{
	struct buf b = BUF_INIT;
	golden_bytes(base64, &b);
	golden_place(s, kind, name, b.p, b.len);
	buf_release(&b);
}

/* The golden repository without an index, in memory. */
__attribute__((unused)) static struct store *golden_store(void)
{
	struct store *s = mem_store_new();
	struct error e;

	int r = store_create(s, &e);
	assert(r == 0);
	golden_place(s, STORE_KEY, GOLDEN_KEY_ID, GOLDEN_KEY, strlen(GOLDEN_KEY));
	golden_place_base64(s, STORE_CONFIG, "", GOLDEN_CONFIG);
	golden_place_base64(s, STORE_DATA, GOLDEN_PACK_ID, GOLDEN_PACK);
	golden_place_base64(s, STORE_SNAPSHOT, GOLDEN_SNAPSHOT_ID, GOLDEN_SNAPSHOT);
	return s;
}

#endif
