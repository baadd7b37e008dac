import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { resolveLimits } from '../../src/api/limits.js';
import { ERROR_CODE } from '../../src/protocol/errors.js';
import { FAULT } from '../../src/protocol/faults.js';

const ROOT = path.resolve(__dirname, '../..');

/** The cells of every table row in a document, back quotes taken off. */
function rowsOf(file: string): string[][] {
  return readFileSync(path.resolve(ROOT, file), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('`', '')),
    );
}

const readTest = (name: string) => readFileSync(path.resolve(ROOT, 'test', `${name}.test.ts`), 'utf8');

describe('docs/errors.md', () => {
  const rows = rowsOf('docs/errors.md');

  test('lists every fault of a peer with its close code and section', () => {
    const listed = rows.filter((cells) => cells[0].startsWith('WASOCK_') && cells.length === 4);
    const faults = Object.values(FAULT).map((fault) => [fault.code, String(fault.closeCode), `§${fault.section}`]);
    expect(listed.map((cells) => cells.slice(0, 3)).sort()).toEqual(faults.sort());
  });

  test('lists every other code', () => {
    const listed = rows.filter((cells) => cells[0].startsWith('WASOCK_') && cells.length === 3).map(([code]) => code);
    expect(listed.sort()).toEqual(Object.values(ERROR_CODE).sort());
  });
});

describe('docs/conformance.md', () => {
  const rows = rowsOf('docs/conformance.md').filter(([id]) => /^(hostile|broker|hazard)\./.test(id));

  test('each row names files whose tests name its id', () => {
    const wrong = rows.flatMap((cells) =>
      cells[4]
        .split(', ')
        .filter((file) => !new RegExp(`\\b${cells[0]}(?![\\w.-]*\\w)`).test(readTest(file)))
        .map((file) => `${cells[0]}: ${file}`),
    );
    expect(rows.length).toBeGreaterThan(100);
    expect(wrong).toEqual([]);
  });
});

describe('docs/limits.md', () => {
  const rows = rowsOf('docs/limits.md');

  /** What the table says of a number: `1 MiB`, `10 000`, `off`, `unlimited`. */
  function numberOf(text: string): number {
    const [amount] = text.split(',');
    if (amount === 'off') return 0;
    if (amount === 'unlimited') return Number.POSITIVE_INFINITY;
    const unit = amount.endsWith('MiB') ? 1_048_576 : amount.endsWith('KiB') ? 1024 : 1;
    return Number(amount.replace(/[KM]iB/, '').replaceAll(' ', '')) * unit;
  }

  test('tells the defaults as they are', () => {
    const defaults = resolveLimits('server') as unknown as Record<string, unknown>;
    const listed = rows.filter(([name]) => typeof defaults[name] === 'number');
    const told = Object.fromEntries(listed.map(([name, text]) => [name, numberOf(text)]));
    // An option of `wasock/ws` only.
    const { maxPieces: _, ...ours } = defaults;
    const numbers = Object.entries(ours).filter(([, value]) => typeof value === 'number');
    expect(told).toEqual(Object.fromEntries(numbers));
  });

  test('tells what a client has otherwise', () => {
    const { pingInterval, slowPeer } = resolveLimits('client');
    expect({ pingInterval, slowPeer }).toEqual({ pingInterval: 0, slowPeer: 'wait' });
    const text = rows.map((cells) => cells.join(' '));
    expect(text.some((row) => row.startsWith('pingInterval 25 000, client off'))).toBe(true);
    expect(text.some((row) => row.startsWith("slowPeer 'terminate', client 'wait'"))).toBe(true);
  });
});

describe('links', () => {
  const PAGES = [
    'README.md',
    'CHANGELOG.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    'bench/README.md',
    'alias/package/README.md',
  ];
  const docs = readdirSync(path.join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' });
  const pages = [...PAGES, ...docs.filter((file) => file.endsWith('.md')).map((file) => `docs/${file}`)];

  /** The anchors of a page, as GitHub makes them of headings. */
  function anchorsOf(file: string): Set<string> {
    const text = readFileSync(file, 'utf8').replace(/^```[\s\S]*?^```/gm, '');
    const anchors = new Set([...text.matchAll(/<a id="([^"]+)">/g)].map(([, id]) => id));
    for (const [, heading] of text.matchAll(/^#{1,6} (.+)$/gm)) {
      const slug = heading
        .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .toLowerCase()
        .replace(/[^\p{L}\p{N}_\- ]/gu, '')
        .replaceAll(' ', '-');
      let anchor = slug;
      for (let i = 1; anchors.has(anchor); i++) anchor = `${slug}-${i}`;
      anchors.add(anchor);
    }
    return anchors;
  }

  test.each(pages)('of %s lead somewhere', (page) => {
    const text = readFileSync(path.join(ROOT, page), 'utf8').replace(/^```[\s\S]*?^```/gm, '');
    const broken: string[] = [];
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [file, anchor] = target.split('#');
      const absolute = file === '' ? path.join(ROOT, page) : path.resolve(ROOT, path.dirname(page), file);
      if (!existsSync(absolute)) broken.push(target);
      else if (anchor && !anchorsOf(absolute).has(anchor)) broken.push(target);
    }
    expect(broken).toEqual([]);
  });
});
