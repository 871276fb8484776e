import type { Ledger } from "./ledger";
import { TurnCard } from "./turn-card";

interface TurnListProps {
  label: string;
  ledger: Ledger;
  /** Answers that count as right, marked in the documents. */
  answers: readonly string[];
}

/** An episode's turns to read, without their gains and links to elsewhere. */
export function TurnList({ label, ledger, answers }: TurnListProps) {
  return (
    <ol className="space-y-3" aria-label={label}>
      {ledger.turns.map((turn) => (
        <TurnCard
          key={turn.index}
          turn={turn}
          gold={ledger.gold}
          gain={null}
          playground={null}
          answers={answers}
        />
      ))}
    </ol>
  );
}
