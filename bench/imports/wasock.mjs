// From before the import to the end of the first scan.
import { createRequire } from 'node:module';

const before = performance.now();
const { codec } = await import('../../build/index.mjs');
const engine = createRequire(import.meta.url)('../../build/codec/select.js').codec;
engine.scan(8192, 8192 + 2);
const milliseconds = performance.now() - before;
console.log(JSON.stringify({ about: `wasock (${codec.kind})`, options: {}, milliseconds }));
