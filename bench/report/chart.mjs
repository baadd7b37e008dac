import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, View } from 'vega';
import { compile } from 'vega-lite';
import { machinesText, nodeText, roundsText } from './figure-text.mjs';
import { panel } from './panel.mjs';
import { chartPath, RESULTS } from './results.mjs';

/** Draws one chart for each scenario of each section, and the overview of the first; returns the names of the files. */
export async function drawCharts(results) {
  const files = [];
  for (const section of results.sections) {
    const overview = section === results.sections[0] ? { overview: overviewOf(section) } : {};
    for (const [name, scenario] of Object.entries({ ...section.scenarios, ...overview })) {
      if (scenario.rows.length === 0) continue;
      const path = chartPath(results, section, name);
      const { spec } = compile(chartOf(results, section, scenario));
      const svg = await new View(parse(spec), { renderer: 'none' }).toSVG();
      mkdirSync(dirname(fileURLToPath(new URL(path, RESULTS))), { recursive: true });
      writeFileSync(new URL(path, RESULTS), `${svg}\n`);
      files.push(path);
    }
  }
  return files;
}

/** The rows for readers in a hurry, by the names of their scenarios, with a title of their own. */
const OVERVIEW = [
  ['echo', '64x16x64', 'Plain echo of 64 B, 64 connections × 16 in flight'],
  ['deflate', 'deflate 555', 'Compressed echo of 555 B of JSON, 64 connections × 16 in flight'],
  ['fanout', '1000x16x64', 'One message to 1000 connections'],
];
const IN_OVERVIEW = ['wasock', 'wasock-await', 'wasock-ws', 'ws', 'uws', 'bun', 'deno'];

function overviewOf({ scenarios }) {
  const rows = OVERVIEW.flatMap(([scenario, name, title]) =>
    (scenarios[scenario]?.rows ?? []).filter((row) => row.name === name).map((row) => ({ ...row, title })),
  );
  const shown = ({ contestants, ...row }) => ({
    ...row,
    contestants: contestants.filter(({ name }) => IN_OVERVIEW.includes(name)),
  });
  return { title: 'Throughput on one core', rows: rows.map(shown) };
}

/** A Vega-Lite chart: a panel for each figure of each row, on white, whatever the page around it. */
function chartOf(results, section, { title, about, rows }) {
  const panels = rows.flatMap((row) =>
    row.figures.filter(({ isCharted }) => isCharted).map((figure) => panel(row, figure)),
  );
  return {
    background: 'white',
    padding: 18,
    title: { text: title, subtitle: subtitle(results, section, about, rows), anchor: 'start', offset: 18 },
    vconcat: panels,
    spacing: 26,
    resolve: { scale: { x: 'independent', y: 'independent' } },
    config: {
      font: 'system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif',
      title: {
        fontSize: 18,
        subtitleFontSize: 12,
        subtitleColor: '#555555',
        subtitlePadding: 6,
        subtitleLineHeight: 16,
      },
      axis: { labelFontSize: 12, labelLimit: 300, domain: false, ticks: false, labelColor: '#222222' },
      view: { stroke: null },
    },
  };
}

function subtitle({ versions }, section, about, rows) {
  const sentence = about ? [`${about[0].toUpperCase()}${about.slice(1)}.`] : [];
  return [
    ...sentence,
    `Medians of ${[...new Set(rows.map(roundsText))].join(', ')}; whiskers: least and most; ratios: medians of the ratios of each round, and their intervals.`,
    `${rows
      .map(({ recorded }) => recorded.slice(0, 10))
      .sort()
      .at(-1)} · ${machinesText(rows)} · ${nodeText(section)}`,
    [`wasock ${versions.wasock}`, `ws ${versions.ws} with bufferutil ${versions.bufferutil}`, ...section.peers].join(
      ', ',
    ),
  ];
}
