// Lays out the package that stands for npm ws in a tree of packages: `npm publish build/wasock-ws`.
//
//   node alias/build.mjs [folder]      default: build/wasock-ws
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const target = path.resolve(process.argv[2] ?? path.join(ROOT, 'build/wasock-ws'));

const readJson = (file) => JSON.parse(readFileSync(path.join(ROOT, file), 'utf8'));
const copy = (from, to) => cpSync(path.join(ROOT, from), path.join(target, to), { recursive: true });

rmSync(target, { recursive: true, force: true });
copy('alias/package', '.');
copy('LICENSE', 'LICENSE');
// Copies, as TypeScript's older ways to resolve modules, which know no `exports`, find nothing under `wasock/ws`.
copy('types', 'types');

// The engine is that of the release which this one belongs to, so that there is one engine in a process.
const { version, license, engines } = readJson('package.json');
const complete = {
  ...readJson('alias/package/package.json'),
  license,
  engines,
  dependencies: { wasock: `^${version}` },
};
writeFileSync(path.join(target, 'package.json'), `${JSON.stringify(complete, null, 2)}\n`);
