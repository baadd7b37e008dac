import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { acceptKey, GUID, isKey, newKey } from '../../src/handshake/key.js';

const SAMPLE_KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

describe('acceptKey', () => {
  test('RFC 6455 §1.3: the sample key', () => {
    expect(acceptKey(SAMPLE_KEY)).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  });

  test('is the base64 of the SHA-1 of key and GUID', () => {
    fc.assert(
      fc.property(fc.string(), (key) => {
        const hash = createHash('sha1');
        expect(acceptKey(key)).toBe(hash.update(`${key}${GUID}`).digest('base64'));
      }),
    );
  });

  test('hostile.H-03: a key with a non-canonical tail is accepted, and hashed as its raw 24 characters', () => {
    const [canonical, other] = ['AAAAAAAAAAAAAAAAAAAAAQ==', 'AAAAAAAAAAAAAAAAAAAAAR=='];
    expect(Buffer.from(other, 'base64')).toEqual(Buffer.from(canonical, 'base64'));
    expect(isKey(other)).toBe(true);
    expect(acceptKey(other)).not.toBe(acceptKey(canonical));
    expect(acceptKey(other)).toBe(createHash('sha1').update(`${other}${GUID}`).digest('base64'));
  });
});

describe('newKey', () => {
  test('§4.1: 16 octets in base64, another one each time', () => {
    const keys = Array.from({ length: 1000 }, newKey);
    expect(new Set(keys).size).toBe(1000);
    expect(keys.every((key) => isKey(key) && Buffer.from(key, 'base64').length === 16)).toBe(true);
  });
});

describe('isKey', () => {
  test('takes the base64 of any 16 octets', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (octets) => {
        expect(isKey(Buffer.from(octets).toString('base64'))).toBe(true);
      }),
    );
  });

  test.each([
    ['empty', ''],
    ['short', 'abc'],
    ['15 octets', Buffer.alloc(15).toString('base64')],
    ['17 octets', Buffer.alloc(17).toString('base64')],
    ['8 KiB', 'A'.repeat(8192)],
    ['padding in the middle', 'AAAAAAAAAAA==AAAAAAAAA=='],
    ['base64url', '-_AAAAAAAAAAAAAAAAAAAA=='],
    ['a line feed after it', `${SAMPLE_KEY}\n`],
    ['a space before it', ` ${SAMPLE_KEY}`],
    ['non-ASCII', 'éAAAAAAAAAAAAAAAAAAAAA=='],
    ['no string', 24],
    ['undefined', undefined],
  ])('refuses %s', (_, value) => {
    expect(isKey(value)).toBe(false);
  });
});
