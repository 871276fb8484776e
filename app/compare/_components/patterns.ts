import type { Text } from "@/app/_i18n/format-text";
import type { Compared } from "@/app/_lib/live/trpc";

/** Letters that name the compared runs. */
export const LETTERS = ["A", "B", "C", "D", "E", "F"] as const;
export const RUN_COLOURS = [
  "var(--series-1)",
  "var(--series-2)",
  "var(--series-3)",
  "var(--series-4)",
  "var(--series-5)",
  "var(--series-6)",
] as const;

/** Which runs must be right and which wrong; a run in neither list may be either. */
export interface PatternFilter {
  right: number[];
  wrong: number[];
}

/** "10x": A right, B wrong, C either. Anything else is no filter. */
export function readFilter(text: string | null, runs: number): PatternFilter {
  if (text === null || text.length !== runs || !/^[01x]+$/.test(text))
    return { right: [], wrong: [] };
  const at = (wanted: string) => [...text].flatMap((c, i) => (c === wanted ? [i] : []));
  return { right: at("1"), wrong: at("0") };
}

/** The filter as text for the address ("10x"); null where there is none. */
export const writeFilter = ({ right, wrong }: PatternFilter, runs: number): string | null =>
  right.length + wrong.length === 0
    ? null
    : Array.from({ length: runs }, (_, i) =>
        right.includes(i) ? "1" : wrong.includes(i) ? "0" : "x",
      ).join("");

/** Two of the compared runs, by their places. */
export type Pair = readonly [first: number, second: number];

const FIRST_PAIR: Pair = [0, 1];

/** "AC": the first and the third run. Anything else, or a run that is not there, is the first two. */
export function readPair(text: string | null, runs: number): Pair {
  const [first, second, ...more] = [...(text ?? "")].map((letter) =>
    LETTERS.findIndex((one) => one === letter),
  );
  const isThere = (place: number | undefined): place is number =>
    place !== undefined && place >= 0 && place < runs;
  return isThere(first) && isThere(second) && first < second && more.length === 0
    ? [first, second]
    : FIRST_PAIR;
}

/** The pair as text for the address ("AC"); null for the first two, which are shown without it. */
export const writePair = ([first, second]: Pair): string | null =>
  first === FIRST_PAIR[0] && second === FIRST_PAIR[1]
    ? null
    : `${LETTERS[first]}${LETTERS[second]}`;

/** The filter for exactly the runs of a bit mask: bit i is set where run i is right. */
export const parseMask = (mask: number, runs: number): PatternFilter => ({
  right: Array.from({ length: runs }, (_, i) => i).filter((i) => mask & (1 << i)),
  wrong: Array.from({ length: runs }, (_, i) => i).filter((i) => !(mask & (1 << i))),
});

/** "A right, B wrong". */
export function formatFilter(t: Text, { right, wrong }: PatternFilter): string {
  return LETTERS.flatMap((letter, i) => [
    ...(right.includes(i) ? [t("{letter} right", { letter })] : []),
    ...(wrong.includes(i) ? [t("{letter} wrong", { letter })] : []),
  ]).join(", ");
}

/** Questions for which runs `first` and `second` are right or wrong, whatever the others are. */
export function countQuadrants(
  patterns: Compared["patterns"],
  first: number,
  second: number,
): { both: number; onlyFirst: number; onlySecond: number; neither: number } {
  const counts = { both: 0, onlyFirst: 0, onlySecond: 0, neither: 0 };
  for (const { mask, questions } of patterns) {
    const [a, b] = [(mask & (1 << first)) !== 0, (mask & (1 << second)) !== 0];
    counts[a ? (b ? "both" : "onlyFirst") : b ? "onlySecond" : "neither"] += questions;
  }
  return counts;
}
