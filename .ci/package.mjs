// Lays out the package that is published: `npm publish build/wasock`. One bundle for each entry, as CommonJS and as ECMAScript
// modules, with what they share in chunks of their own; the typings; no scripts.
//
//   node .ci/package.mjs
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { rollup } from 'rollup';
import { minify } from 'terser';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BUILD = path.join(ROOT, 'build');
const MODULES = path.join(BUILD, 'modules');
const TARGET = path.join(BUILD, 'wasock');

const readJson = (file) => JSON.parse(readFileSync(path.join(ROOT, file), 'utf8'));
const own = readJson('package.json');
const ENTRIES = Object.keys(own.exports)
  .filter((name) => !name.endsWith('.json'))
  .map((name) => path.basename(name).replace(/^\.$/, 'index'));
const PEERS = Object.keys(own.peerDependencies);

/** Shorter, but with every name of a function or a class: they are in stack traces, and names of errors are those of classes. */
const shorter = {
  name: 'shorter',
  renderChunk: (code, { fileName }, { format }) =>
    minify(code.replaceAll('#wasm-bytes', wasmBytesFrom(fileName, format)), {
      module: format === 'es',
      toplevel: true,
      ecma: 2022,
      compress: { passes: 2, ecma: 2022, keep_classnames: true, keep_fnames: true },
      mangle: { keep_classnames: true, keep_fnames: true },
      // Node prints the line that threw an uncaught error before its message. So lines must be short.
      format: { semicolons: false, max_line_len: 240 },
    }),
};

/** The compiled codec is one file for both kinds of bundles, since it is a tenth of either. @returns how a chunk imports it */
function wasmBytesFrom(fileName, format) {
  const folder = path.posix.dirname(format === 'es' ? `esm/${fileName}` : fileName);
  const relative = path.posix.relative(folder, 'wasm-bytes.js');
  return relative.startsWith('.') ? relative : `./${relative}`;
}

/**
 * What entries share is in a chunk for each room. npm packs files of the same name next to each other, so whatever is short
 * enough for the window of gzip costs little as a module once it is there as CommonJS.
 */
const CHUNKS = {
  entryFileNames: '[name].js',
  chunkFileNames: 'shared/[name].js',
  hoistTransitiveImports: false,
  manualChunks(id, { getModuleInfo }) {
    const [room] = path.relative(MODULES, id).split(path.sep);
    const rooms = ['codec', 'deflate', 'handshake', 'net', 'protocol'];
    return rooms.includes(room) && isShared(id, getModuleInfo) ? room : null;
  },
};

/** Whether more than one entry needs a module. */
function isShared(id, getModuleInfo) {
  const entries = new Set();
  const seen = new Set([id]);
  for (const each of seen) {
    const { isEntry, importers } = getModuleInfo(each);
    if (isEntry) entries.add(each);
    for (const importer of importers) seen.add(importer);
  }
  return entries.size > 1;
}

/** @param files the module of each entry @returns the bundles of rollup */
function bundle(files) {
  return rollup({
    input: files,
    external: [/^node:/, '#wasm-bytes', ...PEERS],
    plugins: [shorter],
    onwarn: (warning) => {
      throw new Error(`rollup: ${warning.message}`);
    },
  });
}

const fileOf = (name) => (name === 'ws' ? 'ws.mjs' : `${name}.js`);

async function writeBundles() {
  const compiled = [path.join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', path.join(ROOT, 'tsconfig.esm.json')];
  execFileSync(process.execPath, compiled, { stdio: 'inherit' });
  const modules = await bundle(Object.fromEntries(ENTRIES.map((name) => [name, path.join(MODULES, fileOf(name))])));
  await modules.write({
    ...CHUNKS,
    dir: path.join(TARGET, 'esm'),
  });
  writeFileSync(path.join(TARGET, 'esm/package.json'), '{ "type": "module", "sideEffects": ["./cluster.js"] }\n');
  // `require('wasock/ws')` is the class, also in a bundle, which a module alone cannot be.
  writeFileSync(path.join(TARGET, 'esm/ws.cjs'), "module.exports = require('./ws.js').default;\n");
  // `module.exports` of the entry `ws` is the class itself, which is its only export here.
  const only = path.join(MODULES, 'ws-only.js');
  writeFileSync(only, "export { exported as default } from './ws/exported.js';\n");
  const common = await bundle(
    Object.fromEntries(ENTRIES.map((name) => [name, name === 'ws' ? only : path.join(MODULES, fileOf(name))])),
  );
  await common.write({
    ...CHUNKS,
    dir: TARGET,
    format: 'cjs',
    exports: 'auto',
    esModule: false,
    externalLiveBindings: false,
    generatedCode: { preset: 'es2015', symbols: false },
  });
}

/** On Node `import` and `require` give the same classes. */
function writeWrappers() {
  for (const name of ENTRIES) cpSync(path.join(BUILD, `${name}.mjs`), path.join(TARGET, `${name}.mjs`));
  const wrapper = path.join(TARGET, 'ws.mjs');
  const source = readFileSync(wrapper, 'utf8');
  writeFileSync(wrapper, source.replace(/^import .*$/m, "import exported from './ws.js';"));
}

const BROWSER_ERROR = 'wasock runs on Node.js, Bun and Deno. In a browser, use its own WebSocket.';

/** What a bundler for browsers finds: it builds, and whatever is called says what is wrong. */
function writeBrowser() {
  for (const name of ENTRIES) {
    const wrapper = readFileSync(path.join(TARGET, `${name}.mjs`), 'utf8');
    const names = [.../\bexport (?:const )?\{([^}]*)\}/.exec(wrapper)[1].matchAll(/[\w$]+/g)].map(([word]) => word);
    const stubs = names
      .map((each) => `function ${each}() {\n  throw new Error(${JSON.stringify(BROWSER_ERROR)});\n}\n`)
      .join('');
    const write = (extension, more) => writeFileSync(path.join(TARGET, 'browser', `${name}${extension}`), stubs + more);
    const byDefault = name === 'ws' ? 'export default WebSocket;\n' : '';
    write('.mjs', `export { ${names.join(', ')} };\n${byDefault}`);
    write(
      '.js',
      name === 'ws'
        ? `module.exports = Object.assign(WebSocket, { ${names.join(', ')} });\n`
        : `module.exports = { ${names.join(', ')} };\n`,
    );
  }
}

/** What is not here is for the compiler alone: nobody reads its comments. */
const PUBLIC = /^(?:[^/]+|(?:api|broker)\/.+|.+\/(?:origin|refusal|server|close-code|errors|opcode|path-rule))\.d\./;

/** The typings of all entries, and those that they import. */
function copyTypings() {
  const own = ENTRIES.filter((name) => name !== 'ws').flatMap((name) => [`${name}.d.ts`, `${name}.d.mts`]);
  const files = new Set(own);
  for (const file of files) {
    const text = readFileSync(path.join(BUILD, file), 'utf8');
    for (const [, imported] of text.matchAll(/(?:from |import\()['"](\.[^'"]+)\.js['"]/g)) {
      files.add(path.posix.join(path.posix.dirname(file), `${imported}.d.ts`));
    }
    const target = path.join(TARGET, file);
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, PUBLIC.test(file) ? text : text.replaceAll(/\/\*\*[\s\S]*?\*\/\n?/g, ''));
  }
  cpSync(path.join(ROOT, 'types'), path.join(TARGET, 'types'), { recursive: true });
}

/**
 * Bundlers take the modules; Node takes CommonJS, with a wrapper for `import`, so that there is one copy in a process. What has
 * Node is asked for first: some have it beside a browser.
 */
function exportsOf(name) {
  const base = name === 'ws' ? './types/ws' : `./${name}`;
  const esm = (file) => ({ types: `${base}.d.mts`, default: file });
  const common = (file) => ({ types: `${base}.d.ts`, default: file });
  const modules = esm(`./esm/${name}.js`);
  const stub = { import: esm(`./browser/${name}.mjs`), require: common(`./browser/${name}.js`) };
  return {
    node: {
      module: name === 'ws' ? { import: modules, require: common('./esm/ws.cjs') } : modules,
      import: esm(`./${name}.mjs`),
      require: common(`./${name}.js`),
    },
    workerd: stub,
    browser: stub,
    'react-native': stub,
    import: modules,
    require: common(`./${name}.js`),
  };
}

function writeManifest() {
  const { scripts: _, devDependencies: __, imports: ___, files: ____, ...published } = own;
  const entries = ENTRIES.map((name) => [name === 'index' ? '.' : `./${name}`, exportsOf(name)]);
  const manifest = {
    ...published,
    main: './index.js',
    types: './index.d.ts',
    exports: { ...Object.fromEntries(entries), './package.json': './package.json' },
    typesVersions: {
      '*': Object.fromEntries(
        ENTRIES.filter((name) => name !== 'index').map((name) => [
          name,
          [name === 'ws' ? './types/ws.d.ts' : `./${name}.d.ts`],
        ]),
      ),
    },
    sideEffects: ['./cluster.js', './cluster.mjs', './esm/cluster.js'],
  };
  writeFileSync(path.join(TARGET, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

/**
 * The README, whose links lead to the repository that package.json names. Until it names one, they would lead nowhere, so that
 * their text stands alone.
 */
function writeReadme() {
  const home = own.repository?.url?.replace(/^git\+/, '').replace(/\.git$/, '');
  const text = readFileSync(path.join(ROOT, 'README.md'), 'utf8').replace(
    /(!?)\[([^\]]*)\]\((?![a-z]+:)([^)]+)\)/g,
    (_, image, label, target) => {
      if (home === undefined) return image ? '' : label;
      return `${image}[${label}](${home}/${image ? 'raw' : 'blob'}/HEAD/${target})`;
    },
  );
  writeFileSync(path.join(TARGET, 'README.md'), text.replaceAll(/\n{3,}/g, '\n\n'));
}

rmSync(TARGET, { recursive: true, force: true });
rmSync(MODULES, { recursive: true, force: true });
mkdirSync(path.join(TARGET, 'browser'), { recursive: true });
cpSync(path.join(BUILD, 'codec/wasm-bytes.js'), path.join(TARGET, 'wasm-bytes.js'));
await writeBundles();
writeWrappers();
writeBrowser();
copyTypings();
writeManifest();
writeReadme();
cpSync(path.join(ROOT, 'LICENSE'), path.join(TARGET, 'LICENSE'));
