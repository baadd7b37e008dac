import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** Which ws this is, and whether it has bufferutil; throws where it should have it and it cannot be loaded. */
export function wsVersion() {
  const ws = `ws ${require('ws/package.json').version}`;
  if (process.env.WS_NO_BUFFER_UTIL) return ws;
  require('bufferutil');
  return `${ws} + bufferutil ${require('bufferutil/package.json').version}`;
}
