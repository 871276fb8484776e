import type { Text } from "@/app/_i18n/format-text";
import type { Ledger } from "@/app/_episode/ledger";
import type { EpisodeDetail } from "@/app/_lib/live/trpc";
import { parseJson } from "@/app/_lib/config/parse-json";
import { compactRetriever } from "@/app/_lib/config/retriever-presets";
import { episodeChangeSchema, type EpisodeChange } from "@/contracts/api/tasks";
import type { GeneratorConfig } from "@/contracts/run-config/generator";
import type { RetrieverConfig } from "@/contracts/run-config/retriever";
import type { RunConfig } from "@/contracts/run-config/run-config";

/** What of a turn is changed: nothing (it is played again), its query, its selection; or only the answer is made anew. */
export const CHANGES = ["again", "query", "selection", "answer"] as const;
export type ChangeKind = (typeof CHANGES)[number];

/** A change while it is edited. */
export interface ChangeDraft {
  kind: ChangeKind;
  turn: number;
  query: string;
  selected: readonly string[];
  retriever: RetrieverConfig;
  generator: GeneratorConfig;
  checkpoint: string | null;
}

export type Checkpoint = { id: string; step: number };

interface DraftSources {
  detail: Pick<EpisodeDetail, "record">;
  config: Extract<RunConfig, { kind: "train" | "predict" }>;
  ledger: Ledger;
  turn: number;
  checkpoints: readonly Checkpoint[];
}

/**
 * The episode as it was, to be changed at a turn. The searcher is the run's own: of a training run its newest checkpoint
 * that is not younger than the episode.
 */
export function createDraft({
  detail,
  config,
  ledger,
  turn,
  checkpoints,
}: DraftSources): ChangeDraft {
  const { step } = detail.record;
  const own = checkpoints
    .filter((checkpoint) => step !== null && checkpoint.step <= step)
    .sort((a, b) => b.step - a.step)[0];
  const isSearch = detail.record.episode.method === "s3";
  const draft = {
    kind: isSearch ? "query" : "again",
    retriever: config.retriever,
    generator: config.generator,
    checkpoint: config.kind === "train" ? (own?.id ?? null) : config.searcher.checkpoint,
  } as const;
  return { ...draft, ...selectTurn(ledger, Number.isInteger(turn) ? turn : 0) };
}

/** A turn with its query and selection; one past the last has neither. */
export function selectTurn(
  { turns }: Ledger,
  wanted: number,
): Pick<ChangeDraft, "turn" | "query" | "selected"> {
  const turn = Math.max(0, Math.min(wanted, turns.length));
  const at = turns[turn];
  return {
    turn,
    query: at?.query ?? "",
    selected: at?.documents.filter(({ selected }) => selected).map(({ id }) => id) ?? [],
  };
}

/** Why the draft cannot be played; null: it can. */
export function findProblem(
  t: Text,
  { kind, turn, query }: ChangeDraft,
  { turns }: Ledger,
): string | null {
  if (kind === "query" && query.trim() === "") return t("Type the turn's query.");
  if (turn >= turns.length && kind !== "query" && kind !== "answer")
    return t("The search ended before this turn: give its query.");
  return null;
}

/** The change as it is sent. */
export function buildChange(draft: ChangeDraft, { turns }: Ledger): EpisodeChange {
  const { kind, turn, query, selected, retriever, generator, checkpoint } = draft;
  const shared = { retriever, generator, checkpoint };
  switch (kind) {
    case "answer":
      return { ...shared, turn: null };
    case "again":
      return { ...shared, turn };
    case "query":
      return query.trim() === turns[turn]?.query
        ? { ...shared, turn }
        : { ...shared, turn, query: query.trim() };
    case "selection":
      return { ...shared, turn, selected: [...selected] };
  }
}

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** The change as the address keeps it, without the models and the retriever of `begin`; null: it is that of `begin`. */
export function formatChange(
  draft: ChangeDraft,
  begin: ChangeDraft,
  ledger: Ledger,
): string | null {
  const change = buildChange(draft, ledger);
  if (isSame(change, buildChange(begin, ledger))) return null;
  const { retriever, generator } = draft;
  return JSON.stringify({
    ...change,
    retriever: isSame(retriever, begin.retriever) ? undefined : compactRetriever(retriever),
    generator: isSame(generator, begin.generator) ? undefined : generator,
  });
}

/** The draft that an address keeps; `begin` where it keeps none, or nothing that can be read. */
export function readChange(text: string | null, begin: ChangeDraft, ledger: Ledger): ChangeDraft {
  const { data: change } = episodeChangeSchema.safeParse(parseJson(text ?? ""));
  if (!change) return begin;
  const { turn, query, selected, retriever, generator, checkpoint } = change;
  const draft = {
    ...begin,
    ...(turn === null ? {} : selectTurn(ledger, turn)),
    ...(retriever && { retriever }),
    ...(generator && { generator }),
    checkpoint,
  };
  if (turn === null) return { ...draft, kind: "answer" };
  if (query !== undefined) return { ...draft, kind: "query", query };
  if (selected !== undefined) return { ...draft, kind: "selection", selected };
  return { ...draft, kind: "again" };
}
