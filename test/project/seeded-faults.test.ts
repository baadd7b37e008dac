import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

// CI plants the faults after half an hour; that each still fits can be said at once.
test('each edit of the seeded faults fits exactly one place of the build', async () => {
  const { FAULTS } = await import('../model/faults.mjs');
  for (const { name, edits } of FAULTS) {
    for (const { file, find } of edits) {
      expect(readFileSync(`build/${file}`, 'utf8').split(find), `${name}: ${file}`).toHaveLength(2);
    }
  }
});
