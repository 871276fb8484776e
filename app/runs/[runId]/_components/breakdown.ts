import { GLOSSARY, type GlossaryTerm } from "@/core/glossary/glossary";

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

const describe = (term: GlossaryTerm) => ({
  label: GLOSSARY[term].title,
  meaning: GLOSSARY[term].text,
});

/** Computes the four quadrants: both right = right − gained, both wrong = wrong − lost. */
export function computeBreakdown(counts: Record<Counted, number>): Breakdown {
  return {
    total: counts.all,
    correct: counts.correct,
    quadrants: [
      {
        ...describe("both-right"),
        count: counts.correct - counts.gained,
        colour: "var(--series-1)",
        filter: "correct",
      },
      {
        ...describe("gained"),
        count: counts.gained,
        colour: "var(--series-3)",
        filter: "gained",
      },
      {
        ...describe("lost"),
        count: counts.lost,
        colour: "var(--series-2)",
        filter: "lost",
      },
      {
        ...describe("both-wrong"),
        count: counts.wrong - counts.lost,
        colour: "var(--series-7)",
        filter: "wrong",
      },
    ],
  };
}
