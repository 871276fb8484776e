import type { GlossaryTerm } from "./term-titles";

/**
 * Every term that the pages explain: its name, what it means in a sentence or two, its formula, and where it comes from.
 * The pages' help texts and docs/reference/glossary.md are both taken from here.
 */
export interface GlossaryEntry {
  title: string;
  text: string;
  formula?: string;
  /** A paper (authors and year), the part of s3 that it is taken from, or the file where the rule stands, from the repository's root. */
  source?: string;
}

/** The paper that most terms come from. */
export const S3 = "Jiang et al. 2025 (s3, arXiv 2505.14146)";

/** What terms mean, without their titles, which stand in term-titles.ts. */
export type Explanations = Partial<Record<GlossaryTerm, Omit<GlossaryEntry, "title">>>;
