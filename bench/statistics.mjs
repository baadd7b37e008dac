/** The middle of the values; of an even number, the mean of the two in the middle. */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** `{ median, min, max }` of the values. */
export function spread(values) {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** At most this is the chance that the true median lies below a `medianInterval`, and as much that it lies above. */
const TAIL = 0.025;

/** Fewer values than these have no interval of 95 %: even the least and the greatest of five give only 94 %, of three 75 %. */
export const FEWEST_VALUES = 6;

/**
 * `{ median, low, high }`: the true median lies between two of the values, `low` and `high`, with 95 % confidence or more,
 * whatever the distribution; with less if there are fewer than `FEWEST_VALUES`.
 */
export function medianInterval(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const cut = valuesToCut(sorted.length);
  return { median: median(values), low: sorted[cut], high: sorted.at(-1 - cut) };
}

/**
 * How many values lie outside the interval at either end. The true median is below the least k + 1 of n values when at most k
 * of them are less than it: as likely as at most k heads in n throws of a coin.
 */
function valuesToCut(n) {
  let cut = 0;
  let exactly = 0.5 ** n;
  let atMost = exactly;
  while (2 * cut < n) {
    exactly *= (n - cut) / (cut + 1);
    atMost += exactly;
    if (atMost > TAIL) break;
    cut++;
  }
  return cut;
}
