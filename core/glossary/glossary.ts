import { COST_TERMS } from "./cost-terms";
import { S3, type Explanations, type GlossaryEntry } from "./glossary-entry";
import { LEARNING_TERMS } from "./learning-terms";
import { RUN_TERMS } from "./run-terms";
import { TERM_TITLES, type GlossaryTerm } from "./term-titles";
import { GAIN_TERMS, SEARCH_TERMS, TRAINING_TERMS } from "./training-terms";
import { SHOWN_TEXTS } from "./shown-texts";

const EPISODE_TERMS = {
  method: {
    text: "A way to answer a question: s3's search, or a baseline such as naive RAG, IRCoT or Search-R1.",
    source: "core/run/methods.ts; gpu-workers/methods/open-method.ts",
  },
  protocol: {
    text: "The rules of an episode: the paper's, or those of the released code with its defects.",
    source: "gpu-workers/searcher/protocol.ts; gpu-workers/searcher/upstream-turn.ts",
  },
  episode: {
    text: "One question on its way through search, answer and score. In training a question has several, its samples.",
    source: "contracts/records/episode.ts",
  },
  turn: {
    text: "One retrieval and what the searcher does with it. Turn 0 retrieves with the question itself.",
    source: `${S3}, section 3`,
  },
  window: {
    text: "The documents that one turn shows to the searcher.",
    source: `${S3}, section 3`,
  },
  "retrieve-select-turns": {
    text: "Documents a window, documents that may be selected of it, and searches after turn 0: 8-3-3 is the paper's setting.",
    source: `${S3}, table 3`,
  },
  "question-set": {
    text: "Questions with their gold answers and, where they are known, gold documents, type and group. A run keeps the version that it asked.",
    source: "contracts/formats/question-file.ts",
  },
  "gold-document": {
    text: "A document that the question set names as evidence for the answer.",
    source: "goldIds of a question: contracts/formats/question-file.ts",
  },
  searcher: {
    text: "The model that selects documents and writes queries. It is the one that is trained.",
    source: `${S3}, section 3`,
  },
  generator: {
    text: "The frozen model that answers from the documents that it is handed.",
    source: `${S3}, section 3`,
  },
  "naive-rag": {
    text: "The generator's answer from the documents that the question itself retrieves. It is the baseline of Gain Beyond RAG.",
    source: `${S3}, section 3`,
  },
  "implicit-selection": {
    text: "A turn without a selection of its own keeps its whole window. It counts as a format error.",
    source: "s3's released code",
  },
  "new-document": {
    text: "No earlier window of the episode held the document.",
    formula: "document ∉ windows of earlier turns",
    source: "gpu-workers/rl/episode-metrics.ts",
  },
  "retriever-score": {
    text: SHOWN_TEXTS["retriever-score"],
    source: "gpu-workers/retrieval/retriever.ts, RankedDocument",
  },
  advantage: {
    text: "How much better than expected an episode did: the weight of its tokens, as in the loss; 0 where a group got one reward. With a critic each token has its own.",
    formula:
      "PPO: Σ (γλ)ˡ δₜ₊ₗ, δₜ = rₜ + γ V(sₜ₊₁) − V(sₜ); GRPO: (reward − mean of the group) / standard deviation of the group; Dr. GRPO: reward − mean of the group",
    source: "Shao et al. 2024 (GRPO); Schulman et al. 2016 (GAE, with PPO)",
  },
  "outcome-reward": {
    text: "A reward for the answer alone, by exact match: what Search-R1 and R1 learn from, which answer by themselves. Naive RAG and a generator have no part in it.",
    source: "Jin et al. 2025 (Search-R1, arXiv 2503.09516), section 3.4",
  },
  "retrieved-token-mask": {
    text: "Tokens that the environment wrote, prompt and retrieved documents, are read and have no loss: the policy learns only from what it chose.",
    source: "Jin et al. 2025 (Search-R1, arXiv 2503.09516), section 3.1",
  },
  "turn-gain": {
    text: SHOWN_TEXTS["turn-gain"],
    formula: "score of the answer from the union of the selections of turns 0..t",
    source: "core/episode/turn-contexts.ts",
  },
  ceiling: {
    text: SHOWN_TEXTS.ceiling,
    formula: "score of the answer from the gold documents alone, mean over questions",
    source: "gpu-workers/methods/gold.ts",
  },
} satisfies Explanations;

/** Quadrants of Gain Beyond RAG, and the stages at which an answer is lost. */
const OUTCOME_TERMS = {
  ...GAIN_TERMS,
  "both-right": {
    text: SHOWN_TEXTS["both-right"],
    formula: "score of s3's answer = 1, of naive RAG's = 1",
    source: "gpu-workers/rl/episode-metrics.ts",
  },
  gained: {
    text: SHOWN_TEXTS.gained,
    formula: "score of s3's answer = 1, of naive RAG's = 0",
    source: "gpu-workers/rl/episode-metrics.ts",
  },
  lost: {
    text: SHOWN_TEXTS.lost,
    formula: "score of s3's answer = 0, of naive RAG's = 1",
    source: "gpu-workers/rl/episode-metrics.ts",
  },
  "both-wrong": {
    text: SHOWN_TEXTS["both-wrong"],
    formula: "score of s3's answer = 0, of naive RAG's = 0",
    source: "gpu-workers/rl/episode-metrics.ts",
  },
  correct: {
    text: SHOWN_TEXTS.correct,
    formula: "score = 1",
    source: "core/episode/turns.ts, attributeFailure",
  },
  outcome: {
    text: "Whether the answer is right, and where it is wrong the stage at which it was lost; with the episode's format errors.",
    source: "core/episode/turns.ts, attributeFailure",
  },
  "never-retrieved": {
    text: SHOWN_TEXTS["never-retrieved"],
    formula: "gold ⊄ windows",
    source: "core/episode/turns.ts, attributeFailure",
  },
  "not-selected": {
    text: SHOWN_TEXTS["not-selected"],
    formula: "gold ⊆ windows, gold ⊄ handed over",
    source: "core/episode/turns.ts, attributeFailure",
  },
  "generator-failed": {
    text: SHOWN_TEXTS["generator-failed"],
    formula: "gold ⊆ handed over, score < 1",
    source: "core/episode/turns.ts, attributeFailure",
  },
  span: {
    text: "Share of answers in which the words of a gold answer stand in a row, whatever the case, punctuation and Unicode form; a number is one word.",
    formula:
      "1 where a gold answer's words stand in the answer in a row, else 0; mean over answers",
    source: "core/scoring/span-words.ts",
  },
  "generation-accuracy": {
    text: "Share of answers that hold a gold answer or that the judge calls right. The paper's main figure.",
    source: S3,
  },
  "upstream-scorer": {
    text: "Span and judge as s3's code has them, with their defects: punctuation is deleted, an empty gold answer matches, a reply is searched for yes, then for no.",
    source: "s3's released code",
  },
  "unread-reply": {
    text: SHOWN_TEXTS["unread-reply"],
    formula: "unread replies / replies",
    source: "gpu-workers/llm/scoring/answer-scorer.ts",
  },
  "scorer-doubtful": {
    text: SHOWN_TEXTS["scorer-doubtful"],
    formula: "score < 1; of span, judge and option letter one ≥ 0.5, another < 0.5",
    source: "server/features/scoring/judging-scorers-sql.ts",
  },
  "no-gold": {
    text: SHOWN_TEXTS["no-gold"],
    formula: "gold = ∅, score < 1",
    source: "core/episode/turns.ts, attributeFailure",
  },
  scorer: {
    text: "What decides whether an answer is right: a rule, or a model as judge. Its version is part of its name, and only scores by the same scorer are compared.",
    source: "core/scoring/rule-scoring.ts; gpu-workers/llm/scoring/answer-scorer.ts",
  },
  judge: {
    text: "A model that is asked, at temperature 0, whether an answer states what a gold answer states. It says yes or no.",
    source: "gpu-workers/llm/scoring/judge.ts; the prompt: core/prompts/generating.ts",
  },
} satisfies Explanations;

const RETRIEVAL_TERMS = {
  recall: {
    text: SHOWN_TEXTS.recall,
    formula: "|gold ∩ first k| / |gold|",
    source: "trec_eval, recall_k",
  },
  "full-support": {
    text: SHOWN_TEXTS["full-support"],
    formula: "1 where gold ⊆ first k, else 0",
  },
  precision: {
    text: "Share of gold documents among the first k, of k.",
    formula: "|gold ∩ first k| / k",
    source: "trec_eval, P_k",
  },
  mrr: {
    text: "Mean reciprocal rank of the first gold document; 0 where none is found.",
    formula: "1 / rank of the first gold document, mean over questions",
    source: "Voorhees 1999 (TREC-8); trec_eval, recip_rank",
  },
  ndcg: {
    text: "Normalised discounted cumulated gain: gold documents count less the further down they stand. Gains are binary.",
    formula:
      "Σ 1 / log₂(rank + 1) over the gold documents found, by that of a ranking that begins with all of them",
    source: "Järvelin and Kekäläinen 2002; trec_eval, ndcg_cut_k",
  },
  corpus: {
    text: "The passages that are searched, each with id, title and text. An imported corpus has a hash of them as its version.",
    source: "contracts/formats/corpus-lines.ts",
  },
  retriever: {
    text: "What ranks the passages of a corpus for a query: by vectors, by BM25, by both, or a server elsewhere.",
    source: "gpu-workers/retrieval/backends/open-retriever.ts",
  },
  index: {
    text: "What makes a corpus searchable: the vectors of its passages, or the words that BM25 counts. It is built once for a corpus, an encoder and settings.",
    source: "gpu-workers/retrieval/indexes/index-store.ts",
  },
  encoder: {
    text: "The model that makes a vector of a passage or a query. A passage's score is the inner product of the two.",
    formula: "score = ⟨query, passage⟩",
    source: "gpu-workers/retrieval/encoders/encoder.ts",
  },
  bm25: {
    text: "Ranks passages by the words that they share with the query; rare words count more, long passages less.",
    formula:
      "Σ idf × tf / (tf + k1 × (1 − b + b × length / mean length)), idf = ln(1 + (N − df + 0.5) / (df + 0.5))",
    source: "Robertson and Zaragoza 2009; as in Lucene",
  },
  hybrid: {
    text: "Two rankings, by vectors and by BM25, made one: by reciprocal ranks, or by weighted scores that are scaled to 0..1.",
    formula: "Σ 1 / (k + rank), or Σ weight × scaled score",
    source: "Cormack, Clarke and Buettcher 2009; gpu-workers/retrieval/backends/fusion.ts",
  },
  reranker: {
    text: "A model that reads query and passage together and sorts the first documents of a ranking anew; the others stay behind them.",
    source: "Nogueira and Cho 2019 (arXiv 1901.04085); gpu-workers/retrieval/backends/reranking.ts",
  },
} satisfies Explanations;

const STATISTICS_TERMS = {
  "bootstrap-interval": {
    text: SHOWN_TEXTS["bootstrap-interval"],
    formula: "2.5th to 97.5th percentile of 10,000 means, whole groups drawn with replacement",
    source: "Davison and Hinkley 1997, section 3.8",
  },
  "paired-bootstrap": {
    text: "Tests the mean difference on the same questions; questions of a group are drawn together.",
    source: "Davison and Hinkley 1997",
  },
  mcnemar: {
    text: "Tests whether two methods answer different shares of the same questions, from those that only one answers.",
    formula: "min(1, 2 P(X ≤ min(b, c))), X ~ Binomial(b + c, ½), b and c the two counts",
    source: "McNemar 1947",
  },
  holm: {
    text: "Makes p-values larger, because several are looked at together.",
    formula: "the i-th smallest of m p-values × (m − i + 1), never below the one before",
    source: "Holm 1979",
  },
  "smallest-difference": {
    text: SHOWN_TEXTS["smallest-difference"],
    formula:
      "(t of 0.975 + t of 0.8) × standard error of the paired difference, groups of questions as one",
    source: "Bloom 1995; Miller 2024 (Adding Error Bars to Evals)",
  },
  "rank-interval": {
    text: SHOWN_TEXTS["rank-interval"],
    formula:
      "1 + methods shown to be better … methods − methods shown to be worse, by simultaneous paired comparisons",
    source: "Mogstad, Romano, Shaikh and Wilhelm 2024; letters: Piepho 2004",
  },
  "seed-average": {
    text: SHOWN_TEXTS["seed-average"],
    formula: "mean ± t of 0.975 × s / √k",
  },
  "discordant-questions": {
    text: SHOWN_TEXTS["discordant-questions"],
    formula:
      "|right of this method ∖ right of the reference| : |right of the reference ∖ right of this method|",
    source: "core/statistics/comparison.ts",
  },
  "pareto-front": {
    text: SHOWN_TEXTS["pareto-front"],
    formula: "methods of which no other has cost ≤ and score ≥, one of them strictly",
    source: "core/statistics/comparison.ts, findParetoFront",
  },
  kappa: {
    text: SHOWN_TEXTS.kappa,
    formula: "(observed agreement − expected) / (1 − expected)",
    source: "Cohen 1960",
  },
  "upset-plot": {
    text: SHOWN_TEXTS["upset-plot"],
    source: "Lex et al. 2014 (UpSet)",
  },
} satisfies Explanations;

const EXPLANATIONS: Required<Explanations> = {
  ...EPISODE_TERMS,
  ...OUTCOME_TERMS,
  ...SEARCH_TERMS,
  ...LEARNING_TERMS,
  ...TRAINING_TERMS,
  ...RUN_TERMS,
  ...COST_TERMS,
  ...RETRIEVAL_TERMS,
  ...STATISTICS_TERMS,
};

/** Entries of terms with their titles. */
const addTitles = <T extends Explanations>(terms: T) =>
  Object.fromEntries(
    Object.entries(terms).map(([term, explanation]) => [
      term,
      { title: TERM_TITLES[term as GlossaryTerm], ...explanation },
    ]),
  ) as Record<keyof T, GlossaryEntry>;

export const GLOSSARY: Readonly<Record<GlossaryTerm, GlossaryEntry>> = addTitles(EXPLANATIONS);

/** Parts of the glossary with their headings, in the order of the reference. */
export const GLOSSARY_SECTIONS: readonly {
  title: string;
  terms: Readonly<Record<string, GlossaryEntry>>;
}[] = [
  { title: "Episodes", terms: addTitles(EPISODE_TERMS) },
  { title: "Outcomes", terms: addTitles(OUTCOME_TERMS) },
  { title: "Search", terms: addTitles(SEARCH_TERMS) },
  { title: "Training", terms: addTitles({ ...LEARNING_TERMS, ...TRAINING_TERMS }) },
  { title: "Runs and workers", terms: addTitles(RUN_TERMS) },
  { title: "Time, memory and progress", terms: addTitles(COST_TERMS) },
  { title: "Retrieval", terms: addTitles(RETRIEVAL_TERMS) },
  { title: "Statistics", terms: addTitles(STATISTICS_TERMS) },
];
