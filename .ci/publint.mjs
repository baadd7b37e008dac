// What publint says of a tarball, but for what is meant so.
//
//   node .ci/publint.mjs TARBALL
import { readFileSync } from 'node:fs';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

/** `esm/ws.cjs` lets bundlers `require` the class that is the module's default export. */
const MEANT = ({ code, path }) =>
  code === 'EXPORTS_MODULE_SHOULD_BE_ESM' && path.join('.').startsWith('exports../ws.node.module.require');

const [file] = process.argv.slice(2);
const { messages, pkg } = await publint({
  pack: { tarball: new Uint8Array(readFileSync(file)).buffer },
  level: 'warning',
  strict: true,
});
const faults = messages.filter((message) => !MEANT(message));
for (const fault of faults) console.error(formatMessage(fault, pkg));
console.log(`publint: ${faults.length} faults in ${file}`);
process.exitCode = faults.length === 0 ? 0 : 1;
