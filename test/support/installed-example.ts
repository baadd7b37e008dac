import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { ROOT } from './program.js';

/**
 * A folder in which programs import `wasock` as users do. It goes with the test.
 *
 * @param packages what is installed there besides
 */
export function newProject(packages: readonly string[]): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'wasock-project-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const modules = path.join(folder, 'node_modules');
  for (const [name, target] of [
    ['wasock', ROOT],
    ...packages.map((name) => [name, path.join(ROOT, 'node_modules', name)]),
  ]) {
    mkdirSync(path.dirname(path.join(modules, name)), { recursive: true });
    symlinkSync(target, path.join(modules, name));
  }
  return folder;
}
