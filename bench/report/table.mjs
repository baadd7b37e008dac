import { spread } from '../statistics.mjs';
import { figureText, rangeText, ratioText } from './figure-text.mjs';

const MiB = 1_048_576;
const NAMES = { ws: 'ws', uws: 'uWS' };

/** One row of a scenario as a table: who, what, how much of ws and of uWS, and whether that is what was promised. */
export function rowTable(scenario, row) {
  const heading = `${scenario.title}: ${row.title} (${row.rounds} rounds, ${row.node})`;
  const figures = row.figures.filter(({ name }) => row.contestants.some((one) => name in one.figures));
  const ratios = ratioColumns(row);
  const head = ['', ...figures.map(({ title }) => title), ...ratios.map(({ title }) => title)];
  const lines = row.contestants.map((one) => [
    nameOf(one),
    ...figures.map((figure) => figureCell(one.figures[figure.name], figure)),
    ...ratios.map(({ figure, to }) => ratioCell(row.ratios.find(isRatio(figure, one.name, to)))),
  ]);
  return `${heading}\n\n${markdownTable([head, ...lines])}\n`;
}

function isRatio(figure, of, to) {
  return (ratio) => ratio.figure === figure && ratio.of === of && ratio.to === to;
}

function ratioColumns({ ratios, figures }) {
  const columns = new Map();
  const isOneFigure = new Set(ratios.map(({ figure }) => figure)).size === 1;
  for (const { figure, to } of ratios) {
    const title = isOneFigure ? '' : `${figures.find(({ name }) => name === figure).title}, `;
    columns.set(`${figure} ${to}`, { figure, to, title: `${title}of ${NAMES[to]}` });
  }
  return [...columns.values()];
}

function nameOf({ title, options }) {
  const set = Object.entries(options).map(([name, value]) => `${name}: ${optionText(value)}`);
  return set.length === 0 ? title : `${title} { ${set.join(', ')} }`;
}

function optionText(value) {
  return typeof value === 'number' && value % MiB === 0 ? `${value / MiB} MiB` : String(value);
}

/** With the spread, where the figure is what the row is about. */
function figureCell(values, { unit, isCharted }) {
  if (!values) return '';
  const { median, min, max } = spread(values);
  const text = figureText(median, unit);
  return isCharted ? `${text} (${figureText(min, unit)} to ${figureText(max, unit)})` : text;
}

function ratioCell(ratio) {
  if (!ratio) return '';
  const { median, min, max, goal, isMet } = ratio;
  const text = `${ratioText(median)} (${rangeText(min, max)})`;
  return goal === undefined ? text : `${text}, goal ${goal}: ${isMet ? 'ok' : 'SHORT'}`;
}

/** Everything that was promised, and what was measured. */
export function goalTable(measured) {
  const promised = measured.flatMap(({ scenario, row }) =>
    row.ratios.filter(({ goal }) => goal !== undefined).map((ratio) => ({ scenario, row, ratio })),
  );
  if (promised.length === 0) return '';
  const met = promised.filter(({ ratio }) => ratio.isMet).length;
  const lines = promised.map(({ scenario, row, ratio }) => goalLine(scenario, row, ratio));
  const head = ['scenario', 'row', 'who', 'figure', 'goal', 'measured', 'spread', ''];
  return `${markdownTable([head, ...lines])}\n\n${met} of ${promised.length} goals are met.\n`;
}

function goalLine(scenario, row, { figure, of, to, goal, median, min, max, isMet }) {
  const { better, title } = row.figures.find(({ name }) => name === figure);
  const who = row.contestants.find(({ name }) => name === of).title;
  const sign = better === 'lower' ? '≤' : '≥';
  const range = rangeText(min, max);
  const goalText = `${sign} ${goal} of ${NAMES[to]}`;
  return [scenario.name, row.title, who, title, goalText, ratioText(median), range, isMet ? 'ok' : 'SHORT'];
}

function markdownTable([head, ...lines]) {
  const widths = head.map((_, column) => Math.max(3, ...[head, ...lines].map((cells) => cells[column].length)));
  const lineOf = (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  return [lineOf(head), lineOf(widths.map((width) => '-'.repeat(width))), ...lines.map(lineOf)].join('\n');
}
