import type { MethodSettings } from "@/contracts/run-config/method";
import type { MethodName } from "@/contracts/records/episode";

/** What a method needs and who answers its questions. */
export interface MethodTraits {
  title: string;
  /** It searches, so it needs a corpus. */
  retrieves: boolean;
  /** It asks a model of its own (setting `searcher`). */
  asksModel: boolean;
  /** Who can answer: the frozen generator from its documents, the method itself, or either. */
  answers: "generator" | "method" | "either";
}

export const METHODS: Readonly<Record<MethodName, MethodTraits>> = {
  s3: { title: "s3", retrieves: true, asksModel: true, answers: "generator" },
  rag: { title: "RAG", retrieves: true, asksModel: false, answers: "generator" },
  direct: { title: "Direct", retrieves: false, asksModel: true, answers: "method" },
  cot: { title: "Chain of thought", retrieves: false, asksModel: true, answers: "method" },
  ircot: { title: "IRCoT", retrieves: true, asksModel: true, answers: "either" },
  deepretrieval: { title: "DeepRetrieval", retrieves: true, asksModel: true, answers: "generator" },
  "search-r1": { title: "Search-R1", retrieves: true, asksModel: true, answers: "either" },
  "search-o1": { title: "Search-o1", retrieves: true, asksModel: true, answers: "either" },
  r1: { title: "R1", retrieves: false, asksModel: true, answers: "method" },
  sft: { title: "SFT", retrieves: false, asksModel: true, answers: "method" },
  // Not a method to compare with: the generator's accuracy with all the evidence is the upper bound of every method that it answers for.
  gold: { title: "Gold documents", retrieves: true, asksModel: false, answers: "generator" },
};

/** Which components a method uses in a predict run. */
export interface MethodComponents {
  retrieves: boolean;
  asksModel: boolean;
  /** The frozen generator answers, and naive RAG is answered with it for comparison. */
  generates: boolean;
}

/** The components that a method uses with these settings (`answeredBy` decides where either can answer). */
export function getMethodComponents({
  method,
  methodSettings: { answeredBy },
}: {
  method: MethodName;
  methodSettings: Pick<MethodSettings, "answeredBy">;
}): MethodComponents {
  const { retrieves, asksModel, answers } = METHODS[method];
  return {
    retrieves,
    asksModel,
    generates: answers === "generator" || (answers === "either" && answeredBy === "generator"),
  };
}
