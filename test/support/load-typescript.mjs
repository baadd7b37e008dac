import path from 'node:path';
import { createServer } from 'vite';

const ROOT = path.resolve(import.meta.dirname, '../..');

/**
 * Imports TypeScript of test/ into a program that any Node runs: vite compiles it as it does for the suite.
 *
 * @param {readonly string[]} files without their ending, such as `support/naive-inflate`
 * @returns what all of them export
 */
export async function loadTypeScript(files) {
  const server = await createServer({
    root: ROOT,
    configFile: false,
    appType: 'custom',
    logLevel: 'error',
    optimizeDeps: { noDiscovery: true },
    server: { middlewareMode: true, hmr: false, ws: false, watch: null },
  });
  const modules = await Promise.all(files.map((file) => server.ssrLoadModule(`/test/${file}.ts`)));
  await server.close();
  return Object.assign({}, ...modules);
}
