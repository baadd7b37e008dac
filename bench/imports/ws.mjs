// From before the import to behind it; bufferutil, which it loads, included.
const before = performance.now();
await import('ws');
const milliseconds = performance.now() - before;
const { wsVersion } = await import('../servers/ws-version.mjs');
console.log(JSON.stringify({ about: wsVersion(), options: {}, milliseconds }));
