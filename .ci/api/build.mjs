// Writes the pages of docs/api from the typings of all entries, or with --check says whether they are up to date.
//
//   (cd .ci/api && npm ci)
//   node .ci/api/build.mjs [--check]
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Application } from 'typedoc';
import { polished } from './polish.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGES = path.join(ROOT, 'docs/api');
const MOST_BYTES = 40_000;

/** The typings of each entry, by its name. */
const ENTRIES = {
  wasock: 'build/index.d.mts',
  'wasock-redis': 'build/redis.d.mts',
  'wasock-nats': 'build/nats.d.mts',
  'wasock-cluster': 'build/cluster.d.mts',
  'wasock-ws': 'types/ws.d.mts',
};

const COMPILER_OPTIONS = {
  ...{ target: 'es2022', module: 'nodenext', moduleResolution: 'nodenext', lib: ['es2023', 'esnext.disposable'] },
  ...{ types: ['node'], typeRoots: [path.join(ROOT, 'node_modules/@types')], strict: true, skipLibCheck: true },
};

const SETTINGS = {
  readme: 'none',
  plugin: ['typedoc-plugin-markdown'],
  // What node:http, node:net and node:tls know is documented there.
  excludeExternals: true,
  excludeInternal: true,
  excludePrivate: true,
  excludeProtected: true,
  disableSources: true,
  skipErrorChecking: true,
  hideGenerator: true,
  hidePageHeader: true,
  useCodeBlocks: true,
  parametersFormat: 'table',
  interfacePropertiesFormat: 'list',
  indexFormat: 'table',
  expandObjects: true,
  expandParameters: true,
  groupOrder: [
    ...['Functions', 'Classes', 'Interfaces', 'Type Aliases', 'Enumerations', 'Variables'],
    ...['Constructors', 'Properties', 'Accessors', 'Methods'],
  ],
  entryFileName: 'README',
  logLevel: 'Error',
};

/** The front page. */
const FRONT = `# API

Every name that wasock exports. The [guide](../guide.md) shows how they go together, [limits](../limits.md) lists the defaults, and
[errors](../errors.md) every error by its code.

${Object.keys(ENTRIES)
  .map((name) => `- [\`${name.replace('-', '/')}\`](${name}/README.md)`)
  .join('\n')}

These pages are written from the docstrings, which your editor shows as well.
`;

/**
 * What `wasock/ws` exports as a constant of a class's or function's type, so that a page shows the class or the function. The
 * types of their options have no other name.
 */
const OF_WS = `
import WebSocket = require('../../types/ws.js');
export import WebSocketServer = WebSocket.Server;
export import createWebSocketStream = WebSocket.createWebSocketStream;
export import WebSocketEventMap = WebSocket.WebSocketEventMap;
export { PerMessageDeflate, Receiver, Sender } from '../../types/ws-parts.js';
export * from '../../types/ws-parts.js';
`;

/** A file for each entry, whose name becomes that of its pages. */
function writeEntries(folder) {
  mkdirSync(folder, { recursive: true });
  const files = Object.entries(ENTRIES).map(([name, typings]) => {
    const file = path.join(folder, `${name}.mts`);
    const from = path.relative(folder, path.join(ROOT, typings)).replace(/\.d\.mts$/, '.mjs');
    writeFileSync(file, `${name === 'wasock-ws' ? OF_WS : ''}export * from '${from}';\n`);
    return file;
  });
  const tsconfig = path.join(folder, 'tsconfig.json');
  writeFileSync(tsconfig, JSON.stringify({ compilerOptions: COMPILER_OPTIONS, files }));
  return { files, tsconfig };
}

async function writePages(out) {
  const { files, tsconfig } = writeEntries(path.join(ROOT, 'build/api-entries'));
  const app = await Application.bootstrapWithPlugins({ ...SETTINGS, entryPoints: files, tsconfig, out });
  const project = await app.convert();
  if (project === undefined) throw new Error('TypeDoc cannot read the typings');
  project.name = 'API';
  await app.generateOutputs(project);
  writeFileSync(path.join(out, 'README.md'), FRONT);
  rmSync(path.join(out, 'wasock-ws/namespaces'), { recursive: true });
  for (const file of filesIn(out)) {
    const page = path.join(out, file);
    writeFileSync(page, polished(readFileSync(page, 'utf8'), file));
  }
}

function filesIn(folder) {
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith('.md'))
    .sort();
}

function differences(before, now) {
  const read = (folder, file) => {
    try {
      return readFileSync(path.join(folder, file), 'utf8');
    } catch {
      return undefined;
    }
  };
  return [...new Set([...filesIn(before), ...filesIn(now)])].filter((file) => read(before, file) !== read(now, file));
}

const out = mkdtempSync(path.join(tmpdir(), 'api-'));
try {
  await writePages(out);
  for (const file of filesIn(out)) {
    const bytes = Buffer.byteLength(readFileSync(path.join(out, file)));
    if (bytes > MOST_BYTES) throw new Error(`docs/api/${file} has ${bytes} bytes, more than ${MOST_BYTES}`);
  }
  mkdirSync(PAGES, { recursive: true });
  const changed = differences(PAGES, out);
  if (process.argv.includes('--check') && changed.length > 0) {
    console.error(`docs/api is out of date: ${changed.join(', ')}\nnode .ci/api/build.mjs writes it.`);
    process.exitCode = 1;
  } else {
    rmSync(PAGES, { recursive: true, force: true });
    cpSync(out, PAGES, { recursive: true });
    console.log(`${filesIn(out).length} pages, ${changed.length} of them changed`);
  }
} finally {
  rmSync(out, { recursive: true, force: true });
}
