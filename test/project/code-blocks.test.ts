import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { ROOT } from '../support/program.js';

const FOLDER = path.join(ROOT, '.vitest/code-blocks');
const TSC = path.join(ROOT, 'node_modules/typescript/bin/tsc');

const PAGES = [
  'README.md',
  ...readdirSync(path.join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** Packages of examples that are not installed here. */
const ELSEWHERE = [
  '@fastify/cookie',
  // A context of Hono is typed by the bindings of its app, which JavaScript cannot name.
  '@hono/node-server',
  '@hono/node-server/utils/response',
  '@nestjs/common',
  '@nestjs/core',
  'cookie-session',
  'fastify',
  'hono',
  'hono/cookie',
  'iron-session',
  'koa',
  'next',
  'next/headers',
  'uWebSockets.js',
];

/** The typings here are those of the oldest Node. */
const NEWER_NODE = `import 'node:http';
declare module 'node:http' {
  interface AgentOptions {
    proxyEnv?: NodeJS.ProcessEnv;
  }
}
`;

const COMPILER_OPTIONS = {
  ...{ target: 'es2022', module: 'nodenext', moduleResolution: 'nodenext', lib: ['es2023', 'dom'], types: ['node'] },
  // What JavaScript does not say is any; what it does say is checked.
  strict: false,
  ...{
    allowJs: true,
    checkJs: true,
    noEmit: true,
    skipLibCheck: true,
    esModuleInterop: true,
    experimentalDecorators: true,
  },
};

/** The blocks of JavaScript and TypeScript in a page, with the line that each begins at. */
function blocksOf(page: string): { readonly line: number; readonly language: string; readonly code: string }[] {
  const text = readFileSync(path.join(ROOT, page), 'utf8');
  return [...text.matchAll(/^```(js|ts)(?: \S+)?\n([\s\S]*?)^```$/gm)].map(({ index, 1: language, 2: code }) => ({
    line: text.slice(0, index).split('\n').length + 1,
    language,
    code,
  }));
}

test('every block of code in README and docs compiles against the typings', async () => {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  onTestFinished(() => rmSync(FOLDER, { recursive: true, force: true }));
  let count = 0;
  for (const page of PAGES) {
    for (const { line, language, code } of blocksOf(page)) {
      const name = `${page.replaceAll(/\W/g, '-')}-line-${line}.m${language}`;
      // Without an import it would be a script, whose names are global.
      writeFileSync(path.join(FOLDER, name), `${code}\nexport {};\n`);
      count++;
    }
  }
  writeFileSync(path.join(FOLDER, 'elsewhere.d.ts'), ELSEWHERE.map((name) => `declare module '${name}';\n`).join(''));
  writeFileSync(path.join(FOLDER, 'newer-node.ts'), NEWER_NODE);
  writeFileSync(
    path.join(FOLDER, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: COMPILER_OPTIONS, include: ['*'] }),
  );
  const compiled = promisify(execFile)(process.execPath, [TSC, '-p', FOLDER, '--pretty', 'false']);
  const { stdout } = await compiled.catch((error: { stdout: string }) => error);
  expect(stdout).toBe('');
  expect(count).toBeGreaterThan(30);
});

test('every shell command can be parsed, and the scripts and files that it names are there', () => {
  const { scripts } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  const missing: string[] = [];
  let count = 0;
  for (const page of [...PAGES, 'CONTRIBUTING.md', 'bench/README.md']) {
    const text = readFileSync(path.join(ROOT, page), 'utf8');
    for (const [, code] of text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)) {
      execFileSync('sh', ['-n'], { input: code, stdio: ['pipe', 'ignore', 'pipe'] });
      count++;
      const names = [...code.matchAll(/\bnpm run ([\w:]+)/g)].map(([, name]) => name);
      missing.push(...names.filter((name) => scripts[name] === undefined));
      const files = [...code.matchAll(/(?<=^|\s)(?:bench|build|docs|examples|test)\/[\w./-]+/gm)].map(([file]) => file);
      missing.push(...files.filter((file) => !existsSync(path.join(ROOT, file))));
    }
  }
  expect(missing).toEqual([]);
  expect(count).toBeGreaterThan(10);
});
