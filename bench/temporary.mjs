import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let folder;

/** The path of a file with this name that is gone when the bench ends. */
export function temporaryFile(name) {
  if (folder === undefined) {
    folder = mkdtempSync(join(tmpdir(), 'wasock-bench-'));
    process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  }
  return join(folder, name);
}
