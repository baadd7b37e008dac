import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { type Project, projectWith, TENANTS, type Tenant } from './alias-layout.js';

const SOURCES = 'test/package';

/** TypeScript's ways to resolve modules, with the files that each can have. */
const NODE = ['--module', 'node16'];
const BUNDLER = ['--module', 'esnext', '--moduleResolution', 'bundler'];

/** A project of ECMAScript modules with the typings of one `ws` or the other, and of Node. */
function typedProject(tenant: Tenant): Project {
  const project = projectWith(tenant);
  project.write('package.json', JSON.stringify({ name: 'project', private: true, type: 'module' }));
  for (const needed of ['@types/node', 'undici-types'])
    project.link(`node_modules/${needed}`, `node_modules/${needed}`);
  if (tenant === 'npm ws') project.copy('node_modules/@types/ws', 'node_modules/@types/ws');
  return project;
}

/** Compiles files of test/package, with their declarations. @returns what the compiler has to say */
async function compile(project: Project, files: string[], flags: string[]): Promise<string> {
  for (const file of files) project.copy(`${SOURCES}/${file.replace(/\.as\.cts$/, '.ts')}`, file);
  const strict = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--target', 'es2022', '--types', 'node'];
  const compiler = require.resolve('typescript/package.json').replace('package.json', 'bin/tsc');
  try {
    await promisify(execFile)(process.execPath, [compiler, ...strict, ...flags, ...files], { cwd: project.folder });
    return '';
  } catch (error) {
    return (error as { stdout?: string }).stdout || String(error);
  }
}

describe.each(TENANTS)('the typings of %s', (tenant) => {
  test.each([
    {
      what: 'code in all styles, and what is to be refused',
      files: [
        'ws-consumer.ts',
        'ws-consumer.as.cts',
        'ws-require.cts',
        'ws-isomorphic.cts',
        'ws-refused.ts',
        'ws-refused.as.cts',
      ],
      flags: NODE,
    },
    { what: 'the same for a bundler', files: ['ws-consumer.ts', 'ws-refused.ts'], flags: BUNDLER },
    { what: 'members that applications declare', files: ['ws-augmented.ts', 'ws-augmented-require.cts'], flags: NODE },
  ])('ws.T1: $what compiles as it should', async ({ files, flags }) => {
    expect(await compile(typedProject(tenant), files, flags)).toBe('');
  });
});

describe('the typings of wasock-ws', () => {
  test.each([
    { way: 'Node', flags: NODE },
    { way: 'a bundler', flags: BUNDLER },
  ])('ws.T1: they know what @types/ws does not, under the resolution of $way', async ({ flags }) => {
    const files = ['ws-additions.ts', 'ws-additions.as.cts'].slice(0, flags === NODE ? 2 : 1);
    expect(await compile(typedProject('wasock-ws'), files, flags)).toBe('');
  });

  test('ws.T1: they have every name of @types/ws, and values pass between the two', async () => {
    const project = typedProject('wasock-ws');
    project.copy('node_modules/@types/ws', 'node_modules/theirs');
    expect(await compile(project, ['ws-assignable.ts'], NODE)).toBe('');
  });

  test('ws.T1 ws.P.isomorphic-ws: a module that exports what it requires hands on the types', async () => {
    const project = typedProject('wasock-ws');
    project.copy(`${SOURCES}/ws-isomorphic.cts`, 'node_modules/isomorphic-ws/index.d.cts');
    project.write(
      'node_modules/isomorphic-ws/package.json',
      JSON.stringify({ name: 'isomorphic-ws', types: 'index.d.cts' }),
    );
    project.write(
      'uses.ts',
      `import WebSocket from 'isomorphic-ws';
      export const event = (event: WebSocket.MessageEvent): string => event.type;
      export const socket: WebSocket = new WebSocket('ws://localhost');
      // @ts-expect-error: it is typed
      socket.send();`,
    );
    expect(await compile(project, [], [...NODE, 'uses.ts'])).toBe('');
  });

  test('ws.T1: the entry point wasock/ws has the same ones', async () => {
    const project = typedProject('wasock-ws');
    project.write(
      'same.ts',
      `import type * as Alias from 'ws';
      import type * as Ours from 'wasock/ws';
      type Same<A, B> = [A, B] extends [B, A] ? true : false;
      export const same: [Same<typeof Alias, typeof Ours>, Same<Alias.WebSocket, Ours.WebSocket>] = [true, true];
      // @ts-expect-error: they are not any
      export const wrong: Ours.WebSocket = 1;`,
    );
    expect(await compile(project, [], [...NODE, 'same.ts'])).toBe('');
  });

  test('ws.T1: a mistake is reported, so that the tests above mean something', async () => {
    const project = typedProject('wasock-ws');
    project.write('mistake.ts', "import WebSocket from 'ws';\nnew WebSocket(42);\n");
    expect(await compile(project, [], [...NODE, 'mistake.ts'])).toMatch(/^mistake\.ts\(2,\d+\): error TS2769/);
  });
});
