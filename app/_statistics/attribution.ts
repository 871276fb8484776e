import type { LeaderboardCell } from "@/app/_lib/trpc";
import { GLOSSARY, type GlossaryTerm } from "@/core/glossary/glossary";

type Shares = LeaderboardCell["attribution"];

const describe = (term: GlossaryTerm) => ({
  label: GLOSSARY[term].title,
  meaning: GLOSSARY[term].text,
});

/** Where answers were lost, in the order of the stages; the same colours as on the run's page. */
export const ATTRIBUTION_PARTS = [
  {
    key: "correct",
    ...describe("correct"),
    colour: "var(--series-1)",
    filter: "correct",
  },
  {
    key: "neverRetrieved",
    ...describe("never-retrieved"),
    colour: "var(--series-2)",
    filter: "never-retrieved",
  },
  {
    key: "notSelected",
    ...describe("not-selected"),
    colour: "var(--series-5)",
    filter: "not-selected",
  },
  {
    key: "generatorFailed",
    ...describe("generator-failed"),
    colour: "var(--series-4)",
    filter: "generator-failed",
  },
  {
    key: "scorerDoubtful",
    ...describe("scorer-doubtful"),
    colour: "var(--series-6)",
    filter: "scorer-doubtful",
  },
  {
    key: "noGold",
    ...describe("no-gold"),
    colour: "var(--series-7)",
    filter: "wrong",
  },
] as const satisfies readonly {
  key: keyof Shares;
  label: string;
  colour: string;
  filter: string;
  meaning: string;
}[];

/** Number of answers in all parts. */
export const sumAttribution = (shares: Shares): number =>
  ATTRIBUTION_PARTS.reduce((sum, { key }) => sum + shares[key], 0);
