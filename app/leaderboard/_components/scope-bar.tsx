import { useText } from "@/app/_i18n/text-provider";
import type { Leaderboard } from "@/app/_lib/live/trpc";
import { Select } from "@/app/_ui/field";
import { formatScope } from "./table/leaderboard-text";

interface ScopeBarProps {
  board: Leaderboard;
  setParams: (changes: Record<string, string | null>) => void;
}

/** Which results can be compared with each other, and which method the others are tested against. */
export function ScopeBar({ board, setParams }: ScopeBarProps) {
  const t = useText();
  return (
    <div className="flex flex-wrap items-end gap-3">
      <label className="min-w-0 max-md:w-full">
        <span className="mb-1 block text-2xs text-muted-foreground">
          {t("Corpus · generator · scorer")}
        </span>
        <Select
          className="w-auto max-w-full md:max-w-120"
          value={board.scope ?? ""}
          onChange={(e) =>
            setParams({
              scope: e.target.value,
              reference: null,
              pin: null,
              pick: null,
              open: null,
              sort: null,
            })
          }
          options={board.scopes.map((s) => ({
            value: s.key,
            text: formatScope(t, s, board.scopes),
          }))}
        />
      </label>
      <label className="min-w-0 max-md:w-full">
        <span className="mb-1 block text-2xs text-muted-foreground">{t("Reference")}</span>
        <Select
          className="w-auto max-w-full md:max-w-120"
          value={board.rows.find((row) => row.id === board.reference)?.key ?? ""}
          onChange={(e) => setParams({ reference: e.target.value })}
          options={board.rows.map((row) => ({
            value: row.key,
            text: row.detail ? `${row.label} · ${row.detail}` : row.label,
          }))}
        />
      </label>
    </div>
  );
}
