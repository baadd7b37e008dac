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
    const verdict = rounds.length < FEWEST_VALUES ? 'too few rounds' : verdictOn(ratio, goal, better);
    return { figure, of, to, ...ratio, goal, verdict };
  });
}

/** A goal is met, or fallen short of, only where the whole interval says so. */
function verdictOn({ low, high }, goal, better) {
  const [worst, best] = better === 'lower' ? [high, low] : [low, high];
  const reaches = (ratio) => (better === 'lower' ? ratio <= goal : ratio >= goal);
  if (!reaches(best)) return 'falls short';
  return reaches(worst) ? 'met' : 'within noise';
}
