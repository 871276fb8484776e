import type { Leaderboard } from "@/app/_lib/trpc";
import { Select } from "@/app/_ui/field";
import { formatScope } from "./leaderboard-text";

interface ScopeBarProps {
  board: Leaderboard;
  setParams: (changes: Record<string, string | null>) => void;
}

/** Which results can be compared with each other, and which method the others are tested against. */
export function ScopeBar({ board, setParams }: ScopeBarProps) {
  return (
    <div className="flex flex-wrap items-end gap-3">
      <label className="min-w-0 max-md:w-full">
        <span className="mb-1 block text-2xs text-muted-foreground">
          Corpus · generator · scorer
        </span>
        <Select
          className="w-auto max-w-full"
          value={board.scope ?? ""}
          onChange={(e) => setParams({ scope: e.target.value, reference: null })}
          options={board.scopes.map((s) => ({ value: s.key, text: formatScope(s, board.scopes) }))}
        />
      </label>
      <label className="min-w-0 max-md:w-full">
        <span className="mb-1 block text-2xs text-muted-foreground">Reference</span>
        <Select
          className="w-auto max-w-full"
          value={board.reference ?? ""}
          onChange={(e) => setParams({ reference: e.target.value })}
          options={board.rows.map((row) => ({
            value: row.id,
            text: row.detail ? `${row.label} · ${row.detail}` : row.label,
          }))}
        />
      </label>
    </div>
  );
}
