// One pass over a pool of messages, for each kind of contender. Imported once for each of them, with a query of its own, as
// workloads.mjs is, so that every contender has call sites of its own.
import { createRequire } from 'node:module';
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { deflateByZlib, TAIL } from '../messages/pool.mjs';

const require = createRequire(import.meta.url);
const { DEFLATE_OUT, INFLATE_OUT, WINDOW_SIZE, WINDOW_START } = require('../../build/codec/memory-map.js');
const { fflate, pako } = { fflate: require('fflate'), pako: require('pako') };

const { Z_SYNC_FLUSH } = constants;
/** What peers send. */
const LEVEL_OF_INPUT = 6;
const LARGEST_WINDOW = 32_768;
const MAX_PAYLOAD = 1_048_576;
/** Between two payloads lies the header of a frame, masking key included. */
const HEADER = 8;

/** As many of the messages as fit the receive window. */
export function thatFit(messages) {
  let left = WINDOW_SIZE;
  return messages.filter(({ length }) => {
    left -= HEADER + length;
    return left >= 0;
  });
}

/** Puts messages into the receive window, as they would lie there after a read. */
function layOut(codec, payloads) {
  const places = [];
  let at = WINDOW_START;
  for (const payload of payloads) {
    at += HEADER;
    codec.bytes.set(payload, at);
    places.push([at, at + payload.length]);
    at += payload.length;
  }
  return places;
}

/**
 * Passes: `run()` goes over the pool once, `count` is how many messages that is, and `output(i)` gives what becomes of message i,
 * for the check.
 */
function passOver(inputs, convert) {
  return {
    count: inputs.length,
    run() {
      for (let i = 0; i < inputs.length; i++) convert(inputs[i]);
    },
    output: (i) => Buffer.from(convert(inputs[i])),
  };
}

/** The codec inflates in its memory, and what comes out stays there. */
function inflateByCodec(codec, messages) {
  const places = layOut(
    codec,
    messages.map((message) => deflateByZlib(message, LEVEL_OF_INPUT)),
  );
  const inflate = (i) => codec.inflate(places[i][0], places[i][1], 0, LARGEST_WINDOW, MAX_PAYLOAD);
  return {
    count: places.length,
    run() {
      for (let i = 0; i < places.length; i++) inflate(i);
    },
    output: (i) => Buffer.from(codec.bytes.subarray(INFLATE_OUT, INFLATE_OUT + inflate(i))),
  };
}

/** A result that is not smaller is not wanted: the message leaves as it is. */
function deflateByCodec(codec, messages, level) {
  const places = layOut(codec, messages);
  const deflate = (i) => {
    const [start, end] = places[i];
    return codec.deflate(start, end, 0, false, 0, LARGEST_WINDOW, level, end - start - 1);
  };
  return {
    count: places.length,
    run() {
      for (let i = 0; i < places.length; i++) deflate(i);
    },
    output(i) {
      const size = deflate(i);
      return size === 0 ? undefined : Buffer.from(codec.bytes.subarray(DEFLATE_OUT, DEFLATE_OUT + size));
    },
  };
}

const asMessage = (message) => Buffer.concat([deflateByZlib(message, LEVEL_OF_INPUT), TAIL]);
/** fflate and pako take whole streams only: with a final block. */
const asStream = (message) => deflateRawSync(message, { level: LEVEL_OF_INPUT });

/** By work and kind of contender: `(codec, messages, level)` gives a pass. */
export const PASSES = {
  inflate: {
    codec: inflateByCodec,
    zlib: (_, messages) =>
      passOver(messages.map(asMessage), (input) => inflateRawSync(input, { finishFlush: Z_SYNC_FLUSH })),
    fflate: (_, messages) => passOver(messages.map(asStream), (input) => fflate.inflateSync(input)),
    pako: (_, messages) => passOver(messages.map(asStream), (input) => pako.inflateRaw(input)),
  },
  deflate: {
    codec: deflateByCodec,
    zlib: (_, messages, level) => passOver(messages, (input) => deflateByZlib(input, level)),
    fflate: (_, messages, level) => passOver(messages, (input) => fflate.deflateSync(input, { level })),
    pako: (_, messages, level) => passOver(messages, (input) => pako.deflateRaw(input, { level })),
  },
};
