import { expect, test } from 'vitest';
import { codec } from '../../../src/codec/select.js';
import { leavesUncopied, UNCOPIED_FROM } from '../../../src/net/writing/sizes.js';
import { FakeTransport } from '../../support/fake-transport.js';

test('only what is large, not in the window, and written by a transport that lets go of it', () => {
  const socket = new FakeTransport(true);
  expect(leavesUncopied(Buffer.alloc(UNCOPIED_FROM), socket)).toBe(true);
  expect(leavesUncopied(Buffer.alloc(UNCOPIED_FROM - 1), socket)).toBe(false);
  expect(leavesUncopied(codec.bytes.subarray(0, UNCOPIED_FROM), socket)).toBe(false);
  expect(leavesUncopied(Buffer.alloc(UNCOPIED_FROM), new FakeTransport(false))).toBe(false);
});
