/** Filters of episodes.list whose totals make up the breakdown. */
export const COUNTED = ["all", "correct", "wrong", "gained", "lost", "never-retrieved", "not-selected", "generator-failed"] as const;
export type Counted = (typeof COUNTED)[number];

export interface Part {
  label: string;
  count: number;
  colour: string;
  /** Filter of the episodes table that shows these. */
  filter: Counted;
  /** What it means, in a sentence. */
  meaning: string;
}

export interface Breakdown {
  total: number;
  correct: number;
  /** Against naive RAG, where it was answered as well. */
  quadrants: Part[];
  /** Where wrong answers were lost. What no part claims has no gold documents to tell by. */
  attribution: Part[];
}

/** Makes parts that add up: both right and both wrong are what gained and lost leave of right and wrong. */
export function breakdownOf(counts: Record<Counted, number>): Breakdown {
  const unattributed = counts.wrong - counts["never-retrieved"] - counts["not-selected"] - counts["generator-failed"];
  return {
    total: counts.all,
    correct: counts.correct,
    quadrants: [
      { label: "Both right", count: counts.correct - counts.gained, colour: "var(--series-1)", filter: "correct", meaning: "s3 and naive RAG answer" },
      { label: "Gained", count: counts.gained, colour: "var(--series-3)", filter: "gained", meaning: "s3 answers, naive RAG does not" },
      { label: "Lost", count: counts.lost, colour: "var(--series-2)", filter: "lost", meaning: "naive RAG answers, s3 does not" },
      { label: "Both wrong", count: counts.wrong - counts.lost, colour: "var(--series-7)", filter: "wrong", meaning: "neither answers" },
    ],
    attribution: [
      { label: "Correct", count: counts.correct, colour: "var(--series-1)", filter: "correct", meaning: "the answer holds a gold answer" },
      { label: "Never retrieved", count: counts["never-retrieved"], colour: "var(--series-2)", filter: "never-retrieved", meaning: "some gold document was in no window" },
      { label: "Not selected", count: counts["not-selected"], colour: "var(--series-5)", filter: "not-selected", meaning: "retrieved, but not handed over" },
      { label: "Generator failed", count: counts["generator-failed"], colour: "var(--series-4)", filter: "generator-failed", meaning: "it had the gold documents and answered wrong" },
      ...(unattributed > 0 ? [{ label: "Not known", count: unattributed, colour: "var(--series-7)", filter: "wrong" as const, meaning: "the question names no gold documents" }] : []),
    ],
  };
}
