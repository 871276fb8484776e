import { markText, type Text } from "@/app/_i18n/format-text";
import type {
  Attribution,
  DocumentRef,
  DocumentText,
  EpisodeStep,
  StepOfKind,
} from "@/contracts/records/episode";
import { groupStepsByTurn } from "@/core/episode/turns";

/** One document in a window, with everything the ledger says about it. */
export interface LedgerDocument {
  id: string;
  rank: number;
  score: number | null;
  /** Null where its text is not stored. */
  text: DocumentText | null;
  fresh: boolean;
  gold: boolean;
  selected: boolean;
}

export interface LedgerTurn {
  index: number;
  /** Null where nothing was searched. */
  query: string | null;
  documents: LedgerDocument[];
  /** When an online search gave them; absent: they are of a corpus. */
  fetchedAt?: string;
  implicit: boolean;
  /** Gold documents that no earlier window held. */
  newGold: number;
  /** Gold documents retrieved and handed over up to and with this turn. */
  goldRetrieved: number;
  goldSelected: number;
  rejected: StepOfKind<"reject">[];
  stop: StepOfKind<"stop"> | null;
  seconds: number;
}

export interface Ledger {
  turns: LedgerTurn[];
  gold: number;
}

/** The turns of an episode with what is new, gold and selected, and how much of the evidence each turn brought. */
export function buildLedger(
  steps: readonly EpisodeStep[],
  goldIds: readonly string[],
  documents: Readonly<Record<string, DocumentText>>,
): Ledger {
  const gold = new Set(goldIds);
  const retrieved = new Set<string>();
  const selected = new Set<string>();
  const seconds = new Map<number, number>();
  for (const step of steps) seconds.set(step.turn, (seconds.get(step.turn) ?? 0) + step.seconds);
  const turns = groupStepsByTurn(steps).map((turn): LedgerTurn => {
    const newGold = turn.documents.filter((d) => gold.has(d.id) && !retrieved.has(d.id)).length;
    for (const d of turn.documents) if (gold.has(d.id)) retrieved.add(d.id);
    for (const id of turn.selected) if (gold.has(id)) selected.add(id);
    return {
      index: turn.index,
      query: turn.query,
      documents: turn.documents.map((d, i) => ({
        id: d.id,
        rank: i + 1,
        score: d.score,
        text: documents[d.hash] ?? null,
        fresh: turn.fresh.has(d.id),
        gold: gold.has(d.id),
        selected: turn.selected.has(d.id),
      })),
      ...(turn.fetchedAt !== undefined && { fetchedAt: turn.fetchedAt }),
      implicit: turn.implicit,
      newGold,
      goldRetrieved: retrieved.size,
      goldSelected: selected.size,
      rejected: turn.rejected,
      stop: turn.stop,
      seconds: seconds.get(turn.index) ?? 0,
    };
  });
  return { turns, gold: gold.size };
}

export interface GoldOutcome {
  id: string;
  /** The first turn whose window held it; null: none did. */
  retrievedIn: number | null;
  handedOver: boolean;
}

/** "turn 1, kept", "turn 1, dropped", "never retrieved". */
export function describeGoldOutcome(t: Text, { retrievedIn, handedOver }: GoldOutcome): string {
  if (retrievedIn === null) return handedOver ? t("handed over") : t("never retrieved");
  return handedOver
    ? t("turn {turn}, kept", { turn: retrievedIn })
    : t("turn {turn}, dropped", { turn: retrievedIn });
}

/** For each gold document: the first turn whose window held it, and whether the generator got it. */
export function traceGold(
  ledger: Ledger,
  goldIds: readonly string[],
  context: readonly DocumentRef[],
): GoldOutcome[] {
  const handed = new Set(context.map((d) => d.id));
  return goldIds.map((id) => ({
    id,
    retrievedIn:
      ledger.turns.find((turn) => turn.documents.some((d) => d.id === id))?.index ?? null,
    handedOver: handed.has(id),
  }));
}

/** Where the answer was lost, in words; names the documents that were missing. */
export function explainAttribution(
  t: Text,
  attribution: Attribution | null,
  fates: readonly GoldOutcome[],
  getTitle: (id: string) => string,
): string | null {
  const writeNames = (wanted: readonly GoldOutcome[]) =>
    wanted.map((f) => `“${getTitle(f.id)}”`).join(", ");
  switch (attribution) {
    case null:
      return null;
    case "correct":
      return t("The answer is right.");
    case "never-retrieved": {
      const missing = fates.filter((f) => f.retrievedIn === null);
      return t(
        "Lost in retrieval: {missing} of {gold} gold documents {missing, plural, one {was} other {were}} in no window: {names}.",
        { missing: missing.length, gold: fates.length, names: writeNames(missing) },
      );
    }
    case "not-selected": {
      const missing = fates.filter((f) => !f.handedOver);
      return t("Lost in selection: retrieved, but not handed to the generator: {names}.", {
        names: writeNames(missing),
      });
    }
    case "generator-failed":
      return t("Lost in generation: the generator had every gold document and answered wrong.");
    case "no-gold":
      return t(
        "The answer is wrong. The question names no gold documents, so it cannot be told where it was lost.",
      );
  }
}

/** What the generator answers if the search ends with a turn. */
export interface TurnGain {
  answer: string;
  score: number;
}

/** Why the search ended, as the turn says it; shown by `t`. */
export const STOP_REASON: Record<StepOfKind<"stop">["reason"], string> = {
  model: markText("The searcher ended the search."),
  turns: markText("No turns were left."),
  malformed: markText("Ended: neither a query nor a decision was given."),
  length: markText("Ended: cut by the token limit."),
};

/** The reward as a sum: "1 × 1 accuracy − 1 × 0 naive RAG = 1". */
export function listRewardParts(
  terms: readonly { label: string; weight: number; value: number }[],
): { sign: "+" | "−" | ""; weight: number; value: number; label: string }[] {
  return terms.map((term, i) => ({
    sign: term.weight < 0 ? "−" : i === 0 ? "" : "+",
    weight: Math.abs(term.weight),
    value: term.value,
    label: term.label,
  }));
}
