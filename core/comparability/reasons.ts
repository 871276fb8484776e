import type { ComparabilityReason } from "@/contracts/records/comparability";

/** What each reason says, as ICU message over the reason's values. */
export const COMPARABILITY_REASONS: Readonly<Record<ComparabilityReason["code"], string>> = {
  questions: "other questions: {questionSet}",
  "questions-version": "another version of {questionSet}",
  "all-questions": "all questions",
  "first-questions":
    "only the first {limit, plural, one {{limit} question} other {{limit} questions}}",
  "sampled-questions":
    "only a sample: {limit, plural, one {{limit} question} other {{limit} questions}} of each source by seed {sampleSeed}",
  "without-yes-no": "without questions answered by yes or no",
  "with-yes-no": "questions answered by yes or no, too",
  corpus: "another corpus: {corpus}",
  "corpus-version": "another version of the corpus {corpus}",
  generator: "another generator: {generator}",
  prompt: "another prompt: {promptStyle}",
  "token-limit":
    "another limit of answers: {tokens, plural, one {{tokens} token} other {{tokens} tokens}}",
  "unknown-token-limit": "another limit of answers: not known",
  scorer: "another scorer: {scorer}",
  incomplete:
    "incomplete: {scored} of {expected}{unscored, plural, =0 {} other {, {unscored} answered but not scored}}{failed, plural, =0 {} other {, {failed} failed}}",
};
