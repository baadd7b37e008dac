import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let folder;

/** A folder that is gone when the bench ends. */
function ownFolder() {
  if (folder === undefined) {
    folder = mkdtempSync(join(tmpdir(), 'wasock-bench-'));
    process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  }
  return folder;
}

/** The path of a file with this name that is gone when the bench ends. */
export function temporaryFile(name) {
  return join(ownFolder(), name);
}

/** The path of a new folder, whose name begins so, that is gone when the bench ends. */
export function temporaryFolder(name) {
  return mkdtempSync(temporaryFile(name));
}
