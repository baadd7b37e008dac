import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';

export const ROOT = path.resolve(__dirname, '../..');

/** Which package is in place under the name `ws`. */
export type Tenant = 'npm ws' | 'wasock-ws';

export const TENANTS: readonly Tenant[] = ['npm ws', 'wasock-ws'];

/** A folder with packages in it; it goes with the test. */
export class Project {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'wasock-project-'));

  constructor() {
    onTestFinished(() => rmSync(this.folder, { recursive: true }));
    this.write('package.json', JSON.stringify({ name: 'project', private: true }));
  }

  at(file: string): string {
    return path.join(this.folder, file);
  }

  write(file: string, text: string): void {
    mkdirSync(path.dirname(this.at(file)), { recursive: true });
    writeFileSync(this.at(file), text);
  }

  /** Puts a file or folder of the repository in place: a copy, or a link. */
  copy(from: string, to: string): void {
    cpSync(path.join(ROOT, from), this.at(to), { recursive: true });
  }

  link(from: string, to: string): void {
    mkdirSync(path.dirname(this.at(to)), { recursive: true });
    symlinkSync(path.join(ROOT, from), this.at(to));
  }

  /** Puts what is to be `ws` in place, with the engine beside it. Copies, so that Node looks for the engine from there. */
  installWs(tenant: Tenant, to = 'node_modules/ws'): void {
    if (tenant === 'npm ws') return this.copy('node_modules/ws', to);
    execFileSync(process.execPath, [path.join(ROOT, 'alias/build.mjs'), this.at(to)]);
  }

  /** `wasock` is what the build made. */
  installWasock(): void {
    this.link('.', 'node_modules/wasock');
  }

  /** A package that depends on `ws` and hands on what it gets. */
  installDependant(name: string): void {
    this.write(`node_modules/${name}/package.json`, JSON.stringify({ name, dependencies: { ws: '^8.18.0' } }));
    this.write(`node_modules/${name}/index.js`, "module.exports = require('ws');");
  }

  /** Runs a module. @returns what it printed, as JSON */
  async run(kind: 'cjs' | 'mjs', source: string, flags: string[] = []): Promise<unknown> {
    const file = `main-${kind}.${kind}`;
    this.write(file, source);
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, file], { cwd: this.folder });
    return JSON.parse(stdout);
  }
}

/** A project with `ws` and `wasock` in it. */
export function projectWith(tenant: Tenant): Project {
  const project = new Project();
  project.installWs(tenant);
  project.installWasock();
  return project;
}
