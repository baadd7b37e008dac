// As ws-installed.cjs, from an ECMAScript module.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import WebSocket, * as named from 'ws';

const require = createRequire(import.meta.url);
const door = await import('wasock/ws');

assert.equal(WebSocket, door.default);
assert.equal(WebSocket, require('ws'));
const names = Object.keys(door).filter((name) => name !== 'module.exports');
assert.deepEqual(Object.keys(named).sort(), names.sort());
for (const name of names) assert.equal(named[name], door[name], name);
for (const name of process.argv.slice(2))
  assert.equal((await import(name)).default, WebSocket, `${name} has another ws`);
