// Installs the packed wasock-ws in place of npm `ws` in the three ways of docs/ws-compat.md, as users type them, from a registry
// of this process that knows no `ws`: whatever asks for `ws` has to get ours.
//
//   node test/package/ws-install.mjs wasock.tgz wasock-ws.tgz

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const HERE = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);
const ALIAS = 'npm:wasock-ws@^8';

/** What depends on `ws`: by itself, as a peer, and by way of another. Each exports the `ws` that it gets. */
const DEPENDANTS = [
  { name: 'uses-ws', version: '1.0.0', dependencies: { ws: '^8.18.0' } },
  { name: 'uses-ws-exactly', version: '1.0.0', dependencies: { ws: '~8.20.1' } },
  { name: 'uses-ws-as-peer', version: '1.0.0', peerDependencies: { ws: '>=8' } },
];
const dependencies = Object.fromEntries(DEPENDANTS.map(({ name }) => [name, '^1.0.0']));

/** The three ways. */
const WAYS = {
  'a dependency under the name of ws': {
    dependencies: { ws: ALIAS, 'uses-ws': '^1.0.0', 'uses-ws-as-peer': '^1.0.0' },
  },
  'for others only': { dependencies, overrides: { ws: ALIAS } },
  both: { dependencies: { ...dependencies, ws: ALIAS }, overrides: { ws: '$ws' } },
};

const folder = mkdtempSync(path.join(tmpdir(), 'ws-install-'));

async function main(tarballs) {
  const registry = await serveRegistry([...tarballs, ...(await Promise.all(DEPENDANTS.map(packDependant)))]);
  try {
    await Promise.all(
      Object.entries(WAYS).map(([way, manifest], i) => tryWay(way, manifest, `way-${i}`, registry.url)),
    );
  } finally {
    registry.server.close();
    rmSync(folder, { recursive: true });
  }
}

async function packDependant(manifest) {
  const source = path.join(folder, 'dependants', manifest.name, 'package');
  mkdirSync(source, { recursive: true });
  writeFileSync(path.join(source, 'package.json'), JSON.stringify(manifest));
  writeFileSync(path.join(source, 'index.js'), "module.exports = require('ws');\n");
  const tarball = path.join(folder, `${manifest.name}.tgz`);
  await run('tar', ['-czf', tarball, '-C', path.dirname(source), 'package']);
  return tarball;
}

async function manifestOf(tarball) {
  return JSON.parse((await run('tar', ['-xzOf', tarball, 'package/package.json'])).stdout);
}

/** As much of a registry as `npm install` asks for. */
async function serveRegistry(tarballs) {
  const server = http.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${server.address().port}/`;
  const answers = new Map();
  for (const tarball of tarballs) {
    const octets = readFileSync(tarball);
    const manifest = await manifestOf(tarball);
    const { name, version } = manifest;
    const integrity = `sha512-${createHash('sha512').update(octets).digest('base64')}`;
    const dist = { tarball: `${url}${name}.tgz`, integrity };
    answers.set(`/${name}.tgz`, octets);
    answers.set(
      `/${name}`,
      JSON.stringify({ name, 'dist-tags': { latest: version }, versions: { [version]: { ...manifest, dist } } }),
    );
  }
  server.on('request', (req, res) => {
    const answer = answers.get(req.url);
    res.writeHead(answer === undefined ? 404 : 200, { connection: 'close' }).end(answer);
  });
  return { server, url };
}

async function tryWay(way, manifest, name, registry) {
  const cwd = path.join(folder, name);
  mkdirSync(cwd);
  writeFileSync(path.join(cwd, 'package.json'), JSON.stringify({ name, private: true, ...manifest }));
  for (const file of ['ws-installed.mjs', 'ws-installed.cjs']) cpSync(path.join(HERE, file), path.join(cwd, file));
  const flags = ['--no-audit', '--no-fund', `--registry=${registry}`, `--cache=${path.join(folder, 'cache', name)}`];
  await run('npm', ['install', ...flags], { cwd });
  const listed = (await run('npm', ['ls', 'ws', '--all'], { cwd })).stdout
    .split('\n')
    .filter((line) => line.includes(' ws@'));
  assert.ok(listed.length >= 2 && listed.every((line) => line.includes('npm:wasock-ws@8.23.')), listed.join('\n'));
  for (const file of ['ws-installed.cjs', 'ws-installed.mjs']) {
    await run(process.execPath, [file, ...Object.keys(manifest.dependencies).filter((key) => key !== 'ws')], { cwd });
  }
  console.log(`${way}: ok`);
}

await main(process.argv.slice(2).map((tarball) => path.resolve(tarball)));
