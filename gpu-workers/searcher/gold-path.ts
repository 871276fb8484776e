import type { SearchConfig } from "@/contracts/run-config/search";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { EngineModel } from "@/gpu-workers/llm/engine/client";
import { searchWindows } from "./search-windows";
import type { RankedDocument, Retriever } from "@/gpu-workers/retrieval/retriever";
import { buildTurnGrammar } from "./turn-decoding";
import { formatSearcherQuestion, selectPrompt } from "./prompt";
import { countSearchesAllowed } from "./protocol";
import type { Tokenizer } from "@/gpu-workers/llm/model-files/tokenizer";
import type { TrainingSequence } from "./training-sequence";

/**
 * Demonstrations for the cold start. A gold path is the ideal episode of a question whose gold documents and queries are
 * known: in each window it selects the gold documents, stops once all of them are found, and otherwise writes the next
 * gold query.
 */
export interface GoldTurn {
  window: RankedDocument[];
  /** What the searcher should write. */
  text: string;
}

/** A gold path that is being walked. */
interface GoldPath {
  question: Question;
  /** The next search; null where the path has ended. */
  query: string | null;
  seen: Set<string>;
  /** Gold documents selected so far. */
  found: Set<string>;
  turns: GoldTurn[];
}

/** Whether a gold path can be built for the question. */
export const hasGoldPath = ({ goldIds }: Pick<Question, "goldIds">): boolean => goldIds.length > 0;

/**
 * Walks the gold paths of a batch of questions, with one batch of retrievals per turn.
 * @returns the turns of each question
 */
export async function walkGoldPaths(
  questions: readonly Question[],
  retriever: Pick<Retriever, "search">,
  settings: SearchConfig,
  signal: AbortSignal,
): Promise<GoldTurn[][]> {
  const paths = questions.map((question): GoldPath => ({
    question,
    query: question.question,
    seen: new Set(),
    found: new Set(),
    turns: [],
  }));
  const searches = countSearchesAllowed(settings);
  for (let turn = 0; turn <= searches; turn++) {
    const active = paths.filter(
      (path): path is GoldPath & { query: string } => path.query !== null,
    );
    if (active.length === 0) break;
    const windows = await searchWindows(
      retriever,
      active,
      settings.retrieve,
      settings.skipSeen,
      signal,
    );
    active.forEach((path: GoldPath, i) => {
      const window = windows[i]!;
      const step = planGoldTurn(path.question, window, path.found, turn, settings);
      path.turns.push({ window, text: step.text });
      path.query = step.query;
    });
  }
  return paths.map(({ turns }) => turns);
}

/**
 * Plans one turn of a gold path.
 * @param found gold documents selected so far; those of this turn are added
 * @returns what the searcher should write, and the next query; null where the search ends
 */
export function planGoldTurn(
  question: Pick<Question, "goldIds" | "goldQueries">,
  window: readonly { id: string }[],
  found: Set<string>,
  turn: number,
  settings: Pick<SearchConfig, "select" | "protocol" | "turns">,
): { text: string; query: string | null } {
  const selected = window
    .flatMap(({ id }, i) => (question.goldIds.includes(id) && !found.has(id) ? [i + 1] : []))
    .slice(0, settings.select);
  for (const position of selected) found.add(window[position - 1]!.id);
  const selection = `<important_info>[${selected.join(", ")}]</important_info>`;
  if (turn === countSearchesAllowed(settings)) return { text: selection, query: null };
  const next = question.goldQueries[turn];
  if (next === undefined || question.goldIds.every((id) => found.has(id)))
    return { text: `${selection}\n<search_complete>True</search_complete>`, query: null };
  const query = next.replace(/["\\<\s]+/g, " ").trim();
  return {
    text: `${selection}\n<search_complete>False</search_complete>\n<query>{"query": "${query}"}</query>`,
    query,
  };
}

/** Encodes a gold path as a training sequence, with exactly the tokens that guided decoding would have produced. */
export async function buildDemonstration(
  question: Question,
  path: readonly GoldTurn[],
  model: Pick<EngineModel, "encodeGuided">,
  tokenizer: Tokenizer,
  settings: SearchConfig,
  signal: AbortSignal,
  template = selectPrompt(settings),
): Promise<TrainingSequence> {
  const sequence: TrainingSequence = { ids: [], mask: [], logprobs: [], turns: [], guides: [] };
  for (const [turn, { window, text }] of path.entries()) {
    const prompt =
      turn === 0
        ? template.renderStart(
            formatSearcherQuestion(question, settings.protocol),
            window,
            settings,
            tokenizer.chat,
          )
        : template.renderObservation(
            window,
            countSearchesAllowed(settings) - turn,
            settings.protocol,
          );
    const fed = tokenizer.encode(prompt);
    const lark = buildTurnGrammar(settings, window.length, turn);
    const written =
      settings.decoding === "guided"
        ? await model.encodeGuided({ lark, text }, { signal })
        : { ids: tokenizer.encode(text), forced: [] };
    const start = sequence.ids.length + fed.length;
    sequence.ids.push(...fed, ...written.ids);
    sequence.turns.push(...[...fed, ...written.ids].map(() => turn));
    sequence.mask.push(
      ...fed.map(() => 0 as const),
      ...written.ids.map((_, i) => (written.forced[i] ? 0 : 1)),
    );
    if (settings.decoding === "guided")
      sequence.guides.push({ start, end: sequence.ids.length, lark });
  }
  sequence.logprobs = sequence.ids.map(() => 0);
  return sequence;
}
