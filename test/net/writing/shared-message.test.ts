import { describe, expect, test, vi } from 'vitest';
import { codec } from '../../../src/codec/select.js';
import { Deflater, KeepingDeflater } from '../../../src/deflate/deflater.js';
import { LongDeflation } from '../../../src/deflate/long-deflation.js';
import { SharedMessage } from '../../../src/net/writing/shared-message.js';
import { Opcode, RSV1 } from '../../../src/protocol/opcode.js';
import { inflated } from '../../support/deflate-stream.js';
import { parseFrame } from '../../support/frame-parser.js';

const SETTINGS = { threshold: 10, level: 'fast', windowBits: 15 } as const;
const TEXT = 'hello, hello, hello, hello, hello';

const payloadOf = (frame: unknown) => parseFrame(Buffer.from(frame as Uint8Array))!.frame.payload;

describe('a shared message', () => {
  test('is encoded once as it is, and deflated once for all that have agreed on the same', () => {
    const deflate = vi.spyOn(codec, 'deflate');
    const shared = new Deflater(SETTINGS);
    const message = new SharedMessage(Opcode.Text, TEXT, true);
    expect(message.byteLength).toBe(TEXT.length);
    expect(payloadOf(message.plain).toString()).toBe(TEXT);
    expect(message.plain).toBe(message.plain);
    const keeping = Array.from({ length: 5 }, () => new KeepingDeflater(SETTINGS, shared));
    const frames = new Set([shared, ...keeping].map((deflater) => message.deflatedBy(deflater)));
    expect(frames.size).toBe(1);
    const [frame] = frames;
    expect((frame as Uint8Array)[0]).toBe(0x80 | RSV1 | Opcode.Text);
    expect(inflated(payloadOf(frame)).toString()).toBe(TEXT);
    expect(deflate).toHaveBeenCalledTimes(1);

    const small = message.deflatedBy(new Deflater({ ...SETTINGS, level: 'small' }));
    expect(small).not.toBe(frame);
    expect(deflate).toHaveBeenCalledTimes(2);
    deflate.mockRestore();
  });

  test('goes uncompressed if it is short, does not get shorter, or must not be compressed', () => {
    const deflater = new Deflater(SETTINGS);
    expect(new SharedMessage(Opcode.Text, 'hello', true).deflatedBy(deflater)).toBeNull();
    expect(new SharedMessage(Opcode.Text, TEXT, false).deflatedBy(deflater)).toBeNull();
    const noise = new SharedMessage(Opcode.Text, 'qwertzuiopasdfgh', true);
    expect(noise.deflatedBy(deflater)).toBeNull();
    expect(noise.deflatedBy(deflater)).toBeNull();
  });

  test('takes turns if it is long, and users may change the bytes meanwhile', async () => {
    const deflater = new Deflater(SETTINGS);
    const bytes = Buffer.alloc(300_000, TEXT);
    const before = Buffer.from(bytes);
    const message = new SharedMessage(Opcode.Binary, bytes, true);
    const deflation = message.deflatedBy(deflater) as LongDeflation;
    expect(deflation).toBeInstanceOf(LongDeflation);
    expect(message.deflatedBy(deflater)).toBe(deflation);
    bytes.fill(0);
    await new Promise<void>((resolve) => deflation.onEnd(resolve));
    expect(inflated(deflation.compressed!).equals(before)).toBe(true);
  });
});
