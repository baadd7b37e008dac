import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { Project, projectWith, ROOT, TENANTS } from './alias-layout.js';

const NAMES = [
  'CLOSED',
  'CLOSING',
  'CONNECTING',
  'OPEN',
  'PerMessageDeflate',
  'Receiver',
  'Sender',
  'Server',
  'WebSocket',
  'WebSocketServer',
  'createWebSocketStream',
  'extension',
  'subprotocol',
];

const STATES = ['CLOSED', 'CLOSING', 'CONNECTING', 'OPEN'];

/** Of the module: without what Node adds to those that are CommonJS underneath. */
const IMPORTED = NAMES.filter((name) => name !== 'Server' && !STATES.includes(name)).sort();

/** How wasock is reached besides. */
const SPECIFIERS = [
  ...TENANTS.map((tenant) => ({ tenant, specifier: 'ws' })),
  { tenant: 'wasock-ws', specifier: 'wasock/ws' },
] as const;

/** One message to and fro; prints what `report` is then. */
const EXCHANGE = `
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' }, () => {
    const client = new WebSocket('ws://127.0.0.1:' + server.address().port);
    client.on('open', () => client.send('x'));
    client.on('message', () => client.close());
    client.on('close', () => { server.close(); console.log(JSON.stringify(globalThis.report)); });
  });
  server.on('connection', (socket) => socket.on('message', (data) => socket.send(data)));
`;

const LOADED = {
  cjs: `const WebSocket = require('ws'); const { WebSocketServer } = WebSocket; ${EXCHANGE}`,
  mjs: `import WebSocket, { WebSocketServer } from 'ws'; ${EXCHANGE}`,
};

describe.each(SPECIFIERS)('$specifier of $tenant', ({ tenant, specifier }) => {
  test('ws.E1: require gives the class WebSocket, with everything else on it', async () => {
    const found = await projectWith(tenant).run(
      'cjs',
      `const WebSocket = require('${specifier}');
      const { format, parse } = WebSocket.extension;
      console.log(JSON.stringify({
        names: Object.keys(WebSocket).sort(),
        classes: [WebSocket, WebSocket.WebSocketServer, WebSocket.Sender, WebSocket.Receiver, WebSocket.PerMessageDeflate]
          .map((value) => value.name + ' ' + /^class/.test(String(value))),
        functions: [WebSocket.createWebSocketStream, format, parse, WebSocket.subprotocol.parse].map((value) => typeof value),
        same: [WebSocket.WebSocket === WebSocket, WebSocket.Server === WebSocket.WebSocketServer],
      }));`,
    );
    expect(found).toEqual({
      names: NAMES,
      classes: ['WebSocket true', 'WebSocketServer true', 'Sender true', 'Receiver true', 'PerMessageDeflate true'],
      functions: ['function', 'function', 'function', 'function'],
      same: [true, true],
    });
  });

  test('ws.E2: import gives the class as default, and the same names but Server', async () => {
    const found = await projectWith(tenant).run(
      'mjs',
      `import WebSocket, * as named from '${specifier}';
      const names = Object.keys(named).filter((name) => name !== 'default').sort();
      console.log(JSON.stringify({ names, same: named.WebSocket === WebSocket }));`,
    );
    expect(found).toEqual({ names: IMPORTED, same: true });
  });

  test('ws.E4: require and import give the same classes, in whichever order', async () => {
    const compare = (required: string, imported: string) =>
      `const names = ${JSON.stringify(IMPORTED)};
      const different = names.filter((name) => ${imported}[name] !== ${required}[name]);
      console.log(JSON.stringify({ different, same: ${imported}.default === ${required} }));`;
    const project = projectWith(tenant);
    const same = { different: [], same: true };
    expect(
      await project.run(
        'cjs',
        `const required = require('${specifier}'); import('${specifier}').then((imported) => { ${compare('required', 'imported')} });`,
      ),
    ).toEqual(same);
    expect(
      await project.run(
        'mjs',
        `import * as imported from '${specifier}'; import { createRequire } from 'node:module';
        const required = createRequire(import.meta.url)('${specifier}'); ${compare('required', 'imported')}`,
      ),
    ).toEqual(same);
  });
});

describe.each(TENANTS)('%s, as a package', (tenant) => {
  test('ws.E3: it can be required, imported and asked for its version, and nothing else', async () => {
    const project = projectWith(tenant);
    const found = await project.run(
      'cjs',
      `const codeOf = (specifier) => { try { require(specifier); } catch (error) { return error.code; } };
      const manifest = require('ws/package.json');
      console.log(JSON.stringify({
        version: manifest.version,
        exports: Object.keys(manifest.exports),
        conditions: Object.keys(manifest.exports['.']),
        deep: ['ws/lib/websocket.js', 'ws/lib/websocket', 'ws/wrapper.mjs'].map(codeOf),
      }));`,
    );
    expect(found).toEqual({
      version: expect.stringMatching(/^8\.23\.\d+$/),
      exports: ['.', './package.json'],
      conditions: ['browser', 'import', 'require'],
      deep: Array(3).fill('ERR_PACKAGE_PATH_NOT_EXPORTED'),
    });
  });

  test('ws.E3: what a bundler takes for browsers says that they have a WebSocket, however it is called', async () => {
    const source = `const WebSocket = require('ws');
      const messageOf = (call) => { try { call(); } catch (error) { return error.constructor.name + ': ' + error.message; } };
      console.log(JSON.stringify([() => new WebSocket('ws://localhost'), () => WebSocket()].map(messageOf)));`;
    const message = 'Error: ws does not work in the browser. Browser clients must use the native WebSocket object';
    expect(await projectWith(tenant).run('cjs', source, ['--conditions=browser'])).toEqual([message, message]);
  });

  test.each(['cjs', 'mjs'] as const)(
    'ws.E3 ws.P.dd-trace: methods that are wrapped by way of the files are called, for users of .%s',
    async (kind) => {
      const project = projectWith(tenant);
      project.write(
        'agent.cjs',
        `const { realpathSync } = require('node:fs');
        globalThis.report = {};
        const wrap = (file, method) => {
          const { prototype } = require(realpathSync('node_modules/ws/lib/' + file));
          const original = prototype[method];
          prototype[method] = function (...args) {
            globalThis.report[method] = (globalThis.report[method] ?? 0) + 1;
            return original.apply(this, args);
          };
        };
        wrap('websocket-server.js', 'handleUpgrade');
        wrap('websocket.js', 'send');`,
      );
      const found = await project.run(kind, LOADED[kind], ['--require', './agent.cjs']);
      expect(found).toEqual({ handleUpgrade: 1, send: 2 });
    },
  );

  test('ws.E3 ws.P.dd-trace: an agent that sees the files being loaded may put other classes in their place', async () => {
    const project = projectWith(tenant);
    project.write(
      'agent.cjs',
      `const Module = require('node:module');
      const path = require('node:path');
      globalThis.report = [];
      const hooks = {
        'websocket-server.js': (WebSocketServer) => class extends WebSocketServer {
          completeUpgrade(...args) { globalThis.report.push('completeUpgrade'); super.completeUpgrade(...args); }
        },
        'websocket.js': (WebSocket) => WebSocket,
      };
      const { _load } = Module;
      Module._load = function (request, ...rest) {
        const loaded = _load.call(this, request, ...rest);
        const filename = Module._resolveFilename(request, ...rest);
        const file = path.basename(filename);
        if (!/node_modules[/]ws[/]lib[/]/.test(filename) || !hooks[file]) return loaded;
        globalThis.report.push(file);
        require.cache[filename].exports = hooks[file](loaded);
        delete hooks[file];
        return require.cache[filename].exports;
      };`,
    );
    const found = await project.run('cjs', LOADED.cjs, ['--require', './agent.cjs']);
    expect(found).toEqual(['websocket.js', 'websocket-server.js', 'completeUpgrade']);
  });
});

describe.each(TENANTS)('%s, and an agent that wraps its Receiver', (tenant) => {
  test.each(['cjs', 'mjs'] as const)(
    'ws.E3 ws.P.dd-trace: it sees each message, with its WebSocket, for users of .%s',
    async (kind) => {
      const project = projectWith(tenant);
      project.write(
        'agent.cjs',
        `const { realpathSync } = require('node:fs');
        globalThis.report = [];
        const load = (file) => require(realpathSync('node_modules/ws/lib/' + file));
        const { kWebSocket } = load('constants.js');
        const { prototype } = load('receiver.js');
        for (const method of ['on', 'addListener']) {
          const original = prototype[method];
          prototype[method] = function (event, handler) {
            if (event !== 'message') return original.call(this, event, handler);
            return original.call(this, event, function (data, isBinary) {
              const { _socket, readyState } = this[kWebSocket];
              globalThis.report.push([String(data), isBinary, readyState, typeof _socket.remotePort]);
              return handler.call(this, data, isBinary);
            });
          };
        }`,
      );
      const found = await project.run(kind, LOADED[kind], ['--require', './agent.cjs']);
      expect(found).toEqual([
        ['x', false, 1, 'number'],
        ['x', true, 1, 'number'],
      ]);
    },
  );
});

describe('the package wasock-ws', () => {
  test('ws.E2 ws.P.y-websocket: the class that is imported has the statics, too', async () => {
    const found = await projectWith('wasock-ws').run(
      'mjs',
      `import WebSocket from 'ws';
      const server = new WebSocket.Server({ noServer: true });
      console.log(JSON.stringify([server instanceof WebSocket.WebSocketServer, Object.keys(WebSocket).sort()]));`,
    );
    expect(found).toEqual([true, NAMES]);
  });

  test('ws.A1: it is laid out by the build, stands for ws 8.23 and depends on the wasock of the same release', () => {
    const { scripts, version, license, engines } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
    expect(scripts.build).toContain('build:alias');
    const project = projectWith('wasock-ws');
    const manifest = JSON.parse(readFileSync(project.at('node_modules/ws/package.json'), 'utf8'));
    expect(manifest).toMatchObject({
      name: 'wasock-ws',
      version: expect.stringMatching(/^8\.23\.\d+$/),
      license,
      engines,
      dependencies: { wasock: `^${version}` },
    });
    const named = JSON.stringify([manifest.main, manifest.types, manifest.browser, manifest.exports]).match(
      /\.\/[^"]+/g,
    )!;
    const listed = [...named, ...manifest.files, 'README.md', 'LICENSE'].concat(
      ['constants', 'receiver', 'websocket', 'websocket-server'].map((file) => `lib/${file}.js`),
    );
    expect(listed.length).toBeGreaterThan(10);
    expect(listed.filter((file) => !existsSync(project.at(path.join('node_modules/ws', file))))).toEqual([]);
  });

  test('ws.A1: it carries the version of the ws that the contract is checked against', () => {
    const versionOf = (file: string) => JSON.parse(readFileSync(path.join(ROOT, file), 'utf8')).version as string;
    const minor = (version: string) => version.split('.').slice(0, 2);
    expect(minor(versionOf('alias/package/package.json'))).toEqual(minor(versionOf('node_modules/ws/package.json')));
  });

  test('ws.A1: its main is this entry point', async () => {
    const found = await projectWith('wasock-ws').run(
      'cjs',
      "console.log(JSON.stringify([require('ws') === require('wasock/ws'), require.resolve('ws').includes('node_modules')]));",
    );
    expect(found).toEqual([true, true]);
  });

  // What npm lays out for each of the ways; test/package/ws-install.mjs has npm itself do it.
  test.each<[way: string, copies: string[], dependants: string[]]>([
    ['ws.A2: as a dependency under the name ws', ['node_modules/ws'], []],
    ['ws.A3: for others only', ['node_modules/ws'], ['one', 'two']],
    ['ws.A3: in copies of several dependants', ['node_modules/one/node_modules/ws'], ['one']],
    [
      'ws.A4: as a dependency and for others, also where these have copies',
      ['node_modules/ws', 'node_modules/one/node_modules/ws'],
      ['one', 'two'],
    ],
  ])('%s, there is one engine in the process', async (_way, copies, dependants) => {
    const project = new Project();
    project.installWasock();
    for (const dependant of dependants) project.installDependant(dependant);
    for (const copy of copies) project.installWs('wasock-ws', copy);
    const specifiers = [...dependants, ...(copies.includes('node_modules/ws') ? ['ws'] : [])];
    const found = await project.run(
      'cjs',
      `const ws = require('wasock/ws');
      const different = ${JSON.stringify(specifiers)}.filter((specifier) => require(specifier) !== ws);
      console.log(JSON.stringify({ different, servers: ws.Server === ws.WebSocketServer }));`,
    );
    expect(found).toEqual({ different: [], servers: true });
  });
});
