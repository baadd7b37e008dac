import { readFileSync } from 'node:fs';

/**
 * What the runner wants of this process: `{ size, zeroCopy, slowPeer, maxBackpressure, fanout, strings, tls: { key, cert } }`, and of
 * compression (`compression.mjs`) `{ compress, level, window }`, each where it applies.
 */
export const setup = JSON.parse(process.argv[2] ?? '{}');

/** Key and certificate of a server over TLS, read from the files that the runner made; else undefined. */
export const tls = setup.tls && { key: readFileSync(setup.tls.key), cert: readFileSync(setup.tls.cert) };

/** Tells the runner, in one line, who is here. `options` are those of the library that are not its defaults. */
export function announce({ about, options = {}, ...rest }) {
  console.log(JSON.stringify({ ...rest, pid: process.pid, about, options }));
}

// Whoever started this process and is gone cannot end it any more.
process.stdin.on('end', () => process.exit()).resume();
