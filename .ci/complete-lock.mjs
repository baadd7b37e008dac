// Adds to package-lock.json the optional packages for other platforms that npm left out.
//
// A registry that has only the packages for its own users' platform makes `npm install` write a lock file without the
// others, which `npm ci` then calls out of sync. They are pinned by the packages that want them, so that their entries can be
// written down without asking anyone. Run it after any `npm install` that changed the lock file; it changes nothing where
// nothing is missing.
//
//   node .ci/complete-lock.mjs

import { readFileSync, writeFileSync } from 'node:fs';

const FILE = new URL('../package-lock.json', import.meta.url);

const SYSTEM = /\b(aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32)\b/;
const CPU = /\b(arm64|arm|ia32|loong64|mips64el|ppc64|riscv64|s390x|x64)\b/;

/** What the name of a platform package says: `@rollup/rollup-linux-x64-musl`. */
function platformOf(name) {
  const [os, cpu] = [SYSTEM.exec(name)?.[1], CPU.exec(name)?.[1]];
  if (os === undefined || cpu === undefined) return undefined;
  const libc = os === 'linux' ? { libc: [/musl/.test(name) ? 'musl' : 'glibc'] } : {};
  return { cpu: [cpu], os: [os], ...libc };
}

const lock = JSON.parse(readFileSync(FILE, 'utf8'));
for (const { dev, optionalDependencies = {} } of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const platform = platformOf(name);
    const place = `node_modules/${name}`;
    if (place in lock.packages || platform === undefined || !/^\d[\d.]*$/.test(version)) continue;
    lock.packages[place] = { version, ...platform, dev, optional: true };
    console.log(`${name}@${version}`);
  }
}
const [root, ...rest] = Object.entries(lock.packages);
rest.sort(([a], [b]) => a.localeCompare(b, 'en'));
lock.packages = Object.fromEntries([root, ...rest]);
writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`);
