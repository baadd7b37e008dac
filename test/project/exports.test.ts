import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { hasDocstring, reExportsOf } from '../support/exported-names.js';

const ROOT = path.resolve(__dirname, '../..');

const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8');

/** What is loaded, and the list that gives ECMAScript modules the same names. */
const ENTRY_POINTS = [
  { specifier: 'wasock', source: 'src/index.ts', wrapper: 'src/index.mts', built: 'build/index.d.ts' },
  ...['redis', 'nats', 'cluster'].map((name) => ({
    specifier: `wasock/${name}`,
    source: `src/${name}.ts`,
    wrapper: `src/${name}.mts`,
    built: `build/${name}.d.ts`,
  })),
];

/** Loads the built package by its name both ways, in a Node without vite. */
function loadBothWays(specifier: string): { imported: string[]; required: string[]; different: string[] } {
  const script = `
    import { createRequire } from 'node:module';
    import * as imported from '${specifier}';
    const required = createRequire(process.cwd() + '/x.js')('${specifier}');
    const names = (exported) => Object.keys(exported).filter((name) => name !== 'default' && name !== 'module.exports').sort();
    const different = names(required).filter((name) => imported[name] !== required[name]);
    console.log(JSON.stringify({ imported: names(imported), required: names(required), different }));
  `;
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  return JSON.parse(output);
}

const DECLARATION = /^( {2})?(?:export )?(?:declare )?(class|const|function|interface|type|namespace) (\w+)/;

/** Names that a file of `types/` declares as values, at its top or, if that is a namespace, in it. */
function valuesOf(declarations: string): Set<string> {
  const names = new Set<string>();
  for (const line of declarations.split('\n')) {
    const [, indented, kind, name] = DECLARATION.exec(line) ?? [];
    const isExported = line.startsWith('export ') || indented !== undefined;
    if (isExported && ['class', 'const', 'function'].includes(kind)) names.add(name);
    if (line === 'export { WebSocket };') names.add('WebSocket');
  }
  return names;
}

/** The names that a file of `types/` exports, and those without a docstring right before them. */
function documentedIn(declarations: string): { names: number; undocumented: string[] } {
  const lines = declarations.split('\n');
  let names = 0;
  const undocumented = lines.filter((line, i) => {
    const [, indented, kind, name] = DECLARATION.exec(line) ?? [];
    const isOnTop = indented === undefined && !line.startsWith('export ') && !line.startsWith('declare class');
    if (name === undefined || isOnTop || kind === 'namespace') return false;
    names++;
    return !lines[i - 1].trimEnd().endsWith('*/');
  });
  return { names, undocumented };
}

describe.each(ENTRY_POINTS)('the entry point $specifier', ({ specifier, source, wrapper, built }) => {
  test('require and import give the same names and the same classes', () => {
    const { imported, required, different } = loadBothWays(specifier);
    expect(required.length).toBeGreaterThan(0);
    expect(imported).toEqual(required);
    expect(different).toEqual([]);
  });

  test('the list for ECMAScript modules has every name, those of types included', () => {
    const names = (file: string) =>
      reExportsOf(read(file))
        .map(({ exported }) => exported)
        .sort();
    expect(names(wrapper)).toEqual(names(source));
  });

  test('every exported name has a docstring', () => {
    const undocumented = reExportsOf(read(built)).filter(({ name, specifier: from }) => {
      const declarations = path.join(path.dirname(built), from.replace(/\.js$/, '.d.ts'));
      return !hasDocstring(read(declarations), name);
    });
    expect(undocumented).toEqual([]);
  });
});

describe('the entry point wasock/ws', () => {
  test('the typings name what the built package has, for require and for import', () => {
    const { imported, required } = loadBothWays('wasock/ws');
    const typed = (file: string) => [...valuesOf(read(file))].sort();
    expect(required.length).toBeGreaterThan(10);
    // The states are members of the class.
    expect(typed('types/ws.d.ts')).toEqual(required.filter((name) => !/^[A-Z]+$/.test(name)));
    expect(typed('types/ws.d.mts')).toEqual(imported);
  });

  test('import gives the same classes, and the same names but that of the static Server and the states', () => {
    const { imported, required, different } = loadBothWays('wasock/ws');
    expect(required.filter((name) => !imported.includes(name))).toEqual(different);
    expect(different).toEqual(['CLOSED', 'CLOSING', 'CONNECTING', 'OPEN', 'Server']);
  });

  test.each(['types/ws.d.ts', 'types/ws.d.mts', 'types/ws-parts.d.ts'])('every name in %s has a docstring', (file) => {
    const { names, undocumented } = documentedIn(read(file));
    expect(names).toBeGreaterThan(6);
    expect(undocumented).toEqual([]);
  });

  test.each(['types/ws.d.ts', 'types/ws.d.mts', 'types/ws-parts.d.ts'])(
    '%s imports nothing but Node and its own kind',
    (file) => {
      // Examples in docstrings import the package by its name.
      const code = read(file).replace(/\/\*[\s\S]*?\*\//g, '');
      const sources = [...code.matchAll(/(?:from |require\()'([^']+)'/g)].map(([, source]) => source);
      expect(sources.length).toBeGreaterThan(0);
      expect(sources.filter((source) => !/^node:|^\.\/ws(-parts)?\.js$/.test(source))).toEqual([]);
    },
  );
});

test('package.json names only files that the build made', () => {
  const { main, types, exports, imports } = JSON.parse(read('package.json'));
  const targets = JSON.stringify([main, types, exports, imports]).match(/"\.\/[^"]+\.[^"]+"/g) ?? [];
  const files = targets.map((target) => JSON.parse(target) as string);
  expect(files.length).toBeGreaterThan(5);
  expect(files.filter((file) => !existsSync(path.join(ROOT, file)))).toEqual([]);
});

describe('the checker', () => {
  test('reads every form of a re-export list', () => {
    const list = `
/** export { no } from './comment.js'; */
// export { no } from './comment.js';
export { a, type B } from './x.js';
export type { C } from "./y.js";
export {
  d as e,
} from './z.js';
`;
    expect(reExportsOf(list)).toEqual([
      { name: 'a', exported: 'a', specifier: './x.js' },
      { name: 'B', exported: 'B', specifier: './x.js' },
      { name: 'C', exported: 'C', specifier: './y.js' },
      { name: 'd', exported: 'e', specifier: './z.js' },
    ]);
  });

  test.each(["export * from './x.js';", 'export const a = 1;', "import './x.js';"])(
    'refuses %s in an entry point',
    (line) => {
      expect(() => reExportsOf(`export { a } from './a.js';\n${line}`)).toThrow('nothing but');
    },
  );

  test('tells a documented name from one without a docstring', () => {
    const declarations =
      '/** A. */\nexport declare class A {\n  /** b */\n  b: number;\n}\nexport declare const B: 1;\n' +
      '/** D. */\nexport interface D {}\n/** F. */\nexport type Foo = 1;\n';
    expect(['A', 'B', 'D', 'F', 'Foo'].map((name) => hasDocstring(declarations, name))).toEqual([
      true,
      false,
      true,
      false,
      true,
    ]);
  });
});
