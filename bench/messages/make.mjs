// Makes the messages that are compressed, one a line: node bench/messages/make.mjs
// Every run makes the same files, so that a change of them is a change of this script.
import { writeFileSync } from 'node:fs';
import { line, Random, record, smallRecord } from './records.mjs';

/**
 * How many messages of each size. Those of 64 bytes are more, because a compressor that keeps 32 KiB would find each message
 * of a shorter round again.
 */
const COUNTS = { 64: 1024, 555: 64, 2048: 64, 16384: 64 };
const SEED = 7692;

/** Adds a field of prose, so that the JSON has exactly so many bytes. */
function padded(random, value, size, key) {
  const missing = size - JSON.stringify({ ...value, [key]: '' }).length;
  return missing < 1 ? undefined : JSON.stringify({ ...value, [key]: random.prose(missing) });
}

function single(make, key) {
  return again((random, size) => padded(random, make(random), size, key));
}

/** Records of one kind in a list, as a history or a snapshot has them. */
function list(random, size) {
  const items = [];
  const kind = random.integer(0, 3);
  const batch = { type: 'batch', cursor: random.uuid(), items };
  while (JSON.stringify(batch).length < size - 800) items.push(record(random, kind));
  return padded(random, batch, size, 'note');
}

/** Makes it again until it has the size. */
function again(make) {
  return (random, size) => {
    for (;;) {
      const text = make(random, size);
      if (text !== undefined) return text;
    }
  };
}

/** A few lines of a table, and a word about them. */
function table(random, size) {
  const rows = [];
  const kind = random.integer(0, 3);
  const update = { type: 'table.update', id: random.integer(10_000_000, 99_999_999), at: random.time(), rows };
  while (JSON.stringify(update).length < size - 150) rows.push(line(random, kind));
  return padded(random, update, size, 'note');
}

const MAKERS = { 64: single(smallRecord, 'm'), 555: again(table), 2048: list, 16384: list };

/** Sizes up to a tenth off, of which each pair has the mean. */
function sizesAround(mean, count, random) {
  return Array.from({ length: count / 2 }, () => random.integer(0, Math.floor(mean / 10))).flatMap((off) => [
    mean - off,
    mean + off,
  ]);
}

for (const [word, count] of Object.entries(COUNTS)) {
  const size = Number(word);
  const random = new Random(SEED + size);
  const lines = sizesAround(size, count, random).map((exact) => MAKERS[word](random, exact));
  writeFileSync(new URL(`${size}.ndjson`, import.meta.url), `${lines.join('\n')}\n`);
}
