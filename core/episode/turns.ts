import type {
  Attribution,
  DocumentRef,
  EpisodeStep,
  StepOfKind,
} from "@/contracts/records/episode";

/** A view of an episode: the steps from one retrieval to the next. */
export interface Turn {
  index: number;
  /** Null before a method's first query, and for a method that never searches. */
  query: string | null;
  documents: DocumentRef[];
  /** When an online search gave them; absent: they are of a corpus. */
  fetchedAt?: string;
  /** Ids in this window that no earlier window held. */
  fresh: Set<string>;
  selected: Set<string>;
  implicit: boolean;
  generated: StepOfKind<"generate">[];
  rejected: StepOfKind<"reject">[];
  stop: StepOfKind<"stop"> | null;
}

/** Groups an episode's steps into turns; steps before the first retrieval belong to turn 0. */
export function groupStepsByTurn(steps: readonly EpisodeStep[]): Turn[] {
  const turns: Turn[] = [];
  const seen = new Set<string>();
  for (const step of steps) {
    let turn = turns[turns.length - 1];
    if (step.kind === "retrieve" || !turn) {
      turn = {
        index: step.turn,
        query: null,
        documents: [],
        fresh: new Set(),
        selected: new Set(),
        implicit: false,
        generated: [],
        rejected: [],
        stop: null,
      };
      turns.push(turn);
    }
    switch (step.kind) {
      case "retrieve":
        turn.query = step.query;
        turn.documents = step.documents;
        if (step.fetchedAt !== undefined) turn.fetchedAt = step.fetchedAt;
        for (const d of step.documents) if (!seen.has(d.id)) turn.fresh.add(d.id);
        for (const d of step.documents) seen.add(d.id);
        break;
      case "select":
        turn.selected = new Set(step.selected);
        turn.implicit = step.implicit;
        break;
      case "generate":
        turn.generated.push(step);
        break;
      case "reject":
        turn.rejected.push(step);
        break;
      case "stop":
        turn.stop = step;
        break;
      case "condense":
        break;
    }
  }
  return turns;
}

/**
 * Finds the first stage at which an episode failed: the evidence was never retrieved, not selected, or not used by the
 * generator. Needs gold documents; without them a wrong answer is "no-gold".
 */
export function attributeFailure(
  steps: readonly EpisodeStep[],
  context: readonly DocumentRef[],
  goldIds: readonly string[],
  correct: boolean,
): Attribution {
  if (correct) return "correct";
  if (goldIds.length === 0) return "no-gold";
  const handed = new Set(context.map((d) => d.id));
  if (goldIds.every((id) => handed.has(id))) return "generator-failed";
  const retrieved = new Set(
    steps.flatMap((s) => (s.kind === "retrieve" ? s.documents.map((d) => d.id) : [])),
  );
  return goldIds.every((id) => retrieved.has(id)) ? "not-selected" : "never-retrieved";
}
