import type { LeaderboardCell } from "@/app/_lib/live/trpc";
import { SHOWN_TEXTS } from "@/core/glossary/shown-texts";
import { TERM_TITLES } from "@/core/glossary/term-titles";

type Shares = LeaderboardCell["attribution"];

/** A part of all answers: a term of the glossary with its colour, and the filter of the episodes that shows it. */
export const definePart = (
  term: keyof typeof SHOWN_TEXTS,
  series: number,
  filter: string = term,
) => ({
  label: TERM_TITLES[term],
  meaning: SHOWN_TEXTS[term],
  colour: `var(--series-${series})`,
  filter,
});

/** Where answers were lost, in the order of the stages; the same colours as on the run's page. */
export const ATTRIBUTION_PARTS = [
  { key: "correct", ...definePart("correct", 1) },
  { key: "neverRetrieved", ...definePart("never-retrieved", 2) },
  { key: "notSelected", ...definePart("not-selected", 5) },
  { key: "generatorFailed", ...definePart("generator-failed", 4) },
  { key: "scorerDoubtful", ...definePart("scorer-doubtful", 6) },
  { key: "noGold", ...definePart("no-gold", 7, "wrong") },
] as const satisfies readonly (ReturnType<typeof definePart> & { key: keyof Shares })[];

/** Number of answers in all parts. */
export const sumAttribution = (shares: Shares): number =>
  ATTRIBUTION_PARTS.reduce((sum, { key }) => sum + shares[key], 0);
