import { mkdirSync, writeFileSync } from 'node:fs';
import { parse, View } from 'vega';
import { compile } from 'vega-lite';
import { roundsText } from './figure-text.mjs';
import { panel } from './panel.mjs';
import { RESULTS } from './results.mjs';

/** Draws one chart for each scenario that there are results of; returns the names of the files. */
export async function drawCharts(results) {
  mkdirSync(RESULTS, { recursive: true });
  const files = [];
  for (const [name, scenario] of Object.entries(results.scenarios)) {
    const file = `${name}.svg`;
    const { spec } = compile(chartOf(results, scenario));
    const svg = await new View(parse(spec), { renderer: 'none' }).toSVG();
    writeFileSync(new URL(file, RESULTS), `${svg}\n`);
    files.push(file);
  }
  return files;
}

/** A Vega-Lite chart: a panel for each figure of each row, on white, whatever the page around it. */
function chartOf({ date, machine, versions }, { title, about, rows }) {
  const panels = rows.flatMap((row) =>
    row.figures.filter(({ isCharted }) => isCharted).map((figure) => panel(row, figure)),
  );
  return {
    background: 'white',
    padding: 18,
    title: { text: title, subtitle: subtitle(date, machine, versions, about, rows), anchor: 'start', offset: 18 },
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
      axis: { labelFontSize: 12, labelLimit: 220, domain: false, ticks: false, labelColor: '#222222' },
      view: { stroke: null },
    },
  };
}

function subtitle(date, { cpu, cores, platform, arch }, versions, about, rows) {
  const nodes = [...new Set(rows.map(({ node }) => node.slice(1)))].join(' and ');
  const sentence = about ? [`${about[0].toUpperCase()}${about.slice(1)}.`] : [];
  return [
    ...sentence,
    `Medians of ${[...new Set(rows.map(roundsText))].join(', ')}; whiskers: least and most; ratios: medians of the ratios of each round.`,
    `${date} · ${cpu}, ${cores} cores, ${platform}-${arch} · Node ${nodes}`,
    `wasock ${versions.wasock}, ws ${versions.ws} with bufferutil ${versions.bufferutil}, uWebSockets.js ${versions.uws}`,
  ];
}
