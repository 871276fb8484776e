import { useText } from "@/app/_i18n/text-provider";
import { formatInteger } from "@/app/_lib/format/format";
import type { LengthHistogram } from "@/contracts/worker-protocol/corpus-report";
import { buildLengthBars } from "./length-bars";

/** How long passages are, in words: a bar for each range between the shortest and the longest. */
export function Lengths({ lengths }: { lengths: LengthHistogram }) {
  const t = useText();
  return (
    <ol className="space-y-1 px-4 pt-2 pb-3 text-2xs" data-testid="lengths">
      {buildLengthBars(t, lengths).map(({ label, count, share }) => (
        <li key={label} className="grid grid-cols-[5rem_minmax(0,1fr)_5rem] items-center gap-2">
          <span className="text-right font-mono text-muted-foreground">{label}</span>
          <span className="h-3 rounded-sm bg-muted">
            <span
              className="block h-full rounded-sm bg-primary"
              style={{ width: `${share * 100}%` }}
            />
          </span>
          <span className="font-mono">{formatInteger(count)}</span>
        </li>
      ))}
    </ol>
  );
}
