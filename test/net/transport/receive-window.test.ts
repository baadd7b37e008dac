import { afterEach, describe, expect, test } from 'vitest';
import { WINDOW_START } from '../../../src/codec/memory-map.js';
import { codec } from '../../../src/codec/select.js';
import {
  claimWindow,
  copyFromWindow,
  copyToWindow,
  releaseWindow,
  windowIsClaimed,
} from '../../../src/net/transport/receive-window.js';

afterEach(releaseWindow);

describe('the receive window', () => {
  test('is claimed until it is released', () => {
    expect(windowIsClaimed()).toBe(false);
    claimWindow();
    expect(windowIsClaimed()).toBe(true);
    releaseWindow();
    expect(windowIsClaimed()).toBe(false);
  });

  test('takes a small chunk whole, at its start', () => {
    expect(copyToWindow(Buffer.from('octets'))).toBe(6);
    expect(codec.bytes.toString('latin1', WINDOW_START, WINDOW_START + 6)).toBe('octets');
  });

  test('takes 64 KiB of a large chunk at once', () => {
    const chunk = Buffer.alloc(200_000, 7);
    chunk[65_536] = 9;
    codec.bytes[WINDOW_START + 65_536] = 5;
    expect(copyToWindow(chunk)).toBe(65_536);
    expect(codec.bytes[WINDOW_START + 65_535]).toBe(7);
    expect(codec.bytes[WINDOW_START + 65_536]).toBe(5);
  });

  test('is copied from, not viewed', () => {
    codec.bytes.write('mine', WINDOW_START);
    const copy = copyFromWindow(WINDOW_START, WINDOW_START + 4);
    codec.bytes.fill(0xaa, WINDOW_START, WINDOW_START + 4);
    expect(copy.toString()).toBe('mine');
    expect(copy.buffer).not.toBe(codec.bytes.buffer);
  });
});
