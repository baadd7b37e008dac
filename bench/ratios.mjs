import { FEWEST_VALUES, medianInterval } from './statistics.mjs';

/** Goals in this range are so near 1 that a few rounds cannot tell whether they are met. */
const NEAR_ONE = { least: 0.8, most: 1.25 };

/** The ratios of a row in which both sides take part. */
function ratiosAmong({ ratios }, names) {
  return ratios.filter(({ of, to }) => names.includes(of) && names.includes(to));
}

/** Whether a row promises a ratio near 1, among these contestants. */
export function hasGoalNearOne(row, names) {
  return ratiosAmong(row, names).some(({ goal }) => goal >= NEAR_ONE.least && goal <= NEAR_ONE.most);
}

/**
 * What came of the ratios of a row: the median of the ratios of each round, its interval, and the verdict if there is a goal.
 *
 * @param results what each contestant achieved in each round: a Map of `{ figures: { messagesPerSecond: [...] } }` by name
 */
export function ratiosOf(row, results) {
  return ratiosAmong(row, [...results.keys()]).map(({ figure, of, to, goal }) => {
    const [ours, theirs] = [of, to].map((name) => results.get(name).figures[figure]);
    const rounds = ours.map((value, round) => value / theirs[round]);
    const ratio = medianInterval(rounds);
    if (goal === undefined) return { figure, of, to, ...ratio };
    const { better } = row.figures.find(({ name }) => name === figure);
    return { figure, of, to, ...ratio, goal, verdict: verdictOn(rounds.length, ratio, goal, better) };
  });
}

/** The same for figures that have a goal themselves, whatever others achieve. */
export function limitsOf({ limits = [], figures }, results) {
  return limits
    .filter(({ of }) => results.has(of))
    .map(({ figure, of, goal }) => {
      const values = results.get(of).figures[figure];
      const value = medianInterval(values);
      const { better } = figures.find(({ name }) => name === figure);
      return { figure, of, ...value, goal, verdict: verdictOn(values.length, value, goal, better) };
    });
}

/** A goal is met, or fallen short of, only where the whole interval says so. */
function verdictOn(rounds, { low, high }, goal, better) {
  if (rounds < FEWEST_VALUES) return 'too few rounds';
  const [worst, best] = better === 'lower' ? [high, low] : [low, high];
  const reaches = (value) => (better === 'lower' ? value <= goal : value >= goal);
  if (!reaches(best)) return 'falls short';
  return reaches(worst) ? 'met' : 'within noise';
}
