import type { MethodName } from "@/contracts/records/episode";
import type { GlossaryTerm } from "./term-titles";

/**
 * What terms mean that pages show without being asked. They stand apart, as a page that reads the glossary is sent all of
 * it.
 */
export const SHOWN_TEXTS = {
  recall:
    "Mean share of the gold documents among the first k. Where two curves meet, a reader of k documents sees no difference.",
  "full-support":
    "Share of questions with all their gold documents among the first k: the ceiling of whoever reads k documents.",
  "both-right": "s3 and naive RAG answer",
  gained: "s3 answers, naive RAG does not",
  lost: "naive RAG answers, s3 does not",
  "both-wrong": "neither answers",
  correct: "the answer is right",
  "never-retrieved": "some gold document was in no window",
  "not-selected": "retrieved, but not handed over",
  "generator-failed": "it had the gold documents and answered wrong",
  "scorer-doubtful": "wrong, while two judging scorers differ",
  "no-gold": "the question names no gold documents",
  ceiling:
    "What the generator answers from the gold documents alone. Answered once for all methods.",
  "unread-reply":
    "A judge's reply that says neither yes nor no. It counts as no, is counted and listed, and its share stands beside the judged figure.",
  "smallest-difference":
    "The smallest true difference, in points, that this many questions show in four of five repetitions (power 80%, two-sided level 5%, this comparison alone). A smaller one can be there and stay unseen.",
  "upset-plot": "A column counts the questions that exactly the marked runs answer.",
  kappa:
    "Agreement of two raters beyond what chance gives: 1 is full agreement, 0 is chance. Not defined where nothing is labelled or one verdict was given throughout.",
  "pareto-front":
    "Per question. The line is the Pareto front: no other method is both cheaper and better.",
  "discordant-questions": "Questions that only this method answers, and only the reference",
  "bootstrap-interval":
    "Intervals: 95%, bootstrap over groups of questions where the set names groups.",
  "rank-interval":
    "The ranks that the questions leave open, for all methods of a column together at 95%. Methods that share a letter are not shown to differ.",
  "seed-average":
    "Mean over k seeds of the same method on the same questions, with the standard deviation s between seeds.",
  "search-time": "The search itself, on the worker",
  "opening-time": "Until the retriever was open: an index that was missing is built in this time",
  "total-time": "From the request to its answer, the way to the worker and back included",
  "retriever-score":
    "Score of this retriever; scores of different retrievers have different scales",
  "turn-gain":
    "What the generator answers from the documents kept up to each turn, and from the gold documents alone.",
} as const satisfies Partial<Record<GlossaryTerm, string>>;

/** What each method does, in a few words. */
export const METHOD_SUMMARIES: Readonly<Record<MethodName, string>> = {
  s3: "search loop",
  rag: "the question's own top documents",
  direct: "no documents",
  cot: "no documents, step by step",
  ircot: "reasoning asks for documents",
  deepretrieval: "rewritten query",
  "search-r1": "searches while it reasons",
  "search-o1": "searches, condenses",
  r1: "reasoning model, no documents",
  sft: "fine-tuned, no documents",
  gold: "the generator's ceiling",
};
