// Compiles the codec with and without SIMD to build/wasm/, and embeds both in build/codec/wasm-bytes.js.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import asc from 'assemblyscript/asc';

const ROOT = new URL('../', import.meta.url);

/** Memory is fixed: views of it are never detached. MEMORY_SIZE of memory.ts, in pages of 64 KiB. */
const PAGES = '20';

const OPTIONS = [
  ...['--converge', '--noAssert', '--runtime', 'stub', '--use', 'abort='],
  ...['--initialMemory', PAGES, '--maximumMemory', PAGES],
];

/** Sources are named relative to the project, so that the module does not depend on where its folder is. */
function readSource(name, baseDir) {
  try {
    return readFileSync(new URL(`${baseDir === '.' ? '' : `${baseDir}/`}${name}`, ROOT), 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
}

async function compile(features) {
  let module;
  const writeFile = (name, contents) => {
    if (name.endsWith('.wasm')) module = Buffer.from(contents);
  };
  const args = ['assembly/index.ts', '--baseDir', '.', '--outFile', 'codec.wasm', ...OPTIONS, ...features];
  const { error, stderr } = await asc.main(args, { readFile: readSource, writeFile, listFiles: () => null });
  if (error) throw new Error(`asc ${args.join(' ')}\n${stderr}`, { cause: error });
  const imports = WebAssembly.Module.imports(new WebAssembly.Module(module));
  if (imports.length > 0) throw new Error(`the codec must import nothing, but imports ${JSON.stringify(imports)}`);
  return module;
}

function write(path, contents) {
  const file = new URL(`build/${path}`, ROOT);
  mkdirSync(new URL('./', file), { recursive: true });
  writeFileSync(file, contents);
}

const simd = await compile(['-O3', '--enable', 'simd']);
// The plain one is for engines without SIMD, which may well lack the other additions that asc turns on by itself. It is hardly
// slower when it is optimized for size, and a fifth smaller.
const lacking = ['bulk-memory', 'nontrapping-f2i', 'sign-extension'];
const plain = await compile(['-Oz', ...lacking.flatMap((name) => ['--disable', name])]);

write('wasm/codec-simd.wasm', simd);
write('wasm/codec.wasm', plain);
write(
  'codec/wasm-bytes.js',
  `'use strict';
exports.simd = '${simd.toString('hex')}';
exports.plain = '${plain.toString('hex')}';
`,
);
write(
  'codec/wasm-bytes.d.ts',
  `/** The codec as a WebAssembly module, in hexadecimal digits, which compress better than base64: with SIMD, and without. */
export declare const simd: string;
export declare const plain: string;
`,
);
