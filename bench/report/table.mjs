import { DISTURBING } from '../quiet.mjs';
import { spread } from '../statistics.mjs';
import { figureText, intervalText, machinesText, nodeText, ratioText, roundsText } from './figure-text.mjs';
import { chartPath } from './results.mjs';

const MiB = 1_048_576;
const NAMES = { ws: 'ws', uws: 'uWS', wasock: 'wasock', 'socket-io': 'socket.io', 'wasock-alone': 'one process' };
/** How many goals have which verdict, in words. */
const COUNTED = { met: 'met', 'within noise': 'within noise', 'falls short': 'short', 'too few rounds': 'not judged' };

/**
 * One row of a scenario as a table: a line for each contestant and each figure that matters, how much that is of ws and of
 * uWS, and whether it is what was promised; then, once for each contestant, the other figures.
 */
export function rowTable(scenario, row) {
  const main = row.figures.filter(({ isCharted }) => isCharted);
  const others = row.figures.filter(({ isCharted }) => !isCharted);
  const peers = Object.keys(NAMES).filter((peer) => row.ratios.some(({ to }) => to === peer));
  const head = ['', '', ...peers.map((peer) => `of ${NAMES[peer]}`), ...others.map(({ title }) => title)];
  const lines = main.flatMap((figure) =>
    row.contestants.map((one) => [
      nameOf(one),
      `${figureCell(one.figures[figure.name], figure)} ${main.length > 1 ? figure.title : ''}`.trimEnd() +
        limitText(limitOf(row, figure.name, one.name), figure),
      ...peers.map((to) => ratioCell(row.ratios.find(isRatio(figure.name, one.name, to)))),
      ...others.map((other) => (figure === main[0] ? figureCell(one.figures[other.name], other) : '')),
    ]),
  );
  if (main.length === 1) head[1] = main[0].title;
  const heading = `${scenario.title}: ${row.title} (${roundsText(row)}, ${row.node}, ${row.recorded.slice(0, 10)}${row.machine ? `, ${machinesText([row])}` : ''})`;
  return `${heading}${disturbance(row)}\n\n${markdownTable([head, ...lines])}\n${agreements(row)}`;
}

/** What was agreed about compression, and by whom. */
function agreements({ contestants }) {
  const agreed = contestants.filter((one) => one.agreed);
  const whoAgreed = (text) => agreed.filter((one) => one.agreed === text).map(({ title }) => title);
  const texts = [...new Set(agreed.map((one) => one.agreed))];
  return texts.map((text) => `\nAgreed by ${whoAgreed(text).join(', ')}: \`${text}\`.\n`).join('');
}

function disturbance({ othersBusy }) {
  return othersBusy > DISTURBING ? `\nNOT QUIET: others kept ${othersBusy} % of the cores busy right before.` : '';
}

function isRatio(figure, of, to) {
  return (ratio) => ratio.figure === figure && ratio.of === of && ratio.to === to;
}

function nameOf({ title, options }) {
  const set = Object.entries(options).map(([name, value]) => `${name}: ${optionText(value)}`);
  return set.length === 0 ? title : `${title} { ${set.join(', ')} }`;
}

function optionText(value) {
  if (typeof value === 'object')
    return `{ ${Object.entries(value)
      .map((entry) => entry.join(': '))
      .join(', ')} }`;
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
  const { median, goal, verdict } = ratio;
  const text = `${ratioText(median)} (${intervalText(ratio)})`;
  return goal === undefined ? text : `${text}, goal ${goal}: ${verdict}`;
}

function limitOf({ limits = [] }, figure, of) {
  return limits.find((limit) => limit.figure === figure && limit.of === of);
}

function limitText(limit, { unit }) {
  return limit === undefined ? '' : `, goal ${figureText(limit.goal, unit)}: ${limit.verdict}`;
}

/** All results as one page: a section for each Node, the goals first. */
export function resultsPage(results) {
  const { date, versions, sections } = results;
  return [
    '# Results of `npm run bench`',
    `${date}; wasock ${versions.wasock}, ws ${versions.ws} with bufferutil ${versions.bufferutil}. This page is written by the bench; [../README.md](../README.md) says how to read it.`,
    ...sections.flatMap((section) => sectionOfPage(results, section)),
  ].join('\n\n');
}

function sectionOfPage(results, section) {
  const { peers, leftOut, scenarios } = section;
  const charts = Object.keys(scenarios).map((name) => `[${name}](${chartPath(results, section, name)})`);
  const measured = Object.entries(scenarios).flatMap(([name, scenario]) =>
    scenario.rows.map((row) => ({ scenario: { ...scenario, name }, row })),
  );
  return [
    `## ${nodeText(section)}`,
    Object.entries({ With: peers, 'Left out': leftOut, Charts: charts })
      .filter(([, names]) => names.length > 0)
      .map(([what, names]) => `${what}: ${names.join(', ')}.`)
      .join(' '),
    goalTable(measured),
    ...measured.map(({ scenario, row }) => `### ${rowTable(scenario, row)}`),
  ];
}

/** Everything that was promised, and what was measured. */
export function goalTable(measured) {
  const promised = measured.flatMap(({ scenario, row }) =>
    [...row.ratios, ...(row.limits ?? [])]
      .filter(({ goal }) => goal !== undefined)
      .map((ratio) => ({ scenario, row, ratio })),
  );
  if (promised.length === 0) return '';
  const counts = Object.entries(COUNTED)
    .map(([verdict, words]) => [promised.filter(({ ratio }) => ratio.verdict === verdict).length, words])
    .filter(([count]) => count > 0);
  const lines = promised.map(({ scenario, row, ratio }) => goalLine(scenario, row, ratio));
  const head = ['scenario', 'row', 'who', 'figure', 'goal', 'measured', 'interval', ''];
  return `${markdownTable([head, ...lines])}\n\nGoals: ${counts.map(([count, words]) => `${count} ${words}`).join(', ')}.\n`;
}

function goalLine(scenario, row, ratio) {
  const { figure, of, to, goal, median, verdict } = ratio;
  const { better, title, unit } = row.figures.find(({ name }) => name === figure);
  const who = row.contestants.find(({ name }) => name === of).title;
  const begin = [scenario.name, row.title, who, title];
  const relation = better === 'lower' ? '≤' : '≥';
  if (to !== undefined) {
    return [...begin, `${relation} ${goal} of ${NAMES[to]}`, ratioText(median), intervalText(ratio), verdict];
  }
  const text = (value) => figureText(value, unit);
  return [...begin, `${relation} ${text(goal)}`, text(median), `${text(ratio.low)} to ${text(ratio.high)}`, verdict];
}

function markdownTable([head, ...lines]) {
  const widths = head.map((_, column) => Math.max(3, ...[head, ...lines].map((cells) => cells[column].length)));
  const lineOf = (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  return [lineOf(head), lineOf(widths.map((width) => '-'.repeat(width))), ...lines.map(lineOf)].join('\n');
}
