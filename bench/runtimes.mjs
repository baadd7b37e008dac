import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CONTESTANTS } from './contestants.mjs';
import { startScript } from './processes.mjs';

const installed = (name) => fileURLToPath(new URL(`./node_modules/.bin/${name}`, import.meta.url));

/** The command that each runtime is started with: the Node under test by its path, the others as npm installed them here. */
export function commandsOf(node) {
  return { node: [node], bun: [installed('bun')], deno: [installed('deno'), 'run', '--allow-all'] };
}

const DESCRIBE = `
  process.report.excludeNetwork = true;
  const { glibcVersionRuntime: glibc } = process.report.getReport().header;
  console.log(JSON.stringify({ node: process.version, glibc }));
`;

/** The version of the Node at this path, and that of the glibc it runs on: `{ node: 'v24.21.0', glibc: '2.41' }`. */
export async function describeNode(path) {
  try {
    const { stdout } = await promisify(execFile)(path, ['-e', DESCRIBE]);
    return JSON.parse(stdout);
  } catch (error) {
    throw new Error(`--node ${path} is no Node that runs: ${error.message}`);
  }
}

/**
 * Starts those contestants once that not every machine and every Node can run.
 *
 * @returns `peers`: the releases of those that run; `unavailable`: for the others, by script, what they complained about
 */
export async function findPeers(core, commands) {
  const found = { peers: [], unavailable: {} };
  for (const name of ['uws', 'bun', 'deno']) {
    const { script, runtime } = CONTESTANTS[name];
    try {
      const server = await startScript(core, commands[runtime ?? 'node'], `./servers/${script}.mjs`);
      await server.end();
      found.peers.push(server.about);
    } catch (error) {
      found.unavailable[script] = error.message.split('\n', 1)[0];
    }
  }
  return found;
}
