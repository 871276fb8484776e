import type { MethodName } from "@/contracts/records/episode";
import { COST_TERMS } from "./cost-terms";
import type { Explanations, GlossaryEntry } from "./glossary-entry";
import { TERM_TITLES, type GlossaryTerm } from "./term-titles";

const S3 = "Jiang et al. 2025 (s3, arXiv 2505.14146)";

const EPISODE_TERMS = {
  episode: {
    text: "One question on its way through search, answer and score. In training a question has several, its samples.",
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
  "gold-document": {
    text: "A document that the question set names as evidence for the answer.",
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
  },
  "retriever-score": {
    text: "Score of this retriever; scores of different retrievers have different scales",
  },
  advantage: {
    text: "How much better an episode did than expected: what the policy gradient weighs its tokens by. Where a whole group got the same reward it is 0.",
    formula: "GRPO: (reward − mean of the group) / standard deviation of the group",
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
    text: "What the generator answers from the documents kept up to each turn, and from the gold documents alone.",
  },
  ceiling: {
    text: "What the generator answers from the gold documents alone. Answered once for all methods.",
  },
} satisfies Explanations;

/** Quadrants of Gain Beyond RAG, and the stages at which an answer is lost. */
const OUTCOME_TERMS = {
  "gain-beyond-rag": {
    text: "Who answers: s3 alone (gained), naive RAG alone (lost), both, neither. GBR = gained − lost.",
    formula: "accuracy from the searcher's documents − accuracy from naive RAG's documents",
    source: `${S3}, section 3`,
  },
  "both-right": { text: "s3 and naive RAG answer" },
  gained: { text: "s3 answers, naive RAG does not" },
  lost: { text: "naive RAG answers, s3 does not" },
  "both-wrong": { text: "neither answers" },
  correct: { text: "the answer is right" },
  outcome: {
    text: "Whether the answer is right, and where it is wrong the stage at which it was lost; with the episode's format errors.",
  },
  "never-retrieved": {
    text: "some gold document was in no window",
  },
  "not-selected": { text: "retrieved, but not handed over" },
  "generator-failed": {
    text: "it had the gold documents and answered wrong",
  },
  span: {
    text: "Share of answers in which the words of a gold answer stand in a row, whatever the case, punctuation and Unicode form; a number is one word.",
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
    text: "A judge's reply that says neither yes nor no. It counts as no, is counted and listed, and its share stands beside the judged figure.",
  },
  "scorer-doubtful": {
    text: "wrong, while two judging scorers differ",
  },
  "no-gold": { text: "the question names no gold documents" },
} satisfies Explanations;

const SEARCH_TERMS = {
  "gold-found-and-kept": {
    text: "Share of gold documents in any window, and handed to the generator. The space between is the selection's loss.",
    formula: "|gold ∩ windows| / |gold|, |gold ∩ handed over| / |gold|, mean over episodes",
  },
  "gold-found-by-turn": {
    text: "Share of gold documents in the windows up to each turn: what each search adds.",
    formula: "|gold ∩ windows of turns 0..t| / |gold|, mean over episodes",
  },
  "search-effort": {
    text: "Searches after the question's own retrieval, and documents handed over: gains should not come from more of them alone.",
  },
  "format-error": {
    text: "Format errors per episode, and the share of turns without a selection of their own.",
  },
  novelty: {
    text: "Documents of later windows that no earlier one held; queries that repeat an earlier one or the question.",
  },
  "action-tokens": {
    text: "Tokens that the searcher wrote itself, mean and longest.",
  },
} satisfies Explanations;

const TRAINING_TERMS = {
  reward: {
    text: "What training makes larger: the terms that the configuration weighs, such as Gain Beyond RAG. An episode that is not trained on has none.",
    formula: "Σ weight × term",
    source: `${S3}, section 3`,
  },
  "reward-and-accuracy": {
    text: "Training reward per step; the answer is right on held-out questions, greedy, against naive RAG on the same questions.",
  },
  "training-outcomes": {
    text: "Share of episodes by who answers; the names are upstream's utility and generation.",
  },
  "reward-terms": {
    text: "What each term adds to the mean reward; a cost is below zero.",
    formula: "reward = Σ weight × term",
  },
  "cold-start-loss": {
    text: "Cross-entropy per action token on gold-path demonstrations, by batch, before reinforcement learning.",
    formula: "−mean log π(action token)",
  },
  "cold-start-validation": {
    text: "Accuracy on training questions that are set apart, by batch. The weights that score best here begin the reinforcement learning.",
  },
  "group-without-variance": {
    text: "Groups whose samples all got the same reward give no gradient; resampled ones were drawn again. Of a dead question no sample is right.",
    source: "Yu et al. 2025 (DAPO, dynamic sampling)",
  },
  "query-information": {
    text: "What a query tells of its question, of all that the step asked: near 0 the searcher writes the same whatever is asked.",
    formula:
      "I(query; question) / log n ≥ 1 + mean log softmax(10 × shared words)ᵢ / log n, n the questions",
    source:
      "van den Oord et al. 2018 (InfoNCE, arXiv 1807.03748); Wang et al. 2026 (RAGEN-2, arXiv 2604.06268)",
  },
  "likelihood-of-good-episodes": {
    text: "Mean log-probability of the tokens with a positive advantage, before the update. It should rise as the policy becomes sure of what is right; a steady fall comes before a collapse.",
    formula: "mean log π(action token), advantage > 0",
    source: "Deng et al. 2025 (arXiv 2512.04220)",
  },
  "policy-loss": {
    text: "Per action token. Its size means little by itself; watch for jumps.",
    formula:
      "PPO and GRPO: −min(ρ A, clip(ρ, 1 − ε, 1 + ε) A), ρ the importance ratio, A the advantage; GSPO: ρ of the whole episode, the geometric mean of its tokens'; CISPO: −clip(ρ) A log π, clip(ρ) a constant",
    source:
      "Schulman et al. 2017 (PPO); Zheng et al. 2025 (GSPO, arXiv 2507.18071); MiniMax 2025 (CISPO, arXiv 2506.13585)",
  },
  "importance-ratio": {
    text: "Rollouts overlap the update, so episodes are of the weights one step before; far from 1 the update hardly corrects that.",
    formula: "π(token) under the weights now / under the weights that sampled it",
  },
  kl: {
    text: "How far the policy went from where reinforcement learning began, per action token.",
    formula:
      "estimators of KL(π ‖ π₀) with d = log π − log π₀: k1 = d, k2 = d² / 2, k3 = exp(−d) − 1 + d",
    source: "Schulman 2020 (Approximating KL divergence)",
  },
  "sampler-mismatch": {
    text: "Distance of their log-probabilities of the same token: large ones make the importance ratio wrong.",
    formula: "|log π(token) in the sampler − in the trainer|",
  },
  entropy: {
    text: "Of the policy per action token; a fall to zero means it no longer explores.",
    formula: "−Σ π(v) log π(v) over the vocabulary",
  },
  "gradient-norm": {
    text: "Norm before clipping: repeated peaks precede a collapse. Share of action tokens whose ratio was clipped.",
    formula: "‖gradient‖₂",
  },
  "values-and-returns": {
    text: "What the critic expected before the update, and what came: they should approach each other.",
    source: "Schulman et al. 2016 (GAE)",
  },
  "explained-variance": {
    text: "Share of the returns' variance that the critic foresaw: 0 knows only the mean, below 0 is worse than that.",
    formula: "1 − Var(return − value) / Var(return)",
  },
  "value-loss": {
    text: "Half the squared error per action token, and the share of tokens whose loss was clipped.",
    formula: "(value − return)² / 2",
    source: "Schulman et al. 2017 (PPO); verl's clipping",
  },
  "critic-gradient-norm": {
    text: "Before clipping.",
    formula: "‖gradient‖₂",
  },
} satisfies Explanations;

const RETRIEVAL_TERMS = {
  recall: {
    text: "Mean share of the gold documents among the first k. Where two curves meet, a reader of k documents sees no difference.",
    formula: "|gold ∩ first k| / |gold|",
    source: "trec_eval, recall_k",
  },
  "full-support": {
    text: "Share of questions with all their gold documents among the first k: the ceiling of whoever reads k documents.",
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
} satisfies Explanations;

const STATISTICS_TERMS = {
  "bootstrap-interval": {
    text: "Intervals: 95%, bootstrap over groups of questions where the set names groups.",
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
    text: "The smallest true difference, in points, that this many questions show in four of five repetitions (power 80%, two-sided level 5%, this comparison alone). A smaller one can be there and stay unseen.",
    formula:
      "(t of 0.975 + t of 0.8) × standard error of the paired difference, groups of questions as one",
    source: "Bloom 1995; Miller 2024 (Adding Error Bars to Evals)",
  },
  "rank-interval": {
    text: "The ranks that the questions leave open, for all methods of a column together at 95%. Methods that share a letter are not shown to differ.",
    formula:
      "1 + methods shown to be better … methods − methods shown to be worse, by simultaneous paired comparisons",
    source: "Mogstad, Romano, Shaikh and Wilhelm 2024; letters: Piepho 2004",
  },
  "seed-average": {
    text: "Mean over k seeds of the same method on the same questions, with the standard deviation s between seeds.",
    formula: "mean ± t of 0.975 × s / √k",
  },
  "discordant-questions": {
    text: "Questions that only this method answers, and only the reference",
  },
  "pareto-front": {
    text: "Per question. The line is the Pareto front: no other method is both cheaper and better.",
  },
  kappa: {
    text: "Agreement of two raters beyond what chance gives: 1 is full agreement, 0 is chance. Not defined where nothing is labelled or one verdict was given throughout.",
    formula: "(observed agreement − expected) / (1 − expected)",
    source: "Cohen 1960",
  },
  "upset-plot": {
    text: "A column counts the questions that exactly the marked runs answer.",
    source: "Lex et al. 2014 (UpSet)",
  },
} satisfies Explanations;

const EXPLANATIONS: Required<Explanations> = {
  ...EPISODE_TERMS,
  ...OUTCOME_TERMS,
  ...SEARCH_TERMS,
  ...TRAINING_TERMS,
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

/** Parts of the glossary with their headings, in the order of the reference. */
export const GLOSSARY_SECTIONS: readonly {
  title: string;
  terms: Readonly<Record<string, GlossaryEntry>>;
}[] = [
  { title: "Episodes", terms: addTitles(EPISODE_TERMS) },
  { title: "Outcomes", terms: addTitles(OUTCOME_TERMS) },
  { title: "Search", terms: addTitles(SEARCH_TERMS) },
  { title: "Training", terms: addTitles(TRAINING_TERMS) },
  { title: "Time, memory and progress", terms: addTitles(COST_TERMS) },
  { title: "Retrieval", terms: addTitles(RETRIEVAL_TERMS) },
  { title: "Statistics", terms: addTitles(STATISTICS_TERMS) },
];
