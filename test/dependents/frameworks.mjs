// The programs of docs/frameworks.md whose frameworks are large, or do not support every Node: test/examples/frameworks.test.ts has the
// others. `ws` is not involved.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { transformWithEsbuild } from 'vite';
import { newWebSocket } from 'wasock';
import { ENVIRONMENT, expectRoute, onPort, programsOf } from './framework-guide.mjs';
import { done, listen, versionOf } from './ours.mjs';

const PROGRAMS = programsOf(readFileSync('frameworks.md', 'utf8'));

const FRAMEWORKS = { 'Fastify 5': 'fastify', 'Nest 12': '@nestjs/core', 'Next 16': 'next' };

/** Decorators need a compiler. */
async function compiled({ name, code }) {
  if (!name.endsWith('.ts')) return { name: name.replace(/^server\.js$/, 'server.mjs'), code };
  const options = { loader: 'ts', tsconfigRaw: { compilerOptions: { experimentalDecorators: true } } };
  return { name: name.replace(/\.ts$/, '.mjs'), code: (await transformWithEsbuild(code, name, options)).code };
}

async function freePort() {
  const server = http.createServer();
  const port = await listen(server);
  server.close();
  return port;
}

for (const [heading, framework] of Object.entries(FRAMEWORKS)) {
  const port = await freePort();
  // Here, where the packages are, and by itself, as this may run on several Nodes at once.
  const folder = path.resolve(`${framework.replace(/\W/g, '')}-${process.pid}`);
  cpSync('next-app', folder, { recursive: true });
  for (const file of PROGRAMS.get(heading)) {
    const { name, code } = await compiled(file);
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), onPort(code, port));
  }
  const env = { ...process.env, ...ENVIRONMENT, NEXT_TELEMETRY_DISABLED: '1' };
  const child = spawn(process.execPath, ['server.mjs'], { cwd: folder, env });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  }
  const ended = once(child, 'close');
  try {
    const early = ended.then(() => Promise.reject(new Error(`${heading} has ended`)));
    await Promise.race([expectRoute(port, newWebSocket, () => output), early]);
  } catch (error) {
    console.error(`${heading}\n${output}`);
    throw error;
  } finally {
    child.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
done(...Object.values(FRAMEWORKS).map(versionOf));
