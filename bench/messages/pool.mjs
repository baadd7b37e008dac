import { readFileSync } from 'node:fs';
import { finished } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { constants, createDeflateRaw, deflateRawSync } from 'node:zlib';

/** What ends a message, and is not sent (RFC 7692, section 7.2.1). */
export const TAIL = Buffer.of(0x00, 0x00, 0xff, 0xff);

/** The file that holds the messages of about this many bytes, one a line. */
export function poolPath(size) {
  return fileURLToPath(new URL(`./${size}.ndjson`, import.meta.url));
}

/** The messages of that file, at most so many. */
export function readPool(size, first = Number.POSITIVE_INFINITY) {
  const lines = readFileSync(poolPath(size), 'utf8').trimEnd().split('\n');
  return lines.slice(0, first).map((line) => Buffer.from(line));
}

/** What a message is compressed by zlib, without reference to others. */
export function deflateByZlib(message, level) {
  return deflateRawSync(message, { level, finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -TAIL.length);
}

/**
 * How many bytes a message has on average, and how many zlib makes of it at levels 1 and 6: `{ plain, zlib1, zlib6 }`. With
 * takeover, the messages are a stream that goes round them.
 */
export async function meanSizes(messages, isTakeover) {
  const sizeAt = isTakeover ? meanOfStream : meanOfEach;
  return {
    plain: messages.reduce((sum, { length }) => sum + length, 0) / messages.length,
    zlib1: await sizeAt(messages, 1),
    zlib6: await sizeAt(messages, 6),
  };
}

function meanOfEach(messages, level) {
  return messages.reduce((sum, message) => sum + deflateByZlib(message, level).length, 0) / messages.length;
}

/** Of the second round, when the window is full. */
async function meanOfStream(messages, level) {
  const twice = await streamSize([...messages, ...messages], level);
  const once = await streamSize(messages, level);
  return (twice - once) / messages.length - TAIL.length;
}

async function streamSize(messages, level) {
  let size = 0;
  const stream = createDeflateRaw({ level, flush: constants.Z_SYNC_FLUSH });
  stream.on('data', ({ length }) => {
    size += length;
  });
  for (const message of messages) await new Promise((resolve) => stream.write(message, resolve));
  stream.end();
  await finished(stream);
  return size;
}
