import { createHash } from 'node:crypto';
import { Random } from '../model/random.mjs';
import { loadTypeScript } from './load-typescript.mjs';

/** The longest message by chance, now and then longer than the output area. */
const LARGE = 6000;
const LARGEST = 300_000;

/** Bytes of a payload and its history that are not tried with each limit. */
const LONG = 1000;

const CHANCES = 1000;
const SEED = 1;

/**
 * Payloads and what inflate has to say of them, as JSON can hold it: those of test/vectors/inflate.ts, whole, cut and with
 * limits, and payloads by chance that are the same each time. The oracle of the suite has the verdicts.
 *
 * @returns {Promise<{ payload: string, history: string, windowSize: number, most: number, verdict: string, hash?: string }[]>}
 */
export async function inflateVerdicts() {
  const support = await loadTypeScript(['vectors/inflate', 'support/inflate-cases', 'support/naive-inflate']);
  return [...casesOf(support)].map((given) => {
    const { payload, history = Buffer.alloc(0), windowSize = 32_768, most = 2 ** 30 } = given;
    const { verdict, message } = support.naiveInflate(payload, { history, windowSize, most });
    const isWhole = verdict === 'whole';
    return {
      payload: payload.toString('base64'),
      history: history.toString('base64'),
      windowSize,
      most,
      verdict,
      ...(isWhole && { hash: createHash('sha256').update(message).digest('hex') }),
    };
  });
}

function* casesOf({ INFLATE_VECTORS, newInflateCase, naiveInflate }) {
  for (const { payload, history } of INFLATE_VECTORS) {
    yield { payload, history };
    for (let cut = 0; cut < Math.min(payload.length, 200); cut++) yield { payload: payload.subarray(0, cut), history };
    if (payload.length + (history?.length ?? 0) > LONG) continue;
    const { length } = naiveInflate(payload, { history }).message;
    for (let most = 0; most <= Math.min(length + 2, 300); most++) yield { payload, history, most };
  }
  for (let i = 0; i < CHANCES; i++) {
    const random = new Random(SEED, i);
    yield newInflateCase(random, random.once(100) ? LARGEST : LARGE);
  }
}
