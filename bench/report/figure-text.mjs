const PREFIXES = [
  [1e6, 'M'],
  [1e3, 'k'],
];

/** A figure with three digits that mean something, and its unit: `1.23 M`, `45.6 µs`, `5.31 kB`. */
export function figureText(value, unit = '') {
  if (value < 0) return `−${figureText(-value, unit)}`;
  if (unit === 'µs' && value >= 1000) return `${digits(value / 1000)} ms`;
  if (unit === '%' || unit === 'µs' || unit === 'ms') return `${digits(value)} ${unit}`;
  const [factor, prefix] = PREFIXES.find(([least]) => value >= least * 0.9995) ?? [1, ''];
  return `${digits(value / factor)} ${prefix}${unit}`.trimEnd();
}

/** `13.4×`, `0.95×`. */
export function ratioText(ratio) {
  return `${ratio >= 9.995 ? ratio.toFixed(1) : ratio.toFixed(2)}×`;
}

/** The interval of a ratio: `12.9 to 14.1`. */
export function intervalText({ low, high }) {
  return `${ratioText(low).slice(0, -1)} to ${ratioText(high).slice(0, -1)}`;
}

/** How a section is called: `Node 24.21.0, glibc 2.41`. */
export function nodeText({ node, glibc }) {
  return `Node ${node.slice(1)}${glibc === undefined ? '' : `, glibc ${glibc}`}`;
}

/** `AMD EPYC, 2 cores, linux-x64`, for each of the machines that the rows were recorded on. */
export function machinesText(rows) {
  const texts = rows.map(
    ({ machine: { cpu, cores, platform, arch } }) => `${cpu}, ${cores} cores, ${platform}-${arch}`,
  );
  return [...new Set(texts)].join('; ');
}

/** `5 rounds of 1.5 s`. */
export function roundsText({ rounds, seconds }) {
  return `${rounds} round${rounds === 1 ? '' : 's'}${seconds === null ? '' : ` of ${seconds} s`}`;
}

function digits(value) {
  if (value >= 99.95) return value.toFixed(0);
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}
