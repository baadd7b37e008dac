import { spread } from '../statistics.mjs';
import { figureText, intervalText, ratioText } from './figure-text.mjs';

const WIDTH = 690;
const BAR = 25;
/** The longest whisker ends at this part of the width; what is written beside the bars takes the rest. */
const LONGEST = 0.465;
/** Where the columns of ratios begin, in pixels. */
const COLUMNS = [395, 545];
const HEADINGS = {
  ws: 'of ws + bufferutil',
  uws: 'of uWebSockets.js',
  wasock: 'of wasock',
  'socket-io': 'of socket.io',
  'wasock-alone': 'of one process',
};

/** Who is who by colour: ours, those that ours are compared with, other runtimes, and what Node does without any library. */
const COLOURS = { wasock: '#2563a8', ws: '#d9822b', uws: '#4a8c4f', runtime: '#8a5a9e', node: '#9a9a9a' };
const FAMILIES = { wasock: /^wasock|^slow/, ws: /^ws|^socket-io/, uws: /^uws/, runtime: /^bun|^deno/, node: /^/ };

function familyOf(name) {
  return Object.keys(FAMILIES).find((family) => FAMILIES[family].test(name));
}

/** One figure of one row as a Vega-Lite view: a bar for each contestant, the best on top. */
export function panel(row, figure) {
  const values = barsOf(row, figure);
  const most = Math.max(...values.map(({ max }) => max));
  return {
    title: { text: `${row.title}: ${figure.title}`, anchor: 'start', frame: 'group', fontSize: 13, dy: -2 },
    width: WIDTH,
    height: { step: BAR },
    data: { values },
    encoding: { y: { field: 'who', type: 'nominal', sort: null, title: null } },
    layer: [
      {
        mark: { type: 'bar', height: { band: 0.72 } },
        encoding: {
          x: { field: 'median', type: 'quantitative', title: null, axis: null, scale: { domain: [0, most / LONGEST] } },
          color: { field: 'family', type: 'nominal', legend: null, scale: colourScale() },
        },
      },
      {
        mark: { type: 'errorbar', ticks: { size: 8 }, color: '#222222' },
        encoding: { x: { field: 'min', type: 'quantitative' }, x2: { field: 'max' } },
      },
      {
        mark: { type: 'text', align: 'left', dx: 7, fontSize: 12, fontWeight: 'bold' },
        encoding: { x: { field: 'max', type: 'quantitative' }, text: { field: 'amount' } },
      },
      ...Object.keys(HEADINGS)
        .filter((peer) => row.ratios.some(({ figure: of, to }) => of === figure.name && to === peer))
        .flatMap(ratioColumn),
    ],
  };
}

/** Ratios in a column of their own, with a heading. */
function ratioColumn(peer, column) {
  const x = { value: COLUMNS[column] };
  const text = { type: 'text', align: 'left', fontSize: 12, color: '#444444' };
  return [
    { mark: text, encoding: { x, text: { field: peer } } },
    {
      data: { values: [{ heading: HEADINGS[peer] }] },
      mark: { ...text, fontSize: 11, color: '#777777' },
      encoding: { x, y: { value: -9 }, text: { field: 'heading' } },
    },
  ];
}

function colourScale() {
  return { domain: Object.keys(COLOURS), range: Object.values(COLOURS) };
}

function barsOf(row, figure) {
  const direction = figure.better === 'lower' ? 1 : -1;
  return row.contestants
    .map(({ name, title, figures }) => {
      const amounts = spread(figures[figure.name]);
      return {
        who: title,
        family: familyOf(name),
        ...amounts,
        amount: figureText(amounts.median, figure.unit),
        ...ratiosOf(row, figure.name, name),
      };
    })
    .sort((a, b) => direction * (a.median - b.median));
}

const NO_RATIOS = Object.fromEntries(Object.keys(HEADINGS).map((peer) => [peer, '']));

/** What is written in the columns of a contestant: `13.4× (12.9 to 14.1)`. */
function ratiosOf({ ratios }, figure, of) {
  const texts = ratios
    .filter((ratio) => ratio.figure === figure && ratio.of === of)
    .map((ratio) => [ratio.to, `${ratioText(ratio.median)} (${intervalText(ratio)})`]);
  return { ...NO_RATIOS, ...Object.fromEntries(texts) };
}
