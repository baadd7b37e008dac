import type { ZlibOptions } from 'node:zlib';
import { describe, expect, test, vi } from 'vitest';
import { Inflater, KeepingInflater } from '../../../src/deflate/inflater.js';
import { agreementIn, closeExtensions, compressorFor, inflaterFor } from '../../../src/ws/compression/agreement.js';
import { CodecCompressor } from '../../../src/ws/compression/compressor.js';
import { ZlibCompressor, ZlibStreamCompressor } from '../../../src/ws/compression/zlib-compressor.js';
import { inflated } from '../../support/deflate-stream.js';
import { prose } from '../../support/messages.js';
import { IMPLEMENTATIONS, type Implementation } from '../implementations.js';

const BOTH = 'server_no_context_takeover; client_no_context_takeover';
const NAME = 'permessage-deflate';

function agreed(impl: Implementation, options: object, parameters: string) {
  const extension = new impl.PerMessageDeflate(options);
  extension.accept(impl.extension.parse(`${NAME}; ${parameters}`)[NAME]);
  return agreementIn({ [NAME]: extension })!;
}

describe.each(IMPLEMENTATIONS)('an extension of %s', (_, impl) => {
  test.each([
    ['server', true],
    ['client', false],
  ])('says for a %s how each direction is compressed', (_side, isServer) => {
    const [ours, peers] = isServer ? ['server', 'client'] : ['client', 'server'];
    const keeps = agreed(impl, { isServer }, `${ours}_no_context_takeover; ${peers}_max_window_bits=9`);
    expect(inflaterFor(keeps, 1000)).toBeInstanceOf(KeepingInflater);
    expect(compressorFor(keeps).threshold).toBe(1024);
    const forgets = agreed(impl, { isServer, threshold: 7 }, `${peers}_no_context_takeover; ${ours}_max_window_bits=9`);
    expect(inflaterFor(forgets, 1000).constructor).toBe(Inflater);
    expect(inflaterFor(forgets, 1000)).toBe(inflaterFor(forgets, 5000));
    expect(compressorFor(forgets).threshold).toBe(0);
    const nothing = agreed(impl, { isServer, threshold: 7 }, BOTH);
    expect(compressorFor(nothing).threshold).toBe(7);
    // Longer than a window of 9 bits.
    const message = Buffer.concat([prose(200), prose(600, 99), prose(200)]);
    const narrow = compressorFor(agreed(impl, { isServer }, `${BOTH}; ${ours}_max_window_bits=9`));
    expect(inflated(narrow.compress(message, 'message') as Buffer, { windowBits: 9 }).equals(message)).toBe(true);
  });

  test('limits what its peer sends if it was given a limit that is below that of the socket', () => {
    const limited = agreed(impl, { isServer: true, maxPayload: 100 }, BOTH);
    expect(inflaterFor(limited, 100).constructor).toBe(Inflater);
    const inflater = inflaterFor(limited, 1000);
    const inflate = vi.spyOn(Inflater.prototype, 'inflate').mockReturnValue(0);
    const finish = vi.spyOn(Inflater.prototype, 'finish');
    inflater.inflate(0, 0, 1000, false);
    inflater.inflate(0, 0, 50, true);
    inflater.finish(1, 2);
    expect(inflate.mock.calls).toEqual([
      [0, 0, 100, false],
      [0, 0, 50, true],
    ]);
    expect(finish).toHaveBeenCalledWith(1, 2);
    vi.restoreAllMocks();
  });

  test.each<[ZlibOptions | undefined, string]>([
    [undefined, 'fast'],
    [{}, 'fast'],
    [{ level: -1 }, 'fast'],
    [{ level: 1, chunkSize: 1024 }, 'fast'],
    [{ level: 3, windowBits: 9 }, 'fast'],
    [{ level: 4 }, 'small'],
    [{ level: 6 }, 'small'],
    [{ level: 0 }, 'zlib'],
    [{ level: 7 }, 'zlib'],
    [{ level: 9 }, 'zlib'],
    [{ level: 1, memLevel: 7 }, 'zlib'],
    [{ strategy: 2 }, 'zlib'],
    [{ dictionary: Buffer.from('words') }, 'zlib'],
  ])('with the options of zlib %j is served by %s', (zlibDeflateOptions, expected) => {
    const forgetting = compressorFor(agreed(impl, { zlibDeflateOptions }, BOTH));
    const keeping = compressorFor(agreed(impl, { zlibDeflateOptions }, 'server_no_context_takeover'));
    const isByZlib = forgetting instanceof ZlibCompressor && keeping instanceof ZlibStreamCompressor;
    expect(isByZlib).toBe(expected === 'zlib');
    expect(forgetting instanceof CodecCompressor && keeping instanceof CodecCompressor).toBe(expected !== 'zlib');
    if (isByZlib) return;
    const level = compressorFor(agreed(impl, { zlibDeflateOptions: { level: expected === 'fast' ? 1 : 6 } }, BOTH));
    const [one, other] = [forgetting, level].map((compressor) =>
      Buffer.from(compressor.compress(prose(12_000), 'message') as Buffer),
    );
    expect(one.equals(other)).toBe(true);
  });
});

test('nothing was agreed: no extension, another one, or one that has not agreed', () => {
  expect(agreementIn(undefined)).toBeNull();
  expect(agreementIn({})).toBeNull();
  expect(agreementIn({ other: { params: {} } })).toBeNull();
  expect(agreementIn({ [NAME]: { params: null } })).toBeNull();
});

test('an object with parameters alone is enough', () => {
  const agreement = agreementIn({ [NAME]: { params: { client_no_context_takeover: true } } })!;
  expect(compressorFor(agreement).threshold).toBe(1024);
  expect(inflaterFor(agreement, 1000)).toBeInstanceOf(KeepingInflater);
});

test('extensions are closed if they can be', () => {
  const cleanup = vi.fn();
  closeExtensions({ [NAME]: { cleanup } });
  closeExtensions({ [NAME]: {} });
  closeExtensions({});
  expect(cleanup).toHaveBeenCalledOnce();
});
