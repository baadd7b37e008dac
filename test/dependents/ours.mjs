import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** Expects that a package which requires `ws` gets this project's. @returns its version, for the report */
export function expectOurs(name) {
  // By its place, as not every package lets its manifest be required.
  const manifest = new URL(`node_modules/${name}/package.json`, import.meta.url);
  const requireThere = createRequire(manifest);
  assert.equal(requireThere('ws/package.json').name, 'wasock-ws', `${name} has another ws`);
  assert.equal(requireThere('ws'), require('wasock/ws'));
  return versionOf(name);
}

/** A package and its version, for the report. */
export function versionOf(name) {
  const manifest = new URL(`node_modules/${name}/package.json`, import.meta.url);
  return `${name} ${JSON.parse(readFileSync(manifest, 'utf8')).version}`;
}

/** The port of a server of node:http that listens on any. */
export async function listen(server) {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server.address().port;
}

/** Says what was exchanged, and expects that nothing keeps the process alive. */
export function done(...packages) {
  console.log(packages.join(', '));
  setTimeout(() => {
    console.error('Something is still open', process.getActiveResourcesInfo());
    process.exit(1);
  }, 10_000).unref();
}
