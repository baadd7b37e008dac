import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The packed tarballs by the names under which packages are installed from them. */
export const PACKED = { wasock: /^wasock-\d.*\.tgz$/, ws: /^wasock-ws-.*\.tgz$/ };

/** @returns {Promise<string>} such as `20.20.2` */
export async function versionAt(file) {
  const { stdout } = await run(file, ['--version']);
  return /\d+\.\d+\.\d+/.exec(stdout)[0];
}

/**
 * Copies a folder of programs, and installs there what its package.json names beside packed tarballs of this project.
 *
 * @param {string} programs the folder
 * @param {string} tarballs the folder of the tarballs
 * @param {Readonly<Record<string, RegExp>>} packed which tarball each of these packages is
 * @param {readonly string[]} [flags] of `npm install`
 * @returns the new folder, and a function that removes it
 */
export async function installProject(programs, tarballs, packed, flags = []) {
  const folder = mkdtempSync(path.join(tmpdir(), `${path.basename(programs)}-`));
  cpSync(programs, folder, { recursive: true });
  const manifest = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
  manifest.overrides = {};
  for (const [name, pattern] of Object.entries(packed)) {
    const tarball = readdirSync(tarballs).find((file) => pattern.test(file));
    if (tarball === undefined) throw new Error(`No ${pattern} in ${tarballs}`);
    manifest.dependencies[name] = `file:${path.resolve(tarballs, tarball)}`;
    manifest.overrides[name] = `$${name}`;
  }
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify(manifest));
  await run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', ...flags], { cwd: folder });
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
