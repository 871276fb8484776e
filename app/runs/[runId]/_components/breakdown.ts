/** Filters of episodes.list whose totals make up the breakdown. */
export const COUNTED = ["all", "correct", "wrong", "gained", "lost"] as const;
export type Counted = (typeof COUNTED)[number];

export interface Part {
  label: string;
  count: number;
  colour: string;
  /** Filter of the episodes table that shows these. */
  filter: string;
  /** What it means, in a sentence. */
  meaning: string;
}

export interface Breakdown {
  total: number;
  correct: number;
  /** Against naive RAG, where it was answered as well. */
  quadrants: Part[];
}

/** Makes parts that add up: both right and both wrong are what gained and lost leave of right and wrong. */
export function computeBreakdown(counts: Record<Counted, number>): Breakdown {
  return {
    total: counts.all,
    correct: counts.correct,
    quadrants: [
      {
        label: "Both right",
        count: counts.correct - counts.gained,
        colour: "var(--series-1)",
        filter: "correct",
        meaning: "s3 and naive RAG answer",
      },
      {
        label: "Gained",
        count: counts.gained,
        colour: "var(--series-3)",
        filter: "gained",
        meaning: "s3 answers, naive RAG does not",
      },
      {
        label: "Lost",
        count: counts.lost,
        colour: "var(--series-2)",
        filter: "lost",
        meaning: "naive RAG answers, s3 does not",
      },
      {
        label: "Both wrong",
        count: counts.wrong - counts.lost,
        colour: "var(--series-7)",
        filter: "wrong",
        meaning: "neither answers",
      },
    ],
  };
}
