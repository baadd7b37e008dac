#include "accept-key.h"

#include <string.h>

#include "process.h"

#define DIGEST_SIZE 20
#define BLOCK_SIZE 64

uint64_t random_bits(void) {
  static uint64_t state;
  if (state == 0) state = now() | 1;
  // xorshift64*
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return state * UINT64_C(0x2545f4914f6cdd1d);
}

static void base64(const uint8_t *octets, int count, char *out) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int i = 0; i < count; i += 3) {
    int here = count - i < 3 ? count - i : 3;
    uint32_t bits = octets[i] << 16 | (here > 1 ? octets[i + 1] << 8 : 0) | (here > 2 ? octets[i + 2] : 0);
    *out++ = digits[bits >> 18];
    *out++ = digits[bits >> 12 & 63];
    *out++ = here > 1 ? digits[bits >> 6 & 63] : '=';
    *out++ = here > 2 ? digits[bits & 63] : '=';
  }
}

static uint32_t rotate(uint32_t word, int by) { return word << by | word >> (32 - by); }

static uint32_t big_endian(const uint8_t *octets) {
  return (uint32_t)octets[0] << 24 | octets[1] << 16 | octets[2] << 8 | octets[3];
}

// FIPS 180-4, 6.1.2.
static void sha1_block(uint32_t hash[5], const uint8_t *block) {
  uint32_t w[80], a = hash[0], b = hash[1], c = hash[2], d = hash[3], e = hash[4];
  for (int t = 0; t < 80; t++) {
    w[t] = t < 16 ? big_endian(block + 4 * t) : rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
    uint32_t mixed = t < 20   ? ((b & c) ^ (~b & d)) + 0x5a827999
                     : t < 40 ? (b ^ c ^ d) + 0x6ed9eba1
                     : t < 60 ? ((b & c) ^ (b & d) ^ (c & d)) + 0x8f1bbcdc
                              : (b ^ c ^ d) + 0xca62c1d6;
    uint32_t next = rotate(a, 5) + mixed + e + w[t];
    e = d, d = c, c = rotate(b, 30), b = a, a = next;
  }
  hash[0] += a, hash[1] += b, hash[2] += c, hash[3] += d, hash[4] += e;
}

// SHA-1 of a text that fits two blocks with its padding, as a key and the GUID do.
static void sha1(const char *text, size_t length, uint8_t *digest) {
  uint32_t hash[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  uint8_t padded[2 * BLOCK_SIZE] = {0};
  memcpy(padded, text, length);
  padded[length] = 0x80;
  padded[sizeof padded - 2] = length * 8 >> 8;
  padded[sizeof padded - 1] = length * 8;
  sha1_block(hash, padded);
  sha1_block(hash, padded + BLOCK_SIZE);
  for (int i = 0; i < DIGEST_SIZE; i++) digest[i] = hash[i / 4] >> (24 - 8 * (i % 4));
}

void make_key(char *key) {
  uint64_t octets[2] = {random_bits(), random_bits()};
  base64((const uint8_t *)octets, sizeof octets, key);
}

void accept_key_of(const char *key, char *accept_key) {
  static const char GUID[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  char text[KEY_LENGTH + sizeof GUID];
  uint8_t digest[DIGEST_SIZE];
  memcpy(text, key, KEY_LENGTH);
  memcpy(text + KEY_LENGTH, GUID, sizeof GUID);
  sha1(text, sizeof text - 1, digest);
  base64(digest, DIGEST_SIZE, accept_key);
}
