import type { EvaluateConfig } from "@/contracts/run-config/evaluate-config";

export interface EvaluateRun {
  name: string;
  config: EvaluateConfig;
  /** Version of the question set that its stored rankings are of; null before the first. */
  setId: string | null;
}

/** Why two evaluate runs cannot stand side by side; null where they can. */
export function explainIncomparability(first: EvaluateRun, other: EvaluateRun): string | null {
  const [a, b] = [`“${first.name}”`, `“${other.name}”`];
  if (first.config.questions !== other.config.questions)
    return `${a} ranked for the questions of "${first.config.questions}", ${b} for those of "${other.config.questions}": retrievers are compared on the same questions.`;
  if (first.config.corpus !== other.config.corpus)
    return `${a} searched the corpus "${first.config.corpus}", ${b} "${other.config.corpus}": retrievers are compared on the same documents.`;
  if (first.setId !== null && other.setId !== null && first.setId !== other.setId)
    return `The question set "${first.config.questions}" was changed between ${a} and ${b}. Run the older one again.`;
  return null;
}
